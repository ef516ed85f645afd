#include "app/gui/training/Series.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace btcai::gui {

namespace {

struct Extremes {
    std::size_t least;
    std::size_t greatest;
};

/// Positions of the extremes of y in [begin, end); values that are not finite count only when nothing else is there.
Extremes extremes(const std::vector<double>& y, std::size_t begin, std::size_t end)
{
    Extremes found{begin, begin};
    for (std::size_t i = begin + 1; i < end; ++i) {
        if (!std::isfinite(y[i]))
            continue;
        if (!std::isfinite(y[found.least]) || y[i] < y[found.least])
            found.least = i;
        if (!std::isfinite(y[found.greatest]) || y[i] > y[found.greatest])
            found.greatest = i;
    }
    return found;
}

} // namespace

Series::Series(Thinning thinning, std::size_t maxPoints)
    : m_thinning(thinning), m_maxPoints(std::max<std::size_t>(maxPoints, 8) / 4 * 4)
{
}

void Series::append(double x, double y)
{
    m_x.push_back(m_x.empty() ? x : std::max(x, m_x.back()));
    m_y.push_back(y);
    if (m_x.size() >= m_maxPoints)
        thin();
}

void Series::truncateAfter(double x)
{
    const auto keep = std::ranges::upper_bound(m_x, x) - m_x.begin();
    if (static_cast<std::size_t>(keep) == m_x.size())
        return;
    m_x.resize(static_cast<std::size_t>(keep));
    m_y.resize(m_x.size());
    ++m_generation;
}

double Series::at(double x) const
{
    const auto after = std::ranges::upper_bound(m_x, x);
    if (after == m_x.begin())
        return std::numeric_limits<double>::quiet_NaN();
    return m_y[static_cast<std::size_t>(after - m_x.begin()) - 1];
}

void Series::thin()
{
    const std::size_t bucket = m_thinning == Thinning::MinMax ? 4 : 2;
    std::size_t out = 0;
    for (std::size_t begin = 0; begin + bucket <= m_x.size(); begin += bucket) {
        if (m_thinning == Thinning::Mean) {
            m_x[out] = m_x[begin + 1];
            m_y[out] = 0.5 * (m_y[begin] + m_y[begin + 1]);
            ++out;
            continue;
        }
        const Extremes found = extremes(m_y, begin, begin + bucket);
        const auto [first, second] = std::minmax(found.least, found.greatest);
        const std::pair a{m_x[first], m_y[first]};
        const std::pair b{m_x[second], m_y[second]};
        std::tie(m_x[out], m_y[out]) = a;
        std::tie(m_x[out + 1], m_y[out + 1]) = b;
        out += 2;
    }
    m_x.resize(out);
    m_y.resize(out);
    ++m_generation;
}

} // namespace btcai::gui
