#include <QtTest>

#include <cmath>
#include <limits>

#include "base/Rng.h"
#include "env/sizing/PositionSizer.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

bool near(double a, double b) { return std::abs(a - b) <= 1e-12; }

} // namespace

class TestPositionSizer : public QObject {
    Q_OBJECT

private slots:
    void fixedByHand()
    {
        const PositionSizer sizer({.fullExposure = 0.4, .maxUncertainty = kInfinite});
        QVERIFY(near(sizer.size({.deviation = kNaN}).exposure, 0.4)); // needs no forecast
        QVERIFY(near(PositionSizer({.fullExposure = 3.0, .maxExposure = 2.0, .maxUncertainty = kInfinite}).size({}).exposure, 2.0));
        // With a limit on the uncertainty the forecast must be known.
        const PositionSizer careful({.fullExposure = 0.4, .maxUncertainty = 0.05});
        QVERIFY(near(careful.size({.deviation = 0.05}).exposure, 0.4));
        QVERIFY(careful.size({.deviation = 0.0501}).reason == SizingReason::Uncertain &&
                careful.size({.deviation = kNaN}).reason == SizingReason::Unknown);
    }

    // 0.8 x confidence 0.75 = 0.6; with a deviation of half of the limit and a penalty of 0.5: x (1 - 0.25) = 0.45.
    void confidenceByHand()
    {
        SizingOptions options{.method = SizingMethod::Confidence, .fullExposure = 0.8, .maxUncertainty = 0.04, .uncertaintyPenalty = 0.5};
        QVERIFY(near(PositionSizer(options).size({.confidence = 0.75, .deviation = 0.0}).exposure, 0.6));
        QVERIFY(near(PositionSizer(options).size({.confidence = 0.75, .deviation = 0.02}).exposure, 0.45));
        QVERIFY(near(PositionSizer(options).size({.side = -1.0, .confidence = 0.0, .deviation = 0.02}).exposure, 0.0));
        for (const double bad : {kNaN, -0.01, 1.01})
            QVERIFY(PositionSizer(options).size({.confidence = bad, .deviation = 0.01}).reason == SizingReason::Unknown);
    }

    // 1 - 0.01 / 0.04 = 0.75; nothing is left at the limit; beyond it there is no entry.
    void uncertaintyByHand()
    {
        const PositionSizer sizer({.method = SizingMethod::Uncertainty, .maxUncertainty = 0.04});
        QVERIFY(near(sizer.size({.deviation = 0.01}).exposure, 0.75) && near(sizer.size({.deviation = 0.04}).exposure, 0.0));
        const SizingDecision beyond = sizer.size({.deviation = 0.041});
        QVERIFY(beyond.reason == SizingReason::Uncertain && beyond.exposure == 0.0);
        QCOMPARE(sizingReasonName(beyond.reason), std::string_view("uncertain"));
    }

    // Mean 0.5 %, cost 0.3 %, deviation 5 %: 0.002 / 0.0025 = 0.8, half of it 0.4. Short the same with the mean's sign turned. A mean that
    // the costs eat up is no reason to trade.
    void kellyByHand()
    {
        SizingOptions options{.method = SizingMethod::FullDistribution, .maxUncertainty = 0.1, .kellyFraction = 0.5};
        const PositionSizer half(options);
        QVERIFY(near(half.size({.mean = 0.005, .deviation = 0.05, .roundTripCost = 0.003}).exposure, 0.4));
        QVERIFY(near(half.size({.side = -1.0, .mean = -0.005, .deviation = 0.05, .roundTripCost = 0.003}).exposure, 0.4));
        QVERIFY(half.size({.mean = 0.003, .deviation = 0.05, .roundTripCost = 0.003}).reason == SizingReason::NoEdge);
        QVERIFY(half.size({.side = -1.0, .mean = 0.005, .deviation = 0.05}).reason == SizingReason::NoEdge);
        QVERIFY(half.size({.mean = 0.005, .deviation = 0.0}).reason == SizingReason::Unknown); // claims to be certain
        QVERIFY(half.size({.mean = 0.005, .deviation = 1e-200}).exposure == 1.0);
    }

    // The size is where expected log growth is greatest: against a bet whose optimum is known exactly. It wins or loses b with chances
    // p and 1 - p: f* = (2 p - 1) / b (Kelly 1956). Its mean is b (2 p - 1), its variance b^2 (1 - (2 p - 1)^2), so the second-order size
    // is f* / (1 - (2 p - 1)^2), the same to the order of the squared edge.
    void kellyOfABet()
    {
        for (const double chance : {0.505, 0.51, 0.53}) {
            const double bet = 0.2, edge = 2.0 * chance - 1.0;
            double best = 0.0, bestGrowth = -kInfinite; // by trying
            for (double f = 0.0; f < 1.0 / bet; f += 1e-5) {
                const double growth = chance * std::log1p(f * bet) + (1.0 - chance) * std::log1p(-f * bet);
                if (growth > bestGrowth)
                    bestGrowth = growth, best = f;
            }
            const PositionSizer full(
                {.method = SizingMethod::FullDistribution, .maxExposure = 100.0, .maxUncertainty = kInfinite, .kellyFraction = 1.0});
            const double got = full.size({.mean = bet * edge, .deviation = bet * std::sqrt(1.0 - edge * edge)}).exposure;
            QVERIFY2(std::abs(got - best) < 2e-5 + 2.0 * best * edge * edge, QByteArray::number(got));
        }
    }

    // Whatever comes in, what comes out is within [0, maxExposure], 0 unless it was sized, and more cost or a wider forecast never make it
    // larger.
    void everySizeIsWithinItsBounds()
    {
        int sized = 0;
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            Rng rng(1, "test-sizer", i);
            const auto number = [&rng](double scale) {
                switch (rng.below(12)) {
                case 0: return kNaN;
                case 1: return rng.below(2) == 0 ? kInfinite : -kInfinite;
                case 2: return 0.0;
                default: return scale * rng.normal();
                }
            };
            const SizingOptions options{.method = static_cast<SizingMethod>(rng.below(4)),
                                        .fullExposure = 3.0 * rng.uniform(),
                                        .maxExposure = 2.0 * rng.uniform(),
                                        .maxUncertainty = rng.below(3) == 0 ? kInfinite : 0.01 + 0.1 * rng.uniform(),
                                        .uncertaintyPenalty = rng.uniform(),
                                        .kellyFraction = 0.01 + 0.99 * rng.uniform()};
            const PositionSizer sizer(options);
            SizingInput input{.side = rng.below(20) == 0  ? number(1.0)
                                      : rng.below(2) == 0 ? 1.0
                                                          : -1.0,
                              .confidence = std::abs(number(0.5)),
                              .mean = number(0.01),
                              .deviation = std::abs(number(0.03)),
                              .roundTripCost = std::abs(number(0.002))};
            const SizingDecision decision = sizer.size(input);
            QVERIFY(decision.exposure >= 0.0 && decision.exposure <= options.maxExposure);
            QVERIFY(decision.reason == SizingReason::Sized || decision.exposure == 0.0);
            sized += decision.exposure > 0.0;
            for (double SizingInput::*worse : {&SizingInput::deviation, &SizingInput::roundTripCost}) {
                SizingInput other = input;
                other.*worse *= 1.5;
                QVERIFY(sizer.size(other).exposure <= decision.exposure);
            }
        }
        QVERIFY(sized > 5000);
    }

    void badOptionsAreNamed()
    {
        const auto refused = [](const SizingOptions& options, const char* name) {
            const auto failure = failureOf([&] { PositionSizer{options}; });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(name);
        };
        QVERIFY(refused({.fullExposure = kNaN}, "fullExposure") && refused({.maxExposure = -1.0}, "maxExposure"));
        QVERIFY(refused({.maxUncertainty = 0.0}, "maxUncertainty") && refused({.uncertaintyPenalty = 1.5}, "uncertaintyPenalty"));
        QVERIFY(refused({.kellyFraction = 0.0}, "kellyFraction") && refused({.maxExposure = kInfinite}, "maxExposure"));
    }
};

QTEST_APPLESS_MAIN(TestPositionSizer)
#include "tst_position_sizer.moc"
