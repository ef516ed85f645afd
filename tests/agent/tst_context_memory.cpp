// What is remembered, and what is recalled of it: the nearest, like enough, and over by then.
#include <algorithm>
#include <cmath>

#include <QTest>

#include "agent/memory/ContextMemory.h"
#include "base/Error.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using torch::Tensor;

namespace {

constexpr std::int64_t kWidth = 24;

/// Directions in a plane, so that similarities are cosines of angles: 0, 10, 20, ... degrees.
Tensor atDegrees(const std::vector<double>& degrees)
{
    Tensor keys = torch::zeros({static_cast<std::int64_t>(degrees.size()), kWidth});
    for (std::size_t i = 0; i < degrees.size(); ++i) {
        const double radians = degrees[i] * std::acos(-1.0) / 180.0;
        keys[static_cast<std::int64_t>(i)][0] = 3.0 * std::cos(radians); // of any length
        keys[static_cast<std::int64_t>(i)][1] = 3.0 * std::sin(radians);
    }
    return keys;
}

} // namespace

class ContextMemoryTest : public QObject {
    Q_OBJECT

private slots:
    // At 0, 10, 20 and 30 degrees, over at 100, 200, 300 and 400. A similarity of 0.95 is 18.2 degrees.
    void theNearestThatAreLikeEnoughAndOverAreRecalled()
    {
        ContextMemory memory({.capacity = 10, .neighbours = 3, .similarity = 0.95, .prior = 1.0}, kWidth);
        const std::vector<std::int64_t> closed{100, 200, 300, 400};
        const std::vector<double> outcomes{0.01, -0.02, 0.03, 0.05};
        memory.add(atDegrees({0, 10, 20, 30}), closed, outcomes);
        QCOMPARE(memory.recall(atDegrees({0})[0], 1000).count, std::int64_t{0}); // waits until it is taken in
        memory.index();
        QCOMPARE(memory.size(), std::int64_t{4});
        const Recall two = memory.recall(atDegrees({0})[0], 1000);
        QCOMPARE(two.count, std::int64_t{2}); // 0 and 10 degrees
        QCOMPARE(two.up, std::int64_t{1});
        QVERIFY(std::abs(two.mean + 0.005) < 1e-12);
        const Recall all = memory.recall(atDegrees({15})[0], 1000); // all four within 15 degrees, but three at most: 10, 20, and one of 0 and 30
        QCOMPARE(all.count, std::int64_t{3});
        QCOMPARE(memory.recall(atDegrees({15})[0], 250).count, std::int64_t{2}); // 20 and 30 were not over
        QCOMPARE(memory.recall(atDegrees({15})[0], 200).count, std::int64_t{2}); // known from its closing time on
        QCOMPARE(memory.recall(atDegrees({15})[0], 199).count, std::int64_t{1});
        QCOMPARE(memory.recall(atDegrees({15})[0], 99).count, std::int64_t{0});
        QCOMPARE(memory.recall(atDegrees({180})[0], 1000).count, std::int64_t{0});
    }

    void theOldestMakeRoom()
    {
        ContextMemory memory({.capacity = 2, .neighbours = 5, .similarity = 0.9, .prior = 1.0}, kWidth);
        const std::vector<std::int64_t> closed{1, 1, 1};
        memory.add(atDegrees({0, 90, 180}), closed, std::vector<double>{1.0, 1.0, 1.0});
        memory.index();
        QCOMPARE(memory.size(), std::int64_t{2});
        QCOMPARE(memory.recall(atDegrees({0})[0], 9).count, std::int64_t{0});
        QCOMPARE(memory.recall(atDegrees({180})[0], 9).count, std::int64_t{1});
        memory.add(atDegrees({0}), std::vector<std::int64_t>{1}, std::vector<double>{1.0});
        memory.index();
        QCOMPARE(memory.recall(atDegrees({90})[0], 9).count, std::int64_t{0});
        QCOMPARE(memory.recall(atDegrees({0})[0], 9).count, std::int64_t{1});
    }

    // Against a look at every one: of 5,000 situations in clusters, nearly all of the 20 nearest are found.
    void theGraphFindsWhatALookAtEachFinds()
    {
        torch::manual_seed(1);
        ContextMemory memory({.capacity = 5000, .neighbours = 20, .similarity = -1.0, .prior = 1.0}, kWidth);
        const Tensor centres = torch::randn({40, kWidth});
        const auto draw = [&](std::int64_t count) { return centres.index_select(0, torch::randint(40, {count})) + 0.4 * torch::randn({count, kWidth}); };
        const Tensor keys = draw(5000);
        // The outcome names the situation, so that the mean over those recalled can be compared.
        std::vector<double> outcomes(5000);
        for (std::size_t i = 0; i < outcomes.size(); ++i)
            outcomes[i] = std::sin(static_cast<double>(i));
        memory.add(keys, std::vector<std::int64_t>(5000, 0), outcomes);
        memory.index();
        const Tensor unit = keys / keys.norm(2, 1, true), asked = draw(200);
        int same = 0;
        for (std::int64_t q = 0; q < 200; ++q) {
            const Tensor nearest = std::get<1>(torch::mv(unit, asked[q]).topk(20));
            double mean = 0.0;
            for (std::int64_t i = 0; i < 20; ++i)
                mean += outcomes[static_cast<std::size_t>(nearest[i].item<std::int64_t>())] / 20.0;
            const Recall recall = memory.recall(asked[q], 0);
            QCOMPARE(recall.count, std::int64_t{20});
            same += std::abs(recall.mean - mean) < 1e-9 ? 1 : 0;
        }
        QVERIFY2(same >= 190, qPrintable(QString::number(same)));
    }

    void aSnapshotIsTheMemory()
    {
        torch::manual_seed(2);
        const RunConfig::Memory options{.capacity = 300, .neighbours = 8, .similarity = 0.3, .prior = 1.0};
        ContextMemory memory(options, kWidth), other(options, kWidth);
        const auto add = [](ContextMemory& to, const Tensor& keys) {
            std::vector<std::int64_t> closed(static_cast<std::size_t>(keys.size(0)));
            std::vector<double> outcomes(closed.size());
            for (std::size_t i = 0; i < closed.size(); ++i) {
                closed[i] = static_cast<std::int64_t>(i);
                outcomes[i] = std::cos(static_cast<double>(i));
            }
            to.add(keys, closed, outcomes);
        };
        add(memory, torch::randn({400, kWidth}));
        memory.index();
        const Tensor waiting = torch::randn({50, kWidth});
        add(memory, waiting);
        other.restore(parseTensorFile(writeTensorFile(memory.snapshot()), "snapshot"));
        for (const bool indexed : {false, true}) {
            for (ContextMemory* one : {&memory, &other})
                if (indexed)
                    one->index();
            for (int i = 0; i < 50; ++i) {
                const Tensor key = torch::randn({kWidth});
                const Recall a = memory.recall(key, 350), b = other.recall(key, 350);
                QVERIFY(a.count == b.count && a.mean == b.mean && a.up == b.up);
            }
        }
        TensorFile lacking = memory.snapshot();
        lacking.tensors.erase("waiting_keys");
        QVERIFY_EXCEPTION_THROWN(other.restore(lacking), Error);
        ContextMemory narrower(options, kWidth / 2);
        QVERIFY_EXCEPTION_THROWN(narrower.restore(memory.snapshot()), Error);
    }
};

QTEST_GUILESS_MAIN(ContextMemoryTest)
#include "tst_context_memory.moc"
