#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// How the log returns come about, before a planted signal is added.
enum class ReturnModel {
    /// volatility * normal, without growth.
    Gaussian,
    /// Geometric Brownian motion: growth - volatility^2 / 2 + volatility * normal, so that the price is expected to grow by exp(growth).
    Gbm,
    /// GARCH(1,1) of Bollerslev (1986): growth + sigma[t] * normal, with sigma[t]^2 = omega + alpha e[t-1]^2 + beta sigma[t-1]^2, e the return
    /// less its growth. omega is chosen so that `volatility` is the deviation in the long run; the first bar begins there.
    Garch,
    /// Merton (1976): a geometric Brownian motion and a Poisson number of normal jumps, growth compensated for them:
    /// growth - volatility^2 / 2 - rate (exp(mean + deviation^2 / 2) - 1) + volatility * normal + the jumps.
    JumpDiffusion,
    /// A Markov chain of regimes, each with growth and volatility of its own, as in Hamilton (1989).
    RegimeSwitching,
};

/// Of ReturnModel::Garch. Neither negative, and less than 1 together.
struct GarchOptions {
    double alpha = 0.08;
    double beta = 0.90;
};

/// Of ReturnModel::JumpDiffusion.
struct JumpOptions {
    double ratePerBar = 0.005;
    double mean = -0.002;     ///< of a jump of the log price
    double deviation = 0.01;
};

/// One state of ReturnModel::RegimeSwitching.
struct Regime {
    double growthPerBar = 0.0; ///< mean log return
    double volatility = 0.002;
    std::vector<double> next;  ///< the chance of each regime in the next bar; they sum to 1
};

/// How the volume of the signal bars tells the sign of a block.
enum class SignalCode {
    /// Every signal bar carries it: exp(volumeGap * sign / 2) times the base.
    Level,
    /// The signal bars are cut into slots of `slotBars`. One slot, any but the last, is the mark: exp(2 * volumeGap) times the base. Each other slot is a
    /// pulse, up or down: exp(volumeGap / 2) or exp(-volumeGap / 2) times the base. The pulse after the mark carries the sign, the others are drawn. So
    /// what a pulse means depends on what came before it.
    Order,
};

/// A market whose right answer is known, for tests and benchmarks.
///
/// Each bar's log return is that of the model plus that of a planted signal. Time is cut into blocks of `blockBars`. Each block draws
/// a sign (+1 or -1, equally likely). In the `signalBars` bars that end `lagBars` before the block begins, the volume tells the sign, by `code`. In the
/// first `moveBars` bars of the block the log return gets `sign * driftPerBar`. So somebody who reads the volume knows the drift of the next block
/// before it begins; prices alone tell it only late and with noise, and where the move is one bar long, too late.
struct SyntheticMarketOptions {
    std::size_t bars = 20000;
    std::uint64_t seed = 1;
    std::int64_t startTime = 1514764800; ///< 2018-01-01 00:00 UTC
    std::int64_t intervalSeconds = 300;
    double startPrice = 10000.0;
    double volatility = 0.002;    ///< of one bar's log return; regimes have their own
    double driftPerBar = 0.001;   ///< 0: a market without signal
    std::size_t blockBars = 12;
    std::size_t phaseBars = 0;    ///< block b begins at bar b * blockBars - phaseBars; less than a block
    std::size_t moveBars = 0;     ///< at the block's beginning, in which it drifts; 0: all of it
    std::size_t lagBars = 0;
    std::size_t signalBars = 2;
    SignalCode code = SignalCode::Level;
    std::size_t slotBars = 1;     ///< of SignalCode::Order; signalBars is a multiple of it, twice it at least
    std::size_t bellBars = 0;     ///< before each block, in none of a signal's: exp(volumeGap) times the base says that it begins, not where it goes
    double volumeGap = 2.0;       ///< log difference between the two signs
    double volumeNoise = 0.2;     ///< deviation of log volume
    double baseVolume = 500.0;    ///< in the base coin
    bool scrambleSignal = false;  ///< control: volume signs drawn independently of the drift's
    ReturnModel model = ReturnModel::Gaussian;
    double growthPerBar = 0.0;    ///< of Gbm, Garch and JumpDiffusion
    GarchOptions garch{};
    JumpOptions jump{};
    /// Calm and stormy; the market begins in the first.
    std::vector<Regime> regimes{{0.00002, 0.001, {0.995, 0.005}}, {-0.00005, 0.004, {0.02, 0.98}}};
};

struct SyntheticMarket {
    BarSeries series;
    std::vector<std::int8_t> driftSign; ///< per bar: the sign of this bar's drift; 0 where it has none
    std::vector<std::uint32_t> jumps;    ///< per bar: how many (JumpDiffusion, else empty)
    std::vector<std::uint32_t> regimes;  ///< per bar: which (RegimeSwitching, else empty)
};

/// Deterministic in the options. Highs and lows enclose open and close; opens equal the previous close. A longer market begins as
/// a shorter one does. Throws Error(BadInput) naming the option that is out of range.
SyntheticMarket makeSyntheticMarket(const SyntheticMarketOptions& options);

/// A market asked for in words, as `--data` takes it.
struct SyntheticSpec {
    SyntheticMarketOptions options;
};

/// Reads "synthetic:MODEL,key=value,...", with MODEL one of planted, gbm, garch, jump, regime: "synthetic:garch,bars=50000,seed=3". Nothing when
/// the text does not begin with "synthetic:". Only "planted" plants a signal unless `drift` asks for one. Keys:
///   bars, seed, start (ISO 8601, UTC), interval (s), price, volatility, growth,
///   drift, block, phase, move, lag, signal-bars, signal (level or order), slot, bell, volume-gap, scramble (yes or no), volume, volume-noise,
///   alpha, beta (garch), jump-rate, jump-mean, jump-deviation (jump),
///   growth-1, volatility-1, stay-1, growth-2, volatility-2, stay-2 (regime, two of them; stay: the chance to stay for another bar).
/// Throws Error(BadInput) naming the key or model that is unknown, doubled, out of place or has a bad value.
std::optional<SyntheticSpec> parseSyntheticSpec(std::string_view text);

} // namespace btcai
