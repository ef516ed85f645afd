#include <QtTest>

#include <cmath>
#include <functional>
#include <memory>

#include "env/ObservationHistory.h"
#include "env/reference/Acrobot.h"
#include "env/reference/CartPole.h"
#include "env/reference/TMaze.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Make = std::function<std::unique_ptr<VectorEnvironment>(std::size_t lanes, std::size_t threads)>;

/// A kind of environment, and what its lanes do: the action of a lane that sees `observation`.
struct Kind {
    Make make;
    std::function<std::uint8_t(Rng& rng, std::span<const float> observation, std::size_t actionCount)> act;
};

std::uint8_t anyAction(Rng& rng, std::span<const float> /*observation*/, std::size_t actionCount)
{
    return static_cast<std::uint8_t>(rng.below(actionCount));
}

/// Drives along with the joint, which adds energy, so that some swings reach the height.
std::uint8_t pumpingAction(Rng& rng, std::span<const float> observation, std::size_t actionCount)
{
    return rng.below(3) == 0 ? anyAction(rng, observation, actionCount) : static_cast<std::uint8_t>(observation[5] > 0.0F ? 2 : 0);
}

/// Accounts of a market where swings are wild and the limit near, so that episodes end in both ways. An even number of lanes
/// shares stretches by two.
Kind tradingKind(const std::function<void(TradingEnvOptions&)>& change)
{
    const auto make = [change](std::size_t lanes, std::size_t threads) {
        Rng rng(5, "test-conformance");
        auto market = std::make_shared<Market>(seriesOf(randomRows(rng, 300)));
        std::vector<FundingRate> rates;
        for (std::int64_t hour = 1; hour < 25; ++hour)
            rates.push_back({hour * 3600, uniformIn(rng, -0.01, 0.01)});
        market->funding = FundingSeries("TEST", rates);
        TradingEnvOptions options;
        options.rows = {{0, market->rows()}};
        options.accounts = lanes % 2 == 0 ? 2 : 1;
        options.stretches = lanes / options.accounts;
        options.episodeBars = 40;
        options.ruinShare = 0.8;
        options.allowShort = true;
        options.threads = threads;
        change(options);
        return std::make_unique<TradingEnv>(market, options);
    };
    return {make, anyAction};
}

void targets(TradingEnvOptions& /*options*/) {}

void inOneStretch(TradingEnvOptions& options)
{
    options.accounts *= options.stretches;
    options.stretches = 1;
}

/// Orders that take several bars to arrive and to fill, and money that comes and goes.
void slowTargets(TradingEnvOptions& options)
{
    options.execution.latencyBars = 2;
    options.costs.maxParticipation = 0.01;
    options.ruinShare = 0.97;
    options.costs.feeCurrency = FeeCurrency::Received;
    options.flows = {.everyDays = 0.02, .amount = 500.0, .script = {{3600, -2000.0}, {40'000, 3000.0}}};
}

void perpetual(TradingEnvOptions& options)
{
    options.margin = {.perpetual = true, .leverage = 4.0, .maintenance = 0.05};
    options.ruinShare = 0.3;
}

void manyLots(TradingEnvOptions& options)
{
    options.actionMode = ActionMode::Orders;
    options.maxPositions = 25;
    options.costs.takerFeeBps = 100.0;
    options.ruinShare = 0.97;
    options.flows = {.everyDays = 0.05, .amount = 300.0};
}

/// What the guard remembers of an account, the day's start and its latest loss, decides what it lets pass.
void guarded(TradingEnvOptions& options)
{
    options.risk.maxDailyLoss = 0.05;
    options.risk.coolDownBars = 3;
}

/// Stops, limit orders, margin, withdrawals, tiers, a goal and every term of the reward.
void everything(TradingEnvOptions& options)
{
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
    options.reward = {.drawdownPenalty = 0.5, .winBonus = 0.1, .bonusMultiplier = 1.0, .goalShaping = 0.5, .drawdownShaping = 0.5};
}

std::unique_ptr<VectorEnvironment> makeTMaze(std::size_t lanes, std::size_t /*threads*/) { return std::make_unique<TMaze>(lanes, 3); }
std::unique_ptr<VectorEnvironment> makeHistory(std::size_t lanes, std::size_t /*threads*/)
{
    return std::make_unique<ObservationHistory>(std::make_unique<CartPole>(lanes), 3);
}
template <typename Task> std::unique_ptr<VectorEnvironment> makeTask(std::size_t lanes, std::size_t /*threads*/)
{
    return std::make_unique<Task>(lanes);
}

bool allFinite(std::span<const float> values)
{
    return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

/// Of one lane.
bool isWithin(std::span<const float> observation, std::span<const ObservationBounds> bounds)
{
    for (std::size_t i = 0; i < bounds.size(); ++i)
        if (!(observation[i] >= bounds[i].low && observation[i] <= bounds[i].high)) {
            qWarning("observation %zu is %g, bounds %g to %g", i, double(observation[i]), double(bounds[i].low), double(bounds[i].high));
            return false;
        }
    return true;
}

std::vector<float> copyOf(std::span<const float> values) { return {values.begin(), values.end()}; }

} // namespace

Q_DECLARE_METATYPE(Kind)

// What every VectorEnvironment promises, asked of each that there is.
class TestEnvironments : public QObject {
    Q_OBJECT

private slots:
    void init()
    {
        QFETCH_GLOBAL(Kind, kind);
        m_kind = kind;
    }
    void initTestCase_data()
    {
        QTest::addColumn<Kind>("kind");
        QTest::newRow("targets") << tradingKind(targets);
        QTest::newRow("targets in one stretch") << tradingKind(inOneStretch);
        QTest::newRow("targets with latency and flows") << tradingKind(slowTargets);
        QTest::newRow("targets on margin with funding") << tradingKind(perpetual);
        QTest::newRow("orders of many lots") << tradingKind(manyLots);
        QTest::newRow("targets with a guard") << tradingKind(guarded);
        QTest::newRow("orders with everything") << tradingKind(everything);
        QTest::newRow("CartPole") << Kind{makeTask<CartPole>, anyAction};
        QTest::newRow("Acrobot") << Kind{makeTask<Acrobot>, pumpingAction};
        QTest::newRow("TMaze") << Kind{makeTMaze, anyAction};
        QTest::newRow("CartPole, its latest 3 observations") << Kind{makeHistory, anyAction};
    }

    void shapesAreAsAnnounced()
    {
        for (const std::size_t lanes : {1U, 2U, 7U}) {
            const auto env = make(lanes);
            QCOMPARE(env->lanes(), lanes);
            QVERIFY(env->actionCount() >= 2);
            QCOMPARE(env->observation().size(), lanes * env->observationSize());
            QCOMPARE(env->observationBounds().size(), env->observationSize());
            // A result that came from elsewhere is made to fit.
            StepResult result;
            result.resize(lanes, 1);
            env->step(actions(*env, 0), result);
            QCOMPARE(result.reward.size(), lanes);
            QCOMPARE(result.terminated.size(), lanes);
            QCOMPARE(result.truncated.size(), lanes);
            QCOMPARE(result.finalObservation.size(), lanes * env->observationSize());
        }
    }

    void whatIsSeenIsFiniteAndWithinItsBounds()
    {
        const auto env = make(6);
        env->reset(3);
        const std::size_t size = env->observationSize();
        StepResult result;
        for (std::uint64_t step = 0; step < 2000; ++step) {
            env->step(actions(*env, step), result);
            QVERIFY(allFinite(env->observation()) && allFinite(result.reward) && allFinite(result.finalObservation));
            for (std::size_t lane = 0; lane < env->lanes(); ++lane) {
                QVERIFY(isWithin(env->observation().subspan(lane * size, size), env->observationBounds()));
                if (result.terminated[lane] || result.truncated[lane])
                    QVERIFY(isWithin(std::span(result.finalObservation).subspan(lane * size, size), env->observationBounds()));
            }
        }
    }

    void anEpisodeEndsInOneWay()
    {
        const auto env = make(5);
        env->reset(3);
        std::size_t terminated = 0, episodes = 0;
        StepResult result;
        for (std::uint64_t step = 0; step < 2000; ++step) {
            env->step(actions(*env, step), result);
            std::size_t ended = 0;
            for (std::size_t lane = 0; lane < env->lanes(); ++lane) {
                QVERIFY(!(result.terminated[lane] && result.truncated[lane]));
                terminated += result.terminated[lane];
                ended += result.terminated[lane] || result.truncated[lane] ? 1 : 0;
            }
            QCOMPARE(env->endedEpisodeReturns().size(), ended);
            episodes += ended;
        }
        QVERIFY2(terminated > 10 && episodes > 50, qPrintable(QString("%1 of %2").arg(terminated).arg(episodes)));
    }

    // Equity is cash plus the position at the mark, and what it began with plus flows plus price gains less fees less funding.
    void theBooksBalance()
    {
        const auto env = make(6);
        const auto* trading = dynamic_cast<const TradingEnv*>(env.get());
        if (!trading)
            return; // a task without accounts
        env->reset(4);
        StepResult result;
        double held = 0.0;
        for (std::uint64_t step = 0; step < 1000; ++step) {
            env->step(actions(*env, step), result);
            for (std::size_t lane = 0; lane < env->lanes(); ++lane) {
                const Accounts& a = trading->accounts();
                const double mark = trading->market().mark[trading->row(lane / trading->options().accounts)];
                const double worth = trading->cash(lane) + trading->quantity(lane) * mark;
                double booked = trading->options().initialCash + a.flows[lane] + a.realised[lane] - a.fees[lane] - a.funding[lane];
                double coins = 0.0;
                for (std::size_t i = 0; i < a.lots(lane); ++i) {
                    coins += a.lot(lane, i).quantity;
                    booked += a.lot(lane, i).quantity * (mark - a.lot(lane, i).entryPrice);
                }
                const double scale = trading->options().initialCash + std::abs(a.flows[lane]) + a.traded[lane];
                QVERIFY(std::abs(trading->equity(lane) - worth) <= 1e-12 * scale);
                QVERIFY(std::abs(trading->equity(lane) - booked) <= 1e-9 * scale);
                QVERIFY(std::abs(trading->quantity(lane) - coins) <= 1e-9 * (1.0 + std::abs(coins)));
                held += std::abs(coins);
            }
        }
        QVERIFY(held > 0.0);
    }

    void threadsChangeNothing()
    {
        const auto env = make(12);
        if (!dynamic_cast<const TradingEnv*>(env.get()))
            return; // a task without threads
        env->reset(14);
        const auto seen = play(*env, 0, 300);
        const auto bytes = env->snapshot();
        for (const std::size_t threads : {2U, 3U, 5U}) {
            const auto other = make(12, threads);
            other->reset(14);
            QVERIFY(play(*other, 0, 300) == seen);
            QVERIFY(other->snapshot() == bytes);
        }
    }

    void equalSeedsGiveEqualRuns()
    {
        const auto env = make(4);
        const auto twin = make(4);
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
        const auto env = make(3);
        const auto other = make(3);
        env->reset(8);
        other->reset(8);
        StepResult result, otherResult;
        bool laneOneDiffers = false;
        for (std::uint64_t step = 0; step < 300; ++step) {
            const auto usual = actions(*env, step);
            auto changed = usual;
            changed[1] = actions(*env, step, 2)[1];
            env->step(usual, result);
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
        const auto env = make(4, 2);
        Rng moments(1, "test-moments");
        for (int i = 0; i < 20; ++i) {
            const std::uint64_t at = i == 0 ? 0 : moments.below(700);
            env->reset(21);
            play(*env, 0, at);
            const auto bytes = env->snapshot();
            const auto observation = copyOf(env->observation());
            const auto expected = play(*env, at, 100);
            const auto other = make(4);
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

    /// Three environments with a third of the stretches each are the whole: what its accounts see and get, and its snapshot, put together and dealt
    /// out again.
    void sharesMakeTheWhole()
    {
        const auto made = make(12);
        auto* const whole = dynamic_cast<TradingEnv*>(made.get());
        if (!whole || whole->options().stretches % 3 != 0)
            return; // no accounts, or no three equal shares of them
        TradingEnvOptions options = whole->options();
        const std::shared_ptr<const Market> market(std::shared_ptr<void>(), &whole->market());
        options.stretches /= 3;
        std::vector<TradingEnv> shares;
        for (std::size_t i = 0; i < 3; ++i) {
            options.firstStretch = i * options.stretches;
            shares.emplace_back(market, options);
            shares.back().reset(14);
        }
        whole->reset(14);
        StepResult result, part;
        const std::size_t lanes = shares[0].lanes(), numbers = lanes * whole->observationSize();
        for (std::uint64_t step = 0; step < 150; ++step) {
            const auto all = actions(*whole, step);
            whole->step(all, result);
            for (std::size_t i = 0; i < 3; ++i) {
                shares[i].step(std::span(all).subspan(i * lanes, lanes), part);
                QVERIFY(std::ranges::equal(part.reward, std::span(result.reward).subspan(i * lanes, lanes)));
                QVERIFY(std::ranges::equal(shares[i].observation(), whole->observation().subspan(i * numbers, numbers)));
            }
        }
        const auto bytes = whole->snapshot();
        std::vector<std::vector<std::uint8_t>> parts;
        for (const TradingEnv& share : shares)
            parts.push_back(share.snapshot());
        QVERIFY(whole->snapshot() == shares[0].joinedSnapshot(parts));
        for (std::size_t i = 0; i < 3; ++i) {
            shares[i].reset(15);
            shares[i].restoreShare(bytes, i, 3);
            QVERIFY(shares[i].snapshot() == parts[i]);
        }
        for (const std::size_t count : {2U, 4U, 6U}) {
            const auto failure = failureOf([&] { shares[0].restoreShare(bytes, 0, count); });
            QVERIFY(failure && failure->kind == ErrorKind::Corrupt && shares[0].snapshot() == parts[0]);
        }
        for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 97)
            QVERIFY(failureOf([&] { shares[1].restoreShare(std::span(bytes).first(length), 1, 3); }).has_value());
        parts[2].pop_back();
        const auto failure = failureOf([&] { shares[0].joinedSnapshot(parts); });
        QVERIFY(failure && failure->kind == ErrorKind::Corrupt);
    }

    void whatIsNoSnapshotIsRefusedAndChangesNothing()
    {
        const auto env = make(4);
        env->reset(31);
        play(*env, 0, 50);
        const auto good = env->snapshot();
        std::vector<std::vector<std::uint8_t>> bad{{}, make(3)->snapshot(), make(5)->snapshot()};
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
    std::unique_ptr<VectorEnvironment> make(std::size_t lanes, std::size_t threads = 1) const { return m_kind.make(lanes, threads); }

    std::vector<std::uint8_t> actions(const VectorEnvironment& env, std::uint64_t step, std::uint64_t seed = 1) const
    {
        std::vector<std::uint8_t> all(env.lanes());
        for (std::size_t lane = 0; lane < all.size(); ++lane) {
            Rng rng(seed, "test-actions", lane, step);
            all[lane] = m_kind.act(rng, env.observation().subspan(lane * env.observationSize(), env.observationSize()), env.actionCount());
        }
        return all;
    }

    /// All that a listener can see of `steps` steps.
    std::vector<double> play(VectorEnvironment& env, std::uint64_t from, std::uint64_t steps) const
    {
        std::vector<double> seen;
        StepResult result;
        for (std::uint64_t step = from; step < from + steps; ++step) {
            env.step(actions(env, step), result);
            seen.insert(seen.end(), env.observation().begin(), env.observation().end());
            seen.insert(seen.end(), result.reward.begin(), result.reward.end());
            seen.insert(seen.end(), result.terminated.begin(), result.terminated.end());
            seen.insert(seen.end(), result.truncated.begin(), result.truncated.end());
            seen.insert(seen.end(), env.endedEpisodeReturns().begin(), env.endedEpisodeReturns().end());
        }
        return seen;
    }

    Kind m_kind;
};

QTEST_APPLESS_MAIN(TestEnvironments)
#include "tst_environments.moc"
