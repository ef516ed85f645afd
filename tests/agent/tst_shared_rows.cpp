// Memory that processes of one machine share, and how they meet there. tst_ranks has what is added up in it.
#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <QTest>

#include "agent/distributed/SharedRows.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;
using namespace std::chrono_literals;

class SharedRowsTest : public QObject {
    Q_OBJECT
private slots:
    /// What one writes the other reads; a place that is none, or not that of this memory, is refused.
    void sharedMemoryIsTheSameOrRefused()
    {
        const SharedRows made(2, 3);
        const SharedRows found(made.place(), 2, 3);
        QVERIFY(torch::equal(found.values(), torch::zeros({4, 3})));
        found.values()[2][1] = 7.0F;
        found.notes()[3][511] = 0.25;
        QCOMPARE(made.values()[2][1].item<float>(), 7.0F);
        QCOMPARE(made.notes()[3][511].item<double>(), 0.25);
        const std::string process = made.place().substr(0, made.place().find(' ')), file = made.place().substr(0, made.place().rfind(' '));
        for (const std::string& place : {std::string(), std::string("no place"), process + " 987654 1", file + " 1"}) {
            const auto failure = failureOf([&] { SharedRows(place, 2, 3); });
            QVERIFY2(failure && failure->kind == ErrorKind::Io && failure->says("shared memory"), place.c_str());
        }
        const auto otherSize = failureOf([&] { SharedRows(made.place(), 2, 4); });
        QVERIFY(otherSize && otherSize->says("has not the 16640 bytes")); // 64 + 2 x 64 + 4 x 512 x 8 + 16 floats of 4
    }

    /// Whoever comes first waits, a moment or long, and then reads what the other wrote before it came; a thousand times, with sums of the two.
    void membersMeetInSharedMemory()
    {
        const std::array<std::int64_t, 2> processes{::getpid(), ::getpid()};
        SharedRows first(2, 1);
        SharedRows second(first.place(), 2, 1);
        first.enter(0, processes);
        second.enter(1, processes);
        std::atomic<int> wrong{0};
        const auto member = [&wrong](SharedRows& shared, int own) {
            for (int k = 0; k < 1000; ++k) {
                if (k % 250 == 100 * own)
                    std::this_thread::sleep_for(10ms);
                const std::int64_t turn = 2 * (k % 2);
                shared.values()[turn + own].fill_(static_cast<float>(k + own));
                shared.meet(10s);
                wrong += shared.values().narrow(0, turn, 2).sum().item<float>() != static_cast<float>(2 * k + 1);
            }
        };
        std::thread other([&] { member(second, 1); });
        member(first, 0);
        other.join();
        QCOMPARE(wrong.load(), 0);
    }

    /// A member that left, one whose process was killed, and one that is late.
    void whoDoesNotComeToAMeetingIsNamed()
    {
        const auto missed = [](std::int64_t process, std::chrono::milliseconds patience, bool leaves) {
            SharedRows own(2, 1);
            own.enter(0, std::array<std::int64_t, 2>{::getpid(), process});
            auto other = std::make_unique<SharedRows>(own.place(), 2, 1);
            other->enter(1, std::array<std::int64_t, 2>{::getpid(), ::getpid()});
            if (leaves)
                other.reset();
            const auto began = std::chrono::steady_clock::now();
            const auto failure = failureOf([&] { own.meet(patience); });
            const bool atOnce = std::chrono::steady_clock::now() - began < 5s;
            return std::pair{failure ? failure->message : std::string(), atOnce};
        };
        QCOMPARE(missed(::getpid(), 60s, true), (std::pair{std::string("rank 1 left"), true}));
        QCOMPARE(missed(::getpid(), 20ms, false), (std::pair{std::string("rank 1 did not come to a sum in time"), true}));
        const pid_t child = ::fork();
        if (child == 0) {
            ::pause();
            ::_exit(0);
        }
        std::thread killer([child] {
            std::this_thread::sleep_for(50ms);
            ::kill(child, SIGKILL);
        });
        const auto killed = missed(child, 60s, false);
        killer.join();
        ::waitpid(child, nullptr, 0);
        QCOMPARE(killed, (std::pair{std::string("rank 1 left: its process ended"), true}));
    }
};

QTEST_GUILESS_MAIN(SharedRowsTest)
#include "tst_shared_rows.moc"
