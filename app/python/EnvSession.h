#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agent/config/ConfigFile.h"
#include "agent/dataset/MarketDataset.h"
#include "env/TradingEnv.h"

namespace btcai {

struct EnvSessionOptions {
    std::string configFile;               ///< a run.toml; empty for the defaults of the bucket
    std::vector<FieldOverride> overrides; ///< these win over the file
    std::string part = "train";           ///< "train", "validation" or "test"
    std::size_t envs = 1;
    std::size_t accountsPerStretch = 1; ///< that stand at the same bar of the market; divides `envs`
    std::size_t threads = 1;
    bool wholePart = false; ///< one episode from the part's first bar to its last; else they start anywhere and last account.episode_bars
};

/// A TradingEnv on a part of the data of a run configuration, as an agent outside this program sees it: the observation of a lane is
/// the features of the bar that its decision is taken at, normalised as this program's agent sees them, then TradingEnv's private state.
///
/// Call order: reset, then any number of step; between them everything is const.
class EnvSession {
public:
    /// Reads the data and computes features, which takes a while. Throws Error(BadInput) naming the field or keyword.
    explicit EnvSession(const EnvSessionOptions& options);

    std::size_t envs() const { return m_env.lanes(); }
    std::size_t observationSize() const { return m_bounds.size(); }
    std::size_t actionCount() const { return m_env.actionCount(); }
    /// [observationSize].
    std::span<const ObservationBounds> observationBounds() const { return m_bounds; }
    const std::vector<std::string>& featureNames() const { return m_dataset.features.names(); }

    void reset(std::uint64_t seed);
    /// One action a lane. Throws Error(BadInput) for another count and for an action that is not one, and steps nothing.
    void step(std::span<const std::int64_t> actions);

    /// Writes [envs, observationSize].
    void observe(std::span<float> out) const;
    double equity(std::size_t lane) const { return m_env.equity(lane); }
    /// The log return of the episode so far, time-weighted.
    double episodeReturn(std::size_t lane) const;
    std::size_t row(std::size_t lane) const { return m_env.row(stretchOf(lane)); }
    /// The close of a row, UTC seconds.
    std::int64_t closeTime(std::size_t row) const { return m_env.market().timestamp(row + 1); }

    // Of the latest step.
    const StepResult& result() const { return m_result; }
    /// Lanes whose episode ended, ascending; they stand at the beginning of their next one.
    std::span<const std::size_t> endedLanes() const { return m_ended; }
    /// The i-th of these: its last observation, written to `out` [observationSize], and what it ended with.
    void observeEnd(std::size_t i, std::span<float> out) const;
    double endedEquity(std::size_t i) const { return m_env.endedEquity(m_ended[i]); }
    double endedReturn(std::size_t i) const { return m_env.endedEpisodeReturns()[i]; }
    std::size_t endedRow(std::size_t i) const { return m_endRow[stretchOf(m_ended[i])]; }

private:
    EnvSession(const EnvSessionOptions& options, const RunConfig& config);

    std::size_t stretchOf(std::size_t lane) const { return lane / m_env.options().accounts; }
    void writeFeatures(std::size_t row, std::span<float> out) const;

    MarketDataset m_dataset;
    TradingEnv m_env;
    std::vector<ObservationBounds> m_bounds;
    std::vector<std::uint8_t> m_actions;
    StepResult m_result;
    std::vector<std::size_t> m_ended;  ///< lanes
    std::vector<std::size_t> m_endRow; ///< per stretch: where the latest step led, before any new start
};

} // namespace btcai
