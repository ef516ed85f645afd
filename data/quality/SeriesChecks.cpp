#include "data/quality/SeriesChecks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <unordered_map>
#include <vector>

#include "data/quality/Median.h"

namespace btcai {

namespace {

constexpr std::int64_t kHalfHour = 1800;
constexpr std::int64_t kFurthestZone = 14 * 3600;

bool sameContent(const BarSeries& series, std::size_t a, std::size_t b)
{
    return series.open()[a] == series.open()[b] && series.high()[a] == series.high()[b] && series.low()[a] == series.low()[b]
        && series.close()[a] == series.close()[b] && series.volume()[a] == series.volume()[b];
}

std::uint64_t contentKey(const BarSeries& series, std::size_t i)
{
    std::uint64_t key = 0;
    for (const double value : {series.open()[i], series.high()[i], series.low()[i], series.close()[i], series.volume()[i]})
        key = (key ^ std::bit_cast<std::uint64_t>(value)) * 0x9E3779B97F4A7C15u + (key >> 29);
    return key;
}

bool repeatsNeighbour(const BarSeries& series, std::size_t i)
{
    const auto same = [&](std::size_t other) { return series.present(other) && sameContent(series, i, other); };
    return (i > 0 && same(i - 1)) || (i + 1 < series.size() && same(i + 1));
}

/// Rows of bars with a volume above zero.
std::vector<std::size_t> rowsWithVolume(const BarSeries& series)
{
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < series.size(); ++i)
        if (series.present(i) && series.volume()[i] > 0.0)
            rows.push_back(i);
    return rows;
}

double medianVolume(const BarSeries& series, const std::vector<std::size_t>& rows, std::size_t first, std::size_t count)
{
    std::vector<double> volumes;
    volumes.reserve(count);
    for (std::size_t i = first; i < first + count; ++i)
        volumes.push_back(series.volume()[rows[i]]);
    return median(std::move(volumes));
}

} // namespace

Sightings findRepeatedBars(const BarSeries& series)
{
    Sightings repeats;
    for (std::size_t i = 1; i < series.size(); ++i)
        if (series.present(i) && series.present(i - 1) && series.volume()[i] > 0.0 && sameContent(series, i, i - 1))
            repeats.see(series.timestamp(i));
    return repeats;
}

std::optional<TimeSlip> findTimeSlip(const BarSeries& series, std::size_t leastBars)
{
    std::unordered_map<std::uint64_t, std::size_t> seen; // the latest row with this content
    std::map<std::int64_t, Sightings> byLag;
    for (std::size_t i = 0; i < series.size(); ++i) {
        if (!series.present(i) || series.volume()[i] <= 0.0 || series.high()[i] == series.low()[i] || repeatsNeighbour(series, i))
            continue;
        const auto [known, isNew] = seen.try_emplace(contentKey(series, i), i);
        if (isNew)
            continue;
        const std::int64_t lag = series.timestamp(i) - series.timestamp(known->second);
        if (lag <= kFurthestZone && lag % kHalfHour == 0 && sameContent(series, i, known->second))
            byLag[lag].see(series.timestamp(i));
        known->second = i;
    }
    const auto commonest = std::ranges::max_element(byLag, {}, [](const auto& entry) { return entry.second.count; });
    if (commonest == byLag.end() || commonest->second.count < leastBars)
        return std::nullopt;
    return TimeSlip{commonest->first, commonest->second};
}

Sightings findOutlierPrints(const BarSeries& series, double share)
{
    Sightings outliers;
    const double far = std::log1p(share);
    std::size_t before = series.size();
    std::size_t here = series.size();
    for (std::size_t next = 0; next < series.size(); ++next) {
        if (!series.present(next) || !(series.close()[next] > 0.0))
            continue;
        if (before < series.size()) {
            const double out = std::log(series.close()[here] / series.close()[before]);
            const double back = std::log(series.close()[here] / series.close()[next]);
            if (std::min(std::abs(out), std::abs(back)) > far && (out > 0.0) == (back > 0.0) && std::abs(out - back) < far / 2.0)
                outliers.see(series.timestamp(here));
        }
        before = here;
        here = next;
    }
    return outliers;
}

ZeroVolume findZeroVolume(const BarSeries& series)
{
    ZeroVolume zero;
    std::size_t run = 0;
    for (std::size_t i = 0; i < series.size(); ++i) {
        if (!series.present(i) || series.volume()[i] != 0.0) {
            run = 0;
            continue;
        }
        zero.bars.see(series.timestamp(i));
        if (++run > zero.longestRun) {
            zero.longestRun = run;
            zero.longestRunTime = series.timestamp(i + 1 - run);
        }
    }
    return zero;
}

VolumeStep findVolumeStep(const BarSeries& series, std::size_t window)
{
    VolumeStep step;
    const std::vector<std::size_t> rows = rowsWithVolume(series);
    const std::size_t stride = std::max<std::size_t>(1, window / 4);
    for (std::size_t i = window; i + window <= rows.size(); i += stride) {
        const double before = medianVolume(series, rows, i - window, window);
        const double after = medianVolume(series, rows, i, window);
        const double factor = std::max(before / after, after / before);
        if (factor > step.factor) {
            step.factor = factor;
            step.time = series.timestamp(rows[i]);
            step.price = series.close()[rows[i]];
        }
    }
    return step;
}

Sightings findAbsurdVolume(const BarSeries& series, double factor)
{
    Sightings absurd;
    const std::vector<std::size_t> rows = rowsWithVolume(series);
    if (rows.empty())
        return absurd;
    const double limit = factor * medianVolume(series, rows, 0, rows.size());
    for (const std::size_t i : rows)
        if (series.volume()[i] > limit)
            absurd.see(series.timestamp(i));
    return absurd;
}

} // namespace btcai
