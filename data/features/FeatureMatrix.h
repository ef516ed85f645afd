#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// Raw feature values, one row a grid bar of the series, row-major float32 [rows, columns].
/// At a missing bar each feature keeps the value of the last present bar (what an observer would still know).
/// Rows before `warmUp()` hold 0 and must not be used.
class FeatureMatrix {
public:
    /// Runs the streaming kernels of `names` over the series. Throws Error(BadInput) for an unknown or doubled name.
    static FeatureMatrix compute(const BarSeries& series, std::span<const std::string> names);

    std::size_t rows() const { return m_rows; }
    std::size_t columns() const { return m_names.size(); }
    const std::vector<std::string>& names() const { return m_names; }
    /// The first grid row at which every feature is valid; rows() if there is none.
    std::size_t warmUp() const { return m_warmUp; }
    std::span<const float> values() const { return m_values; }
    std::span<const float> row(std::size_t i) const { return values().subspan(i * columns(), columns()); }
    std::span<float> mutableValues() { return m_values; }

private:
    std::size_t m_rows = 0;
    std::size_t m_warmUp = 0;
    std::vector<std::string> m_names;
    std::vector<float> m_values;
};

} // namespace btcai
