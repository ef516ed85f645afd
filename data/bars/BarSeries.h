#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace btcai {

/// One candle. `timestamp` is the open in UTC seconds; the bar may be used from `timestamp + interval` on.
/// Prices in the quote currency, volume in the base coin.
struct Bar {
    std::int64_t timestamp = 0;
    double open = 0.0;
    double high = 0.0;
    double low = 0.0;
    double close = 0.0;
    double volume = 0.0;
};

/// The columns of a grid, for code that reads or cuts a whole grid (BarStore, slices); all of the same length.
struct BarColumns {
    std::vector<double> open, high, low, close, volume;
    std::vector<std::uint8_t> mask; ///< 0: missing
};

/// A series on an absolute grid: row i is the bar that opens at `start + i * interval`. A bar that the source does
/// not have is *missing*: its mask is 0 and its prices are NaN. Nothing is ever invented for it.
/// Structure of arrays; all columns have `size()` elements.
class BarSeries {
public:
    BarSeries() = default;
    /// An empty series. intervalSeconds must divide a day.
    BarSeries(std::string instrument, std::int64_t intervalSeconds);

    /// Builds the grid from bars in strictly increasing time, each on the grid (timestamp divisible by interval).
    /// Throws Error(BadInput) naming the first bar that is neither, or when the bars lie so far apart that
    /// the grid would be nearly all missing.
    static BarSeries fromBars(std::string instrument, std::int64_t intervalSeconds, std::span<const Bar> bars);
    /// Takes a grid that stands already; it may begin and end with missing rows. Values of missing rows become NaN.
    /// Throws Error(BadInput) when the columns differ in length or startTime is off the grid.
    static BarSeries fromColumns(std::string instrument, std::int64_t intervalSeconds, std::int64_t startTime, BarColumns columns);

    const std::string& instrument() const { return m_instrument; }
    std::int64_t intervalSeconds() const { return m_intervalSeconds; }
    std::int64_t startTime() const { return m_startTime; }
    std::size_t size() const { return m_open.size(); }
    bool empty() const { return m_open.empty(); }
    std::int64_t timestamp(std::size_t i) const { return m_startTime + static_cast<std::int64_t>(i) * m_intervalSeconds; }
    bool present(std::size_t i) const { return m_present[i] != 0; }
    std::size_t presentCount() const { return m_presentCount; }
    /// The bar at i, or nothing where it is missing.
    std::optional<Bar> bar(std::size_t i) const;
    /// The first row whose timestamp is not before t; size() if there is none.
    std::size_t lowerBound(std::int64_t t) const;
    /// Rows [first, last) as a series of their own. Throws Error(BadInput) for rows that are not there.
    BarSeries slice(std::size_t first, std::size_t last) const;

    std::span<const double> open() const { return m_open; }
    std::span<const double> high() const { return m_high; }
    std::span<const double> low() const { return m_low; }
    std::span<const double> close() const { return m_close; }
    std::span<const double> volume() const { return m_volume; }
    std::span<const std::uint8_t> mask() const { return m_present; }

    /// SHA-256 over interval, start, mask and the bits of all present values, in hex: names the data in manifests.
    std::string contentHash() const;

private:
    std::string m_instrument;
    std::int64_t m_intervalSeconds = 300;
    std::int64_t m_startTime = 0;
    std::size_t m_presentCount = 0;
    std::vector<double> m_open, m_high, m_low, m_close, m_volume;
    std::vector<std::uint8_t> m_present;
};

} // namespace btcai
