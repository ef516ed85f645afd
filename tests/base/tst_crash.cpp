#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "base/CrashHandler.h"
#include "base/Json.h"
#include "base/Log.h"
#include "tests/base/LogFiles.h"

namespace fs = std::filesystem;
using namespace btcai;

// The causes have external linkage and are never inlined, so that stack traces can name them; each is without a branch,
// since GCC moves unlikely ones to a nameless place.

volatile int zero = 0;

// UBSan would see it coming.
[[gnu::noinline, gnu::no_sanitize("undefined")]] void crashByNullPointer()
{
    *reinterpret_cast<volatile int*>(static_cast<std::uintptr_t>(zero)) = 1;
}
[[gnu::noinline]] void crashByAbort() { std::abort(); }
[[gnu::noinline]] void crashByTrap() { __builtin_trap(); }
[[gnu::noinline]] void crashByException() { throw std::runtime_error("left to its own devices"); }
// In a thread of its own there is nothing below that catches it, which is so in main() but not under Qt Test.
void crashByExceptionInThread() { std::thread(crashByException).join(); }
[[gnu::noinline]] void crashByBusError()
{
    ::raise(SIGBUS);
    asm volatile(""); // keeps the call from being the last thing, and so the frame
}
[[gnu::noinline]] void crashByArithmetic()
{
    ::raise(SIGFPE);
    asm volatile("");
}

[[gnu::noinline]] int overflowTheStack(int depth)
{
    volatile char frame[4096] = {};
    frame[depth % 4096] = 1;
    return depth < 0 ? 0 : overflowTheStack(depth + 1) + frame[0];
}

namespace {

/// Runs `body` in a child process and returns its wait status.
int statusOfChild(const std::function<void()>& body)
{
    const pid_t child = ::fork();
    if (child == 0) {
        // Qt Test and the sanitizers have handlers of their own.
        for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPIPE})
            std::signal(signal, SIG_DFL);
        stack_t noAlternate{};
        noAlternate.ss_flags = SS_DISABLE; // Qt Test has one of its own
        ::sigaltstack(&noAlternate, nullptr);
        const rlimit noCore{0, 0};
        ::setrlimit(RLIMIT_CORE, &noCore);
        const int nowhere = ::open("/dev/null", O_WRONLY);
        ::dup2(nowhere, STDERR_FILENO);
        [&]() noexcept { body(); }(); // or an exception would reach Qt Test, and the child go on as a second test run
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

} // namespace

/// What becomes of the log when the process meets a bad end. Each case runs in a child process.
class TestCrash : public QObject {
    Q_OBJECT

private:
    struct Crash {
        const char* name;
        void (*cause)();
        int signal;
    };
    static constexpr Crash crashes[] = {
        {"NullPointer", crashByNullPointer, SIGSEGV},
        {"Abort", crashByAbort, SIGABRT},
        {"Trap", crashByTrap, SIGILL},
        {"BusError", crashByBusError, SIGBUS},
        {"Arithmetic", crashByArithmetic, SIGFPE},
        {"Exception", crashByExceptionInThread, SIGABRT},
    };

    QTemporaryDir m_temporary;
    fs::path m_folder;
    fs::path m_file;
    std::shared_ptr<ManualClock> m_clock = std::make_shared<ManualClock>(1502942400.678);

    LogOptions options() const
    {
        LogOptions result;
        result.consoleLevel = LogLevel::Off;
        result.file = m_file;
        return result;
    }

private slots:
    void init()
    {
        std::string name = QTest::currentTestFunction();
        if (QTest::currentDataTag())
            name += std::string("-") + QTest::currentDataTag();
        m_folder = fs::path(m_temporary.path().toStdString()) / name;
        fs::create_directory(m_folder);
        m_file = m_folder / "worker.log";
    }

    void aCrashLeavesATrace_data()
    {
        QTest::addColumn<int>("row");
        int row = 0;
        for (const auto& crash : crashes)
            QTest::newRow(crash.name) << row++;
    }
    void aCrashLeavesATrace()
    {
        QFETCH(int, row);
        const Crash& crash = crashes[row];
        for (const LogFormat format : {LogFormat::Text, LogFormat::JsonLines}) {
            LogOptions crashing = options();
            crashing.fileFormat = format;
            crashing.file = m_folder / (format == LogFormat::Text ? "text.log" : "json.log");
            const int status = statusOfChild([&] {
                installCrashHandler();
                const LogSession session(crashing, m_clock);
                logInfo("before the crash");
                crash.cause();
            });
            QVERIFY(WIFSIGNALED(status));
            QCOMPARE(WTERMSIG(status), crash.signal);
            checkTrace(contentOf(crashing.file), format, crash);
        }
    }

    void anOverflowOfTheStackLeavesATrace()
    {
        const int status = statusOfChild([&] {
            installCrashHandler();
            const LogSession session(options(), m_clock);
            overflowTheStack(zero);
        });
        QVERIFY(status != 0);
        QVERIFY(contentOf(m_file).find("overflowTheStack") != std::string::npos);
    }

    void theTraceHasTheRightTime()
    {
        const auto before = std::time(nullptr);
        statusOfChild([&] {
            installCrashHandler();
            const LogSession session(options(), m_clock);
            ::raise(SIGABRT);
        });
        const std::string stamp = contentOf(m_file).substr(0, 19) + "Z";
        QVERIFY2(parseUtc(stamp) >= before && parseUtc(stamp) <= std::time(nullptr), stamp.c_str());
    }

    void aRecordIsNeverTorn()
    {
        // A limit on the size of files cuts a write short, as a disk does that fills up in the middle of one.
        const int status = statusOfChild([this] {
            std::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{1000, 1000};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            const LogSession session(options(), m_clock);
            for (int i = 0; i < 30; ++i)
                logInfo("number {}.", i);
        });
        QCOMPARE(status, 0);
        const std::string text = contentOf(m_file);
        QVERIFY(text.size() > 800);
        QVERIFY2(text.ends_with(".\n"), text.c_str());
    }

    void aClosedStderrDoesNotEndTheProgram()
    {
        const int status = statusOfChild([this] {
            int ends[2];
            if (::pipe(ends) != 0)
                ::_exit(1);
            ::dup2(ends[1], STDERR_FILENO);
            ::close(ends[0]);
            LogOptions loud = options();
            loud.consoleLevel = LogLevel::Info;
            const LogSession session(loud, m_clock);
            logInfo("into the void");
            ::_exit(7);
        });
        QVERIFY2(WIFEXITED(status), ::strsignal(WTERMSIG(status)));
        QCOMPARE(WEXITSTATUS(status), 7);
        QVERIFY(contentOf(m_file).find("into the void") != std::string::npos);
    }

private:
    static void checkTrace(const std::string& text, LogFormat format, const Crash& crash)
    {
        const std::string headline = std::string("crash: SIG") + ::sigabbrev_np(crash.signal) + " at address 0x";
        const std::string culprit = std::string("crashBy") + crash.name;
        const auto lines = linesOf(text);
        QVERIFY(lines.size() >= 2);
        QVERIFY(lines[0].find("before the crash") != std::string::npos);
        if (crash.cause == crashByExceptionInThread)
            QVERIFY(text.find("nobody caught an exception: left to its own devices") != std::string::npos);
        if (format == LogFormat::JsonLines) {
            const Json record = parseJson(lines.back(), "last record");
            QVERIFY(record.at("message").get<std::string>().starts_with(headline));
            QVERIFY(record.at("stack").dump().find(culprit) != std::string::npos);
        } else {
            QVERIFY2(text.find(headline) != std::string::npos, text.c_str());
            QVERIFY2(text.find(culprit, text.find(headline)) != std::string::npos, text.c_str());
        }
    }
};

QTEST_GUILESS_MAIN(TestCrash)
#include "tst_crash.moc"
