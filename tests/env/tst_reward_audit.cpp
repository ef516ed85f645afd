#include <QtTest>

#include <cmath>
#include <set>

#include "env/audit/RewardAudit.h"
#include "tests/env/EnvTestSupport.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

TradingEnvOptions usual()
{
    TradingEnvOptions options;
    options.costs = {.takerFeeBps = 10.0, .halfSpreadBps = 2.0, .impactBps = 20.0, .maxParticipation = 0.1};
    return options;
}

AuditOptions auditOf(const TradingEnvOptions& environment, std::size_t cases = 60)
{
    return {.environment = environment, .cases = cases, .rows = 48, .searchSteps = 60};
}

std::set<std::string_view> violated(const AuditReport& report)
{
    std::set<std::string_view> names;
    for (const AuditCheck& check : report.checks)
        if (check.violations > 0)
            names.insert(check.name);
    return names;
}

/// The violated checks alone: QtTest cuts long texts.
std::string violations(const AuditReport& report)
{
    std::string text;
    for (const AuditCheck& check : report.checks)
        if (check.violations > 0)
            text += std::string(check.name) + ": " + check.findings.front() + "\n";
    return text;
}

/// TradingEnv made with other options than the audit believes.
template <typename Change>
AuditFactory changedEnv(Change change)
{
    return [change](const AuditCase& of) {
        AuditCase changed = of;
        change(changed.options);
        return auditedTradingEnv()(changed);
    };
}

/// Passes TradingEnv's states on, changed.
class Altered final : public AuditedEnvironment {
public:
    using Alter = std::function<void(AuditState& before, AuditState& now, const AuditCase& of)>;

    Altered(const AuditCase& of, Alter alter)
        : m_of(of), m_inner(auditedTradingEnv()(of)), m_alter(std::move(alter)), m_last(m_inner->start())
    {
    }
    std::size_t actionCount() const override { return m_inner->actionCount(); }
    AuditState start() const override { return m_inner->start(); }
    AuditState step(std::uint8_t action) override
    {
        AuditState now = m_inner->step(action);
        AuditState shown = now;
        m_alter(m_last, shown, m_of);
        m_last = now;
        return shown;
    }

private:
    AuditCase m_of;
    std::unique_ptr<AuditedEnvironment> m_inner;
    Alter m_alter;
    AuditState m_last;
};

AuditFactory altered(Altered::Alter alter)
{
    return [alter](const AuditCase& of) { return std::make_unique<Altered>(of, alter); };
}

enum class Bug { None, FeeSign, StopSkippedOnEntryBar, DepositIsProfit, FillsInMissingBars, StopAtTheBestPrice };

/// A small environment of its own with what TradingEnv may lack: a stop 5 % below the open that a long position began at, and a deposit of
/// an eighth of the initial cash every eighth step. Long or flat, all in, without impact or volume cap. A stopped account stays flat until
/// its target changes.
class StopsAndDeposits final : public AuditedEnvironment {
public:
    StopsAndDeposits(const AuditCase& of, Bug bug) : m_of(of), m_bug(bug), m_cash(of.options.initialCash), m_equity(m_cash) {}

    std::size_t actionCount() const override { return 2; }
    AuditState start() const override { return {.equity = m_equity, .cash = m_cash}; }

    AuditState step(std::uint8_t action) override
    {
        ++m_row;
        const double before = m_equity;
        m_inForce = std::numeric_limits<double>::quiet_NaN();
        if (action != m_target) {
            m_target = action;
            m_isStopped = false;
        }
        const Market& market = *m_of.market;
        if ((market.present[m_row] && market.volume[m_row] > 0.0) || m_bug == Bug::FillsInMissingBars)
            trade(market);
        const double flow = m_row % 8 == 0 ? m_of.options.initialCash / 8.0 : 0.0;
        m_cash += flow;
        m_equity = m_cash + m_coins * market.mark[m_row];
        const double counted = m_bug == Bug::DepositIsProfit ? 0.0 : flow;
        return {.reward = static_cast<double>(static_cast<float>(m_of.options.reward.scale * std::log((m_equity - counted) / before))),
                .equity = m_equity,
                .cash = m_cash,
                .quantity = m_coins,
                .fees = m_fees,
                .flow = flow,
                .stop = m_inForce,
                .ended = m_row + 2 == market.rows()};
    }

private:
    void trade(const Market& market)
    {
        const double open = market.present[m_row] ? market.open[m_row] : market.mark[m_row];
        const bool wants = m_target == kLong && !m_isStopped;
        bool entered = false;
        if (wants && m_coins == 0.0) {
            const double price = open * (1.0 + spread());
            m_coins = m_cash / (price * (1.0 + fee()));
            pay(m_coins * price * fee());
            m_cash -= m_coins * price;
            m_stop = 0.95 * open;
            entered = true;
        } else if (!wants && m_coins > 0.0) {
            sell(open);
        }
        if (m_coins == 0.0)
            return;
        m_inForce = m_stop;
        if (m_of.series.low()[m_row] <= m_stop && !(entered && m_bug == Bug::StopSkippedOnEntryBar)) {
            sell(m_bug == Bug::StopAtTheBestPrice ? m_of.series.high()[m_row] : std::min(open, m_stop));
            m_isStopped = true;
        }
    }
    void sell(double at)
    {
        const double price = at * (1.0 - spread());
        m_cash += m_coins * price;
        pay(m_coins * price * fee());
        m_coins = 0.0;
    }
    void pay(double amount)
    {
        m_cash -= m_bug == Bug::FeeSign ? -amount : amount;
        m_fees += amount;
    }
    double spread() const { return m_of.options.costs.halfSpreadBps * 1e-4; }
    double fee() const { return m_of.options.costs.takerFeeBps * 1e-4; }

    AuditCase m_of;
    Bug m_bug;
    std::size_t m_row = 0;
    std::uint8_t m_target = kFlat;
    bool m_isStopped = false;
    double m_cash, m_equity;
    double m_coins = 0.0, m_fees = 0.0, m_stop = 0.0, m_inForce = std::numeric_limits<double>::quiet_NaN();
};

AuditReport auditStops(Bug bug)
{
    TradingEnvOptions environment = usual();
    environment.costs.impactBps = 0.0;
    environment.costs.maxParticipation = 1.0;
    return auditReward([bug](const AuditCase& of) { return std::make_unique<StopsAndDeposits>(of, bug); }, auditOf(environment));
}

} // namespace

class TestRewardAudit : public QObject {
    Q_OBJECT

private slots:
    // The environment as it is: nothing is found, in the default configuration and in any other, and everything that can be was compared.
    void theEnvironmentPasses()
    {
        const AuditReport report = auditReward(auditedTradingEnv(), auditOf(usual()));
        QVERIFY2(report.passed(), report.toText().c_str());
        QCOMPARE(report.checks.size(), std::size_t{10});
        for (const AuditCheck& check : report.checks)
            QVERIFY2(check.comparisons > 100 || check.name == "stops-hold", check.name.data());
        for (std::uint64_t i = 0; i < 60; ++i) {
            Rng rng(1, "test-audit", i);
            AuditOptions options = auditOf(randomOptions(rng, 60), 6);
            options.seed = i;
            const AuditReport other = auditReward(auditedTradingEnv(), options);
            QVERIFY2(other.passed(), (std::to_string(i) + "\n" + violations(other)).c_str());
        }
    }

    // Orders, stops, margin, funding, flows, tiers, latency, goals and shaping: any configuration without bonuses passes, and what it has of these
    // is compared.
    void soDoesEveryConfiguration()
    {
        std::size_t stopsCompared = 0;
        for (std::uint64_t i = 0; i < 150; ++i) {
            Rng rng(2, "test-audit", i);
            TradingEnvOptions environment = randomFullOptions(rng, 60);
            environment.reward.winBonus = environment.reward.bonusMultiplier = 0.0;
            AuditOptions options = auditOf(environment, 6);
            options.seed = i;
            const AuditReport report = auditReward(auditedTradingEnv(), options);
            QVERIFY2(report.passed(), (std::to_string(i) + "\n" + violations(report)).c_str());
            for (const AuditCheck& check : report.checks)
                stopsCompared += check.name == "stops-hold" ? check.comparisons : 0;
        }
        QVERIFY(stopsCompared > 500);
    }

    // A bonus for positions that win is reward without equity, and is said to be.
    void bonusesAreFound()
    {
        TradingEnvOptions environment = usual();
        environment.reward.winBonus = 0.05;
        const auto found = violated(auditReward(auditedTradingEnv(), auditOf(environment)));
        QVERIFY(found.contains("reward-is-equity") && found.contains("reward-without-equity"));
    }

    // An environment with stops and deposits that does it right passes as well, stops compared.
    void soDoesAnotherOneThatIsRight()
    {
        const AuditReport report = auditStops(Bug::None);
        QVERIFY2(report.passed(), report.toText().c_str());
        for (const AuditCheck& check : report.checks)
            QVERIFY2(check.comparisons > 100, check.name.data());
    }

    // The three bugs that were asked for, and relatives of theirs, each found by the relations that speak of it.
    void plantedBugsAreCaught()
    {
        using Names = std::set<std::string_view>;
        const auto includes = [](const AuditReport& report, const Names& names) {
            const Names found = violated(report);
            return std::ranges::includes(found, names);
        };
        const AuditReport feeSign = auditStops(Bug::FeeSign);
        QVERIFY2(includes(feeSign, {"fills-cost", "constant-price", "dearer-costs", "noisy-costs"}), feeSign.toText().c_str());
        const AuditReport stop = auditStops(Bug::StopSkippedOnEntryBar);
        QVERIFY2(violated(stop) == Names{"stops-hold"}, stop.toText().c_str());
        const AuditReport deposit = auditStops(Bug::DepositIsProfit);
        QVERIFY2(includes(deposit, {"flat-earns-nothing", "reward-is-equity", "reward-without-equity"}), deposit.toText().c_str());
        const AuditReport missing = auditStops(Bug::FillsInMissingBars);
        QVERIFY2(includes(missing, {"fills-cost"}), missing.toText().c_str());
        const AuditReport best = auditStops(Bug::StopAtTheBestPrice);
        QVERIFY2(includes(best, {"fills-cost"}), best.toText().c_str());
    }

    // The same in TradingEnv itself: fee and spread with the wrong sign, a cap that is not kept or an impact that is left out.
    void wrongCostsInTheEnvironmentAreCaught()
    {
        const auto caught = [](auto change, std::string_view by) {
            const AuditReport report = auditReward(changedEnv(change), auditOf(usual()));
            return violated(report).contains(by);
        };
        const auto feeSign = [](TradingEnvOptions& o) { o.costs.takerFeeBps = -o.costs.takerFeeBps; };
        QVERIFY(caught(feeSign, "fills-cost") && caught(feeSign, "dearer-costs") && caught(feeSign, "noisy-costs"));
        QVERIFY(caught([](TradingEnvOptions& o) { o.costs.halfSpreadBps = -o.costs.halfSpreadBps; }, "fills-cost"));
        QVERIFY(caught([](TradingEnvOptions& o) { o.costs.impactBps = 0.0; }, "fills-cost"));
        QVERIFY(caught([](TradingEnvOptions& o) { o.costs.takerFeeBps = -20.0; }, "constant-price"));
    }

    // Stops and deposits of TradingEnv itself: a stop that nobody looks at, and deposits that count as reward.
    void wrongStopsAndDepositsInTheEnvironmentAreCaught()
    {
        TradingEnvOptions environment = usual();
        environment.costs = {.takerFeeBps = 0.0, .halfSpreadBps = 0.0, .impactBps = 0.0, .maxParticipation = 1.0, .makerFeeBps = 0.0};
        environment.actionMode = ActionMode::Orders;
        environment.maxPositions = 1;
        environment.stopLoss = 0.05;
        environment.flows = {.everyDays = 8.0 / 288.0, .amount = 100.0, .script = {}};
        const AuditReport right = auditReward(auditedTradingEnv(), auditOf(environment));
        QVERIFY2(right.passed(), right.toText().c_str());

        const AuditFactory withoutStop = [](const AuditCase& of) {
            AuditCase without = of;
            without.options.stopLoss = 0.0;
            return std::make_unique<Altered>(without, [stop = 0.0](AuditState& before, AuditState& now, const AuditCase&) mutable {
                if (before.quantity == 0.0 && now.quantity != 0.0)
                    stop = 0.95 * (before.cash + now.flow - now.cash) / now.quantity; // below what the coins cost
                if (now.quantity != 0.0)
                    now.stop = stop;
            });
        };
        QVERIFY(violated(auditReward(withoutStop, auditOf(environment))) == std::set<std::string_view>{"stops-hold"});

        const auto deposits = violated(auditReward(altered([](AuditState&, AuditState& now, const AuditCase& of) {
                                                       now.reward += of.options.reward.scale * std::log(now.equity / (now.equity - now.flow));
                                                   }),
                                                   auditOf(environment)));
        QVERIFY(deposits.contains("flat-earns-nothing") && deposits.contains("reward-is-equity") && deposits.contains("reward-without-equity"));
    }

    // Books and rewards that say something else than what happened.
    void wrongBooksAndRewardsAreCaught()
    {
        const auto found = [](Altered::Alter alter) { return violated(auditReward(altered(std::move(alter)), auditOf(usual()))); };
        QVERIFY(found([](AuditState&, AuditState& now, const AuditCase&) {
                    now.equity += 1e-3 * std::abs(now.quantity);
                }).contains("books-balance"));
        // A bonus for every trade: reward without equity, in any step and for a whole sequence.
        const auto bonus =
            found([](AuditState& before, AuditState& now, const AuditCase&) { now.reward += now.quantity != before.quantity ? 5.0 : 0.0; });
        QVERIFY(bonus.contains("reward-is-equity") && bonus.contains("reward-without-equity") && !bonus.contains("books-balance"));
        // A reward that knows amounts of money: another unit gives another reward. Small enough to stay below what equity deserves.
        QVERIFY((found([](AuditState& before, AuditState& now, const AuditCase&) {
                     now.reward -= now.quantity != before.quantity ? 1e-6 * now.cash : 0.0;
                 }) == std::set<std::string_view>{"units"}));
        QVERIFY(found([](AuditState&, AuditState& now, const AuditCase&) { now.reward += 1e-3; }).contains("flat-earns-nothing"));
    }

    // Why dearer-costs leaves impact out. A purchase of all that 1000 buy at 100 in a deep market, then a sale into a bar of 10 coins with
    // an impact of the whole price at the whole volume. Without a fee 10 coins are sold at 100 (1 - sqrt(10 / 10)): for nothing. A fee of 1
    // % leaves 1000 / 101 = 9.901, which bring 9.901 x 100 (1 - sqrt(0.9901)) = 4.9137 less 1 %, 4.8645. The dearer account is the richer
    // one.
    void whyTheConditionsAreThere()
    {
        const auto market = marketOf({TestBar{100, 100, 1e24}, TestBar{100, 100, 1e24}, TestBar{100, 100, 10}, TestBar{100, 100, 10}});
        TradingEnvOptions options = oneAccount(*market);
        options.exposure = 1.0;
        options.costs.impactBps = 10'000.0;
        const auto equityAt = [&](double feeBps) {
            options.costs.takerFeeBps = feeBps;
            TradingEnv env(market, options);
            stepAll(env, kLong);
            stepAll(env, kFlat);
            return env.equity(0);
        };
        const double expected = 1000.0 / 101.0 * 100.0 * (1.0 - std::sqrt(100.0 / 101.0)) * 0.99;
        QVERIFY(std::abs(expected - 4.8645) < 1e-4);
        QVERIFY2(equityAt(0.0) < 1e-3 && std::abs(equityAt(100.0) - expected) < 1e-6, QByteArray::number(equityAt(100.0)));
    }

    void itRepeatsAndSaysWhatItFound()
    {
        const AuditReport a = auditStops(Bug::StopSkippedOnEntryBar), b = auditStops(Bug::StopSkippedOnEntryBar);
        QCOMPARE(a.toText(), b.toText());
        QVERIFY(a.toText().find("VIOLATIONS") != std::string::npos && a.toText().find("actions") != std::string::npos);
        const Json json = a.toJson();
        QVERIFY(json["passed"] == false && json["checks"].size() == 10);
        for (const Json& check : json["checks"])
            QCOMPARE(check["violations"].get<int>() > 0, check["name"] == "stops-hold");
        QVERIFY(failureOf([] { auditReward(auditedTradingEnv(), {.environment = usual(), .cases = 0}); })->says("one case"));
        QVERIFY(failureOf([] { auditReward(auditedTradingEnv(), {.environment = usual(), .rows = 7}); })->says("8 rows"));
    }
};

QTEST_APPLESS_MAIN(TestRewardAudit)
#include "tst_reward_audit.moc"
