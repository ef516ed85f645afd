#include "data/dataset/SyntheticMarket.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/OptionRange.h"
#include "data/dataset/ReturnProcess.h"

namespace btcai {

namespace {

constexpr const char* kWhat = "synthetic market";
constexpr double kBellLevel = 2.0;
constexpr double kMarkLevel = 4.0; ///< of SignalCode::Order, where pulses are 1 and -1: it stands out among them

void checkOptions(const SyntheticMarketOptions& options)
{
    if (options.blockBars == 0)
        throw Error(ErrorKind::BadInput, "synthetic market: a block needs at least one bar");
    if (options.signalBars > options.blockBars)
        throw Error(ErrorKind::BadInput, "synthetic market: {} signal bars do not fit a block of {}, signals would overlap",
                    options.signalBars, options.blockBars);
    if (options.phaseBars >= options.blockBars || options.moveBars > options.blockBars)
        throw Error(ErrorKind::BadInput, "synthetic market: a phase of {} and a move of {} bars do not fit a block of {}", options.phaseBars,
                    options.moveBars, options.blockBars);
    if (options.code == SignalCode::Order
        && (options.slotBars == 0 || options.signalBars % options.slotBars != 0 || options.signalBars < 2 * options.slotBars))
        throw Error(ErrorKind::BadInput, "synthetic market: {} signal bars are not two or more whole slots of {} bars", options.signalBars,
                    options.slotBars);
    for (std::size_t bar = options.blockBars - std::min(options.bellBars, options.blockBars); bar < options.blockBars; ++bar)
        if (options.bellBars >= options.blockBars || (bar + options.lagBars + options.signalBars) % options.blockBars < options.signalBars)
            throw Error(ErrorKind::BadInput, "synthetic market: a bell of {} bars does not fit a block of {} with its signal of {} that ends {} bars before one",
                        options.bellBars, options.blockBars, options.signalBars, options.lagBars);
    requireFinite(kWhat, "driftPerBar", options.driftPerBar);
    requireFinite(kWhat, "volumeGap", options.volumeGap);
    requireNonNegative(kWhat, "volumeNoise", options.volumeNoise);
    requireNonNegative(kWhat, "baseVolume", options.baseVolume);
    requireNonNegative(kWhat, "startPrice", options.startPrice);
}

double signOf(std::uint64_t seed, const char* purpose, std::size_t block)
{
    return Rng(seed, purpose, block).below(2) == 0 ? -1.0 : 1.0;
}

/// What a slot of SignalCode::Order adds to the log volume, in halves of the gap.
double orderSlot(const SyntheticMarketOptions& options, std::size_t block, std::size_t slot, double sign)
{
    const std::size_t slots = options.signalBars / options.slotBars;
    const std::size_t mark = Rng(options.seed, "synthetic.mark", block).below(slots - 1);
    if (slot == mark)
        return kMarkLevel;
    if (slot == mark + 1)
        return sign;
    return Rng(options.seed, "synthetic.decoys", block, slot).below(2) == 0 ? -1.0 : 1.0;
}

/// What signal and bell add to the log volume of bar i, in halves of the gap: 0 in a bar that carries neither.
double signalLevel(const SyntheticMarketOptions& options, std::size_t i)
{
    // The bar belongs to block b's signal when that ends lagBars before the block begins and has begun by bar i.
    const std::size_t shifted = i + options.phaseBars + options.lagBars + options.signalBars;
    const std::size_t place = shifted % options.blockBars;
    if (place >= options.signalBars)
        return (i + options.phaseBars) % options.blockBars + options.bellBars >= options.blockBars ? kBellLevel : 0.0;
    const std::size_t block = shifted / options.blockBars;
    const double sign = signOf(options.seed, options.scrambleSignal ? "synthetic.scrambled" : "synthetic.drift", block);
    return options.code == SignalCode::Level ? sign : orderSlot(options, block, place / options.slotBars, sign);
}

} // namespace

SyntheticMarket makeSyntheticMarket(const SyntheticMarketOptions& options)
{
    checkOptions(options);
    SyntheticMarket market;
    market.driftSign.reserve(options.bars);
    std::vector<Bar> bars;
    bars.reserve(options.bars);
    double close = options.startPrice;
    ReturnProcess process(options);
    for (std::size_t i = 0; i < options.bars; ++i) {
        const std::size_t place = i + options.phaseBars;
        const bool moves = options.moveBars == 0 || place % options.blockBars < options.moveBars;
        const double sign = moves ? signOf(options.seed, "synthetic.drift", place / options.blockBars) : 0.0;
        market.driftSign.push_back(options.driftPerBar == 0.0 ? 0 : static_cast<std::int8_t>(sign));

        // One stream a bar: a change of volume options leaves the prices as they are, and the other way round.
        Rng rng(options.seed, "synthetic.bar", i);
        const double open = close;
        const ModelReturn own = process.next(rng.normal());
        close = open * std::exp(sign * options.driftPerBar + own.logReturn);
        const double upperWick = 0.5 * own.volatility * std::abs(rng.normal());
        const double lowerWick = 0.5 * own.volatility * std::abs(rng.normal());
        const double logVolume = options.volumeNoise * rng.normal() + 0.5 * options.volumeGap * signalLevel(options, i);
        bars.push_back({options.startTime + static_cast<std::int64_t>(i) * options.intervalSeconds, open,
                        std::max(open, close) * std::exp(upperWick), std::min(open, close) * std::exp(-lowerWick), close,
                        options.baseVolume * std::exp(logVolume)});
        if (!(bars.back().low > 0.0 && std::isfinite(bars.back().high)))
            throw Error(ErrorKind::BadInput, "synthetic market: the price leaves the range of numbers at bar {}; use less drift or volatility", i);
    }
    market.jumps = process.takeJumps();
    market.regimes = process.takeRegimes();
    market.series = BarSeries::fromBars("SYNTHETIC", options.intervalSeconds, bars);
    return market;
}

} // namespace btcai
