#include "agent/ppo/MlpPpo.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "agent/ppo/Gae.h"
#include "agent/ppo/LapTimer.h"
#include "agent/ppo/MinibatchOrder.h"
#include "agent/ppo/SampleAction.h"
#include "base/Error.h"
#include "base/Rng.h"

namespace btcai {

class MlpPpo::Stopwatch : public LapTimer {
public:
    MlpPpoTimes times;
    double rest = 0.0;
};

namespace {

void requireOption(bool good, const char* name, double value, const char* range)
{
    if (!good)
        throw Error(ErrorKind::BadInput, "PPO option {}: {}; it must be {}", name, value, range);
}

MlpPpoOptions checked(const MlpPpoOptions& o)
{
    requireOption(o.rolloutSteps > 0, "rolloutSteps", static_cast<double>(o.rolloutSteps), "1 or more");
    requireOption(o.minibatch > 0, "minibatch", static_cast<double>(o.minibatch), "1 or more");
    requireOption(o.epochs > 0, "epochs", static_cast<double>(o.epochs), "1 or more");
    requireOption(o.gamma >= 0.0 && o.gamma <= 1.0, "gamma", o.gamma, "within 0 and 1");
    requireOption(o.lambda >= 0.0 && o.lambda <= 1.0, "lambda", o.lambda, "within 0 and 1");
    requireOption(o.learningRate > 0.0 && std::isfinite(o.learningRate), "learningRate", o.learningRate, "above 0");
    requireOption(o.loss.clipRange > 0.0, "clipRange", o.loss.clipRange, "above 0");
    requireOption(o.loss.valueClipRange >= 0.0, "valueClipRange", o.loss.valueClipRange, "0 or more");
    requireOption(o.maxGradNorm > 0.0, "maxGradNorm", o.maxGradNorm, "above 0");
    requireOption(o.targetKl >= 0.0, "targetKl", o.targetKl, "0 or more");
    requireOption(o.schedule == Schedule::Constant || o.totalSteps > 0, "totalSteps", static_cast<double>(o.totalSteps),
                  "1 or more under a linear schedule");
    return o;
}

HeadShape shapeOf(const VectorEnvironment& env, const MlpPpoOptions& options)
{
    return {.state = static_cast<std::int64_t>(env.observationSize()), .width = options.width, .layers = options.layers,
            .actions = static_cast<std::int64_t>(env.actionCount())};
}

} // namespace

MlpPpo::MlpPpo(VectorEnvironment& env, const MlpPpoOptions& options, std::uint64_t seed)
    : m_env(env), m_options(checked(options)), m_seed(seed), m_lanes(env.lanes()), m_size(env.observationSize()),
      m_policy(shapeOf(env, options), seed), m_first(m_policy.parameters().size(), 0.0F), m_second(m_first.size(), 0.0F), m_actions(m_lanes),
      m_logits(m_lanes * env.actionCount()), m_value(m_lanes), m_batchAdvantage(options.minibatch)
{
    const std::size_t samples = options.rolloutSteps * m_lanes;
    m_rollout.observation.resize(samples * m_size);
    for (auto* column : {&m_rollout.action, &m_rollout.terminated, &m_rollout.truncated})
        column->resize(samples);
    for (auto* column : {&m_rollout.logProbability, &m_rollout.reward, &m_rollout.value, &m_rollout.nextValue, &m_rollout.advantage,
                         &m_rollout.returns})
        column->resize(samples);
    const auto block = static_cast<std::size_t>(HeadPass::kBlock);
    m_block.resize(block * m_size);
    m_blockLogits.resize(block * env.actionCount());
    m_blockLogitsGradient.resize(m_blockLogits.size());
    m_blockValue.resize(block);
    m_blockValueGradient.resize(block);
    m_env.reset(seed);
}

MlpPpoIteration MlpPpo::iterate()
{
    MlpPpoIteration iteration;
    Stopwatch watch;
    collect(iteration, watch);
    computeGae({.steps = m_options.rolloutSteps, .lanes = m_lanes, .reward = m_rollout.reward, .value = m_rollout.value,
                .nextValue = m_rollout.nextValue, .terminated = m_rollout.terminated, .truncated = m_rollout.truncated,
                .gamma = m_options.gamma, .lambda = m_options.lambda},
               m_rollout.advantage, m_rollout.returns);
    iteration.learningRate = learningRate();
    update(iteration, watch);
    ++m_iterations;
    watch.charge(watch.rest);
    iteration.times = watch.times;
    iteration.times.total = watch.rest + watch.times.environment + watch.times.forward + watch.times.backward + watch.times.optimizer;
    return iteration;
}

double MlpPpo::learningRate() const
{
    if (m_options.schedule == Schedule::Constant)
        return m_options.learningRate;
    // By the steps before this rollout: the first update has the whole rate, and the last before totalSteps still some.
    const auto before = static_cast<double>(m_steps) - static_cast<double>(m_rollout.reward.size());
    return m_options.learningRate * std::max(0.0, 1.0 - before / static_cast<double>(m_options.totalSteps));
}

void MlpPpo::collect(MlpPpoIteration& iteration, Stopwatch& watch)
{
    const auto lanes = static_cast<std::int64_t>(m_lanes);
    m_policy.forward(lanes, m_env.observation().data(), m_logits.data(), m_value.data());
    watch.charge(watch.times.forward);
    for (std::size_t t = 0; t < m_options.rolloutSteps; ++t) {
        act(t);
        watch.charge(watch.rest);
        m_env.step(m_actions, m_result);
        watch.charge(watch.times.environment);
        m_steps += lanes;
        for (const double value : m_env.endedEpisodeReturns())
            iteration.episodes.push_back({m_steps, value});
        store(t, watch);
    }
}

/// Draws the actions of a step and keeps what was seen and drawn.
void MlpPpo::act(std::size_t step)
{
    const std::size_t first = step * m_lanes;
    const std::size_t actions = m_env.actionCount();
    std::ranges::copy(m_env.observation(), m_rollout.observation.begin() + static_cast<std::ptrdiff_t>(first * m_size));
    std::ranges::copy(m_value, m_rollout.value.begin() + static_cast<std::ptrdiff_t>(first));
    const auto globalStep = static_cast<std::uint64_t>(m_steps) / m_lanes;
    for (std::size_t lane = 0; lane < m_lanes; ++lane) {
        Rng rng(m_seed, "action", lane, globalStep);
        const SampledAction draw = sampleAction({m_logits.data() + lane * actions, actions}, rng.uniform());
        m_actions[lane] = draw.action;
        m_rollout.action[first + lane] = draw.action;
        m_rollout.logProbability[first + lane] = draw.logProbability;
    }
}

/// Keeps what a step gave, and the value of where it led to: that of the next observation, or of the last one of a lane that was cut.
void MlpPpo::store(std::size_t step, Stopwatch& watch)
{
    const auto first = static_cast<std::ptrdiff_t>(step * m_lanes);
    std::ranges::copy(m_result.reward, m_rollout.reward.begin() + first);
    std::ranges::copy(m_result.terminated, m_rollout.terminated.begin() + first);
    std::ranges::copy(m_result.truncated, m_rollout.truncated.begin() + first);
    watch.charge(watch.rest);
    float* const nextValue = m_rollout.nextValue.data() + first;
    for (std::size_t lane = 0; lane < m_lanes; ++lane)
        if (m_result.truncated[lane])
            m_policy.forward(1, m_result.finalObservation.data() + lane * m_size, m_blockLogits.data(), nextValue + lane);
    m_policy.forward(static_cast<std::int64_t>(m_lanes), m_env.observation().data(), m_logits.data(), m_value.data());
    watch.charge(watch.times.forward);
    for (std::size_t lane = 0; lane < m_lanes; ++lane)
        if (!m_result.truncated[lane])
            nextValue[lane] = m_value[lane];
}

void MlpPpo::update(MlpPpoIteration& iteration, Stopwatch& watch)
{
    const auto count = static_cast<std::int64_t>(m_rollout.reward.size());
    bool goOn = true;
    for (std::size_t epoch = 0; epoch < m_options.epochs && goOn; ++epoch) {
        const auto order = minibatchOrder(count, m_seed, m_iterations, static_cast<std::int64_t>(epoch));
        for (std::size_t first = 0; first < order.size() && goOn; first += m_options.minibatch)
            goOn = learnFrom(std::span(order).subspan(first, std::min(m_options.minibatch, order.size() - first)), iteration, watch);
    }
    const double share = 1.0 / std::max(1.0, static_cast<double>(iteration.minibatches));
    iteration.loss *= share;
    iteration.gradNorm *= share;
}

/// One step of the optimiser. Returns false, with nothing applied, when the update must end here.
bool MlpPpo::learnFrom(std::span<const std::int64_t> samples, MlpPpoIteration& iteration, Stopwatch& watch)
{
    const LossSums loss = backward(samples, watch);
    if (m_options.targetKl > 0.0 && loss.approxKl > m_options.targetKl) {
        iteration.stoppedByKl = true;
        return false;
    }
    const double norm = gradientNorm(m_policy.gradients());
    if (!std::isfinite(norm) || !std::isfinite(loss.total))
        throw Error(ErrorKind::Numeric, "PPO: loss {} and gradient norm {} after {} steps, iteration {}; nothing of that minibatch was applied. "
                                        "Look at the task's rewards and observations, or lower the learning rate",
                    loss.total, norm, m_steps, m_iterations);
    adamStep(m_policy.parameters(), m_policy.gradients(), m_first, m_second, m_options.adam,
             AdamFactors(m_options.adam, ++m_adamSteps, iteration.learningRate, norm, m_options.maxGradNorm));
    m_policy.parametersChanged();
    iteration.loss += loss;
    iteration.gradNorm += norm;
    ++iteration.minibatches;
    watch.charge(watch.times.optimizer);
    return true;
}

/// Leaves the gradient of the loss over some samples in the policy.
LossSums MlpPpo::backward(std::span<const std::int64_t> samples, Stopwatch& watch)
{
    const std::size_t actions = m_env.actionCount();
    const std::span<float> advantage(m_batchAdvantage.data(), samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i)
        advantage[i] = m_rollout.advantage[static_cast<std::size_t>(samples[i])];
    if (m_options.normalizeAdvantages)
        normalizeAdvantages(advantage);
    std::ranges::fill(m_policy.gradients(), 0.0F);
    SampleLoss loss(static_cast<std::int64_t>(actions), static_cast<double>(samples.size()), m_options.loss);
    const auto block = static_cast<std::size_t>(HeadPass::kBlock);
    for (std::size_t first = 0; first < samples.size(); first += block) {
        const std::size_t count = std::min(block, samples.size() - first);
        for (std::size_t i = 0; i < count; ++i)
            std::copy_n(m_rollout.observation.data() + static_cast<std::size_t>(samples[first + i]) * m_size, m_size,
                        m_block.data() + i * m_size);
        watch.charge(watch.rest);
        m_policy.forward(static_cast<std::int64_t>(count), m_block.data(), m_blockLogits.data(), m_blockValue.data());
        watch.charge(watch.times.forward);
        for (std::size_t i = 0; i < count; ++i) {
            const auto k = static_cast<std::size_t>(samples[first + i]);
            loss.add({.action = m_rollout.action[k], .logProbability = m_rollout.logProbability[k], .advantage = advantage[first + i],
                      .returns = m_rollout.returns[k], .oldValue = m_rollout.value[k]},
                     m_blockLogits.data() + i * actions, m_blockValue[i], m_blockLogitsGradient.data() + i * actions, &m_blockValueGradient[i]);
        }
        watch.charge(watch.rest);
        m_policy.backward(m_blockLogitsGradient.data(), m_blockValueGradient.data());
        watch.charge(watch.times.backward);
    }
    return loss.sums();
}

Solved trainUntil(MlpPpo& ppo, double target, std::int64_t maxSteps, std::size_t episodes)
{
    std::deque<double> latest;
    const auto mean = [&latest] {
        double sum = 0.0;
        for (const double value : latest)
            sum += value;
        return latest.empty() ? 0.0 : sum / static_cast<double>(latest.size());
    };
    while (ppo.steps() < maxSteps) {
        for (const EndedEpisode& episode : ppo.iterate().episodes) {
            latest.push_back(episode.value);
            if (latest.size() > episodes)
                latest.pop_front();
            if (latest.size() == episodes && mean() >= target)
                return {episode.steps, mean()};
        }
    }
    return {std::nullopt, mean()};
}

} // namespace btcai
