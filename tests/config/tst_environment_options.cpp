#include <QtTest>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "base/Clock.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

RunConfig with(const std::vector<FieldOverride>& fields) { return parseRunConfig("", "test", fields); }

} // namespace

// That what a configuration says is what accounts trade on.
class TestEnvironmentOptions : public QObject {
    Q_OBJECT

private slots:
    void everyFieldArrives()
    {
        const TradingEnvOptions o = environmentOptions(with({{"account.initial_cash", "5000"},
                                                             {"account.exposure", "0.5"},
                                                             {"account.allow_short", "true"},
                                                             {"account.ruin_share", "0.1"},
                                                             {"account.actions", "orders"},
                                                             {"account.max_positions", "7"},
                                                             {"account.stop_loss", "0.02"},
                                                             {"account.take_profit", "0.03"},
                                                             {"costs.taker_fee_bps", "11"},
                                                             {"costs.half_spread_bps", "2"},
                                                             {"costs.impact_bps", "33"},
                                                             {"costs.max_participation", "0.25"},
                                                             {"costs.maker_fee_bps", "4"},
                                                             {"costs.fee_currency", "received"},
                                                             {"costs.fee_tiers", "1000:9:3"},
                                                             {"costs.spread", "estimated"},
                                                             {"costs.spread_window", "77"},
                                                             {"execution.rest", "cancel"},
                                                             {"execution.latency_bars", "2"},
                                                             {"execution.entry", "limit"},
                                                             {"execution.entry_offset_bps", "25"},
                                                             {"execution.lifetime_bars", "9"},
                                                             {"margin.product", "perpetual"},
                                                             {"margin.leverage", "3"},
                                                             {"margin.maintenance", "0.01"},
                                                             {"margin.liquidation_fee_bps", "60"},
                                                             {"margin.funding_rate_bps", "-2"},
                                                             {"risk.max_exposure", "4"},
                                                             {"risk.max_daily_loss", "0.03"},
                                                             {"risk.max_total_loss", "0.3"},
                                                             {"risk.max_drawdown", "0.2"},
                                                             {"risk.cool_down_bars", "6"},
                                                             {"risk.max_correlation", "0.5"},
                                                             {"risk.max_historical_var", "0.04"},
                                                             {"risk.max_parametric_var", "0.05"},
                                                             {"risk.var_confidence", "0.95"},
                                                             {"risk.var_bars", "250"},
                                                             {"flows.every_days", "7"},
                                                             {"flows.amount", "-50"},
                                                             {"flows.script", "2018-03-01 100"},
                                                             {"goal.period", "year"},
                                                             {"goal.least", "0.4"},
                                                             {"goal.most", "0.9"},
                                                             {"goal.in_state", "true"},
                                                             {"reward.scale", "10"},
                                                             {"reward.drawdown_penalty", "0.1"},
                                                             {"reward.win_bonus", "0.2"},
                                                             {"reward.bonus_multiplier", "0.3"},
                                                             {"reward.goal_shaping", "0.4"},
                                                             {"reward.drawdown_shaping", "0.5"},
                                                             {"ppo.gamma", "0.97"}}));
        QVERIFY(o.initialCash == 5000.0 && o.exposure == 0.5 && o.allowShort && o.ruinShare == 0.1);
        QVERIFY(o.actionMode == ActionMode::Orders && o.maxPositions == 7 && o.stopLoss == 0.02 && o.takeProfit == 0.03);
        QVERIFY(o.costs == (CostModel{.takerFeeBps = 11, .halfSpreadBps = 2, .impactBps = 33, .maxParticipation = 0.25, .makerFeeBps = 4,
                                      .feeCurrency = FeeCurrency::Received, .tiers = {{1000, 9, 3}}, .spread = SpreadModel::Estimated, .spreadWindow = 77}));
        QVERIFY(o.execution.timing == FillTiming::NextOpen && o.execution.rest == RestPolicy::Cancel && o.execution.latencyBars == 2);
        QVERIFY(o.execution.entry == OrderType::Limit && std::abs(o.execution.entryOffset - 0.0025) < 1e-15 && o.execution.lifetimeBars == 9);
        QVERIFY(o.margin.perpetual && o.margin.leverage == 3.0 && o.margin.maintenance == 0.01 && o.margin.liquidationFeeBps == 60.0);
        QVERIFY(std::abs(o.margin.fundingRate + 0.0002) < 1e-15);
        QVERIFY(o.risk == (RiskLimits{.maxExposure = 4.0, .maxDailyLoss = 0.03, .maxTotalLoss = 0.3, .maxDrawdown = 0.2, .coolDownBars = 6,
                                      .maxCorrelation = 0.5, .maxHistoricalVar = 0.04, .maxParametricVar = 0.05, .varConfidence = 0.95}) && o.riskBars == 250);
        QVERIFY(o.flows == (FlowOptions{.everyDays = 7, .amount = -50, .script = {{parseUtc("2018-03-01"), 100}}}));
        QVERIFY(o.goal == (Goal{.period = GoalPeriod::Year, .least = 0.4, .most = 0.9, .inState = true}));
        QVERIFY(o.reward == (RewardOptions{.scale = 10, .drawdownPenalty = 0.1, .winBonus = 0.2, .bonusMultiplier = 0.3, .goalShaping = 0.4,
                                           .drawdownShaping = 0.5, .discount = 0.97}));
        QVERIFY(environmentOptions(with({{"execution.timing", "optimistic-decision-close"}})).execution.timing == FillTiming::OptimisticDecisionClose);
    }

    // A run that names none of it trades as it did before these fields came.
    void defaultsAreTheSimpleAccount()
    {
        for (const Bucket bucket : kBuckets) {
            const TradingEnvOptions o = environmentOptions(defaultConfig(bucket));
            const TradingEnvOptions plain;
            QVERIFY(o.costs == plain.costs && o.execution.timing == plain.execution.timing && o.execution.latencyBars == 0 && o.margin == plain.margin);
            QVERIFY(o.risk == RiskLimits{} && sizingOptions(defaultConfig(bucket)).method == SizingMethod::Fixed);
            QVERIFY(o.actionMode == ActionMode::Target && o.flows == plain.flows && !o.goal.inState && !o.reward.usesPotential());
            QCOMPARE(o.maxPositions, static_cast<std::size_t>(bucketSpec(bucket).maxPositions));
            QVERIFY(o.goal.period == bucketSpec(bucket).goalPeriod && o.goal.least == bucketSpec(bucket).goalLeast);
        }
    }

    // Sizes are shares of what the account may take: half of the equity at a leverage of 3.
    void sizesFollowTheConfiguration()
    {
        const SizingOptions s = sizingOptions(with({{"account.exposure", "0.5"}, {"margin.product", "perpetual"}, {"margin.leverage", "3"},
                                                    {"sizing.method", "full-distribution"}, {"sizing.max_uncertainty", "0.02"},
                                                    {"sizing.uncertainty_penalty", "0.7"}, {"sizing.kelly_fraction", "0.25"}}));
        QVERIFY(s == (SizingOptions{.method = SizingMethod::FullDistribution, .fullExposure = 1.5, .maxExposure = 1.5, .maxUncertainty = 0.02,
                                    .uncertaintyPenalty = 0.7, .kellyFraction = 0.25}));
        QVERIFY(sizingOptions(with({{"sizing.method", "confidence"}})).method == SizingMethod::Confidence);
        QVERIFY(std::isinf(sizingOptions(with({})).maxUncertainty));
    }

    void whatContradictsIsRefusedByName_data()
    {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("says");
        QTest::newRow("leverage of coins") << "margin.leverage" << "2" << "margin.leverage: above 1 needs margin.product";
        QTest::newRow("stop of a target") << "account.stop_loss" << "0.1" << "account.stop_loss";
        QTest::newRow("limit of a target") << "execution.entry" << "limit" << "execution.entry";
        QTest::newRow("tiers") << "costs.fee_tiers" << "1:2" << "costs.fee_tiers = 1:2: fee tier '1:2'";
        QTest::newRow("flows") << "flows.script" << "tomorrow 5" << "flows.script = tomorrow 5";
        QTest::newRow("goal ends") << "goal.most" << "0.1" << "goal.least: must not exceed goal.most";
        QTest::newRow("guard") << "risk.max_exposure" << "0.9" << "risk.max_exposure: no position could ever be opened";
        QTest::newRow("size without limit") << "sizing.method" << "uncertainty" << "sizing.method = uncertainty: needs a sizing.max_uncertainty";
        QTest::newRow("sizing horizon") << "sizing.horizon_bars" << "7" << "sizing.horizon_bars: must be one of model.horizons";
        QTest::newRow("unseen goal") << "reward.goal_shaping" << "1" << "reward.goal_shaping: needs goal.in_state";
    }
    void whatContradictsIsRefusedByName()
    {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, says);
        const auto failure = failureOf([&] { with({{key.toStdString(), value.toStdString()}}); });
        QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says(says.toStdString()), failure ? failure->message.c_str() : "accepted");
    }
};

QTEST_APPLESS_MAIN(TestEnvironmentOptions)
#include "tst_environment_options.moc"
