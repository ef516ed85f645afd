#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/exploration/Familiarity.h"
#include "agent/ppo/EntrySizer.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/RolloutBuffer.h"
#include "agent/ppo/SampleAction.h"
#include "env/TradingEnv.h"
#include "models/AgentNetwork.h"

namespace btcai {

/// Called between steps of a rollout; may block (pause) but not change anything the rollout depends on.
using PollFunction = std::function<void()>;

/// Seconds of one rollout.
struct RolloutTimes {
    double encode = 0.0;
    double policy = 0.0; ///< heads and draws
    double environment = 0.0;
    double rest = 0.0;   ///< storing, and what polls took

    void add(const RolloutTimes& other)
    {
        encode += other.encode;
        policy += other.policy;
        environment += other.environment;
        rest += other.rest;
    }
};

/// How a rollout explores, beside drawing actions from the policy.
struct Exploring {
    const Familiarity* familiarity = nullptr; ///< null: alike everywhere
    double entropy = 0.0;     ///< the entropy of a bar of familiarity f counts 1 + entropy (1 - 2 f)
    double temperature = 0.0; ///< actions are drawn at a temperature of 1 + temperature (1 - f)
};

/// Plays the policy in an environment and fills a RolloutBuffer. The draws depend on (seed, lane, global step) alone; the lanes of an
/// environment that is a share of a larger one count as they do there.
class Collector {
public:
    /// Of a trading environment: one encoding of each stretch per rollout serves all its accounts and steps.
    /// The environment must start stretches on the encoder's token grid and cut episodes only at the end of a rollout. The sizer's forecasts
    /// are those of this rollout's weights; its sizes are part of the environment the policy learns in, no gradient goes through them.
    Collector(AgentNetwork network, TradingEnv& env, const MarketTensors& market, EntrySizer sizer, std::int64_t steps, std::uint64_t seed);
    /// Of a task without a market: each lane is a stretch with one account.
    Collector(AgentNetwork network, VectorEnvironment& env, std::int64_t steps, std::uint64_t seed);

    /// One rollout; `iteration` counts from 0 and names the random draws. Advantages are not yet estimated. It ends early, and the buffer
    /// is not to be learned from, where notFinite() says why.
    void collect(std::int64_t iteration, RolloutBuffer& buffer, const PollFunction& poll = {});

    /// Entries of the rollouts to come are sized by it, where they are sized at all.
    void calibrate(const RunCalibration& calibration);

    /// Rollouts to come note how far their forecasts were off.
    void measureSurprise() { m_measuresSurprise = true; }
    /// The rollouts to come explore so. With familiarity they note embeddings of some bars, for it to know.
    void explore(const Exploring& exploring) { m_exploring = exploring; }
    /// Entries to come are sized with the memory, and rollouts note situations for it. It must outlive this. Rows that open after `lastTime` (UTC seconds) are
    /// altered copies of others: they are neither noted nor told of what followed.
    void remember(const ContextMemory& memory, std::int64_t lastTime);

    RolloutBuffer makeBuffer() const;

    /// What the accounts remember before the next rollout, [G, M, 2 R] on the network's device; undefined without recurrence.
    const torch::Tensor& memory() const { return m_memory; }
    void setMemory(const torch::Tensor& memory) { m_memory = memory.to(m_memory.device(), memory.scalar_type(), false, true); }

    // What the latest rollout showed.
    const std::vector<double>& endedEpisodeReturns() const { return m_endedReturns; }
    const RolloutTimes& times() const { return m_times; }
    /// What was not a finite number, "the network's output" or "a reward"; empty when all were. Observations go through the network.
    std::string_view notFinite() const { return m_notFinite; }
    std::optional<double> meanFamiliarity() const { return m_meanFamiliarity; }
    /// Mean number of situations recalled for an entry; nothing where none was asked for.
    std::optional<double> meanRecalled() const { return m_sizer ? m_sizer->meanRecalled() : std::nullopt; }
    /// Mean share of each branch of the encoder; empty without a market.
    const std::vector<double>& meanGates() const { return m_meanGates; }

private:
    void encode(RolloutBuffer& buffer);
    void look(RolloutBuffer& buffer);
    void noteSituations(RolloutBuffer& buffer) const;
    void startMemory();
    HeadOutput runHeads(std::span<const float> states, std::int64_t step, const torch::Tensor& memory, torch::Tensor& memoryAfter);
    bool isFinite(const HeadOutput& output);
    bool isFinite(std::span<const float> rewards);
    void act(std::int64_t step, std::int64_t globalStep, const HeadOutput& output, RolloutBuffer& buffer);
    void store(std::int64_t step, RolloutBuffer& buffer);
    void bootstrapEnded(std::int64_t step, const torch::Tensor& memory, RolloutBuffer& buffer);

    AgentNetwork m_network;
    VectorEnvironment& m_env;
    TradingEnv* m_trading = nullptr;
    const MarketTensors* m_market = nullptr;
    std::optional<EntrySizer> m_sizer; ///< none where every entry has the full size
    bool m_measuresSurprise = false;
    bool m_notesSituations = false;
    std::int64_t m_lastTime = 0;
    Exploring m_exploring;
    std::optional<double> m_meanFamiliarity;
    std::int64_t m_stretches, m_accounts;
    std::int64_t m_firstLane = 0; ///< in the random streams
    std::int64_t m_steps;
    std::uint64_t m_seed;

    torch::Tensor m_z; ///< [G, T + 1, D]
    std::optional<HeadPass> m_heads; ///< with the weights of this rollout; none on other devices than the CPU
    torch::Tensor m_marketShare;     ///< [T + 1, G, 2 W], for m_heads
    torch::Tensor m_memory;
    std::vector<std::uint8_t> m_actions;
    std::vector<double> m_sizes; ///< of entries, shares of the full size
    StepResult m_result;
    std::vector<double> m_endedReturns;
    std::vector<double> m_meanGates;
    RolloutTimes m_times;
    std::string_view m_notFinite;
};

} // namespace btcai
