#include "agent/ppo/SampleLoss.h"

#include <algorithm>
#include <cmath>

namespace btcai {

SampleLoss::SampleLoss(std::int64_t actions, double minibatch, const PpoLossOptions& options)
    : m_options(options), m_clip(static_cast<float>(options.clipRange)), m_share(1.0 / minibatch), m_log(static_cast<std::size_t>(actions)),
      m_probability(m_log.size())
{
}

void SampleLoss::add(const LossSample& sample, const float* logits, float value, float* logitsGradient, float* valueGradient)
{
    float entropy = 0.0F;
    takeLogarithms(logits, entropy);
    const float logRatio = m_log[static_cast<std::size_t>(sample.action)] - sample.logProbability;
    const float ratio = std::exp(logRatio);
    const float free = ratio * sample.advantage;
    const float clipped = std::clamp(ratio, 1.0F - m_clip, 1.0F + m_clip) * sample.advantage;
    m_sums.policy -= std::min(free, clipped);
    m_sums.entropy += entropy;
    m_scaledEntropy += sample.entropyScale * entropy;
    m_sums.approxKl += ratio - 1.0F - logRatio;
    m_sums.clipFraction += std::abs(ratio - 1.0F) > m_clip ? 1.0 : 0.0;

    const auto share = static_cast<float>(m_share);
    // Where the clipped term is the smaller one, the ratio no longer moves it. A NaN goes on, to be caught in the gradient.
    const float byLogProbability = clipped < free ? 0.0F : -share * free;
    const float byEntropy = share * static_cast<float>(m_options.entropyCoefficient) * sample.entropyScale;
    for (std::size_t a = 0; a < m_log.size(); ++a)
        logitsGradient[a] = -byLogProbability * m_probability[a] + byEntropy * m_probability[a] * (m_log[a] + entropy);
    logitsGradient[sample.action] += byLogProbability;
    *valueGradient = 2.0F * share * static_cast<float>(m_options.valueCoefficient) * addValueError(sample, value);
}

float SampleLoss::addValueError(const LossSample& sample, float value)
{
    const float error = value - sample.returns;
    float square = error * error;
    float slope = error;
    if (m_options.valueClipRange > 0.0) {
        const auto range = static_cast<float>(m_options.valueClipRange);
        const float moved = value - sample.oldValue;
        const float held = sample.oldValue + std::clamp(moved, -range, range) - sample.returns;
        if (std::abs(moved) > range && held * held > square) { // the larger of the two counts, and the value no longer moves it
            square = held * held;
            slope = 0.0F;
        }
    }
    m_sums.value += square;
    return slope;
}

LossSums SampleLoss::sums() const
{
    LossSums means = m_sums;
    means *= m_share;
    means.total = means.policy + m_options.valueCoefficient * means.value - m_options.entropyCoefficient * m_share * m_scaledEntropy;
    return means;
}

void SampleLoss::takeLogarithms(const float* logits, float& entropy)
{
    const std::size_t actions = m_log.size();
    const float highest = *std::max_element(logits, logits + actions);
    float sum = 0.0F;
    for (std::size_t a = 0; a < actions; ++a)
        sum += std::exp(logits[a] - highest);
    const float norm = highest + std::log(sum);
    for (std::size_t a = 0; a < actions; ++a) {
        m_log[a] = logits[a] - norm;
        m_probability[a] = std::exp(m_log[a]);
        entropy -= m_probability[a] * m_log[a];
    }
}

} // namespace btcai
