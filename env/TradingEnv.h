#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "env/AccountGuard.h"
#include "env/Market.h"
#include "env/OrderDesk.h"
#include "env/Periods.h"
#include "env/StepColumns.h"
#include "env/StepThreads.h"
#include "env/TargetDesk.h"
#include "env/TradingEnvOptions.h"
#include "env/VectorEnvironment.h"

namespace btcai {

/// Accounts that trade one market by the fill contract in env/execution/README.md.
///
/// All accounts of a stretch stand at the same row; an episode is cut for the whole stretch at once, and a ruined account starts
/// anew within its stretch. State is structure of arrays; a step allocates nothing unless trades are recorded.
///
/// The private observation of a lane, floats:
///   0-2  one-hot: the action that changes nothing. Target mode: the present target (flat, long, short); orders: hold
///   3    position value over equity
///   4    log of mark over average entry price times side, x20, clipped to +-5
///   5    log(1 + bars since the target, or the number of open positions, changed) / 8
///   6    drawdown of the episode x10
///   7    log return of the episode (flows left out) x5, clipped to +-5
///   8    whether the current bar is missing
///   9    target mode: share of the wanted position that is not filled yet; orders: 1 while an order is at the exchange
/// in the action mode "orders", after these:
///   +0   open positions over the maximum
///   +1   gain of the open position that fares worst, a share of its entry price, x20, clipped to +-5
///   +2   side of the order at the exchange: 1 buys, -1 sells, 0 none
///   +3   1 where buying can have an effect: a position can be opened or closed by it; else 0
///   +4   the same of selling
/// where the goal is shown, after these:
///   +0   progress to the goal's lower end: 1 when it is reached, clipped to +-2
///   +1   share of the month or year that has passed; 0 for a goal per holding
class TradingEnv final : public VectorEnvironment {
public:
    /// Of the default options.
    static constexpr std::size_t kObservationSize = 10;
    /// In the action mode "orders", of the first of two numbers that say whether buying and selling are possible.
    static constexpr std::size_t kPossibleAt = kObservationSize + 3;
    static std::size_t observationSizeOf(const TradingEnvOptions& options);
    static std::size_t actionCountOf(const TradingEnvOptions& options)
    {
        return options.actionMode == ActionMode::Orders || options.allowShort ? 3 : 2;
    }

    /// Throws Error(BadInput) when no episode fits into any of the ranges, or options contradict each other.
    TradingEnv(std::shared_ptr<const Market> market, const TradingEnvOptions& options);

    std::size_t lanes() const override { return options().stretches * options().accounts; }
    std::size_t observationSize() const override { return m_observationSize; }
    std::span<const ObservationBounds> observationBounds() const override { return m_bounds; }
    std::size_t actionCount() const override { return actionCountOf(options()); }
    void reset(std::uint64_t seed) override;
    std::span<const float> observation() const override { return m_observation; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) override;
    /// As step, where an entry (a target of another direction, an order that opens) has `sizes[lane]`, within [0, 1], of the size of the options; 0
    /// is no entry, and the account goes on as before.
    void step(std::span<const std::uint8_t> actions, std::span<const double> sizes, StepResult& result);
    /// As step, in target mode, aiming at exposures (position value over equity, one per lane) instead of at flat, long and short. What was
    /// aimed at before is left alone. Each must be finite and within +-leverage, and not below 0 unless short selling is allowed.
    void stepExposures(std::span<const double> exposures, StepResult& result);
    /// Log returns, time-weighted.
    std::span<const double> endedEpisodeReturns() const override { return m_endedReturns; }
    /// Equity with which the lane's latest episode ended; any number before the first end.
    double endedEquity(std::size_t lane) const { return m_endedEquity[lane]; }
    std::vector<std::uint8_t> snapshot() const override;
    void restore(std::span<const std::uint8_t> bytes) override;
    /// The snapshot of an environment whose stretches are those of `shares`, snapshots of environments with the options of this one but for
    /// their firstStretch. Throws Error(Corrupt) when they are not.
    std::vector<std::uint8_t> joinedSnapshot(std::span<const std::vector<std::uint8_t>> shares) const;
    /// restore() of this environment's part of such a snapshot, part `index` of `count`.
    void restoreShare(std::span<const std::uint8_t> whole, std::size_t index, std::size_t count);

    const TradingEnvOptions& options() const { return m_venue.options(); }
    const Market& market() const { return m_venue.market(); }
    /// The row whose close the next decision of this stretch is taken at.
    std::size_t row(std::size_t stretch) const { return m_row[stretch]; }
    /// Whether fills are better than anybody gets; must be said wherever results appear.
    bool hasOptimisticFills() const { return options().execution.timing != FillTiming::NextOpen; }

    /// Orders that the risk guard refused since construction, over all lanes. Not part of a snapshot.
    AccountGuard::Refusals refusals() const { return m_guard ? m_guard->refusals() : AccountGuard::Refusals{}; }

    // Account state, per lane.
    const Accounts& accounts() const { return m_accounts; }
    double cash(std::size_t lane) const { return m_accounts.cash[lane]; }
    double quantity(std::size_t lane) const { return m_accounts.quantity[lane]; }
    double equity(std::size_t lane) const { return m_accounts.equity[lane]; }
    /// What one unit at the start of the episode has become, time-weighted: deposits and withdrawals don't count.
    double growth(std::size_t lane) const { return m_accounts.equity[lane] / m_accounts.base[lane]; }
    TargetPosition target(std::size_t lane) const { return m_targets.target(lane); }
    double feesPaid(std::size_t lane) const { return m_accounts.fees[lane]; }
    double tradedValue(std::size_t lane) const { return m_accounts.traded[lane]; }
    /// What fills cost beyond the price they were triggered at (spread and impact), in quote currency, plus fees.
    double costsPaid(std::size_t lane) const { return m_accounts.costs[lane]; }
    double fundingPaid(std::size_t lane) const { return m_accounts.funding[lane]; }
    std::size_t openPositions(std::size_t lane) const { return m_accounts.lots(lane); }
    /// The i-th oldest.
    OpenPosition openPosition(std::size_t lane, std::size_t i) const;
    /// Bytes of state that one more account takes, observation included.
    std::size_t bytesPerAccount() const;

    /// Trades closed from now on by lanes below `lanes` are kept until taken. Not part of a snapshot.
    void recordTrades(std::size_t lanes) { m_recordLanes = lanes; }
    /// By stretch, then by time.
    std::vector<ClosedTrade> takeTrades();

private:
    /// The rows an episode may start at: `count` of them from `first` on, a grid step apart.
    struct Starts {
        std::size_t first = 0;
        std::size_t count = 0;
    };
    /// What all accounts of a stretch have in common in a step.
    struct StepFrame {
        std::size_t stretch = 0, row = 0;
        std::size_t first = 0, last = 0; ///< lanes
        bool cut = false, dayEnds = false, periodEnds = false;
        double flow = 0.0;
    };

    ByteWriter written() const;
    void setUpGoal();
    void findStarts();
    std::size_t startRow(std::size_t choice) const;
    void startStretch(std::size_t stretch);
    void openAccount(std::size_t lane, std::size_t row);
    template <typename SizeOf> void stepActions(std::span<const std::uint8_t> actions, const SizeOf& sizeOf, StepResult& result);
    template <typename Decide> void stepAll(const Decide& decide, StepResult& result);
    template <typename Decide> void stepStretch(std::size_t stretch, const Decide& decide, StepResult& result);
    template <typename Decide> void tradeAll(const StepFrame& frame, const Decide& decide);
    bool settle(const StepFrame& frame, StepResult& result);
    void endDay(const StepFrame& frame);
    void observe(std::size_t first, std::size_t last, std::size_t row);
    void endEpisodes(const StepFrame& frame, StepResult& result);
    void cancelOrders(std::size_t lane);
    void applyFlow(std::size_t lane, std::size_t row, double amount);

    Venue m_venue;
    std::size_t m_observationSize;
    std::vector<ObservationBounds> m_bounds;
    FlowSchedule m_flows;
    Periods m_periods;
    std::vector<Starts> m_starts;
    std::size_t m_startCount = 0; ///< over all ranges
    std::vector<std::uint32_t> m_missingBefore;
    GoalProgress m_progress;
    double m_leastGain = 0.0;        ///< of a position that earns the bonus
    double m_positionShare = 0.0;    ///< one position over the maximum
    bool m_tracksPeriod = false;     ///< the goal's progress matters and has a calendar
    bool m_paysBonus = false;
    std::optional<AccountGuard> m_guard; ///< none without limits and kill switch
    std::shared_ptr<StepThreads> m_threads; ///< none for one thread

    std::uint64_t m_seed = 0;
    // per stretch
    std::vector<std::size_t> m_row, m_endRow, m_episode;
    std::vector<float> m_elapsed; ///< of the goal's period, at the present row
    std::vector<std::vector<ClosedTrade>> m_trades;
    // per lane
    Accounts m_accounts;
    TargetDesk m_targets;
    OrderDesk m_orders;
    std::vector<std::uint64_t> m_changeRow;
    std::vector<double> m_logGrowth;   ///< of the episode: a sum of returns
    std::vector<double> m_periodStart; ///< log growth when the goal's period began
    std::vector<double> m_potential;
    std::vector<double> m_bonus; ///< reward for positions closed in the latest step
    std::vector<double> m_episodeReturn; ///< log return of lanes that ended in the latest step
    std::vector<double> m_endedEquity;
    std::vector<float> m_observation;
    /// Parts of the observation, before they are put in its order.
    struct {
        std::vector<float> exposure, gain, worstGain, drawdown, growth, progress;
    } m_seen;

    std::vector<double> m_endedReturns;
    std::size_t m_recordLanes = 0;
};

} // namespace btcai
