#include "data/dataset/ReturnProcess.h"

#include <cmath>

#include "base/Error.h"
#include "base/Rng.h"

namespace btcai {

namespace {

constexpr double kMostJumpsPerBar = 100.0;

void require(bool isGood, const char* name, double value, const char* range)
{
    if (!isGood || !std::isfinite(value))
        throw Error(ErrorKind::BadInput, "synthetic market: {} is {}; it must be {}", name, value, range);
}

void checkGarch(const GarchOptions& garch)
{
    require(garch.alpha >= 0.0, "alpha", garch.alpha, "finite and not negative");
    require(garch.beta >= 0.0, "beta", garch.beta, "finite and not negative");
    require(garch.alpha + garch.beta < 1.0, "alpha plus beta", garch.alpha + garch.beta, "less than 1, or there is no long-run volatility");
}

void checkJump(const JumpOptions& jump)
{
    require(jump.ratePerBar >= 0.0 && jump.ratePerBar <= kMostJumpsPerBar, "the jump rate", jump.ratePerBar, "between 0 and 100 a bar");
    require(true, "the mean jump", jump.mean, "finite");
    require(jump.deviation >= 0.0, "the deviation of jumps", jump.deviation, "finite and not negative");
}

void checkRegimes(const std::vector<Regime>& regimes)
{
    if (regimes.empty())
        throw Error(ErrorKind::BadInput, "synthetic market: there must be at least one regime");
    for (std::size_t i = 0; i < regimes.size(); ++i) {
        const Regime& regime = regimes[i];
        require(true, "the growth of a regime", regime.growthPerBar, "finite");
        require(regime.volatility >= 0.0, "the volatility of a regime", regime.volatility, "finite and not negative");
        if (regime.next.size() != regimes.size())
            throw Error(ErrorKind::BadInput, "synthetic market: regime {} has {} chances for {} regimes", i + 1, regime.next.size(), regimes.size());
        double sum = 0.0;
        for (const double chance : regime.next) {
            require(chance >= 0.0, "the chance of a regime", chance, "finite and not negative");
            sum += chance;
        }
        require(std::abs(sum - 1.0) < 1e-9, "the sum of a regime's chances", sum, "1");
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
    require(options.volatility >= 0.0, "volatility", options.volatility, "finite and not negative");
    require(true, "growth", options.growthPerBar, "finite");
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
