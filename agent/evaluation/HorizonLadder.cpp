#include "agent/evaluation/HorizonLadder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace btcai {

namespace {

constexpr std::size_t kLeastBlocks = 8;
constexpr double kSkillErrors = 2.0, kMoveErrors = 3.0, kRegimeErrors = 2.0;

/// A rung's advantage over what came before, every time: of each row that has an outcome.
struct Advantage {
    std::vector<std::size_t> rows;
    std::vector<double> values;
};

Advantage advantageOf(const HorizonSamples& samples)
{
    const auto [fit, judge] = halves(samples);
    if (fit.samples.size() < kLeastFitted || judge.samples.empty())
        return {};
    const ForecastCalibration calibration = ForecastCalibration::fit(fit.samples, static_cast<std::size_t>(samples.horizonBars));
    const double reference = climatologyCrps(judge.samples, fit.samples);
    Advantage advantage{judge.rows, {}};
    for (ForecastSample sample : judge.samples) {
        sample.deviation *= calibration.deviationFactor();
        advantage.values.push_back(1.0 - forecastCrps(sample) / reference);
    }
    return advantage;
}

/// A mean with the standard error of its block means; nothing where there are too few blocks.
struct Measured {
    double mean = 0.0, error = 0.0;
    bool isAbove(double limit, double errors) const { return mean - limit > errors * error; }
};
std::optional<Measured> measure(const std::vector<std::size_t>& rows, const std::vector<double>& values, std::size_t blockBars)
{
    std::vector<std::pair<double, double>> blocks; // sum and count
    std::size_t block = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (blocks.empty() || rows[i] / blockBars != block)
            blocks.emplace_back(0.0, 0.0);
        block = rows[i] / blockBars;
        blocks.back().first += values[i];
        blocks.back().second += 1.0;
    }
    if (blocks.size() < kLeastBlocks)
        return std::nullopt;
    double sum = 0.0, count = 0.0, squares = 0.0;
    for (const auto& [s, n] : blocks)
        sum += s, count += n;
    const double mean = sum / count, number = static_cast<double>(blocks.size());
    for (const auto& [s, n] : blocks) // of a ratio of sums, since blocks hold unequal numbers of rows
        squares += (s - n * mean) * (s - n * mean);
    return Measured{mean, std::sqrt(squares * number / (number - 1.0)) / count};
}

/// The difference of two rungs, over the rows that both have; of one regime, or of all.
std::optional<Measured> difference(const Advantage& to, const Advantage& from, std::size_t blockBars, std::span<const MarketRegime> regimes,
                                   std::optional<MarketRegime> only)
{
    std::vector<std::size_t> rows;
    std::vector<double> values;
    for (std::size_t i = 0, k = 0; i < to.rows.size(); ++i) {
        while (k < from.rows.size() && from.rows[k] < to.rows[i])
            ++k;
        if (k == from.rows.size() || from.rows[k] != to.rows[i] || (only && regimes[to.rows[i]] != *only))
            continue;
        rows.push_back(to.rows[i]);
        values.push_back(to.values[i] - from.values[k]);
    }
    return measure(rows, values, blockBars);
}

} // namespace

std::vector<HorizonMove> horizonMoves(std::span<const std::int64_t> inUse, const std::vector<HorizonSamples>& ladder, std::span<const MarketRegime> regimes)
{
    std::vector<Advantage> advantages;
    for (const HorizonSamples& samples : ladder)
        advantages.push_back(advantageOf(samples));
    const auto block = static_cast<std::size_t>(ladder.back().horizonBars);
    std::vector<std::size_t> rungs; // of the horizons in use, as they move
    for (const std::int64_t bars : inUse)
        rungs.push_back(static_cast<std::size_t>(std::ranges::find(ladder, bars, &HorizonSamples::horizonBars) - ladder.begin()));

    std::vector<HorizonMove> moves;
    for (std::size_t i = 0; i < rungs.size(); ++i) {
        const std::size_t own = rungs[i];
        std::optional<HorizonMove> best;
        const auto consider = [&](std::size_t rung) {
            const auto skill = measure(advantages[rung].rows, advantages[rung].values, block);
            const auto gain = difference(advantages[rung], advantages[own], block, regimes, std::nullopt);
            if (!skill || !gain || !skill->isAbove(0.0, kSkillErrors) || !gain->isAbove(0.0, kMoveErrors))
                return;
            for (const MarketRegime regime : kMarketRegimes)
                if (const auto loss = difference(advantages[own], advantages[rung], block, regimes, regime); loss && loss->isAbove(0.0, kRegimeErrors))
                    return;
            if (!best || gain->mean > best->skillTo - best->skillFrom)
                best = {i, ladder[own].horizonBars, ladder[rung].horizonBars, skill->mean - gain->mean, skill->mean, gain->error};
        };
        if (own > 0 && (i == 0 || rungs[i - 1] < own - 1))
            consider(own - 1);
        if (own + 1 < ladder.size() && (i + 1 == rungs.size() || own + 1 < rungs[i + 1]))
            consider(own + 1);
        if (best) {
            rungs[i] = best->to > best->from ? own + 1 : own - 1;
            moves.push_back(*best);
        }
    }
    return moves;
}

std::string moveText(const HorizonMove& move, std::int64_t step)
{
    return fmt::format("horizon {}: {} -> {} bars at step {}, CRPS skill {:.4f} where it was {:.4f}; the difference is known to ± {:.4f}", move.index + 1, move.from, move.to, step,
                       move.skillTo, move.skillFrom, move.error);
}

} // namespace btcai
