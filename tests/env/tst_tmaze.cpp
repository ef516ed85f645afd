#include <QtTest>

#include <array>

#include "env/ObservationHistory.h"
#include "env/reference/TMaze.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

using Seen = std::array<float, 3>;
constexpr Seen kNorth{0, 1, 1}, kSouth{1, 1, 0}, kCorridor{1, 0, 1}, kJunction{0, 1, 0};
constexpr std::uint8_t North = 0, East = 1, South = 2, West = 3;

Seen seenBy(const VectorEnvironment& env, std::size_t lane = 0)
{
    Seen seen{};
    std::copy_n(env.observation().begin() + static_cast<std::ptrdiff_t>(3 * lane), 3, seen.begin());
    return seen;
}

} // namespace

class TestTMaze : public QObject {
    Q_OBJECT

private slots:
    // Two steps to the junction, then towards the goal: 4.
    void whoRemembersGetsFour()
    {
        TMaze env(1, 2);
        env.reset(1);
        StepResult result;
        int norths = 0;
        for (int episode = 0; episode < 400; ++episode) {
            const Seen cue = seenBy(env);
            QVERIFY(cue == kNorth || cue == kSouth);
            norths += cue == kNorth ? 1 : 0;
            for (const Seen& next : {kCorridor, kJunction}) {
                env.step(std::array{East}, result);
                QVERIFY(seenBy(env) == next);
                QVERIFY(result.reward[0] == 0.0F && !result.terminated[0] && env.endedEpisodeReturns().empty());
            }
            env.step(std::array{cue == kNorth ? North : South}, result);
            QVERIFY(result.reward[0] == 4.0F && result.terminated[0] && !result.truncated[0]);
            QVERIFY((Seen{result.finalObservation[0], result.finalObservation[1], result.finalObservation[2]} == kJunction));
            QCOMPARE(env.endedEpisodeReturns()[0], 4.0);
        }
        QVERIFY(norths > 150 && norths < 250); // 200 +- 10
    }

    // Walls cost 0.1 and do not move: north, south and west at the start, north and south in the corridor, east at the junction; west
    // leads back to where the cue is seen again. The wrong arm gives -0.1 and ends.
    void wallsAndTheWrongArmCost()
    {
        TMaze env(1, 2);
        env.reset(4);
        const Seen cue = seenBy(env);
        StepResult result;
        const auto expect = [&](std::uint8_t action, float reward, const Seen& seen) {
            env.step(std::array{action}, result);
            return result.reward[0] == reward && seenBy(env) == seen && !result.terminated[0];
        };
        for (const std::uint8_t wall : {North, South, West})
            QVERIFY(expect(wall, -0.1F, cue));
        QVERIFY(expect(East, 0.0F, kCorridor));
        for (const std::uint8_t wall : {North, South})
            QVERIFY(expect(wall, -0.1F, kCorridor));
        QVERIFY(expect(West, 0.0F, cue) && expect(East, 0.0F, kCorridor) && expect(East, 0.0F, kJunction) && expect(East, -0.1F, kJunction));
        QVERIFY(expect(West, 0.0F, kCorridor) && expect(East, 0.0F, kJunction));
        env.step(std::array{cue == kNorth ? South : North}, result);
        QVERIFY(result.reward[0] == -0.1F && result.terminated[0]);
        QVERIFY(std::abs(env.endedEpisodeReturns()[0] + 0.7) < 1e-12); // six walls and the arm
    }

    // Length 2: 30 steps.
    void anEpisodeIsCutAfterTenTimesTheWay()
    {
        TMaze env(1, 2);
        env.reset(1);
        StepResult result;
        for (int step = 1; step <= 60; ++step) {
            env.step(std::array{West}, result);
            QCOMPARE(int(result.truncated[0]), step % 30 == 0 ? 1 : 0);
            if (step % 30 == 0)
                QVERIFY(std::abs(env.endedEpisodeReturns()[0] + 3.0) < 1e-12);
        }
    }

    // Three observations, oldest first; zeros before the start; at an end the old window is the final one and a new one begins.
    void aHistoryShowsTheLatestObservations()
    {
        ObservationHistory env(std::make_unique<TMaze>(1, 2), 3);
        env.reset(1);
        QCOMPARE(env.observationSize(), std::size_t{9});
        const auto windowIs = [](std::span<const float> window, const std::array<Seen, 3>& expected) {
            for (std::size_t i = 0; i < 9; ++i)
                if (window[i] != expected[i / 3][i % 3])
                    return false;
            return true;
        };
        Seen cue{};
        std::copy_n(env.observation().begin() + 6, 3, cue.begin());
        QVERIFY(cue == kNorth || cue == kSouth);
        StepResult result;
        QVERIFY(windowIs(env.observation(), {Seen{}, Seen{}, cue}));
        env.step(std::array{East}, result);
        QVERIFY(windowIs(env.observation(), {Seen{}, cue, kCorridor}));
        env.step(std::array{East}, result);
        QVERIFY(windowIs(env.observation(), {cue, kCorridor, kJunction}));
        env.step(std::array{West}, result);
        QVERIFY(windowIs(env.observation(), {kCorridor, kJunction, kCorridor})); // the cue is forgotten
        env.step(std::array{East}, result);
        env.step(std::array{North}, result);
        QVERIFY(result.terminated[0]);
        QVERIFY(windowIs(result.finalObservation, {kCorridor, kJunction, kJunction}));
        std::copy_n(env.observation().begin() + 6, 3, cue.begin());
        QVERIFY(windowIs(env.observation(), {Seen{}, Seen{}, cue}));
    }

    void nothingIsTooShort()
    {
        const auto corridor = failureOf([] { TMaze(1, 0); });
        QVERIFY(corridor && corridor->kind == ErrorKind::BadInput && corridor->says("corridor"));
        const auto history = failureOf([] { ObservationHistory(std::make_unique<TMaze>(1, 1), 0); });
        QVERIFY(history && history->kind == ErrorKind::BadInput && history->says("history"));
    }
};

QTEST_APPLESS_MAIN(TestTMaze)
#include "tst_tmaze.moc"
