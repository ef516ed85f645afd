#pragma once

#include <torch/torch.h>

#include "agent/dataset/MarketDataset.h"

namespace btcai {

/// The dataset as the network reads it: the feature matrix once per device, and the forecast targets.
class MarketTensors {
public:
    /// horizons in bars, ascending.
    MarketTensors(const MarketDataset& dataset, std::vector<std::int64_t> horizons, torch::Device device);

    torch::Device device() const { return m_device; }
    const std::vector<std::int64_t>& horizons() const { return m_horizons; }
    /// Features of rows [start - context, start + rows) for each start: [G, context + rows, F].
    torch::Tensor stretches(const std::vector<std::int64_t>& starts, std::int64_t context, std::int64_t rows) const;
    /// Forecast targets of rows [start, start + rows): [G, rows, H]; log return over each horizon divided by its training
    /// deviation. NaN where a bar is missing or the outcome lies beyond the part that the row belongs to, so that
    /// nothing is learned from a later part.
    torch::Tensor targets(const std::vector<std::int64_t>& starts, std::int64_t rows) const;
    /// Deviation of the training part's log returns over each horizon: what one unit of a target means.
    const std::vector<double>& targetScale() const { return m_targetScale; }

private:
    torch::Device m_device;
    std::vector<std::int64_t> m_horizons;
    std::vector<double> m_targetScale;
    torch::Tensor m_features; ///< [rows, F] on the device
    torch::Tensor m_targets;  ///< [rows, H] on the device
};

} // namespace btcai
