#include <QtTest>

#include <array>
#include <cmath>
#include <numbers>

#include "env/reference/CartPole.h"

using namespace btcai;

namespace {

using State = std::array<double, 4>;

/// The equations of motion as Barto, Sutton and Anderson print them (frictionless, in terms of the pole's half length l), with
/// Euler steps of 0.02 s:
///   theta'' = (g sin(theta) + cos(theta) (-F - m l theta'^2 sin(theta)) / (M + m)) / (l (4/3 - m cos(theta)^2 / (M + m)))
///   x''     = (F + m l (theta'^2 sin(theta) - theta'' cos(theta))) / (M + m)
State published(const State& s, double force)
{
    const double g = 9.8, cart = 1.0, pole = 0.1, l = 0.5, dt = 0.02;
    const auto [x, v, theta, omega] = s;
    const double total = cart + pole;
    const double turning
        = (g * std::sin(theta) + std::cos(theta) * (-force - pole * l * omega * omega * std::sin(theta)) / total)
          / (l * (4.0 / 3.0 - pole * std::cos(theta) * std::cos(theta) / total));
    const double moving = (force + pole * l * (omega * omega * std::sin(theta) - turning * std::cos(theta))) / total;
    return {x + dt * v, v + dt * moving, theta + dt * omega, omega + dt * turning};
}

State stateOf(const CartPole& env, std::size_t lane = 0)
{
    State state{};
    for (std::size_t i = 0; i < 4; ++i)
        state[i] = static_cast<double>(env.observation()[lane * 4 + i]);
    return state;
}

/// Keeps the pole up for as long as one likes: pushes to the side the pole falls to.
std::uint8_t balance(const State& s) { return s[2] + 0.3 * s[3] + 0.02 * s[0] + 0.05 * s[1] > 0.0 ? 1 : 0; }

} // namespace

class TestCartPole : public QObject {
    Q_OBJECT

private slots:
    // The equations above against figures made with Gymnasium's formulation (temp = (F + m l theta'^2 sin) / M ...) in Python, from
    // (0.01, -0.02, 0.03, 0.04) with pushes right, right, left, right, left, left.
    void theReferenceOfThisTestIsRight()
    {
        const std::vector<std::pair<double, State>> steps{
            {10, {0.0096, 0.174679195747555, 0.0308, -0.243068717960008}},
            {10, {0.0130935839149511, 0.369347976057956, 0.0259386256407998, -0.525879628050148}},
            {-10, {0.0204805434361102, 0.173870812604816, 0.0154210330797969, -0.225137416092375}},
            {10, {0.0239579596882065, 0.368769010174762, 0.0109182847579494, -0.512916347802659}},
            {-10, {0.0313333398917018, 0.173494992750685, 0.000659957801896193, -0.216812868356962}},
            {-10, {0.0348032397467155, -0.0216363867415785, -0.00367629956524305, 0.0760781647198376}}};
        State state{0.01, -0.02, 0.03, 0.04};
        for (const auto& [force, expected] : steps) {
            state = published(state, force);
            for (std::size_t i = 0; i < 4; ++i)
                QVERIFY(std::abs(state[i] - expected[i]) < 1e-14);
        }
        // From rest by hand: theta'' = -(10 / 1.1) / (0.5 (4/3 - 0.1 / 1.1)) = -14.634, x'' = (10 + 0.05 x 14.634) / 1.1 = 9.756.
        const State pushed = published({0, 0, 0, 0}, 10);
        QVERIFY(std::abs(pushed[1] - 0.02 * 9.75609756097561) < 1e-14 && std::abs(pushed[3] + 0.02 * 14.6341463414634) < 1e-14);
    }

    void everyStepFollowsTheEquations()
    {
        CartPole env(8);
        env.reset(5);
        StepResult result;
        int compared = 0;
        for (int step = 0; step < 400; ++step) {
            std::vector<State> before;
            std::vector<std::uint8_t> actions;
            for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                before.push_back(stateOf(env, lane));
                actions.push_back(lane % 2 == 0 ? balance(before.back()) : static_cast<std::uint8_t>(step / 3 % 2));
            }
            env.step(actions, result);
            for (std::size_t lane = 0; lane < env.lanes(); ++lane) {
                const bool ended = result.terminated[lane] || result.truncated[lane];
                const State expected = published(before[lane], actions[lane] == 1 ? 10.0 : -10.0);
                for (std::size_t i = 0; i < 4; ++i) {
                    const double got = static_cast<double>(ended ? result.finalObservation[lane * 4 + i] : env.observation()[lane * 4 + i]);
                    QVERIFY(std::abs(got - expected[i]) < 2e-6); // observations are floats
                }
                QCOMPARE(result.reward[lane], 1.0F);
                ++compared;
            }
        }
        QCOMPARE(compared, 3200);
    }

    void episodesStartNearTheMiddle()
    {
        CartPole env(2000);
        env.reset(9);
        double sum = 0.0, squares = 0.0;
        for (const float value : env.observation()) {
            QVERIFY(std::abs(value) <= 0.05F);
            sum += static_cast<double>(value);
            squares += static_cast<double>(value) * static_cast<double>(value);
        }
        // Uniform on +-0.05: mean 0 with an error of 0.0003, variance 0.1^2 / 12.
        QVERIFY(std::abs(sum / 8000) < 0.0015);
        QVERIFY(std::abs(squares / 8000 - 0.01 / 12) < 5e-5);
    }

    // Pushed one way, the pole falls after eight to eleven steps (Gymnasium from rest: nine), and the episode ends beyond 12 degrees
    // and not before.
    void aFallEndsTheEpisode()
    {
        CartPole env(50);
        env.reset(1);
        StepResult result;
        std::vector<int> length(50, 0);
        for (int step = 1; step <= 12; ++step) {
            env.step(std::vector<std::uint8_t>(50, 1), result);
            std::size_t ended = 0;
            for (std::size_t lane = 0; lane < 50; ++lane) {
                if (length[lane] != 0) {
                    ended += result.terminated[lane];
                    continue;
                }
                const double limit = 12.0 * std::numbers::pi / 180.0;
                if (result.terminated[lane]) {
                    length[lane] = step;
                    QVERIFY(std::abs(static_cast<double>(result.finalObservation[lane * 4 + 2])) > limit - 1e-6);
                    QVERIFY(!result.truncated[lane]);
                    QCOMPARE(env.endedEpisodeReturns()[ended++], static_cast<double>(step));
                    for (std::size_t i = 0; i < 4; ++i) // the next episode has begun
                        QVERIFY(std::abs(env.observation()[lane * 4 + i]) <= 0.05F);
                } else {
                    QVERIFY(std::abs(static_cast<double>(env.observation()[lane * 4 + 2])) < limit + 1e-6);
                }
            }
        }
        for (const int steps : length)
            QVERIFY2(steps >= 8 && steps <= 11, std::to_string(steps).c_str());
    }

    // A pole that is kept up while the cart is driven away: the episode ends beyond 2.4 m.
    void leavingTheTrackEndsTheEpisode()
    {
        CartPole env(1);
        env.reset(2);
        StepResult result;
        int steps = 0;
        do {
            const State s = stateOf(env);
            const std::uint8_t action = s[2] + 0.25 * s[3] > 0.035 ? 1 : 0; // leans to the right, so it must run to the right
            const State before = s;
            env.step(std::span(&action, 1), result);
            ++steps;
            QVERIFY(std::abs(before[0]) <= 2.4);
        } while (!result.terminated[0] && !result.truncated[0]);
        QVERIFY(result.terminated[0]);
        QVERIFY(std::abs(result.finalObservation[0]) > 2.4F - 1e-5F && std::abs(result.finalObservation[0]) < 2.5F);
        QVERIFY(std::abs(static_cast<double>(result.finalObservation[2])) < 12.0 * std::numbers::pi / 180.0);
        QVERIFY(steps < 500);
    }

    void anEpisodeIsCutAfter500Steps()
    {
        CartPole env(1);
        env.reset(3);
        StepResult result;
        for (int step = 1; step <= 1000; ++step) {
            const std::uint8_t action = balance(stateOf(env));
            env.step(std::span(&action, 1), result);
            QCOMPARE(int(result.terminated[0]), 0);
            QCOMPARE(int(result.truncated[0]), step % 500 == 0 ? 1 : 0);
            if (step % 500 == 0)
                QCOMPARE(env.endedEpisodeReturns()[0], 500.0);
        }
    }
};

QTEST_APPLESS_MAIN(TestCartPole)
#include "tst_cartpole.moc"
