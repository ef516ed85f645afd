#include <bit>
#include <cmath>
#include <vector>

#include <QtTest>

#include "base/Rng.h"
#include "base/VectorClones.h"
#include "base/VectorLog.h"

using namespace btcai;

namespace {

BTCAI_VECTOR_CLONES void logs(const std::vector<double>& from, std::vector<double>& to)
{
    for (std::size_t i = 0; i < from.size(); ++i)
        to[i] = vectorLog(from[i]);
}

/// In units in the last place of the right result.
double errorOf(double x)
{
    const long double right = std::log(static_cast<long double>(x));
    const double nearest = static_cast<double>(right);
    const double unit = std::abs(std::nextafter(nearest, HUGE_VAL) - nearest);
    return static_cast<double>(std::abs(static_cast<long double>(vectorLog(x)) - right)) / unit;
}

} // namespace

class TestVectorLog : public QObject {
    Q_OBJECT

private slots:
    void nothingComesOfOne() { QCOMPARE(vectorLog(1.0), 0.0); }

    // Against the library's logarithm in extended precision.
    void closeToTheRightValueEverywhere()
    {
        Rng rng(1, "logs");
        for (int i = 0; i < 200'000; ++i) {
            QVERIFY(errorOf(std::exp(1400.0 * rng.uniform() - 700.0)) <= 2.0);
            QVERIFY(errorOf(0.5 + 1.5 * rng.uniform()) <= 2.5);
            QVERIFY(errorOf(1.0 + 1e-6 * (rng.uniform() - 0.5)) <= 2.0);
        }
        for (const double x : {0x1p-1022, 0.5, 2.0, std::sqrt(0.5), std::nextafter(std::sqrt(0.5), 0.0), std::sqrt(2.0), 1.7976931348623157e308})
            QVERIFY2(errorOf(x) <= 2.0, qPrintable(QString::number(x)));
    }

    void severalAtATimeGiveTheBitsOfOne()
    {
        Rng rng(2, "logs");
        std::vector<double> from(1003), to(from.size());
        for (double& x : from)
            x = std::exp(20.0 * rng.uniform() - 10.0);
        logs(from, to);
        for (std::size_t i = 0; i < from.size(); ++i) {
            const volatile double x = from[i];
            QCOMPARE(std::bit_cast<std::uint64_t>(to[i]), std::bit_cast<std::uint64_t>(vectorLog(x)));
        }
    }
};

QTEST_APPLESS_MAIN(TestVectorLog)
#include "tst_vector_log.moc"
