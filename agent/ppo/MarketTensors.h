#pragma once

#include "agent/dataset/MarketDataset.h"
#include "models/Torch.h"

namespace btcai {

inline constexpr std::int64_t kChunkRows = 1024; ///< rows to encode at once where nothing is learned from them

/// The dataset as the network reads it: the feature matrix once per device, and the forecast targets.
class MarketTensors {
public:
    /// horizons in bars, ascending. The dataset must outlive this: on the CPU its features are read, and normalised, as they are asked for.
    MarketTensors(const MarketDataset& dataset, std::vector<std::int64_t> horizons, torch::Device device);

    torch::Device device() const { return m_device; }
    const std::vector<std::int64_t>& horizons() const { return m_horizons; }
    /// Normalised features of rows [start - context, start + rows) for each start: [G, context + rows, F].
    torch::Tensor stretches(const std::vector<std::int64_t>& starts, std::int64_t context, std::int64_t rows) const;
    /// Forecast targets of rows [start, start + rows): [G, rows, H]; log return over each horizon divided by its training
    /// deviation. NaN where a bar is missing or the outcome lies beyond the part that the row belongs to, so that
    /// nothing is learned from a later part.
    torch::Tensor targets(const std::vector<std::int64_t>& starts, std::int64_t rows) const;
    /// Deviation of the training part's log returns over each horizon: what one unit of a target means.
    const std::vector<double>& targetScale() const { return m_targetScale; }

private:
    torch::Tensor normalized(const std::vector<std::int64_t>& starts, std::int64_t rows) const;

    torch::Device m_device;
    std::vector<std::int64_t> m_horizons;
    std::vector<double> m_targetScale;
    const MarketDataset& m_dataset;
    torch::Tensor m_features; ///< [rows, F], normalised, on another device than the CPU; else undefined
    torch::Tensor m_targets;  ///< [rows, H] on the device
};

} // namespace btcai
