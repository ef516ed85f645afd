#include <QtTest>

#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "base/Rng.h"
#include "env/risk/RiskGuard.h"
#include "env/risk/ValueAtRisk.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

GuardState healthy(std::span<const OpenPosition> positions = {})
{
    return {.equity = 1000.0, .initialEquity = 1000.0, .dayStartEquity = 1000.0, .peakEquity = 1000.0, .positions = positions};
}

OrderRequest buy(double quantity, double price = 100.0) { return {.quantity = quantity, .price = price}; }

/// The verdict of a guard with one limit set.
template <typename Value>
GuardVerdict judged(Value RiskLimits::*limit, Value value, const GuardState& state, const OrderRequest& order)
{
    RiskLimits limits;
    limits.*limit = value;
    limits.leastReturns = 4;
    KillSwitch killSwitch;
    return RiskGuard(limits, killSwitch).judge(state, order);
}

bool near(double a, double b, double tolerance = 1e-12) { return std::abs(a - b) <= tolerance; }

/// A state, an order and limits of any kind; the returns live beside them.
struct Case {
    RiskLimits limits;
    std::vector<std::vector<double>> returns;
    std::vector<OpenPosition> positions;
    GuardState state;
    OrderRequest order;
};

Case makeCase(Rng& rng)
{
    Case c;
    const auto maybe = [&rng](double low, double high) {
        return rng.below(2) == 0 ? RiskLimits::kOff : low + (high - low) * rng.uniform();
    };
    c.limits = {.maxPositions = 1 + rng.below(6),
                .maxPositionShare = maybe(0.1, 2.0),
                .maxExposure = maybe(0.1, 2.0),
                .maxLeverage = maybe(0.1, 3.0),
                .maxDailyLoss = maybe(0.0, 0.6),
                .maxTotalLoss = maybe(0.0, 0.6),
                .maxDrawdown = maybe(0.0, 0.6),
                .coolDownBars = rng.below(4),
                .maxCorrelation = maybe(-0.5, 1.0),
                .maxHistoricalVar = maybe(0.0, 0.2),
                .maxParametricVar = maybe(0.0, 0.2),
                .varConfidence = 0.9,
                .leastReturns = 10};
    c.returns.resize(4);
    for (std::size_t instrument = 0; instrument < c.returns.size(); ++instrument)
        for (int i = 0; i < 30; ++i)
            c.returns[instrument].push_back(0.02 * rng.normal() + (instrument > 0 ? 0.8 * c.returns[0][static_cast<std::size_t>(i)] : 0.0));
    for (std::uint64_t i = rng.below(5); i > 0; --i) {
        const auto instrument = rng.below(4);
        c.positions.push_back({static_cast<int>(instrument), 4.0 * rng.normal(), 50.0 + 100.0 * rng.uniform(), c.returns[instrument]});
    }
    const auto equity = [&rng] { return 500.0 + 1000.0 * rng.uniform(); };
    c.state = {equity(), equity(), equity(), equity(), rng.below(6), c.positions};
    const auto instrument = rng.below(4);
    c.order = {static_cast<int>(instrument), 3.0 * rng.normal(), 50.0 + 100.0 * rng.uniform(), 5.0 * rng.uniform(), c.returns[instrument]};
    return c;
}

/// Which limit the account violates after the order, told from the limits' definitions over a map of instruments; nothing where none is.
const char* violated(const Case& c)
{
    struct Holding {
        double quantity = 0.0, price = 0.0;
        std::size_t lots = 0;
    };
    std::map<int, Holding> holdings;
    for (const OpenPosition& p : c.positions) {
        holdings[p.instrument].quantity += p.quantity;
        holdings[p.instrument].price = p.price; // of its lots; another may be marked elsewhere in these cases
        ++holdings[p.instrument].lots;
    }
    Holding& mine = holdings[c.order.instrument];
    const bool turns = mine.quantity * c.order.quantity < 0.0;
    mine.lots = turns ? 1 : mine.lots + 1;
    mine.quantity += c.order.quantity;
    mine.price = c.order.price;
    const double equity = c.state.equity - c.order.cost;
    double net = 0.0, gross = 0.0;
    std::size_t lots = 0;
    for (const auto& [instrument, holding] : holdings) {
        if (instrument == c.order.instrument) {
            net += holding.quantity * holding.price;
            gross += std::abs(holding.quantity * holding.price);
        }
        lots += holding.lots;
    }
    for (const OpenPosition& p : c.positions)
        if (p.instrument != c.order.instrument) {
            net += p.quantity * p.price;
            gross += std::abs(p.quantity) * p.price;
        }
    const RiskLimits& limits = c.limits;
    const double slack = 1.0 + 1e-12;
    if (lots > limits.maxPositions)
        return "positions";
    if (std::abs(mine.quantity) * mine.price > limits.maxPositionShare * equity * slack)
        return "position share";
    if (std::abs(net) > limits.maxExposure * equity * slack)
        return "exposure";
    if (gross > limits.maxLeverage * equity * slack)
        return "leverage";
    if (c.state.equity <= c.state.dayStartEquity * (1.0 - limits.maxDailyLoss) / slack)
        return "daily loss";
    if (c.state.equity <= c.state.initialEquity * (1.0 - limits.maxTotalLoss) / slack)
        return "total loss";
    if (c.state.equity <= c.state.peakEquity * (1.0 - limits.maxDrawdown) / slack)
        return "drawdown";
    if (c.state.barsSinceLoss < limits.coolDownBars)
        return "cool-down";
    return nullptr;
}

} // namespace

class TestRiskGuard : public QObject {
    Q_OBJECT

private slots:
    void everythingIsAllowedWithoutLimits()
    {
        KillSwitch killSwitch;
        const RiskGuard guard(RiskLimits{}, killSwitch);
        const GuardVerdict verdict = guard.judge(healthy(), buy(1e6));
        QVERIFY(verdict.allowed() && verdict.text.empty());
        QCOMPARE(guardReasonName(GuardReason::ParametricVar), std::string_view("parametric-var"));
        QCOMPARE(guardReasonName(GuardReason::CoolDown), std::string_view("cool-down"));
    }

    // Equity 1000, price 100. 5 coins are half of the equity. 4 coins of another instrument at 50, sold short: 200.
    void sizesByHand()
    {
        const std::array others{OpenPosition{.instrument = 1, .quantity = -4.0, .price = 50.0}};
        const std::array mine{OpenPosition{.instrument = 0, .quantity = 2.0, .price = 100.0}};
        const auto is = [](const GuardVerdict& verdict, GuardReason reason) {
            return verdict.reason == reason && (reason == GuardReason::Allowed || !verdict.text.empty());
        };
        QVERIFY(is(judged(&RiskLimits::maxPositionShare, 0.5, healthy(), buy(5.0)), GuardReason::Allowed));
        QVERIFY(is(judged(&RiskLimits::maxPositionShare, 0.5, healthy(), buy(5.01)), GuardReason::PositionShare));
        QVERIFY(is(judged(&RiskLimits::maxPositionShare, 0.5, healthy(), buy(-5.01)), GuardReason::PositionShare));
        QVERIFY(is(judged(&RiskLimits::maxPositionShare, 0.5, healthy(mine), buy(3.01)), GuardReason::PositionShare)); // 2 are held
        // The cost is paid of the equity: 5 x 100 / 999.
        OrderRequest dear = buy(5.0);
        dear.cost = 1.0;
        QVERIFY(is(judged(&RiskLimits::maxPositionShare, 0.5, healthy(), dear), GuardReason::PositionShare));
        dear.cost = 1000.0;
        QVERIFY(is(judged(&RiskLimits::maxPositions, std::size_t{9}, healthy(), dear), GuardReason::NoEquity));
        // Net 500 - 200, gross 500 + 200.
        QVERIFY(is(judged(&RiskLimits::maxExposure, 0.3, healthy(others), buy(5.0)), GuardReason::Allowed));
        QVERIFY(is(judged(&RiskLimits::maxExposure, 0.29, healthy(others), buy(5.0)), GuardReason::Exposure));
        QVERIFY(is(judged(&RiskLimits::maxLeverage, 0.7, healthy(others), buy(5.0)), GuardReason::Allowed));
        QVERIFY(is(judged(&RiskLimits::maxLeverage, 0.69, healthy(others), buy(5.0)), GuardReason::Leverage));
        QVERIFY(is(judged(&RiskLimits::maxPositions, std::size_t{2}, healthy(others), buy(5.0)), GuardReason::Allowed));
        QVERIFY(is(judged(&RiskLimits::maxPositions, std::size_t{1}, healthy(others), buy(5.0)), GuardReason::Positions));
        // Turning 2 coins over to -3 closes them: one position.
        QVERIFY(is(judged(&RiskLimits::maxPositions, std::size_t{1}, healthy(mine), buy(-5.0)), GuardReason::Allowed));
    }

    // A tenth is lost: at a limit of a tenth nothing more is allowed, at 0.11 it is. (1000 - 900) / 1000 in each of three ways.
    void lossesByHand()
    {
        GuardState state = healthy();
        state.equity = 900.0;
        for (const auto& [limit, reason, from] :
             {std::tuple{&RiskLimits::maxDailyLoss, GuardReason::DailyLoss, &GuardState::dayStartEquity},
              std::tuple{&RiskLimits::maxTotalLoss, GuardReason::TotalLoss, &GuardState::initialEquity},
              std::tuple{&RiskLimits::maxDrawdown, GuardReason::Drawdown, &GuardState::peakEquity}}) {
            GuardState only = state;
            only.dayStartEquity = only.initialEquity = only.peakEquity = 900.0;
            only.*from = 1000.0;
            QVERIFY(judged(limit, 0.0999, only, buy(1.0)).reason == reason);
            only.equity = 500.0; // a half and a quarter are exact: the limit itself is refused
            only.*from = 1000.0;
            QVERIFY(judged(limit, 0.5, only, buy(1.0)).reason == reason);
            only.equity = 900.0;
            QVERIFY(judged(limit, 0.11, only, buy(1.0)).allowed());
        }
        state.barsSinceLoss = 11;
        QVERIFY(judged(&RiskLimits::coolDownBars, std::size_t{12}, state, buy(1.0)).reason == GuardReason::CoolDown);
        QVERIFY(judged(&RiskLimits::coolDownBars, std::size_t{11}, state, buy(1.0)).allowed());
    }

    // Returns (1, -1, 2, -2) % and (2, -1, 1, -2) %: means 0, squares 10 each, products 2 + 1 + 2 + 4 = 9: 0.9. Selling turns the sign.
    void correlationByHand()
    {
        const std::array a{0.01, -0.01, 0.02, -0.02}, b{0.02, -0.01, 0.01, -0.02}, still{0.0, 0.0, 0.0, 0.0};
        const std::array other{OpenPosition{.instrument = 1, .quantity = 1.0, .price = 50.0, .returns = b}};
        OrderRequest order = buy(1.0);
        order.returns = a;
        QVERIFY(judged(&RiskLimits::maxCorrelation, 0.91, healthy(other), order).allowed());
        QVERIFY(judged(&RiskLimits::maxCorrelation, 0.89, healthy(other), order).reason == GuardReason::Correlation);
        order.quantity = -1.0;
        QVERIFY(judged(&RiskLimits::maxCorrelation, -0.89, healthy(other), order).allowed());
        // A second lot of the same instrument in the same direction correlates by 1.
        const std::array same{OpenPosition{.instrument = 0, .quantity = 1.0, .price = 100.0}};
        QVERIFY(judged(&RiskLimits::maxCorrelation, 0.99, healthy(same), buy(1.0)).reason == GuardReason::Correlation);
        QVERIFY(judged(&RiskLimits::maxCorrelation, 1.0, healthy(same), buy(1.0)).allowed());
        // What can't be measured is refused.
        order.quantity = 1.0;
        for (const auto returns : {std::span<const double>(still), std::span<const double>(a).first(3), std::span<const double>()}) {
            order.returns = returns;
            QVERIFY(judged(&RiskLimits::maxCorrelation, 1.0, healthy(other), order).reason == GuardReason::Unjudgeable);
        }
    }

    // Losses 1 ... 10: 9 of 10 are at most 9. Of 100 the 7th holds 7 %, although 0.07 x 100 is a little more than 7 in binary.
    void historicalValueAtRiskByHand()
    {
        const std::vector<double> profits{-3, -1, -10, -7, -2, -5, -9, -4, -8, -6};
        QCOMPARE(*historicalValueAtRisk(profits, 0.9), 9.0);
        QCOMPARE(*historicalValueAtRisk(profits, 0.91), 10.0);
        QCOMPARE(*historicalValueAtRisk(profits, 0.05), 1.0);
        QCOMPARE(*historicalValueAtRisk(std::vector<double>{5, 6, 7}, 0.5), -6.0); // even the median outcome is a gain
        std::vector<double> hundred;
        for (int i = 100; i >= 1; --i)
            hundred.push_back(-i);
        QVERIFY(0.07 * 100.0 > 7.0);
        QCOMPARE(*historicalValueAtRisk(hundred, 0.07), 7.0);
        QVERIFY(!historicalValueAtRisk(std::vector<double>{1.0}, 0.9) && !historicalValueAtRisk(std::vector<double>{1.0, kNaN}, 0.9));
        QVERIFY(!historicalValueAtRisk(profits, 1.0) && !historicalValueAtRisk(profits, 0.0));
    }

    // Quantiles as printed in tables of the normal distribution. Profits 3, 1, -1, -3: mean 0, deviation sqrt(20 / 3) = 2.581989.
    void parametricValueAtRiskByHand()
    {
        QVERIFY(near(normalQuantile(0.5), 0.0) && near(normalQuantile(0.975), 1.959963984540054) &&
                near(normalQuantile(0.01), -2.326347874040841));
        QVERIFY(near(normalQuantile(0.999), 3.090232306167813, 1e-11) && near(normalQuantile(1e-9), -5.997807015007687, 1e-10));
        QVERIFY(near(*parametricValueAtRisk(std::vector<double>{3, 1, -1, -3}, 0.975), 1.959963984540054 * std::sqrt(20.0 / 3.0)));
        QVERIFY(near(*parametricValueAtRisk(std::vector<double>{4, 2, 0, -2}, 0.975), 1.959963984540054 * std::sqrt(20.0 / 3.0) - 1.0));
        QVERIFY(!parametricValueAtRisk(std::vector<double>{kInfinite, 1.0}, 0.9));
    }

    // 10 coins at 100 with returns of -1, 2, -3, 1 %: losses 10, -20, 30, -10. At 75 % the third of four: 10, a hundredth of the equity; at
    // 76 % 30. Beside it a short position of 500 in what moves alike by half as much: profits change by +2.5, -5, 7.5, -2.5.
    void valueAtRiskByHand()
    {
        const std::array returns{-0.01, 0.02, -0.03, 0.01}, half{-0.005, 0.01, -0.015, 0.005};
        const std::array other{OpenPosition{.instrument = 1, .quantity = -5.0, .price = 100.0, .returns = half}};
        OrderRequest order = buy(10.0);
        order.returns = returns;
        RiskLimits limits{.maxHistoricalVar = 0.0101, .varConfidence = 0.75, .leastReturns = 4};
        KillSwitch killSwitch;
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(), order).allowed());
        limits.maxHistoricalVar = 0.0099;
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(), order).reason == GuardReason::HistoricalVar);
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(other), order).allowed()); // 10 - 2.5
        limits.maxHistoricalVar = 0.0074;
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(other), order).reason == GuardReason::HistoricalVar);
        // Mean -2.5, squares 1500 - 25 = 1475, deviation sqrt(1475 / 3) = 22.174; at 97.5 % 43.460 + 2.5 = 45.960.
        limits = {.maxParametricVar = 0.04597, .varConfidence = 0.975, .leastReturns = 4};
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(), order).allowed());
        limits.maxParametricVar = 0.04595;
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(), order).reason == GuardReason::ParametricVar);
        limits.leastReturns = 5;
        QVERIFY(RiskGuard(limits, killSwitch).judge(healthy(), order).reason == GuardReason::Unjudgeable);
    }

    // Whoever is in a risk may get out of it, whatever is violated; but not through it into the opposite.
    void reductionsAreAllowedUnderEveryLimit()
    {
        const std::array positions{OpenPosition{.quantity = 3.0, .price = 100.0}, OpenPosition{.quantity = 0.3, .price = 100.0},
                                   OpenPosition{.instrument = 1, .quantity = -4.0, .price = 50.0}};
        GuardState state{.equity = -50.0,
                         .initialEquity = 1000.0,
                         .dayStartEquity = 900.0,
                         .peakEquity = 2000.0,
                         .barsSinceLoss = 0,
                         .positions = positions};
        const RiskLimits none{.maxPositions = 0,
                              .maxPositionShare = 0.0,
                              .maxExposure = 0.0,
                              .maxLeverage = 0.0,
                              .maxDailyLoss = 0.0,
                              .maxTotalLoss = 0.0,
                              .maxDrawdown = 0.0,
                              .coolDownBars = 1000,
                              .maxCorrelation = -1.0,
                              .maxHistoricalVar = 0.0,
                              .maxParametricVar = 0.0};
        KillSwitch killSwitch;
        const RiskGuard guard(none, killSwitch);
        QVERIFY(guard.judge(state, buy(-1.0)).allowed() && guard.judge(state, buy(-3.3)).allowed());
        QVERIFY(guard.judge(state, {.instrument = 1, .quantity = 4.0, .price = 50.0}).allowed());
        QVERIFY(!guard.judge(state, buy(-3.31)).allowed() && !guard.judge(state, buy(0.01)).allowed());
        QVERIFY(!guard.judge(state, {.instrument = 2, .quantity = -1.0, .price = 50.0}).allowed());
        killSwitch.throwSwitch();
        QVERIFY(guard.judge(state, buy(-1.0)).reason == GuardReason::KillSwitch);
    }

    // Each number that is missing, infinite or impossible: refused as unjudgeable, closing orders too.
    void whatCannotBeJudgedIsRefused()
    {
        const std::array positions{OpenPosition{.quantity = 3.0, .price = 100.0}};
        KillSwitch killSwitch;
        const RiskGuard guard(RiskLimits{}, killSwitch);
        int tried = 0;
        for (const double bad : {kNaN, kInfinite, -kInfinite, 0.0}) {
            std::vector<std::pair<GuardState, OrderRequest>> cases;
            for (const auto field : {&GuardState::initialEquity, &GuardState::dayStartEquity, &GuardState::peakEquity}) {
                cases.emplace_back(healthy(positions), buy(-1.0));
                cases.back().first.*field = bad;
            }
            for (const auto field : {&OrderRequest::quantity, &OrderRequest::price}) {
                cases.emplace_back(healthy(positions), buy(-1.0));
                cases.back().second.*field = bad;
            }
            const std::array broken{OpenPosition{.quantity = bad, .price = 100.0}}, unpriced{OpenPosition{.quantity = 3.0, .price = bad}};
            cases.emplace_back(healthy(broken), buy(-1.0));
            cases.emplace_back(healthy(unpriced), buy(-1.0));
            if (bad != 0.0) { // an equity or a cost of nothing is possible
                cases.emplace_back(healthy(positions), buy(-1.0));
                cases.back().first.equity = bad;
                cases.emplace_back(healthy(positions), buy(-1.0));
                cases.back().second.cost = bad;
            }
            for (const auto& [state, order] : cases) {
                const GuardVerdict verdict = guard.judge(state, order);
                QVERIFY2(verdict.reason == GuardReason::Unjudgeable && !verdict.text.empty(), verdict.text.c_str());
                ++tried;
            }
        }
        QCOMPARE(tried, 4 * 7 + 3 * 2);
    }

    // Whatever the account and the limits: after an order that was allowed no limit is violated, and what is refused without a
    // statistic being unknown does violate one.
    void noLimitIsViolatedAfterAnAllowedOrder()
    {
        std::map<GuardReason, int> seen;
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            Rng rng(1, "test-guard", i);
            const Case c = makeCase(rng);
            KillSwitch killSwitch;
            const RiskGuard guard(c.limits, killSwitch);
            const GuardVerdict verdict = guard.judge(c.state, c.order);
            ++seen[verdict.reason];
            double net = 0.0;
            for (const OpenPosition& p : c.positions)
                net += p.instrument == c.order.instrument ? p.quantity : 0.0;
            const bool reduces = net * c.order.quantity < 0.0 && std::abs(c.order.quantity) <= std::abs(net);
            if (reduces) {
                QVERIFY2(verdict.allowed(), verdict.text.c_str());
                continue;
            }
            const char* const broken = violated(c);
            if (verdict.allowed())
                QVERIFY2(!broken, broken);
            else if (verdict.reason < GuardReason::Correlation)
                QVERIFY2(broken, verdict.text.c_str());
        }
        for (const GuardReason reason :
             {GuardReason::Allowed, GuardReason::Positions, GuardReason::PositionShare, GuardReason::Exposure, GuardReason::Leverage,
              GuardReason::DailyLoss, GuardReason::TotalLoss, GuardReason::Drawdown, GuardReason::CoolDown, GuardReason::Correlation,
              GuardReason::HistoricalVar, GuardReason::ParametricVar})
            QVERIFY2(seen[reason] > 50, guardReasonName(reason).data());
    }

    // A value that is not a number, in any place of any case, never leads to an order.
    void aMissingNumberNeverLeadsToAnOrder()
    {
        for (std::uint64_t i = 0; i < 5000; ++i) {
            Rng rng(2, "test-guard", i);
            Case c = makeCase(rng);
            std::vector<double*> places{&c.state.equity,     &c.state.initialEquity, &c.state.dayStartEquity,
                                        &c.state.peakEquity, &c.order.quantity,      &c.order.price,
                                        &c.order.cost};
            for (OpenPosition& p : c.positions)
                places.insert(places.end(), {&p.quantity, &p.price});
            *places[rng.below(places.size())] = kNaN;
            KillSwitch killSwitch;
            const RiskGuard guard(c.limits, killSwitch);
            int sent = 0;
            const GuardVerdict verdict = guard.submit(c.state, c.order, [&sent] { ++sent; });
            QVERIFY(verdict.reason == GuardReason::Unjudgeable && sent == 0);
        }
    }

    // Two senders of two orders each (take a permit, send, end it) and one who throws, in all 12,012 orders of their steps: no
    // permit is given after the throw, and once those given before have ended nothing is sent.
    void noOrderAfterTheSwitchInAnyInterleaving()
    {
        int interleavings = 0, sentInAll = 0;
        std::vector<int> steps; // who takes the next step: 0 and 1 send, 2 throws
        const std::function<void(int, int, int)> each = [&](int first, int second, int thrower) {
            if (first + second + thrower > 0) {
                for (const auto& [who, left] : {std::pair{0, first}, {1, second}, {2, thrower}}) {
                    if (left == 0)
                        continue;
                    steps.push_back(who);
                    each(first - (who == 0), second - (who == 1), thrower - (who == 2));
                    steps.pop_back();
                }
                return;
            }
            ++interleavings;
            KillSwitch killSwitch;
            std::array<std::optional<KillSwitch::Permit>, 2> permits;
            std::array<int, 2> progress{};
            bool thrown = false;
            for (const int who : steps) {
                if (who == 2) {
                    killSwitch.throwSwitch();
                    thrown = true;
                    continue;
                }
                auto& permit = permits[static_cast<std::size_t>(who)];
                switch (progress[static_cast<std::size_t>(who)]++ % 3) {
                case 0:
                    permit.emplace(killSwitch);
                    QCOMPARE(static_cast<bool>(*permit), !thrown);
                    break;
                case 1: sentInAll += static_cast<bool>(*permit); break;
                default: permit.reset();
                }
            }
            QVERIFY(killSwitch.isThrown() && !KillSwitch::Permit(killSwitch));
            killSwitch.throwAndWait(); // all permits have ended: it returns
        };
        each(6, 6, 1);
        QCOMPARE(interleavings, 12'012);
        QVERIFY(sentInAll > 20'000 && sentInAll < 4 * 12'012);
    }

    // Threads that send as fast as they can, and one that throws the switch: what was sent when it returned is all that is ever sent.
    void noOrderAfterTheSwitchWithThreads()
    {
        int sawSome = 0;
        for (std::uint64_t round = 0; round < 200; ++round) {
            KillSwitch killSwitch;
            const RiskGuard guard(RiskLimits{.maxExposure = 1.0}, killSwitch);
            std::atomic<int> sent{0}, running{0};
            std::vector<std::thread> senders;
            for (int s = 0; s < 3; ++s)
                senders.emplace_back([&] {
                    ++running;
                    while (guard.submit(healthy(), buy(1.0), [&] { sent.fetch_add(1, std::memory_order_relaxed); }).reason !=
                           GuardReason::KillSwitch) {
                    }
                });
            Rng rng(3, "test-guard", round);
            while (running.load() < static_cast<int>(rng.below(4)))
                std::this_thread::yield();
            for (std::uint64_t spin = rng.below(3000); spin > 0; --spin)
                (void)killSwitch.isThrown();
            killSwitch.throwAndWait();
            const int atThrow = sent.load(std::memory_order_relaxed);
            sawSome += atThrow > 0;
            for (std::thread& sender : senders)
                sender.join();
            QCOMPARE(sent.load(), atThrow);
        }
        QVERIFY2(sawSome > 25, QByteArray::number(sawSome));
    }

    void badLimitsAreNamed()
    {
        KillSwitch killSwitch;
        const auto refused = [&](const RiskLimits& limits, const char* name) {
            const auto failure = failureOf([&] { RiskGuard(limits, killSwitch); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(name);
        };
        QVERIFY(refused({.maxPositionShare = -0.1}, "maxPositionShare") && refused({.maxExposure = kNaN}, "maxExposure"));
        QVERIFY(refused({.maxLeverage = -1.0}, "maxLeverage") && refused({.maxDailyLoss = kNaN}, "maxDailyLoss"));
        QVERIFY(refused({.maxTotalLoss = -1.0}, "maxTotalLoss") && refused({.maxDrawdown = kNaN}, "maxDrawdown"));
        QVERIFY(refused({.maxCorrelation = 1.5}, "maxCorrelation") && refused({.varConfidence = 1.0}, "varConfidence"));
        QVERIFY(refused({.maxHistoricalVar = kNaN}, "maxHistoricalVar") && refused({.maxParametricVar = -1.0}, "maxParametricVar"));
        QVERIFY(refused({.leastReturns = 1}, "leastReturns"));
    }
};

QTEST_APPLESS_MAIN(TestRiskGuard)
#include "tst_risk_guard.moc"
