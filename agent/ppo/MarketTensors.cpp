#include "agent/ppo/MarketTensors.h"

#include <cmath>
#include <limits>

namespace btcai {

namespace {

using torch::Tensor;

/// The log return from row to row + horizon, or NaN where it is not known within the part.
double outcome(const Market& market, std::size_t row, std::size_t horizon, const RowRange& part)
{
    const std::size_t end = row + horizon;
    if (end >= part.last || !market.present[row] || !market.present[end])
        return std::numeric_limits<double>::quiet_NaN();
    return std::log(market.mark[end] / market.mark[row]);
}

std::vector<double> outcomes(const Market& market, const std::vector<RowRange>& parts, std::size_t horizon)
{
    std::vector<double> all;
    for (const RowRange& part : parts)
        for (std::size_t row = part.first; row < part.last; ++row)
            all.push_back(outcome(market, row, horizon, part));
    return all;
}

double deviationOfKnown(const std::vector<double>& values)
{
    double sum = 0.0;
    double squares = 0.0;
    double count = 0.0;
    for (const double value : values)
        if (std::isfinite(value)) {
            sum += value;
            squares += value * value;
            count += 1.0;
        }
    const double variance = count > 1.0 ? squares / count - (sum / count) * (sum / count) : 0.0;
    return variance > 0.0 ? std::sqrt(variance) : 1.0;
}

Tensor gather(const Tensor& table, const std::vector<std::int64_t>& starts, std::int64_t rows)
{
    std::vector<Tensor> parts;
    parts.reserve(starts.size());
    for (const std::int64_t start : starts)
        parts.push_back(table.narrow(0, start, rows));
    return torch::stack(parts);
}

} // namespace

MarketTensors::MarketTensors(const MarketDataset& dataset, std::vector<std::int64_t> horizons, torch::Device device)
    : m_device(device), m_horizons(std::move(horizons)), m_dataset(dataset)
{
    const auto rows = static_cast<std::int64_t>(dataset.rows());
    if (!device.is_cpu()) { // the rows of the warm-up, which nobody asks for, stay zero
        const auto warmUp = static_cast<std::int64_t>(dataset.features.warmUp());
        m_features = torch::zeros({rows, static_cast<std::int64_t>(dataset.features.columns())}, device);
        if (warmUp < rows)
            m_features.narrow(0, warmUp, rows - warmUp).copy_(normalized({warmUp}, rows - warmUp)[0]);
    }

    const auto count = static_cast<std::int64_t>(m_horizons.size());
    Tensor targets = torch::full({rows, count}, std::numeric_limits<float>::quiet_NaN());
    auto* const out = targets.data_ptr<float>();
    for (std::int64_t h = 0; h < count; ++h) {
        const auto horizon = static_cast<std::size_t>(m_horizons[static_cast<std::size_t>(h)]);
        m_targetScale.push_back(deviationOfKnown(outcomes(*dataset.market, dataset.split.training, horizon)));
        std::vector<RowRange> parts = dataset.trainingRows();
        parts.insert(parts.end(), {dataset.split.validation, dataset.split.test});
        for (const RowRange& part : parts)
            for (std::size_t row = part.first; row < part.last; ++row)
                out[static_cast<std::int64_t>(row) * count + h]
                    = static_cast<float>(outcome(*dataset.market, row, horizon, part) / m_targetScale.back());
    }
    m_targets = targets.to(device);
}

Tensor MarketTensors::stretches(const std::vector<std::int64_t>& starts, std::int64_t context, std::int64_t rows) const
{
    std::vector<std::int64_t> from;
    for (const std::int64_t start : starts)
        from.push_back(start - context);
    return m_features.defined() ? gather(m_features, from, context + rows) : normalized(from, context + rows);
}

Tensor MarketTensors::normalized(const std::vector<std::int64_t>& starts, std::int64_t rows) const
{
    const FeatureMatrix& features = m_dataset.features;
    const std::size_t size = static_cast<std::size_t>(rows) * features.columns();
    Tensor result = torch::empty({static_cast<std::int64_t>(starts.size()), rows, static_cast<std::int64_t>(features.columns())});
    auto* out = result.data_ptr<float>();
    for (const std::int64_t start : starts) {
        m_dataset.normalizer.applyRow(features.values().subspan(static_cast<std::size_t>(start) * features.columns(), size), {out, size});
        out += size;
    }
    return result;
}

Tensor MarketTensors::targets(const std::vector<std::int64_t>& starts, std::int64_t rows) const
{
    return gather(m_targets, starts, rows);
}

} // namespace btcai
