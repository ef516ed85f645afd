#include <QtTest>

#include <cmath>

#include "env/Periods.h"
#include "env/bucket/Bucket.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Rows = std::vector<std::optional<TestBar>>;

bool near(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(b)); }

TestBar to(double from, double price) { return {from, price}; }

/// Four-hour bars from 1970-01-30 16:00: the month ends with the close of row 7.
std::shared_ptr<const Market> acrossTheMonth(const std::vector<double>& closes)
{
    std::vector<Bar> bars;
    double open = closes.front();
    for (std::size_t i = 0; i < closes.size(); ++i) {
        bars.push_back({29 * 86400 + 57600 + static_cast<std::int64_t>(i) * 14400, open, std::max(open, closes[i]),
                        std::min(open, closes[i]), closes[i], 1e9});
        open = closes[i];
    }
    return std::make_shared<const Market>(BarSeries::fromBars("TEST", 14400, bars));
}

} // namespace

class TestGoalsRewards : public QObject {
    Q_OBJECT

private slots:
    // REQUIREMENTS: the four buckets.
    void bucketsHaveTheirGoals()
    {
        struct Expected {
            std::int64_t positions;
            GoalPeriod period;
            double least, most;
        };
        const std::vector<Expected> table{{25, GoalPeriod::Month, 0.15, 0.3},
                                          {15, GoalPeriod::Year, 1.0, 2.0},
                                          {8, GoalPeriod::Holding, 0.25, 0.5},
                                          {4, GoalPeriod::Holding, 0.5, 1.0}};
        for (std::size_t i = 0; i < kBuckets.size(); ++i) {
            const BucketSpec& spec = bucketSpec(kBuckets[i]);
            QCOMPARE(spec.maxPositions, table[i].positions);
            QVERIFY(spec.goalPeriod == table[i].period && spec.goalLeast == table[i].least && spec.goalMost == table[i].most);
        }
    }

    void periodsEndWithTheCalendar()
    {
        const auto market = acrossTheMonth(std::vector<double>(20, 100.0));
        const Periods months(*market, GoalPeriod::Month);
        for (std::size_t row = 0; row < 20; ++row) { // closes at 20:00, 24:00, ...: days end in rows 1, 7, 13, 19, the month in row 7
            QCOMPARE(months.endsDay(row), row % 6 == 1);
            QCOMPARE(months.endsPeriod(row), row == 7);
            QVERIFY(!Periods(*market, GoalPeriod::Year).endsPeriod(row));
            QVERIFY(!Periods(*market, GoalPeriod::Holding).endsPeriod(row));
        }
        QVERIFY(near(months.elapsed(1), 30.0 / 31.0)); // the close of row 1 is midnight after 30 of 31 days
        QVERIFY(near(months.elapsed(7), 0.0));
        QVERIFY(near(Periods(*market, GoalPeriod::Year).elapsed(7), 31.0 / 365.0));
    }

    // Long with everything from 100 on: 110 at the close of row 4 is log(1.1) / log(1.21) = half of the way to 21 %. At the end of the month (row 7) it
    // begins anew: 121 of 110 is half of the way again.
    void progressStartsAnewEachMonth()
    {
        const auto market = acrossTheMonth({100, 100, 100, 100, 110, 110, 110, 110, 121, 121, 121});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 1.0;
        options.goal = {.period = GoalPeriod::Month, .least = 0.21, .most = 0.3, .inState = true};
        TradingEnv env(market, options);
        QCOMPARE(env.observationSize(), std::size_t{12});
        const std::vector<double> progress{0, 0, 0, 0.5, 0.5, 0.5, 0, 0.5, 0.5};
        for (std::size_t i = 0; i < progress.size(); ++i) {
            stepAll(env, kLong);
            QVERIFY2(near(double(env.observation()[10]), progress[i]), std::to_string(i).c_str());
        }
        QVERIFY(near(double(env.observation()[11]), 2.0 / 6.0 / 28.0)); // row 9 closes 8 hours into February
    }

    // Bought at 100 and marked at 120: a gain of 20 %, half of the way to 40 %.
    void progressOfAHoldingIsItsGain()
    {
        const auto market = marketOf(Rows{to(100, 100), to(100, 100), to(100, 120), to(120, 120), to(120, 120)});
        TradingEnvOptions options = oneAccount(*market);
        options.actionMode = ActionMode::Orders;
        options.maxPositions = 2;
        options.goal = {.period = GoalPeriod::Holding, .least = 0.4, .most = 1.0, .inState = true};
        TradingEnv env(market, options);
        constexpr std::size_t progress = TradingEnv::kPossibleAt + 2; // after what is possible
        stepAll(env, 1);
        QCOMPARE(env.observation()[progress], 0.0F);
        stepAll(env, 0); // at 100, marked at 120: 20 % of 40 %
        QVERIFY(near(double(env.observation()[progress]), 0.5));
        QCOMPARE(env.observation()[progress + 1], 0.0F);
    }

    // Ng, Harada and Russell: with the learner's own discount the shaped return of an episode differs from the plain one by the potentials at its two ends
    // alone. Potential at the start 0; at the end what the last observation shows, 0 after ruin.
    void shapingAddsThePotentialsOfTheEndsOnly()
    {
        for (int i = 0; i < 300; ++i) {
            Rng rng(31, "test-shaping", static_cast<std::uint64_t>(i));
            const std::size_t rows = 60;
            const auto market = marketOf(randomRows(rng, rows));
            TradingEnvOptions plain = randomFullOptions(rng, rows);
            plain.stretches = plain.accounts = 1;
            plain.startGrid = 1;
            plain.flows = {};
            plain.episodeBars = 30;
            plain.goal = {.period = static_cast<GoalPeriod>(1 + rng.below(3)), .least = 0.3, .most = 0.5, .inState = true};
            plain.reward = {.scale = 1.0, .drawdownPenalty = 0.5};
            TradingEnvOptions shaped = plain;
            shaped.reward.goalShaping = 0.7;
            shaped.reward.drawdownShaping = 0.4;
            shaped.reward.discount = 0.95;
            TradingEnv env(market, plain), other(market, shaped);
            StepResult result, otherResult;
            double difference = 0.0, discount = 1.0;
            std::uint8_t action = 0;
            for (int step = 0; step < 30; ++step) {
                action = wanderingAction(rng, action, env.actionCount());
                env.step(std::vector<std::uint8_t>{action}, result);
                other.step(std::vector<std::uint8_t>{action}, otherResult);
                difference += discount * (double(otherResult.reward[0]) - double(result.reward[0]));
                discount *= 0.95;
                if (!result.terminated[0] && !result.truncated[0])
                    continue;
                const float* const last = otherResult.finalObservation.data();
                const std::size_t goal = other.observationSize() - 2;
                const double potential = result.terminated[0] ? 0.0 : 0.7 * double(last[goal]) - 0.4 * double(last[6]) / 10.0;
                QVERIFY2(std::abs(difference - discount * potential) < 1e-5, std::to_string(i).c_str());
                break;
            }
        }
    }

    // 5 coins bought at 100 and sold at 120 win, bought at 120 and sold at 110 lose: +- 0.25 beside the change of log equity.
    void closedPositionsEarnTheWinBonus()
    {
        const auto market = marketOf(Rows{to(100, 100), to(100, 120), to(120, 120), to(120, 110), to(110, 110), to(110, 110), to(110, 110)});
        TradingEnvOptions options = oneAccount(*market);
        options.reward.winBonus = 0.25;
        TradingEnv env(market, options);
        QVERIFY(near(double(stepAll(env, kLong).reward[0]), std::log(1.1)));
        QVERIFY(near(double(stepAll(env, kFlat).reward[0]), 0.25));
        stepAll(env, kLong);
        QVERIFY(near(double(stepAll(env, kFlat).reward[0]), -0.25));
    }

    // A holding that gained 20 % of its entry value earns 3 x 0.2 once the goal is 20 %, and nothing where it is 21 %.
    void holdingsThatReachTheirGoalEarnTheMultiplier()
    {
        for (const auto& [least, bonus] : {std::pair{0.2, 0.6}, {0.21, 0.0}}) {
            const auto market = marketOf(Rows{to(100, 100), to(100, 120), to(120, 120), to(120, 120), to(120, 120)});
            TradingEnvOptions options = oneAccount(*market);
            options.goal = {.period = GoalPeriod::Holding, .least = least, .most = 1.0, .inState = false};
            options.reward.bonusMultiplier = 3.0;
            TradingEnv env(market, options);
            stepAll(env, kLong);
            QVERIFY(near(double(stepAll(env, kFlat).reward[0]), bonus));
        }
    }

    void defaultRewardsAreWhatTheyWere()
    {
        const RewardOptions reward;
        QVERIFY(!reward.usesPotential() && reward.winBonus == 0.0 && reward.bonusMultiplier == 0.0);
        QCOMPARE(TradingEnv::observationSizeOf({}), std::size_t{10});
    }
};

QTEST_APPLESS_MAIN(TestGoalsRewards)
#include "tst_goals_rewards.moc"
