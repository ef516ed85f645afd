#include "agent/dataset/TrainingCopies.h"

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/Augmentation.h"

namespace btcai {

namespace {

constexpr std::int64_t kWeek = 7 * 86400;

BarSeries altered(const BarSeries& series, const std::string& kind, std::uint64_t seed)
{
    if (kind == "jitter")
        return jitter(series, {.seed = seed});
    if (kind == "magnitude-warp")
        return magnitudeWarp(series, {.seed = seed});
    if (kind == "time-warp")
        return timeWarp(series, {.seed = seed});
    if (kind == "bootstrap")
        return stationaryBootstrap(series, {.seed = seed});
    if (kind == "sign-flip")
        return signFlip(series);
    throw Error(ErrorKind::Internal, "augment.kind = {}: is unknown", kind);
}

void append(BarColumns& columns, const BarSeries& part)
{
    const auto add = [](auto& column, const auto& values) { column.insert(column.end(), values.begin(), values.end()); };
    add(columns.open, part.open());
    add(columns.high, part.high());
    add(columns.low, part.low());
    add(columns.close, part.close());
    add(columns.volume, part.volume());
    add(columns.mask, part.mask());
}

void appendMissing(BarColumns& columns, std::size_t rows)
{
    const std::size_t size = columns.mask.size() + rows;
    for (auto* column : {&columns.open, &columns.high, &columns.low, &columns.close, &columns.volume})
        column->resize(size, 0.0); // a missing row's values become NaN
    columns.mask.resize(size, 0);
}

} // namespace

AugmentedSeries appendTrainingCopies(const RunConfig& config, const BarSeries& series, const std::vector<RowRange>& training,
                                     std::size_t leadRows)
{
    const auto weekRows = static_cast<std::size_t>(kWeek / series.intervalSeconds());
    BarColumns columns;
    append(columns, series);
    AugmentedSeries result;
    for (std::int64_t copy = 0; copy < config.augment.copies; ++copy) {
        for (std::size_t i = 0; i < training.size(); ++i) {
            const std::size_t first = training[i].first - std::min(leadRows, training[i].first);
            const std::uint64_t seed = Rng(static_cast<std::uint64_t>(config.seed), "augmentation", static_cast<std::uint64_t>(copy), i).nextUint64();
            const BarSeries part = altered(series.slice(first, training[i].last), config.augment.kind, seed);
            const std::size_t size = columns.mask.size();
            appendMissing(columns, (first + weekRows - size % weekRows) % weekRows);
            const std::size_t shift = columns.mask.size() - first;
            append(columns, part);
            result.copies.push_back({training[i].first + shift, training[i].last + shift});
        }
    }
    result.series = BarSeries::fromColumns(series.instrument(), series.intervalSeconds(), series.startTime(), std::move(columns));
    return result;
}

} // namespace btcai
