#include <QtTest>

#include <cmath>
#include <functional>
#include <memory>

#include "env/ObservationHistory.h"
#include "env/reference/CartPole.h"
#include "env/reference/TMaze.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Make = std::function<std::unique_ptr<VectorEnvironment>(std::size_t lanes)>;

/// Where swings are wild and the limit near, so that episodes end in both ways.
std::unique_ptr<VectorEnvironment> makeTrading(std::size_t lanes)
{
    Rng rng(5, "test-conformance");
    const auto market = marketOf(randomRows(rng, 300));
    TradingEnvOptions options;
    options.rows = {{0, market->rows()}};
    options.stretches = 1;
    options.accounts = lanes;
    options.episodeBars = 40;
    options.ruinShare = 0.8;
    options.allowShort = true;
    return std::make_unique<TradingEnv>(market, options);
}

/// Orders, stops, margin, flows, tiers and goals, each lane in a stretch of its own, and two threads where there are several.
std::unique_ptr<VectorEnvironment> makeOrders(std::size_t lanes)
{
    Rng rng(6, "test-conformance");
    const auto market = marketOf(randomRows(rng, 300));
    TradingEnvOptions options;
    options.rows = {{0, market->rows()}};
    options.stretches = lanes;
    options.accounts = 1;
    options.episodeBars = 40;
    options.ruinShare = 0.8;
    options.allowShort = true;
    options.actionMode = ActionMode::Orders;
    options.maxPositions = 4;
    options.stopLoss = 0.03;
    options.takeProfit = 0.05;
    options.execution.entry = OrderType::Limit;
    options.execution.entryOffset = 0.001;
    options.execution.latencyBars = 1;
    options.margin = {.perpetual = true, .leverage = 3.0};
    options.costs.tiers = {{10'000.0, 5.0, 3.0}};
    options.costs.spread = SpreadModel::Estimated;
    options.costs.spreadWindow = 10;
    options.flows = {.everyDays = 0.05, .amount = -100.0};
    options.goal = {.period = GoalPeriod::Month, .least = 0.1, .most = 0.2, .inState = true};
    options.reward = {.winBonus = 0.1, .goalShaping = 0.5, .drawdownShaping = 0.5};
    options.threads = 2;
    return std::make_unique<TradingEnv>(market, options);
}

std::unique_ptr<VectorEnvironment> makeCartPole(std::size_t lanes) { return std::make_unique<CartPole>(lanes); }
std::unique_ptr<VectorEnvironment> makeTMaze(std::size_t lanes) { return std::make_unique<TMaze>(lanes, 3); }
std::unique_ptr<VectorEnvironment> makeHistory(std::size_t lanes) { return std::make_unique<ObservationHistory>(makeCartPole(lanes), 3); }

std::vector<std::uint8_t> randomActions(const VectorEnvironment& env, std::uint64_t step, std::uint64_t seed = 1)
{
    std::vector<std::uint8_t> actions(env.lanes());
    for (std::size_t lane = 0; lane < actions.size(); ++lane)
        actions[lane] = static_cast<std::uint8_t>(Rng(seed, "test-actions", lane, step).below(env.actionCount()));
    return actions;
}

/// All that a listener can see of `steps` steps.
std::vector<double> play(VectorEnvironment& env, std::uint64_t from, std::uint64_t steps)
{
    std::vector<double> seen;
    StepResult result;
    for (std::uint64_t step = from; step < from + steps; ++step) {
        env.step(randomActions(env, step), result);
        seen.insert(seen.end(), env.observation().begin(), env.observation().end());
        seen.insert(seen.end(), result.reward.begin(), result.reward.end());
        seen.insert(seen.end(), result.terminated.begin(), result.terminated.end());
        seen.insert(seen.end(), result.truncated.begin(), result.truncated.end());
        seen.insert(seen.end(), env.endedEpisodeReturns().begin(), env.endedEpisodeReturns().end());
    }
    return seen;
}

bool allFinite(std::span<const float> values)
{
    return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

std::vector<float> copyOf(std::span<const float> values) { return {values.begin(), values.end()}; }

} // namespace

Q_DECLARE_METATYPE(Make)

// What every VectorEnvironment promises, asked of each that there is.
class TestEnvironments : public QObject {
    Q_OBJECT

private slots:
    void init()
    {
        QFETCH_GLOBAL(Make, make);
        m_make = make;
    }
    void initTestCase_data()
    {
        QTest::addColumn<Make>("make");
        QTest::newRow("TradingEnv") << Make(makeTrading);
        QTest::newRow("TradingEnv, orders") << Make(makeOrders);
        QTest::newRow("CartPole") << Make(makeCartPole);
        QTest::newRow("TMaze") << Make(makeTMaze);
        QTest::newRow("CartPole, its latest 3 observations") << Make(makeHistory);
    }

    void shapesAreAsAnnounced()
    {
        for (const std::size_t lanes : {1U, 2U, 7U}) {
            const auto env = m_make(lanes);
            QCOMPARE(env->lanes(), lanes);
            QVERIFY(env->actionCount() >= 2);
            QCOMPARE(env->observation().size(), lanes * env->observationSize());
            // A result that came from elsewhere is made to fit.
            StepResult result;
            result.resize(lanes, 1);
            env->step(randomActions(*env, 0), result);
            QCOMPARE(result.reward.size(), lanes);
            QCOMPARE(result.terminated.size(), lanes);
            QCOMPARE(result.truncated.size(), lanes);
            QCOMPARE(result.finalObservation.size(), lanes * env->observationSize());
        }
    }

    void whatIsSeenIsFiniteAndEndsAreConsistent()
    {
        const auto env = m_make(5);
        env->reset(3);
        std::size_t terminated = 0, episodes = 0;
        StepResult result;
        for (std::uint64_t step = 0; step < 2000; ++step) {
            const auto before = copyOf(env->observation());
            env->step(randomActions(*env, step), result);
            QVERIFY(allFinite(env->observation()) && allFinite(result.reward) && allFinite(result.finalObservation));
            std::size_t ended = 0;
            for (std::size_t lane = 0; lane < env->lanes(); ++lane) {
                QVERIFY(!(result.terminated[lane] && result.truncated[lane]));
                terminated += result.terminated[lane];
                ended += result.terminated[lane] || result.truncated[lane] ? 1 : 0;
            }
            QCOMPARE(env->endedEpisodeReturns().size(), ended);
            episodes += ended;
        }
        QVERIFY(terminated > 10 && episodes > 50);
    }

    void equalSeedsGiveEqualRuns()
    {
        const auto env = m_make(4);
        const auto twin = m_make(4);
        env->reset(11);
        play(*twin, 0, 77);
        twin->reset(11);
        QVERIFY(copyOf(env->observation()) == copyOf(twin->observation()));
        const auto seen = play(*env, 0, 300);
        QVERIFY(play(*twin, 0, 300) == seen);
        twin->reset(12);
        QVERIFY(play(*twin, 0, 300) != seen);
    }

    void lanesDoNotInfluenceEachOther()
    {
        const auto env = m_make(3);
        const auto other = m_make(3);
        env->reset(8);
        other->reset(8);
        StepResult result, otherResult;
        bool laneOneDiffers = false;
        for (std::uint64_t step = 0; step < 300; ++step) {
            const auto actions = randomActions(*env, step);
            auto changed = actions;
            changed[1] = randomActions(*env, step, 2)[1];
            env->step(actions, result);
            other->step(changed, otherResult);
            const std::size_t size = env->observationSize();
            for (const std::size_t lane : {0U, 2U}) {
                QVERIFY(result.reward[lane] == otherResult.reward[lane]);
                QVERIFY(std::ranges::equal(env->observation().subspan(lane * size, size), other->observation().subspan(lane * size, size)));
            }
            laneOneDiffers = laneOneDiffers || result.reward[1] != otherResult.reward[1]
                             || !std::ranges::equal(env->observation().subspan(size, size), other->observation().subspan(size, size));
        }
        QVERIFY(laneOneDiffers);
    }

    void aSnapshotHoldsTheFuture()
    {
        const auto env = m_make(4);
        for (std::uint64_t at = 0; at < 120; at += 7) {
            env->reset(21);
            play(*env, 0, at);
            const auto bytes = env->snapshot();
            const auto observation = copyOf(env->observation());
            const auto expected = play(*env, at, 100);
            const auto other = m_make(4);
            other->reset(22);
            play(*other, 0, 13);
            other->restore(bytes);
            QVERIFY(copyOf(other->observation()) == observation);
            QVERIFY(other->snapshot() == bytes);
            QVERIFY(play(*other, at, 100) == expected);
            env->restore(bytes); // and back in time
            QVERIFY(play(*env, at, 100) == expected);
        }
    }

    void whatIsNoSnapshotIsRefusedAndChangesNothing()
    {
        const auto env = m_make(4);
        env->reset(31);
        play(*env, 0, 50);
        const auto good = env->snapshot();
        std::vector<std::vector<std::uint8_t>> bad{{}, m_make(3)->snapshot(), m_make(5)->snapshot()};
        for (std::size_t length = 1; length < good.size(); length += 1 + good.size() / 97)
            bad.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
        bad.push_back(good);
        bad.back().push_back(0);
        bad.push_back(good); // of another version
        bad.back()[0] ^= 0x80;
        bad.push_back(good); // lengths that no memory holds
        for (std::size_t i = 0; i + 8 <= bad.back().size(); ++i)
            bad.back()[i] = 0xff;
        for (std::size_t i = 0; i < bad.size(); ++i) {
            const auto failure = failureOf([&] { env->restore(bad[i]); });
            QVERIFY2(failure && failure->kind == ErrorKind::Corrupt, std::to_string(i).c_str());
            QVERIFY(failure->says("snapshot"));
            QVERIFY(env->snapshot() == good);
        }
        env->restore(good);
    }

private:
    Make m_make;
};

QTEST_APPLESS_MAIN(TestEnvironments)
#include "tst_environments.moc"
