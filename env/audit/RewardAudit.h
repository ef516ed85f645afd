#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/Json.h"
#include "data/bars/BarSeries.h"
#include "env/TradingEnv.h"

namespace btcai {

/// A market and an account to audit on it: one lane from the first row on.
struct AuditCase {
    BarSeries series;
    std::shared_ptr<const Market> market; ///< of the series
    TradingEnvOptions options;
};

/// What one account says of itself after a step (or at the start, without reward and flow).
struct AuditState {
    double reward = 0.0; ///< of the step
    double equity = 0.0; ///< quote currency, as are cash, fees and flow
    double cash = 0.0;
    double quantity = 0.0;                                  ///< base coin, signed
    double fees = 0.0;                                      ///< paid so far
    double funding = 0.0;                                   ///< paid so far (received: below 0)
    double flow = 0.0;                                      ///< deposits less withdrawals of the step
    double stop = std::numeric_limits<double>::quiet_NaN(); ///< the price at which a stop closes the position (of several the first that would
                                                            ///< be reached), in force during the step's bar; NaN: none. Not one that was
                                                            ///< triggered and waits for volume
    bool ended = false;                                     ///< ruined, or the market is over
};

/// An environment under audit, whatever is behind it.
class AuditedEnvironment {
public:
    virtual ~AuditedEnvironment() = default;
    virtual std::size_t actionCount() const = 0;
    virtual AuditState start() const = 0;
    /// Takes the action after the close of the row before; not called after the end.
    virtual AuditState step(std::uint8_t action) = 0;
};

using AuditFactory = std::function<std::unique_ptr<AuditedEnvironment>(const AuditCase&)>;

/// TradingEnv as it is.
AuditFactory auditedTradingEnv();

struct AuditOptions {
    /// Account, costs and reward to audit. Rows, stretches, accounts and episodes are the audit's own, only a debt ruins, and the risk guard is
    /// left out: it decides which actions are taken, and by what an account has lost, so that a higher cost may well save a loss.
    TradingEnvOptions environment;
    std::size_t cases = 200;       ///< markets a check
    std::size_t rows = 64;         ///< of each
    std::size_t searchSteps = 300; ///< tries of each search for reward without equity, of which there are a tenth as many as cases
    std::uint64_t seed = 1;
};

/// A relation that was checked.
struct AuditCheck {
    std::string_view name;
    std::string_view relation;         ///< what must hold
    std::string_view conditions;       ///< under which it is a theorem; the audit checks it under these
    std::size_t comparisons = 0;       ///< made
    std::vector<std::string> findings; ///< violations with what it takes to see them again; the first few
    std::size_t violations = 0;
};

struct AuditReport {
    std::vector<AuditCheck> checks;

    bool passed() const;
    std::string toText() const;
    Json toJson() const;
};

/// Metamorphic checks of an environment's books and reward: relations between runs that hold whatever the right result of each is.
///
/// flat-earns-nothing, books-balance, fills-cost, reward-is-equity, stops-hold, constant-price, dearer-costs, noisy-costs, units, and
/// reward-without-equity, which searches for sequences (at random, then by hill-climbing) that raise the reward while equity does not rise.
/// The markets are made up: jumps, gaps, missing bars, bars without volume. Deterministic in the options.
///
/// Throws Error(BadInput) for fewer than 8 rows or no cases.
AuditReport auditReward(const AuditFactory& factory, const AuditOptions& options);

} // namespace btcai
