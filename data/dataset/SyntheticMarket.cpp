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

void checkOptions(const SyntheticMarketOptions& options)
{
    if (options.blockBars == 0)
        throw Error(ErrorKind::BadInput, "synthetic market: a block needs at least one bar");
    if (options.signalBars > options.blockBars)
        throw Error(ErrorKind::BadInput, "synthetic market: {} signal bars do not fit a block of {}, signals would overlap",
                    options.signalBars, options.blockBars);
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

/// The sign that the volume of bar i carries, 0 for a bar that carries none.
double volumeSign(const SyntheticMarketOptions& options, std::size_t i)
{
    // The bar carries block b's sign when b * blockBars - lagBars - signalBars <= i < b * blockBars - lagBars.
    const std::size_t shifted = i + options.lagBars + options.signalBars;
    if (shifted % options.blockBars >= options.signalBars)
        return 0.0;
    const char* purpose = options.scrambleSignal ? "synthetic.scrambled" : "synthetic.drift";
    return signOf(options.seed, purpose, shifted / options.blockBars);
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
        const double sign = signOf(options.seed, "synthetic.drift", i / options.blockBars);
        market.driftSign.push_back(options.driftPerBar == 0.0 ? 0 : static_cast<std::int8_t>(sign));

        // One stream a bar: a change of volume options leaves the prices as they are, and the other way round.
        Rng rng(options.seed, "synthetic.bar", i);
        const double open = close;
        const ModelReturn own = process.next(rng.normal());
        close = open * std::exp(sign * options.driftPerBar + own.logReturn);
        const double upperWick = 0.5 * own.volatility * std::abs(rng.normal());
        const double lowerWick = 0.5 * own.volatility * std::abs(rng.normal());
        const double logVolume = options.volumeNoise * rng.normal() + 0.5 * options.volumeGap * volumeSign(options, i);
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
