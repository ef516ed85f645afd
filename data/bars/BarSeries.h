#pragma once

#include <cstdint>
#include <memory>
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

/// The columns of a grid, for code that makes a whole grid; all of the same length.
struct BarColumns {
    std::vector<double> open, high, low, close, volume;
    std::vector<std::uint8_t> mask; ///< 0: missing

    /// So many rows, none of them present.
    static BarColumns missing(std::size_t rows);
    /// Makes a row present; the time of the bar is that of the row, whatever it says.
    void set(std::size_t row, const Bar& bar);
};

/// The same columns where they lie already, in a mapped file for one.
struct BarColumnView {
    std::span<const double> open, high, low, close, volume;
    std::span<const std::uint8_t> mask;
};

/// A series on an absolute grid: row i is the bar that opens at `start + i * interval`. A bar that the source does
/// not have is *missing*: its mask is 0 and its prices are NaN. Nothing is ever invented for it.
/// Structure of arrays; all columns have `size()` elements. It never changes once made, so copies and slices share the
/// columns: they cost next to nothing and keep the whole alive.
class BarSeries {
public:
    BarSeries() = default;
    /// An empty series. intervalSeconds must divide a day.
    BarSeries(std::string instrument, std::int64_t intervalSeconds);
    // No moves: a copy is as cheap and leaves no series behind that lost its columns.
    BarSeries(const BarSeries&) = default;
    BarSeries& operator=(const BarSeries&) = default;

    /// Builds the grid from bars in strictly increasing time, each on the grid (timestamp divisible by interval).
    /// Throws Error(BadInput) naming the first bar that is neither, or when the bars lie so far apart that
    /// the grid would be nearly all missing.
    static BarSeries fromBars(std::string instrument, std::int64_t intervalSeconds, std::span<const Bar> bars);
    /// Takes a grid that stands already; it may begin and end with missing rows. Values of missing rows become NaN.
    /// Throws Error(BadInput) when the columns differ in length or startTime is off the grid.
    static BarSeries fromColumns(std::string instrument, std::int64_t intervalSeconds, std::int64_t startTime, BarColumns columns);
    /// Stands on columns that somebody else owns, without a copy; `owner` is held as long as any series stands on them.
    /// Throws Error(BadInput) as fromColumns does, and when a mask is neither 0 nor 1 or a missing row is not NaN.
    static BarSeries fromShared(std::string instrument, std::int64_t intervalSeconds, std::int64_t startTime,
                                const BarColumnView& columns, std::shared_ptr<const void> owner);
    /// How many rows of a grid lie from `first` to `last`, both included. Throws Error(BadInput) when `bars` bars would be lost in
    /// them: two bars thousands of years apart must not make anybody allocate the years.
    static std::size_t gridRows(std::int64_t first, std::int64_t last, std::int64_t intervalSeconds, std::size_t bars);

    const std::string& instrument() const { return m_instrument; }
    std::int64_t intervalSeconds() const { return m_intervalSeconds; }
    std::int64_t startTime() const { return m_startTime; }
    std::size_t size() const { return m_columns.mask.size(); }
    bool empty() const { return m_columns.mask.empty(); }
    std::int64_t timestamp(std::size_t i) const { return m_startTime + static_cast<std::int64_t>(i) * m_intervalSeconds; }
    bool present(std::size_t i) const { return m_columns.mask[i] != 0; }
    std::size_t presentCount() const { return m_presentCount; }
    /// The bar at i, or nothing where it is missing.
    std::optional<Bar> bar(std::size_t i) const;
    /// The first row whose timestamp is not before t; size() if there is none.
    std::size_t lowerBound(std::int64_t t) const;
    /// Rows [first, last) as a series of their own. Throws Error(BadInput) for rows that are not there.
    BarSeries slice(std::size_t first, std::size_t last) const;

    std::span<const double> open() const { return m_columns.open; }
    std::span<const double> high() const { return m_columns.high; }
    std::span<const double> low() const { return m_columns.low; }
    std::span<const double> close() const { return m_columns.close; }
    std::span<const double> volume() const { return m_columns.volume; }
    std::span<const std::uint8_t> mask() const { return m_columns.mask; }

    /// SHA-256 over interval, start, mask and the bits of all present values, in hex: names the data in manifests.
    /// Computed once for a series and its copies. Thread-safe.
    std::string contentHash() const;

private:
    struct KnownHash;

    std::string computeContentHash() const;
    void own(std::int64_t startTime, BarColumns columns);
    void standOn(std::int64_t startTime, const BarColumnView& columns, std::shared_ptr<const void> owner);

    std::string m_instrument;
    std::int64_t m_intervalSeconds = 300;
    std::int64_t m_startTime = 0;
    std::size_t m_presentCount = 0;
    BarColumnView m_columns;
    std::shared_ptr<const void> m_owner; ///< of what m_columns shows
    std::shared_ptr<KnownHash> m_hash;   ///< shared by copies; none for an empty series
};

} // namespace btcai
