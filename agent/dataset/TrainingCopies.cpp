#include "agent/dataset/TrainingCopies.h"

#include <algorithm>

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/Augmentation.h"
#include "env/events/MarketEvents.h"

namespace btcai {

namespace {

constexpr std::int64_t kWeek = 7 * 86400;

BarSeries altered(const BarSeries& series, const std::string& kind, std::uint64_t seed)
{
    if (kind == "none")
        return series;
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

/// The settlements in the time of a series.
FundingSeries fundingWithin(const FundingSeries& funding, const BarSeries& series)
{
    std::vector<FundingRate> rates;
    for (const FundingRate& rate : funding.rates())
        if (rate.timestamp >= series.startTime() && rate.timestamp < series.timestamp(series.size()))
            rates.push_back(rate);
    return {funding.instrument(), std::move(rates)};
}

/// The kinds that the data can have: "all" is everything there is, funding spikes only if rates are given.
std::vector<EventKind> possibleKinds(const RunConfig& config, const FundingSeries& funding)
{
    std::vector<EventKind> kinds = parseEventKinds(config.events.kinds);
    const auto spike = std::ranges::find(kinds, EventKind::FundingSpike);
    if (spike == kinds.end() || !funding.empty())
        return kinds;
    if (config.events.kinds != "all")
        throw Error(ErrorKind::BadInput, "events.kinds = {}: funding-spike needs features.funding, a file of funding rates", config.events.kinds);
    kinds.erase(spike);
    return kinds;
}

EventfulMarket withEvents(const BarSeries& series, const FundingSeries& funding, const EventDrawOptions& options)
{
    std::vector<MarketEvent> events = drawEvents(options, {0, series.size()}, series.intervalSeconds());
    // A spike so short that no settlement falls into it is none.
    std::erase_if(events, [&](const MarketEvent& event) {
        return event.kind == EventKind::FundingSpike
               && funding.countUntil(series.timestamp(event.row) - 1) == funding.countUntil(series.timestamp(event.row + event.bars) - 1);
    });
    return applyEvents(series, funding, events);
}

} // namespace

bool wantsTrainingCopies(const RunConfig& config) { return config.augment.kind != "none" || config.events.kinds != "none"; }

AugmentedSeries appendTrainingCopies(const RunConfig& config, const BarSeries& series, const FundingSeries& funding,
                                     const std::vector<RowRange>& training, std::size_t leadRows)
{
    const auto weekRows = static_cast<std::size_t>(kWeek / series.intervalSeconds());
    BarColumns columns;
    append(columns, series);
    AugmentedSeries result;
    const std::vector<EventKind> kinds = possibleKinds(config, funding);
    const FundingSeries known = fundingWithin(funding, series);
    std::vector<FundingRate> rates(known.rates().begin(), known.rates().end());
    for (std::int64_t copy = 0; copy < config.augment.copies; ++copy) {
        for (std::size_t i = 0; i < training.size(); ++i) {
            const std::size_t first = training[i].first - std::min(leadRows, training[i].first);
            const std::uint64_t seed = Rng(static_cast<std::uint64_t>(config.seed), "augmentation", static_cast<std::uint64_t>(copy), i).nextUint64();
            const BarSeries slice = series.slice(first, training[i].last);
            const std::uint64_t eventSeed = Rng(static_cast<std::uint64_t>(config.events.seed), "training-events", static_cast<std::uint64_t>(copy), i).nextUint64();
            const EventfulMarket part = withEvents(altered(slice, config.augment.kind, seed), fundingWithin(funding, slice),
                                                   {.kinds = kinds, .ratePerYear = config.events.ratePerYear, .seed = eventSeed});
            const std::size_t size = columns.mask.size();
            appendMissing(columns, (first + weekRows - size % weekRows) % weekRows);
            const std::size_t shift = columns.mask.size() - first;
            append(columns, part.series);
            for (const FundingRate& rate : part.funding.rates())
                rates.push_back({rate.timestamp + static_cast<std::int64_t>(shift) * series.intervalSeconds(), rate.rate});
            result.copies.push_back({training[i].first + shift, training[i].last + shift});
        }
    }
    result.funding = FundingSeries(funding.instrument(), std::move(rates));
    result.series = BarSeries::fromColumns(series.instrument(), series.intervalSeconds(), series.startTime(), std::move(columns));
    return result;
}

} // namespace btcai
