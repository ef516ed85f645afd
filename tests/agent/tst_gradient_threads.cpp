#include <atomic>
#include <set>
#include <stdexcept>

#include <QTest>

#include "agent/ppo/GradientThreads.h"
#include "models/ModelFactory.h"
#include "models/Torch.h"

using namespace btcai;

class GradientThreadsTest : public QObject {
    Q_OBJECT

private slots:
    void eachPartRunsOnceInAThreadOfItsOwn()
    {
        GradientThreads threads(3, 1);
        for (const std::size_t parts : {3u, 1u, 2u, 0u, 3u}) {
            std::vector<std::thread::id> ran(3);
            std::atomic<int> calls = 0;
            threads.run(parts, [&](std::size_t i) {
                ran[i] = std::this_thread::get_id();
                ++calls;
            });
            QCOMPARE(calls.load(), static_cast<int>(parts));
            const std::set<std::thread::id> ids(ran.begin(), ran.begin() + static_cast<std::ptrdiff_t>(parts));
            QCOMPARE(ids.size(), parts);
            QVERIFY(!ids.contains(std::this_thread::get_id()));
        }
    }

    // libtorch keeps the number of threads per thread: those within must not change the others.
    void eachKeepsToItsCores()
    {
        torch::set_num_threads(4);
        GradientThreads threads(2, 1);
        std::vector<int> cores(2);
        threads.run(2, [&](std::size_t i) {
            torch::ones({512, 512}).matmul(torch::ones({512, 512})); // an operation that would cut itself up
            cores[i] = torch::get_num_threads();
        });
        QCOMPARE(cores, (std::vector<int>{1, 1}));
        QCOMPARE(torch::get_num_threads(), 4);
        int fresh = 0;
        std::thread([&] { fresh = torch::get_num_threads(); }).join();
        QCOMPARE(fresh, 4);
    }

    // A thread that set its number before its first operation, and another that set its own meanwhile.
    void whatAThreadSetItKeeps()
    {
        int kept = 0;
        std::thread([&] {
            setThreads(1);
            std::thread([] { setThreads(3); }).join();
            kept = torch::get_num_threads();
        }).join();
        QCOMPARE(kept, 1);
    }

    void aFailureComesBackAndTheThreadsLiveOn()
    {
        GradientThreads threads(2, 1);
        for (int round = 0; round < 3; ++round)
            QVERIFY_EXCEPTION_THROWN(threads.run(2, [](std::size_t i) { throw std::runtime_error(i == 0 ? "first" : "second"); }),
                                     std::runtime_error);
        std::atomic<int> calls = 0;
        threads.run(2, [&](std::size_t) { ++calls; });
        QCOMPARE(calls.load(), 2);
    }
};

QTEST_APPLESS_MAIN(GradientThreadsTest)
#include "tst_gradient_threads.moc"
