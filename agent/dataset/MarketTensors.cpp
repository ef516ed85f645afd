#include "agent/dataset/MarketTensors.h"

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
    : m_device(device), m_horizons(std::move(horizons))
{
    const auto rows = static_cast<std::int64_t>(dataset.rows());
    const auto columns = static_cast<std::int64_t>(dataset.features.columns());
    // from_blob only reads; to() copies for another device, clone() so that the tensor owns its memory on the CPU.
    auto* const values = const_cast<float*>(dataset.features.values().data());
    m_features = torch::from_blob(values, {rows, columns}).clone().to(device);

    const auto count = static_cast<std::int64_t>(m_horizons.size());
    Tensor targets = torch::full({rows, count}, std::numeric_limits<float>::quiet_NaN());
    auto* const out = targets.data_ptr<float>();
    for (std::int64_t h = 0; h < count; ++h) {
        const auto horizon = static_cast<std::size_t>(m_horizons[static_cast<std::size_t>(h)]);
        for (const RowRange& part : {dataset.split.train, dataset.split.validation, dataset.split.test}) {
            std::vector<double> known(part.size());
            for (std::size_t i = 0; i < part.size(); ++i)
                known[i] = outcome(*dataset.market, part.first + i, horizon, part);
            if (part == dataset.split.train)
                m_targetScale.push_back(deviationOfKnown(known));
            for (std::size_t i = 0; i < part.size(); ++i)
                out[static_cast<std::int64_t>(part.first + i) * count + h] = static_cast<float>(known[i] / m_targetScale.back());
        }
    }
    m_targets = targets.to(device);
}

Tensor MarketTensors::stretches(const std::vector<std::int64_t>& starts, std::int64_t context, std::int64_t rows) const
{
    std::vector<std::int64_t> from;
    for (const std::int64_t start : starts)
        from.push_back(start - context);
    return gather(m_features, from, context + rows);
}

Tensor MarketTensors::targets(const std::vector<std::int64_t>& starts, std::int64_t rows) const
{
    return gather(m_targets, starts, rows);
}

} // namespace btcai
