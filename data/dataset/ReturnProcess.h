#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/dataset/SyntheticMarket.h"

namespace btcai {

struct ModelReturn {
    double logReturn = 0.0;
    double volatility = 0.0; ///< deviation of this bar's diffusion
};

/// The log returns of a ReturnModel, bar after bar.
class ReturnProcess {
public:
    /// Throws Error(BadInput) naming the option that is out of range. The options must outlive it.
    explicit ReturnProcess(const SyntheticMarketOptions& options);

    /// The next bar's, from a standard normal draw; what else the model draws has streams of its own.
    ModelReturn next(double normal);

    std::vector<std::uint32_t> takeJumps() { return std::move(m_jumps); }
    std::vector<std::uint32_t> takeRegimes() { return std::move(m_regimes); }

private:
    ModelReturn nextGarch(double normal);
    ModelReturn nextJump(double normal);
    ModelReturn nextRegime(double normal);

    const SyntheticMarketOptions& m_options;
    std::uint64_t m_bar = 0;
    double m_variance = 0.0; ///< of the next bar (Garch)
    std::uint32_t m_regime = 0;
    std::vector<std::uint32_t> m_jumps, m_regimes;
};

} // namespace btcai
