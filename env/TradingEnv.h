#pragma once

#include <memory>
#include <utility>

#include "data/dataset/Split.h"
#include "env/Market.h"
#include "env/VectorEnvironment.h"
#include "env/execution/CostModel.h"
#include "env/reward/RewardOptions.h"

namespace btcai {

/// What an account aims at. hold, buy and sell follow from it: the same target as before is hold, a higher one buy, a
/// lower one sell. (A head over targets does not stall at "hold" as one over orders does early in training.)
enum class TargetPosition : std::uint8_t { Flat = 0, Long = 1, Short = 2 };
enum class TradeAction : std::uint8_t { Hold, Buy, Sell };

TradeAction tradeAction(TargetPosition before, TargetPosition after);

/// How stretches of market are dealt to accounts.
struct TradingEnvOptions {
    std::vector<RowRange> rows;   ///< decisions are taken only in these; an episode lies within one of them
    std::size_t stretches = 8;    ///< G
    std::size_t accounts = 16;    ///< M per stretch; lanes = G * M, lane = stretch * M + account
    std::size_t episodeBars = 2048; ///< steps until an episode is cut
    std::size_t startGrid = 1;    ///< stretches start at a row divisible by this (the encoder's patch)
    bool randomStarts = true;     ///< else every episode starts at the first row that it can
    double maxMissingShare = 0.2; ///< of an episode's bars; starts with more are drawn again
    double initialCash = 10'000.0;
    double exposure = 1.0;
    bool allowShort = false;
    double ruinShare = 0.2;
    CostModel costs;
    RewardOptions reward;
};

/// A position from its opening to its closing.
struct ClosedTrade {
    std::size_t lane = 0;
    std::size_t entryRow = 0, exitRow = 0; ///< rows of the bars that filled first and last
    TargetPosition side = TargetPosition::Long;
    double entryPrice = 0.0, exitPrice = 0.0; ///< averages over the fills
    double quantity = 0.0;                    ///< the largest held
    double fees = 0.0;
    double profit = 0.0; ///< net of fees
};

/// Accounts that trade one market by the fill contract in env/execution/README.md.
///
/// All accounts of a stretch stand at the same row; an episode is cut for the whole stretch at once, and a ruined account starts
/// anew within its stretch. State is structure of arrays; a step allocates nothing unless trades are recorded.
///
/// The private observation of a lane (kObservationSize floats): one-hot target (flat, long, short); position value over
/// equity; log of mark over entry price times side, x20, clipped to +-5; log(1 + bars since the target changed) / 8;
/// drawdown of the episode x10; log return of the episode x5, clipped; whether the current bar is missing;
/// the share of the wanted position that is not filled yet.
class TradingEnv final : public VectorEnvironment {
public:
    static constexpr std::size_t kObservationSize = 10;

    /// Throws Error(BadInput) when no episode fits into any of the ranges.
    TradingEnv(std::shared_ptr<const Market> market, TradingEnvOptions options);

    std::size_t lanes() const override { return m_options.stretches * m_options.accounts; }
    std::size_t observationSize() const override { return kObservationSize; }
    std::size_t actionCount() const override { return m_options.allowShort ? 3 : 2; }
    void reset(std::uint64_t seed) override;
    std::span<const float> observation() const override { return m_observation; }
    void step(std::span<const std::uint8_t> actions, StepResult& result) override;
    /// Log returns.
    std::span<const double> endedEpisodeReturns() const override { return m_endedReturns; }
    std::vector<std::uint8_t> snapshot() const override;
    void restore(std::span<const std::uint8_t> bytes) override;

    const TradingEnvOptions& options() const { return m_options; }
    const Market& market() const { return *m_market; }
    /// The row whose close the next decision of this stretch is taken at.
    std::size_t row(std::size_t stretch) const { return m_row[stretch]; }

    // Account state, per lane.
    double cash(std::size_t lane) const { return m_cash[lane]; }
    double quantity(std::size_t lane) const { return m_quantity[lane]; }
    double equity(std::size_t lane) const { return m_equity[lane]; }
    TargetPosition target(std::size_t lane) const { return m_target[lane]; }
    double feesPaid(std::size_t lane) const { return m_fees[lane]; }
    double tradedValue(std::size_t lane) const { return m_traded[lane]; }
    /// What fills cost beyond the open price (spread and impact), in quote currency, plus fees.
    double costsPaid(std::size_t lane) const { return m_costs[lane]; }

    /// Trades closed from now on by lanes below `lanes` are kept until taken. Not part of a snapshot.
    void recordTrades(std::size_t lanes) { m_recordLanes = lanes; }
    std::vector<ClosedTrade> takeTrades() { return std::exchange(m_trades, {}); }

private:
    void findStarts();
    std::size_t startRow(std::size_t choice) const;
    void startStretch(std::size_t stretch);
    void openAccount(std::size_t lane);
    void trade(std::size_t lane, TargetPosition wanted, std::size_t row);
    void book(std::size_t lane, double quantity, double price, double fee, std::size_t row);
    float settle(std::size_t lane, std::size_t row);
    void observe(std::size_t lane, std::size_t row);
    void storeFinal(std::size_t lane, StepResult& result);

    std::shared_ptr<const Market> m_market;
    TradingEnvOptions m_options;
    /// The rows an episode may start at: `count` of them from `first` on, a grid step apart.
    struct Starts {
        std::size_t first = 0;
        std::size_t count = 0;
    };
    std::vector<Starts> m_starts;
    std::size_t m_startCount = 0; ///< over all ranges
    std::vector<std::uint32_t> m_missingBefore;

    std::uint64_t m_seed = 0;
    // per stretch
    std::vector<std::size_t> m_row, m_endRow, m_episode;
    // per lane
    std::vector<double> m_cash, m_quantity, m_equity, m_peak, m_goal, m_fees, m_traded, m_costs;
    std::vector<double> m_entryPrice, m_tradeFees, m_tradeCashFlow, m_tradePeak, m_tradeOpened, m_tradeOpenedValue;
    std::vector<std::uint64_t> m_entryRow, m_changeRow;
    std::vector<TargetPosition> m_target;
    std::vector<float> m_observation;

    std::vector<double> m_endedReturns;
    std::size_t m_recordLanes = 0;
    std::vector<ClosedTrade> m_trades;
};

} // namespace btcai
