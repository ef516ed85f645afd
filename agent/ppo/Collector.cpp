#include "agent/ppo/Collector.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "agent/ppo/LapTimer.h"
#include "agent/ppo/MinibatchLoss.h"
#include "base/Error.h"
#include "base/Rng.h"

namespace btcai {

namespace {

using torch::Tensor;

/// Stretches encoded at once: bounds the memory of a long bucket's windows.
constexpr std::size_t kEncodeBatch = 4;
constexpr std::int64_t kSampledBars = 4;   ///< of a stretch of a rollout, for familiarity
constexpr std::int64_t kSituations = 16;   ///< of a stretch of a rollout, for the memory
constexpr std::int64_t kFamiliarityBars = 4; ///< that share one look

} // namespace

Collector::Collector(AgentNetwork network, TradingEnv& env, const MarketTensors& market, EntrySizer sizer, std::int64_t steps, std::uint64_t seed)
    : m_network(std::move(network)), m_env(env), m_trading(&env), m_market(&market),
      m_stretches(static_cast<std::int64_t>(env.options().stretches)),
      m_accounts(static_cast<std::int64_t>(env.options().accounts)),
      m_firstLane(static_cast<std::int64_t>(env.options().firstStretch * env.options().accounts)), m_steps(steps), m_seed(seed), m_actions(env.lanes())
{
    if (sizer.isOn()) {
        m_sizer = std::move(sizer);
        m_sizes.resize(env.lanes());
    }
    if (env.options().episodeBars % static_cast<std::size_t>(steps) != 0)
        throw Error(ErrorKind::Internal, "episodes of {} bars are not cut at the end of rollouts of {}",
                    env.options().episodeBars, steps);
    startMemory();
}

Collector::Collector(AgentNetwork network, VectorEnvironment& env, std::int64_t steps, std::uint64_t seed)
    : m_network(std::move(network)), m_env(env), m_stretches(static_cast<std::int64_t>(env.lanes())), m_accounts(1),
      m_steps(steps), m_seed(seed), m_actions(env.lanes())
{
    startMemory();
}

void Collector::startMemory()
{
    if (const std::int64_t width = m_network->options().recurrentWidth; width > 0)
        m_memory = torch::zeros({m_stretches, m_accounts, 2 * width}, m_market ? m_market->device() : torch::Device(torch::kCPU));
}

void Collector::calibrate(const RunCalibration& calibration)
{
    if (m_sizer)
        m_sizer->calibrate(calibration);
}

void Collector::remember(const ContextMemory& memory, std::int64_t lastTime)
{
    m_lastTime = lastTime;
    if (!m_sizer)
        return;
    m_sizer->remember(&memory);
    m_notesSituations = true;
}

/// How familiar the market of the stretches looks, and what follows from that for exploration.
void Collector::look(RolloutBuffer& buffer)
{
    if (!m_exploring.familiarity)
        return;
    const Tensor bars = m_z.narrow(1, 0, m_steps);
    const Tensor some = bars.slice(1, 0, m_steps, kFamiliarityBars);
    const Tensor familiarity
        = m_exploring.familiarity->of(some).repeat_interleave(kFamiliarityBars, 1).narrow(1, 0, m_steps).contiguous();
    m_meanFamiliarity = familiarity.mean().item<double>();
    if (m_exploring.entropy > 0.0)
        buffer.entropyScale = 1.0 + m_exploring.entropy * (1.0 - 2.0 * familiarity);
    buffer.temperature = m_exploring.temperature > 0.0 ? 1.0 + m_exploring.temperature * (1.0 - familiarity) : Tensor();
    buffer.sampledEmbeddings = bars.slice(1, 0, m_steps, std::max<std::int64_t>(1, m_steps / kSampledBars)).to(torch::kCPU).contiguous();
}

/// Bars at which an account opened a position, spread evenly where there are more than are kept.
void Collector::noteSituations(RolloutBuffer& buffer) const
{
    if (!m_notesSituations)
        return;
    const std::int64_t width = m_z.size(2), size = buffer.state.size(3);
    buffer.situationEmbedding = torch::zeros({m_stretches, kSituations, width});
    buffer.situationClosedAt = torch::zeros({m_stretches, kSituations}, torch::kInt64);
    buffer.situationOutcome = torch::full({m_stretches, kSituations}, std::numeric_limits<double>::quiet_NaN(), torch::kFloat64);
    const Market& market = m_trading->market();
    const Tensor outcomes = (m_market->targets(buffer.startRow, m_steps).select(2, m_sizer->horizon()).to(torch::kCPU, torch::kFloat64)
                             * m_market->targetScale()[static_cast<std::size_t>(m_sizer->horizon())]).contiguous();
    const auto* const action = buffer.action.data_ptr<std::int64_t>();
    const auto* const state = buffer.state.data_ptr<float>();
    for (std::int64_t g = 0; g < m_stretches; ++g) {
        std::vector<std::int64_t> opened;
        for (std::int64_t t = 0; t < m_steps; ++t)
            for (std::int64_t m = 0; m < m_accounts; ++m) {
                const std::int64_t sample = (g * m_steps + t) * m_accounts + m;
                // The state begins with the present target, one-hot.
                if (action[sample] != 0 && state[sample * size + action[sample]] < 0.5F) {
                    opened.push_back(t);
                    break;
                }
            }
        const std::int64_t row = buffer.startRow[static_cast<std::size_t>(g)];
        if (market.timestamp(static_cast<std::size_t>(row)) > m_lastTime)
            continue; // an altered copy
        const auto count = static_cast<std::int64_t>(opened.size());
        for (std::int64_t k = 0; k < std::min(count, kSituations); ++k) {
            const std::int64_t t = opened[static_cast<std::size_t>(count <= kSituations ? k : k * count / kSituations)];
            buffer.situationEmbedding[g][k].copy_(m_z[g][t]);
            buffer.situationClosedAt[g][k] = market.timestamp(static_cast<std::size_t>(row + t)) + market.intervalSeconds * (1 + m_sizer->horizonBars());
            buffer.situationOutcome[g][k] = outcomes[g][t];
        }
    }
}

RolloutBuffer Collector::makeBuffer() const
{
    return {m_stretches, m_steps, m_accounts, static_cast<std::int64_t>(m_env.observationSize())};
}

void Collector::encode(RolloutBuffer& buffer)
{
    for (std::int64_t g = 0; g < m_stretches; ++g)
        buffer.startRow[static_cast<std::size_t>(g)] = static_cast<std::int64_t>(m_trading->row(static_cast<std::size_t>(g)));
    std::vector<Tensor> parts;
    std::vector<Tensor> gates;
    for (std::size_t g = 0; g < buffer.startRow.size(); g += kEncodeBatch) {
        const auto begin = buffer.startRow.begin() + static_cast<std::ptrdiff_t>(g);
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kEncodeBatch, buffer.startRow.size() - g));
        auto& encoder = m_network->encoder();
        const MarketEncoding encoding
            = encoder(m_market->stretches(std::vector<std::int64_t>(begin, end), encoder->contextRows(), m_steps + 1));
        parts.push_back(encoding.embedding);
        gates.push_back(encoding.gates.mean(at::IntArrayRef{0, 1}));
    }
    m_z = torch::cat(parts);
    if (m_sizer || m_measuresSurprise) {
        const ForecastOutput forecasts = m_network->forecast(m_z);
        if (m_sizer)
            m_sizer->setForecasts(forecasts);
        if (m_measuresSurprise) {
            const Tensor surprise = forecastSurprise(forecasts, m_market->targets(buffer.startRow, m_steps + 1));
            buffer.surprise = surprise.narrow(1, 0, m_steps).to(torch::kCPU).contiguous();
        }
    }
    if (m_notesSituations) {
        const Market& market = m_trading->market();
        std::vector<std::int64_t> firstClose;
        for (const std::int64_t row : buffer.startRow)
            firstClose.push_back(market.timestamp(static_cast<std::size_t>(row)) + market.intervalSeconds);
        m_sizer->setSituations(m_z, std::move(firstClose), market.intervalSeconds, m_lastTime + market.intervalSeconds);
    }
    look(buffer);
    const Tensor mean = torch::stack(gates).mean(0).to(torch::kCPU, torch::kFloat64);
    m_meanGates.assign(mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel());
}

/// For accounts that remember `memory`; memoryAfter: the same once they have read their state.
HeadOutput Collector::runHeads(std::span<const float> states, std::int64_t step, const Tensor& memory, Tensor& memoryAfter)
{
    const auto size = static_cast<std::int64_t>(m_env.observationSize());
    const Tensor state = torch::from_blob(const_cast<float*>(states.data()), {m_stretches, 1, m_accounts, size});
    const AccountInput input = m_network->recall(m_trading ? state.to(m_market->device()) : state, memory);
    memoryAfter = input.memory;
    if (m_heads) {
        const Tensor own = input.state.contiguous();
        HeadOutput output{torch::empty({m_stretches, 1, m_accounts, m_network->options().actions}), torch::empty({m_stretches, 1, m_accounts})};
        m_heads->infer(m_stretches * m_accounts, own.data_ptr<float>(), m_trading ? m_marketShare[step].data_ptr<float>() : nullptr, m_accounts,
                       output.logits.data_ptr<float>(), output.value.data_ptr<float>());
        return output;
    }
    HeadOutput output = m_network->heads(m_z.narrow(1, step, 1), input.state);
    return {output.logits.to(torch::kCPU), output.value.to(torch::kCPU)};
}

void Collector::collect(std::int64_t iteration, RolloutBuffer& buffer, const PollFunction& poll)
{
    torch::InferenceMode guard;
    m_endedReturns.clear();
    m_times = {};
    m_notFinite = {};
    LapTimer timer;
    if (m_trading)
        encode(buffer);
    timer.charge(m_times.encode);
    if (!m_market || m_market->device().is_cpu()) {
        m_heads.emplace(m_network->headShape(), m_network->headParameters());
        if (m_trading)
            m_marketShare = m_network->marketShare(m_z).transpose(0, 1).contiguous();
    }
    if (m_memory.defined()) {
        buffer.memory = m_memory.to(torch::kCPU, torch::kFloat32, false, true);
        buffer.ended = torch::zeros_like(buffer.terminated);
    }
    Tensor memoryAfter;
    HeadOutput output = runHeads(m_env.observation(), 0, m_memory, memoryAfter);
    for (std::int64_t t = 0; t < m_steps; ++t) {
        // Before an action is drawn from it: no account trades on what is not a number.
        if (!isFinite(output))
            return;
        timer.charge(m_times.policy);
        if (poll)
            poll();
        timer.charge(m_times.rest);
        act(t, iteration * m_steps + t, output, buffer);
        timer.charge(m_times.policy);
        if (m_sizer)
            m_trading->step(m_actions, m_sizes, m_result);
        else
            m_env.step(m_actions, m_result);
        timer.charge(m_times.environment);
        if (!isFinite(m_result.reward))
            return;
        store(t, buffer);
        timer.charge(m_times.rest);
        const Tensor memory = memoryAfter; // of who goes on
        if (m_memory.defined()) {
            Tensor ended = buffer.ended.select(1, t);
            torch::bitwise_or_out(ended, buffer.terminated.select(1, t), buffer.truncated.select(1, t));
            m_memory = withoutEnded(memory, ended.to(memory.device()));
        }
        // The successor's value: next step's own, unless the lane ended.
        output = runHeads(m_env.observation(), t + 1, m_memory, memoryAfter);
        buffer.nextValue.select(1, t).copy_(output.value.squeeze(1));
        bootstrapEnded(t, memory, buffer);
    }
    timer.charge(m_times.policy);
    if (isFinite(output))
        noteSituations(buffer);
}

bool Collector::isFinite(const HeadOutput& output)
{
    // A sum is not finite as soon as one of its terms isn't.
    const bool finite = std::isfinite(output.logits.sum().item<double>() + output.value.sum().item<double>());
    if (!finite)
        m_notFinite = "the network's output";
    return finite;
}

bool Collector::isFinite(std::span<const float> rewards)
{
    const bool finite = std::ranges::all_of(rewards, [](float reward) { return std::isfinite(reward); });
    if (!finite)
        m_notFinite = "a reward";
    return finite;
}

void Collector::act(std::int64_t step, std::int64_t globalStep, const HeadOutput& output, RolloutBuffer& buffer)
{
    const auto size = static_cast<std::int64_t>(m_env.observationSize());
    const Tensor logits = output.logits.contiguous();
    const auto actions = static_cast<std::size_t>(logits.size(3));
    const float* const logit = logits.data_ptr<float>();
    const float* const observation = m_env.observation().data();
    auto* const chosen = buffer.action.data_ptr<std::int64_t>();
    float* const logProbability = buffer.logProbability.data_ptr<float>();
    float* const state = buffer.state.data_ptr<float>();
    const float* const temperature = buffer.temperature.defined() ? buffer.temperature.data_ptr<float>() : nullptr;
    std::vector<float> tempered(actions);
    for (std::int64_t g = 0; g < m_stretches; ++g) {
        for (std::int64_t m = 0; m < m_accounts; ++m) {
            const std::int64_t lane = g * m_accounts + m;
            const std::int64_t sample = (g * m_steps + step) * m_accounts + m;
            Rng rng(m_seed, "action", static_cast<std::uint64_t>(m_firstLane + lane), static_cast<std::uint64_t>(globalStep));
            const std::span<const float> ofLane{logit + lane * static_cast<std::int64_t>(actions), actions};
            if (temperature)
                std::ranges::transform(ofLane, tempered.begin(), [coldness = 1.0F / temperature[g * m_steps + step]](float one) { return coldness * one; });
            const SampledAction draw = sampleAction(temperature ? std::span<const float>(tempered) : ofLane, rng.uniform());
            m_actions[static_cast<std::size_t>(lane)] = draw.action;
            if (m_sizer)
                m_sizes[static_cast<std::size_t>(lane)] = m_sizer->size(ofLane, draw.action, g, step);
            chosen[sample] = draw.action;
            logProbability[sample] = draw.logProbability;
            std::copy_n(observation + lane * size, size, state + sample * size);
        }
    }
    buffer.value.select(1, step).copy_(output.value.squeeze(1));
}

void Collector::store(std::int64_t step, RolloutBuffer& buffer)
{
    float* const reward = buffer.reward.data_ptr<float>();
    auto* const terminated = buffer.terminated.data_ptr<std::uint8_t>();
    auto* const truncated = buffer.truncated.data_ptr<std::uint8_t>();
    for (std::int64_t g = 0; g < m_stretches; ++g) {
        for (std::int64_t m = 0; m < m_accounts; ++m) {
            const auto lane = static_cast<std::size_t>(g * m_accounts + m);
            const std::int64_t sample = (g * m_steps + step) * m_accounts + m;
            reward[sample] = m_result.reward[lane];
            terminated[sample] = m_result.terminated[lane];
            truncated[sample] = m_result.truncated[lane];
        }
    }
    const auto ended = m_env.endedEpisodeReturns();
    m_endedReturns.insert(m_endedReturns.end(), ended.begin(), ended.end());
}

void Collector::bootstrapEnded(std::int64_t step, const Tensor& memory, RolloutBuffer& buffer)
{
    if (std::ranges::find(m_result.truncated, std::uint8_t{1}) == m_result.truncated.end())
        return;
    Tensor memoryAfter;
    const HeadOutput final = runHeads(m_result.finalObservation, step + 1, memory, memoryAfter);
    const Tensor cut = buffer.truncated.select(1, step).to(torch::kBool);
    Tensor next = buffer.nextValue.select(1, step);
    next.copy_(torch::where(cut, final.value.squeeze(1), next));
}

} // namespace btcai
