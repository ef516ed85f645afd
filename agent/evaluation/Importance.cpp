#include "agent/evaluation/Importance.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "agent/ppo/ForecastLoss.h"
#include "base/Error.h"
#include "base/Rng.h"
#include "data/features/FeatureKernel.h"
#include "models/FeatureImportance.h"

namespace btcai {

namespace {

using torch::Tensor;

/// What the network says of each row.
struct Outputs {
    Tensor logProbabilities; ///< [T, A]
    double forecastLoss = 0.0;
};

MeanError meanError(const std::vector<double>& values)
{
    const auto count = static_cast<double>(values.size());
    double mean = 0.0, squares = 0.0;
    for (const double value : values)
        mean += value / count;
    for (const double value : values)
        squares += (value - mean) * (value - mean);
    return {mean, count > 1.0 ? std::sqrt(squares / (count - 1.0) / count) : 0.0};
}

class Measurement {
public:
    Measurement(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors, const RowRange& rows, const ImportanceOptions& options,
                const std::function<void()>& poll)
        : m_network(std::move(network)), m_options(options), m_poll(poll), m_context(m_network->encoder()->contextRows()),
          m_rows(static_cast<std::int64_t>(rows.size())), m_market(tensors.stretches({static_cast<std::int64_t>(rows.first)}, m_context, m_rows)),
          m_flat(torch::zeros({1, 1, 1, m_network->options().privateSize}))
    {
        m_flat.view({-1})[0] = 1.0F; // no position, nothing wanted
        if (const AgentNetworkOptions& sizes = m_network->options(); sizes.maskAt >= 0)
            m_flat.narrow(3, sizes.maskAt, sizes.actions - 1).fill_(1.0F); // and nothing impossible
        if (m_network->options().horizons > 0)
            m_targets = tensors.targets({static_cast<std::int64_t>(rows.first)}, m_rows);
        const std::vector<std::string>& names = dataset.features.names();
        for (std::size_t i = 0; i < names.size(); ++i)
            m_groups[std::string(featureGroupName(findFeature(names[i]).group))].push_back(static_cast<std::int64_t>(i));
    }

    ImportanceReport run(const std::vector<std::string>& names)
    {
        ImportanceReport report;
        report.rows = m_rows;
        permute(report);
        for (const std::string& name : names)
            report.features.push_back({.name = name});
        attribute(report);
        readGates(report);
        readAttention(report);
        std::vector<double> decisions, forecasts, attributions, gates;
        for (const GroupImportance& group : report.groups) {
            decisions.push_back(group.decisions.mean);
            forecasts.push_back(group.forecasts.mean);
            attributions.push_back(group.attribution);
            gates.push_back(group.gate);
        }
        report.decisionsAndAttribution = rankCorrelation(decisions, attributions);
        if (m_targets.defined()) {
            report.forecastsAndAttribution = rankCorrelation(forecasts, attributions);
            report.decisionsAndForecasts = rankCorrelation(decisions, forecasts);
        }
        if (report.hasGates) {
            report.gatesAndDecisions = rankCorrelation(gates, decisions);
            report.gatesAndAttribution = rankCorrelation(gates, attributions);
            if (m_targets.defined())
                report.gatesAndForecasts = rankCorrelation(gates, forecasts);
        }
        std::ranges::stable_sort(report.groups, std::ranges::greater(), [](const GroupImportance& group) { return group.decisions.mean; });
        std::ranges::stable_sort(report.features, std::ranges::greater(), &FeatureAttribution::share);
        return report;
    }

private:
    /// Of accounts that are flat and remember nothing else.
    Tensor states(std::int64_t rows) { return m_network->recall(m_flat).state.expand({1, rows, 1, -1}); }

    Outputs outputsOf(const Tensor& market)
    {
        const torch::NoGradGuard noGrad;
        std::vector<Tensor> logits, means, deviations, shapes;
        for (std::int64_t row = 0; row < m_rows; row += kChunkRows) {
            if (m_poll)
                m_poll();
            const std::int64_t rows = std::min(kChunkRows, m_rows - row);
            const Tensor z = m_network->encoder()(market.narrow(1, row, m_context + rows)).embedding;
            logits.push_back(m_network->heads(z, states(rows)).logits.view({rows, -1}));
            if (m_targets.defined()) {
                const ForecastOutput forecast = m_network->forecast(z);
                means.push_back(forecast.mean);
                deviations.push_back(forecast.logDeviation);
                if (forecast.shape.defined())
                    shapes.push_back(forecast.shape);
            }
        }
        Outputs outputs{.logProbabilities = torch::log_softmax(torch::cat(logits), 1)};
        if (m_targets.defined())
            outputs.forecastLoss = forecastLoss({.mean = torch::cat(means, 1), .logDeviation = torch::cat(deviations, 1), .epistemic = {},
                                                 .shape = shapes.empty() ? Tensor() : torch::cat(shapes, 1)},
                                                m_network->options().distribution, m_targets)
                                       .item<double>();
        return outputs;
    }

    void permute(ImportanceReport& report)
    {
        const Outputs own = outputsOf(m_market);
        const std::int64_t all = m_context + m_rows;
        // Far enough that no window sees its own bars; where there are not so many, as far as can be.
        const std::int64_t least = std::min(m_context, (all - 1) / 2);
        std::vector<std::int64_t> shifts;
        for (std::int64_t i = 0; i < m_options.shifts; ++i)
            shifts.push_back(least + static_cast<std::int64_t>(Rng(m_options.seed, "importance-shift", static_cast<std::uint64_t>(i)).below(
                                         static_cast<std::size_t>(all - 2 * least))));
        for (const auto& [name, columns] : m_groups) {
            const Tensor which = torch::tensor(columns, torch::kInt64);
            std::vector<double> moved, lost;
            for (const std::int64_t shift : shifts) {
                const Tensor market = m_market.index_copy(2, which, m_market.index_select(2, which).roll(shift, 1));
                const Outputs other = outputsOf(market);
                moved.push_back((own.logProbabilities.exp() * (own.logProbabilities - other.logProbabilities)).sum(1).mean().item<double>());
                lost.push_back(other.forecastLoss - own.forecastLoss);
            }
            report.groups.push_back({.group = name, .features = static_cast<std::int64_t>(columns.size()), .decisions = meanError(moved),
                                     .forecasts = meanError(lost), .attribution = 0.0});
        }
    }

    void attribute(ImportanceReport& report)
    {
        const std::int64_t patch = m_network->encoder()->options().patch, features = m_market.size(2);
        Tensor shares = torch::zeros({features}, torch::kFloat64);
        double gap = 0.0, difference = 0.0;
        for (std::int64_t i = 0; i < m_options.decisions; ++i) {
            if (m_poll)
                m_poll();
            const std::int64_t row = (2 * i + 1) * m_rows / (2 * m_options.decisions), start = row / patch * patch;
            const Tensor window = m_market.narrow(1, start, m_context + row - start + 1)[0];
            const auto logProbability = [&](const Tensor& markets) { // [B, rows, F] to [B, A]
                const Tensor z = m_network->encoder()(markets).embedding;
                const std::int64_t last = z.size(1) - 1;
                const Tensor state = states(1).expand({markets.size(0), 1, 1, -1});
                return torch::log_softmax(m_network->heads(z.narrow(1, last, 1), state).logits.view({markets.size(0), -1}), 1);
            };
            std::int64_t action = 0;
            {
                const torch::NoGradGuard noGrad;
                action = logProbability(window.unsqueeze(0)).argmax(1).item<std::int64_t>();
            }
            const Attribution of = integratedGradients([&](const Tensor& markets) { return logProbability(markets).select(1, action); }, window,
                                                       torch::zeros_like(window), m_options.steps);
            shares += of.values.abs().sum(0).to(torch::kFloat64);
            gap += std::abs(of.sum - of.difference);
            difference += std::abs(of.difference);
        }
        report.unexplained = difference > 0.0 ? gap / difference : 0.0;
        const double all = shares.sum().item<double>();
        if (all > 0.0)
            shares /= all;
        for (std::int64_t i = 0; i < features; ++i)
            report.features[static_cast<std::size_t>(i)].share = shares[i].item<double>();
        for (GroupImportance& group : report.groups)
            for (const std::int64_t column : m_groups.at(group.group))
                group.attribution += report.features[static_cast<std::size_t>(column)].share;
    }

    void readGates(ImportanceReport& report)
    {
        MarketEncoder encoder = m_network->encoder();
        report.hasGates = encoder->options().selectFeatures;
        if (!report.hasGates)
            return;
        const torch::NoGradGuard noGrad;
        const Tensor weights = encoder->featureWeights(m_market[0].narrow(0, m_context, m_rows)).to(torch::kFloat64).mean(0);
        for (std::size_t i = 0; i < report.features.size(); ++i)
            report.features[i].gate = weights[static_cast<std::int64_t>(i)].item<double>();
        for (GroupImportance& group : report.groups)
            for (const std::int64_t column : m_groups.at(group.group))
                group.gate += report.features[static_cast<std::size_t>(column)].gate;
    }

    void readAttention(ImportanceReport& report)
    {
        MarketEncoder encoder = m_network->encoder();
        report.barsPerToken = encoder->options().patch;
        if (!encoder->options().useTransformer)
            return;
        const torch::NoGradGuard noGrad;
        Tensor sums = torch::zeros({encoder->options().tokens}, torch::kFloat64);
        for (std::int64_t row = 0; row < m_rows; row += kChunkRows) {
            if (m_poll)
                m_poll();
            sums += encoder->attention(m_market.narrow(1, row, m_context + std::min(kChunkRows, m_rows - row)))[0].to(torch::kFloat64).sum(0);
        }
        sums /= static_cast<double>(m_rows);
        report.attention.assign(sums.data_ptr<double>(), sums.data_ptr<double>() + sums.numel());
    }

    AgentNetwork m_network;
    const ImportanceOptions& m_options;
    const std::function<void()>& m_poll;
    std::int64_t m_context, m_rows;
    Tensor m_market;  ///< [1, context + T, F], normalised
    Tensor m_flat;    ///< [1, 1, 1, S]
    Tensor m_targets; ///< [1, T, H]; undefined without forecasts
    std::map<std::string, std::vector<std::int64_t>> m_groups; ///< columns of each
};

} // namespace

ImportanceReport measureImportance(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors, const RowRange& rows,
                                   const ImportanceOptions& options, const std::function<void()>& poll)
{
    const auto window = static_cast<std::size_t>(network->encoder()->contextRows());
    if (rows.size() < window)
        throw Error(ErrorKind::BadInput, "the part has {} bars; telling what features matter takes at least a window, {} bars", rows.size(), window);
    return Measurement(std::move(network), dataset, tensors, rows, options, poll).run(dataset.features.names());
}

} // namespace btcai
