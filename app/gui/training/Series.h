#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace btcai::gui {

/// One metric over account steps, bounded in memory. When it is full, neighbouring points are merged, which halves it:
/// either to their least and greatest (a spike stays visible) or to their mean (for shares that are stacked).
/// x never decreases. A value that is not finite is kept and drawn as a gap.
class Series {
public:
    enum class Thinning { MinMax, Mean };
    static constexpr std::size_t kMaxPoints = 16'384;

    explicit Series(Thinning thinning = Thinning::MinMax, std::size_t maxPoints = kMaxPoints);

    /// A point left of the last one is moved onto it.
    void append(double x, double y);
    /// Drops every point with a greater x.
    void truncateAfter(double x);

    std::size_t size() const { return m_x.size(); }
    bool empty() const { return m_x.empty(); }
    const std::vector<double>& x() const { return m_x; }
    const std::vector<double>& y() const { return m_y; }
    /// The last value, NaN when there is none.
    double last() const { return m_y.empty() ? std::numeric_limits<double>::quiet_NaN() : m_y.back(); }
    /// The value at the greatest x that is not beyond this one; NaN when there is none.
    double at(double x) const;
    /// Changes whenever points already there were merged or dropped: who copied them must copy all of them again.
    std::uint64_t generation() const { return m_generation; }

private:
    void thin();

    Thinning m_thinning;
    std::size_t m_maxPoints;
    std::uint64_t m_generation = 0;
    std::vector<double> m_x, m_y;
};

} // namespace btcai::gui
