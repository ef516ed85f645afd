#include <QtTest>

#include <array>
#include <cmath>
#include <numbers>

#include "env/reference/Acrobot.h"

using namespace btcai;

namespace {

using State = ControlTask::State;
constexpr double kPi = std::numbers::pi;
constexpr double g = 9.8;

/// The equations of motion from scratch: two uniform rods of 1 m and 1 kg, each with an inertia of 1 kg m^2 about its
/// centre, by Lagrange, M(q) q'' = torques. Kinetic energy with v1, v2 the centres' velocities in the plane and w1, w2
/// the absolute turning rates:
///   T = (v1^2 + v2^2 + w1^2 + w2^2) / 2,   v1 = w1 / 2,   v2^2 = w1^2 + w2^2 / 4 + w1 w2 cos(a2),   w2 = w1 + a2'
struct Lagrange {
    static State slope(const State& s, double torque)
    {
        const double c = std::cos(s[1]), n = std::sin(s[1]), v = s[2], u = s[3];
        const double m11 = 1.25 + 2.25 + c, m12 = 1.25 + 0.5 * c, m22 = 1.25; // d2T/dv2, d2T/dvdu, d2T/du2
        const double gravity2 = 0.5 * g * std::sin(s[0] + s[1]);
        const double gravity1 = 1.5 * g * std::sin(s[0]) + gravity2;
        const double force1 = n * (u * v + 0.5 * u * u) - gravity1;
        const double force2 = torque - 0.5 * n * v * v - gravity2;
        const double determinant = m11 * m22 - m12 * m12; // Cramer's rule
        return {v, u, (force1 * m22 - m12 * force2) / determinant, (m11 * force2 - m12 * force1) / determinant};
    }

    static State moved(State s, const State& slope, double seconds)
    {
        for (std::size_t i = 0; i < 4; ++i)
            s[i] += seconds * slope[i];
        return s;
    }

    /// Many small steps of the midpoint rule: the motion itself, as near as makes no difference.
    static State after(State s, double torque, double seconds, int steps)
    {
        const double h = seconds / steps;
        for (int i = 0; i < steps; ++i)
            s = moved(s, slope(moved(s, slope(s, torque), 0.5 * h), torque), h);
        return s;
    }

    /// The classical Runge-Kutta step over these equations, by its tableau.
    static State rungeKutta(const State& s, double torque, double h)
    {
        constexpr std::array nodes{0.0, 0.5, 0.5, 1.0}, weights{1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0};
        State next = s, k{};
        for (std::size_t i = 0; i < 4; ++i) {
            k = slope(moved(s, k, nodes[i] * h), torque);
            next = moved(next, k, weights[i] * h);
        }
        return next;
    }

    static double energy(const State& s)
    {
        const double w1 = s[2], w2 = s[2] + s[3];
        const double kinetic =
            0.5 * (0.25 * w1 * w1 + w1 * w1 + 0.25 * w2 * w2 + w1 * w2 * std::cos(s[1]) + w1 * w1 + w2 * w2);
        return kinetic - g * (1.5 * std::cos(s[0]) + 0.5 * std::cos(s[0] + s[1]));
    }
};

State stateOf(std::span<const float> o)
{
    return {std::atan2(double(o[1]), double(o[0])), std::atan2(double(o[3]), double(o[2])), double(o[4]), double(o[5])};
}

} // namespace

class TestAcrobot : public QObject {
    Q_OBJECT

private slots:
    // Hanging at rest, a torque of 1: gravity and velocities contribute nothing, so
    //   a2'' = 1 / (1.25 - 1.75^2 / 4.5) = 1.7560976,  a1'' = -1.75 / 4.5 a2'' = -0.6829268,
    // and the slopes that follow change by terms of the second order in 0.2 s only: a1 = a1'' 0.2^2 / 2 and so on, less
    // what gravity gives back. In closed form for small angles, M q'' = f - K q with M = (4.5 1.75; 1.75 1.25), K = g
    // (2 0.5; 0.5 0.5):
    //   q(t) = q'' t^2 / 2 - M^-1 K q'' t^4 / 24 + ..., q'(t) = q'' t - M^-1 K q'' t^3 / 6 + ...
    //   K q'' = 9.8 (2 x -0.6829268 + 0.8780488, 0.5 x 1.0731707) = (-4.7804878, 5.2585366)
    //   M^-1 K q'' = (1.25 x -4.7804878 - 1.75 x 5.2585366, 4.5 x 5.2585366 + 1.75 x 4.7804878) / 2.5625 =
    //   (-5.9231410, 12.4991076)
    void fromRestByHand()
    {
        const State s = Acrobot::move({0, 0, 0, 0}, 1.0);
        QVERIFY(std::abs(s[0] - (-0.6829268 * 0.02 + 5.923141 * 0.0016 / 24)) < 2e-5);
        QVERIFY(std::abs(s[1] - (1.7560976 * 0.02 - 12.4991076 * 0.0016 / 24)) < 2e-5);
        QVERIFY(std::abs(s[2] - (-0.6829268 * 0.2 + 5.923141 * 0.008 / 6)) < 3e-4);
        QVERIFY(std::abs(s[3] - (1.7560976 * 0.2 - 12.4991076 * 0.008 / 6)) < 6e-4);
        const State mirrored = Acrobot::move({0, 0, 0, 0}, -1.0);
        const State still = Acrobot::move({0, 0, 0, 0}, 0.0);
        for (std::size_t i = 0; i < 4; ++i) {
            QCOMPARE(mirrored[i], -s[i]);
            QCOMPARE(still[i], 0.0);
        }
    }

    // The same equations found in another way: a step equals theirs but for rounding, and the motion but for the
    // method's own error.
    void everyStepFollowsTheLagrangian()
    {
        Rng rng(1, "test-acrobot");
        for (int i = 0; i < 200; ++i) {
            const double torque = static_cast<double>(rng.below(3)) - 1.0;
            const State s{rng.uniform() * 2.0 - 1.0, rng.uniform() * 2.0 - 1.0, rng.uniform() * 2.0 - 1.0,
                          rng.uniform() * 4.0 - 2.0};
            const State step = Lagrange::rungeKutta(s, torque, 0.2);
            const State motion = Lagrange::after(s, torque, 0.2, 2000);
            const State got = Acrobot::move(s, torque);
            for (std::size_t k = 0; k < 4; ++k) {
                QVERIFY2(std::abs(got[k] - step[k]) < 1e-12, qPrintable(QString::number(got[k] - step[k])));
                QVERIFY2(std::abs(got[k] - motion[k]) < 0.02, qPrintable(QString::number(got[k] - motion[k])));
            }
        }
    }

    // The method damps a swing of frequency w in each step of h: with z = w h its energy is left with 1 - z^6 / 72 +
    // z^8 / 576. Small swings have w^2 where det(K - w^2 M) = 0 (M and K as above), 2.5625 w^4 - 29.4 w^2 + 72.03 = 0:
    // w = 1.883 and 2.8155. So of the energy above the lowest, -2 g, 100 steps take between 0.4 % (the slow swing)
    // and 4.2 % (the fast one), and a little else for not being small.
    void energyIsKeptWithoutTorque()
    {
        State s{0.3, -0.2, 0.0, 0.1};
        const double lowest = -2.0 * g, before = Lagrange::energy(s);
        for (int step = 0; step < 100; ++step)
            s = Acrobot::move(s, 0.0);
        const double lost = (before - Lagrange::energy(s)) / (before - lowest);
        QVERIFY2(lost > 0.0035 && lost < 0.045, qPrintable(QString::number(lost)));

        // With a torque the energy changes by the torque times the angle that it turned the joint by.
        State driven{0.3, -0.2, 0.0, 0.1};
        double work = 0.0;
        for (int step = 0; step < 20; ++step) {
            const State next = Acrobot::move(driven, 1.0);
            work += next[1] - driven[1];
            driven = next;
        }
        const double surplus = Lagrange::energy(driven) - before - work;
        QVERIFY2(std::abs(surplus) < 0.02 * (before - lowest + std::abs(work)), qPrintable(QString::number(surplus)));
    }

    void velocitiesAreHeldAndAnglesWrapped()
    {
        Rng rng(2, "test-acrobot");
        std::array<int, 4> held{};
        for (int i = 0; i < 2000; ++i) {
            const auto within = [&rng](double limit) { return limit * (2.0 * rng.uniform() - 1.0); };
            const State s{within(kPi), within(kPi), within(4.0 * kPi), within(9.0 * kPi)};
            const State free = Lagrange::rungeKutta(s, 1.0, 0.2);
            const State got = Acrobot::move(s, 1.0);
            for (std::size_t k : {0U, 1U}) {
                QVERIFY(std::abs(got[k]) <= kPi);
                QVERIFY(std::abs(std::sin(0.5 * (got[k] - free[k]))) < 1e-6); // whole turns apart
            }
            for (std::size_t k : {2U, 3U}) {
                const double limit = k == 2 ? 4.0 * kPi : 9.0 * kPi;
                if (std::abs(free[k]) > limit + 1e-6) {
                    QCOMPARE(got[k], std::copysign(limit, free[k]));
                    ++held[2 * (k - 2) + (free[k] > 0.0)];
                } else {
                    QVERIFY(std::abs(got[k] - free[k]) < 1e-6);
                }
            }
        }
        for (const int count : held) // either end of either velocity
            QVERIFY(count > 10);
        // Past the top by hand: at 3.1 rad with 4 rad/s it turns by about 0.8 rad in 0.2 s, through pi to about 3.9 - 2
        // pi = -2.4.
        const State over = Acrobot::move({3.1, 0.0, 4.0, 0.0}, 0.0);
        QVERIFY(over[0] < -2.2 && over[0] > -2.6);
    }

    // From the observations alone: what a lane shows, does and is paid.
    void episodesEndWhereTheTipIsHighAndNowhereElse()
    {
        Acrobot env(16);
        env.reset(5);
        for (const float value : env.observation().first(6))
            QVERIFY(std::abs(value) <= 1.0F);
        StepResult result;
        std::vector<double> returns(16, 0.0);
        std::size_t ended = 0, cut = 0;
        std::vector<int> length(16, 0);
        for (int step = 0; step < 1500; ++step) {
            std::vector<State> before;
            std::vector<std::uint8_t> actions;
            for (std::size_t lane = 0; lane < 16; ++lane) {
                before.push_back(stateOf(env.observation().subspan(lane * 6, 6)));
                // Half of the lanes push along with the joint and rise; the others do nothing and are cut.
                actions.push_back(lane % 2 == 0 ? (before.back()[3] > 0.0 ? 2 : 0) : 1);
            }
            env.step(actions, result);
            std::size_t index = 0;
            for (std::size_t lane = 0; lane < 16; ++lane) {
                const bool isOver = result.terminated[lane] || result.truncated[lane];
                const std::span<const float> shown =
                    isOver ? std::span<const float>(result.finalObservation).subspan(lane * 6, 6)
                           : env.observation().subspan(lane * 6, 6);
                const State after = stateOf(shown);
                const State expected = Acrobot::move(before[lane], actions[lane] - 1.0);
                for (std::size_t i = 0; i < 4; ++i) // observations are floats
                    QVERIFY(std::abs(i < 2 ? std::remainder(after[i] - expected[i], 2.0 * kPi)
                                           : after[i] - expected[i]) < 1e-4);
                const double height = -std::cos(after[0]) - std::cos(after[0] + after[1]);
                QVERIFY(result.terminated[lane] ? height > 1.0 - 1e-5 : height < 1.0 + 1e-5);
                QCOMPARE(result.reward[lane], result.terminated[lane] ? 0.0F : -1.0F);
                returns[lane] += double(result.reward[lane]);
                QCOMPARE(int(result.truncated[lane]), ++length[lane] == 500 && !result.terminated[lane] ? 1 : 0);
                if (!isOver)
                    continue;
                QCOMPARE(env.endedEpisodeReturns()[index++], returns[lane]);
                ended += result.terminated[lane];
                cut += result.truncated[lane];
                returns[lane] = length[lane] = 0;
                const State start = stateOf(env.observation().subspan(lane * 6, 6)); // the next episode has begun
                for (const double value : start)
                    QVERIFY(std::abs(value) <= 0.1 + 1e-6);
            }
        }
        QVERIFY(ended > 20);
        QVERIFY(cut >= 24); // eight idle lanes, three times each
    }
};

QTEST_APPLESS_MAIN(TestAcrobot)
#include "tst_acrobot.moc"
