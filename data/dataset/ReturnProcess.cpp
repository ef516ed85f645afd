#include "data/dataset/ReturnProcess.h"

#include <cmath>

#include "base/Error.h"
#include "base/Rng.h"
#include "data/dataset/OptionRange.h"

namespace btcai {

namespace {

constexpr double kMostJumpsPerBar = 100.0;

constexpr const char* kWhat = "synthetic market";

void checkGarch(const GarchOptions& garch)
{
    requireNonNegative(kWhat, "alpha", garch.alpha);
    requireNonNegative(kWhat, "beta", garch.beta);
    if (garch.alpha + garch.beta >= 1.0)
        throw Error(ErrorKind::BadInput, "{}: alpha plus beta is {}; it must be less than 1, or there is no long-run volatility", kWhat,
                    garch.alpha + garch.beta);
}

void checkJump(const JumpOptions& jump)
{
    requireNonNegative(kWhat, "the jump rate", jump.ratePerBar);
    if (jump.ratePerBar > kMostJumpsPerBar)
        throw Error(ErrorKind::BadInput, "{}: the jump rate is {} a bar; it must be at most {}", kWhat, jump.ratePerBar, kMostJumpsPerBar);
    requireFinite(kWhat, "the mean jump", jump.mean);
    requireNonNegative(kWhat, "the deviation of jumps", jump.deviation);
}

void checkRegimes(const std::vector<Regime>& regimes)
{
    if (regimes.empty())
        throw Error(ErrorKind::BadInput, "{}: there must be at least one regime", kWhat);
    for (std::size_t i = 0; i < regimes.size(); ++i) {
        const Regime& regime = regimes[i];
        requireFinite(kWhat, "the growth of a regime", regime.growthPerBar);
        requireNonNegative(kWhat, "the volatility of a regime", regime.volatility);
        if (regime.next.size() != regimes.size())
            throw Error(ErrorKind::BadInput, "{}: regime {} has {} chances for {} regimes", kWhat, i + 1, regime.next.size(), regimes.size());
        double sum = 0.0;
        for (const double chance : regime.next) {
            requireNonNegative(kWhat, "the chance of a regime", chance);
            sum += chance;
        }
        if (std::abs(sum - 1.0) > 1e-9)
            throw Error(ErrorKind::BadInput, "{}: the sum of the chances of regime {} is {}; it must be 1", kWhat, i + 1, sum);
    }
}

/// Knuth's product of uniforms, in logarithms.
std::uint32_t poisson(Rng& rng, double rate)
{
    std::uint32_t count = 0;
    for (double sum = -std::log1p(-rng.uniform()); sum < rate; sum -= std::log1p(-rng.uniform()))
        ++count;
    return count;
}

std::uint32_t drawRegime(Rng rng, const std::vector<double>& chances)
{
    double left = rng.uniform();
    for (std::uint32_t i = 0; i + 1 < chances.size(); ++i) {
        left -= chances[i];
        if (left < 0.0)
            return i;
    }
    return static_cast<std::uint32_t>(chances.size() - 1);
}

} // namespace

ReturnProcess::ReturnProcess(const SyntheticMarketOptions& options) : m_options(options), m_variance(options.volatility * options.volatility)
{
    requireNonNegative(kWhat, "volatility", options.volatility);
    requireFinite(kWhat, "growthPerBar", options.growthPerBar);
    if (options.model == ReturnModel::Garch)
        checkGarch(options.garch);
    if (options.model == ReturnModel::JumpDiffusion)
        checkJump(options.jump);
    if (options.model == ReturnModel::RegimeSwitching)
        checkRegimes(options.regimes);
}

ModelReturn ReturnProcess::next(double normal)
{
    const double volatility = m_options.volatility;
    ModelReturn result{volatility * normal, volatility};
    switch (m_options.model) {
    case ReturnModel::Gaussian: break;
    case ReturnModel::Gbm: result.logReturn += m_options.growthPerBar - 0.5 * volatility * volatility; break;
    case ReturnModel::Garch: result = nextGarch(normal); break;
    case ReturnModel::JumpDiffusion: result = nextJump(normal); break;
    case ReturnModel::RegimeSwitching: result = nextRegime(normal); break;
    }
    ++m_bar;
    return result;
}

ModelReturn ReturnProcess::nextGarch(double normal)
{
    const auto& [alpha, beta] = m_options.garch;
    const double sigma = std::sqrt(m_variance);
    const double surprise = sigma * normal;
    const double omega = m_options.volatility * m_options.volatility * (1.0 - alpha - beta);
    m_variance = omega + alpha * surprise * surprise + beta * m_variance;
    return {m_options.growthPerBar + surprise, sigma};
}

ModelReturn ReturnProcess::nextJump(double normal)
{
    const auto& [rate, mean, deviation] = m_options.jump;
    const double volatility = m_options.volatility;
    Rng rng(m_options.seed, "synthetic.jump", m_bar);
    const std::uint32_t count = poisson(rng, rate);
    m_jumps.push_back(count);
    const double expectedJump = std::expm1(mean + 0.5 * deviation * deviation);
    double logReturn = m_options.growthPerBar - 0.5 * volatility * volatility - rate * expectedJump + volatility * normal;
    for (std::uint32_t i = 0; i < count; ++i)
        logReturn += mean + deviation * rng.normal();
    return {logReturn, volatility};
}

ModelReturn ReturnProcess::nextRegime(double normal)
{
    if (m_bar > 0)
        m_regime = drawRegime(Rng(m_options.seed, "synthetic.regime", m_bar), m_options.regimes[m_regime].next);
    m_regimes.push_back(m_regime);
    const Regime& regime = m_options.regimes[m_regime];
    return {regime.growthPerBar + regime.volatility * normal, regime.volatility};
}

} // namespace btcai
