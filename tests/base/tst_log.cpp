#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include <QTemporaryDir>
#include <QtTest>

#include "base/Error.h"
#include "base/Json.h"
#include "base/Log.h"
#include "base/LogFormat.h"
#include "base/RotatingFileSink.h"
#include "tests/base/LogFiles.h"

namespace fs = std::filesystem;
using namespace btcai;

// With external linkage and never inlined, so that the stack trace can name it.
[[gnu::noinline]] void throwFromTheDeep(int value) { throw Error(ErrorKind::Corrupt, "value {} is wrong", value); }

namespace {

std::string unzipped(const fs::path& path)
{
    const gzFile file = gzopen(path.c_str(), "rb");
    std::string text;
    char buffer[4096];
    for (int size = 0; (size = gzread(file, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(size));
    gzclose(file);
    return text;
}

std::size_t count(const std::string& text, const std::string& part)
{
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

/// What goes to the descriptor of stderr while it lives.
class CapturedStderr {
public:
    explicit CapturedStderr(const fs::path& file) : m_file(file), m_before(::dup(STDERR_FILENO))
    {
        const int descriptor = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
        ::dup2(descriptor, STDERR_FILENO);
        ::close(descriptor);
    }
    ~CapturedStderr()
    {
        ::dup2(m_before, STDERR_FILENO);
        ::close(m_before);
    }
    CapturedStderr(const CapturedStderr&) = delete;
    CapturedStderr& operator=(const CapturedStderr&) = delete;

    std::string text() const { return contentOf(m_file); }

private:
    fs::path m_file;
    int m_before;
};

} // namespace

class TestLog : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_temporary;
    fs::path m_folder;
    fs::path m_file;
    std::shared_ptr<ManualClock> m_clock;

    LogOptions options() const
    {
        LogOptions result;
        result.consoleLevel = LogLevel::Off;
        result.file = m_file;
        return result;
    }

    /// The archives, oldest first.
    std::vector<fs::path> archives() const
    {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(m_folder))
            if (entry.path().filename().string().starts_with("worker.log."))
                found.push_back(entry.path());
        std::sort(found.begin(), found.end());
        return found;
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
        m_clock = std::make_shared<ManualClock>(1502942400.678); // 2017-08-17T04:00:00.678Z, a Thursday
    }

    void aRecordCarriesAllItsParts()
    {
        const LogSession session(options(), m_clock);
        logInfo("{} bars of {}", 12, "btcusd");
        const int line = __LINE__ - 1;
        const std::string expected = fmt::format("2017-08-17T04:00:00.678Z info     [{}:{}] tst_log.cpp:{} "
                                                 "TestLog::aRecordCarriesAllItsParts: 12 bars of btcusd\n",
                                                 ::getpid(), ::syscall(SYS_gettid), line);
        QCOMPARE(contentOf(m_file), expected); // read while the session goes on: nothing is held back

        std::thread([] { logWarning("from a thread"); }).join();
        const std::string second = linesOf(contentOf(m_file)).at(1);
        const std::regex pattern(R"(\S+ warning  \[\d+:(\d+)\] tst_log.cpp:\d+ TestLog.*: from a thread)");
        std::smatch match;
        QVERIFY2(std::regex_match(second, match, pattern), second.c_str());
        QVERIFY(std::stol(match[1]) != ::syscall(SYS_gettid));
    }

    void jsonLinesCarryThemToo()
    {
        LogOptions json = options();
        json.fileFormat = LogFormat::JsonLines;
        const LogSession session(json, m_clock);
        logError("a \"quoted\" message\nof two lines, {}", "\xff no UTF-8");
        const int line = __LINE__ - 1;
        const auto lines = linesOf(contentOf(m_file));
        QCOMPARE(lines.size(), std::size_t{1});
        const Json record = parseJson(lines[0], "record");
        QCOMPARE(record.at("time").get<std::string>(), std::string("2017-08-17T04:00:00.678Z"));
        QCOMPARE(record.at("level").get<std::string>(), std::string("error"));
        QCOMPARE(record.at("pid").get<int>(), ::getpid());
        QCOMPARE(record.at("thread").get<long>(), ::syscall(SYS_gettid));
        QCOMPARE(record.at("file").get<std::string>(), std::string("tst_log.cpp"));
        QCOMPARE(record.at("line").get<int>(), line);
        QCOMPARE(record.at("function").get<std::string>(), std::string("TestLog::jsonLinesCarryThemToo"));
        QCOMPARE(record.at("message").get<std::string>(),
                 std::string("a \"quoted\" message\nof two lines, \xef\xbf\xbd no UTF-8"));
        QVERIFY(!record.contains("stack"));
    }

    void levelsHoldBack()
    {
        LogOptions both = options();
        both.consoleLevel = LogLevel::Error;
        both.fileLevel = LogLevel::Debug;
        std::vector<std::string> observed;
        both.observer = [&](LogLevel level, std::string_view message) {
            observed.push_back(fmt::format("{} {}", logLevelName(level), message));
        };
        const CapturedStderr console(m_folder / "stderr");
        const LogSession session(both, m_clock);
        QVERIFY(!isLogged(LogLevel::Trace) && isLogged(LogLevel::Debug) && !isLogged(LogLevel::Off));
        logTrace("a");
        logDebug("b");
        logInfo("c");
        logWarning("d");
        logError("e");
        logCritical("f");
        logAt(LogLevel::Off, "g");
        QCOMPARE(observed, (std::vector<std::string>{"debug b", "info c", "warning d", "error e", "critical f"}));
        QCOMPARE(linesOf(contentOf(m_file)).size(), std::size_t{5});
        const auto shown = linesOf(console.text());
        QCOMPARE(shown.size(), std::size_t{2});
        QVERIFY(shown[0].ends_with(": e") && shown[1].ends_with(": f"));
    }

    void withoutASessionWarningsGoToTheConsole()
    {
        const CapturedStderr console(m_folder / "stderr");
        {
            const LogSession session(options(), m_clock);
        }
        logInfo("unseen");
        logWarning("seen");
        QCOMPARE(linesOf(console.text()).size(), std::size_t{1});
        QVERIFY(console.text().find("seen") != std::string::npos);
        QCOMPARE(contentOf(m_file), std::string());
    }

    void aMessageCannotForgeARecord()
    {
        const LogSession session(options(), m_clock);
        logInfo("{}", "harmless\n2017-08-17T04:00:00.678Z critical all is lost\r\x1b[2J\x7f");
        const auto lines = linesOf(contentOf(m_file));
        QCOMPARE(lines.size(), std::size_t{2});
        QCOMPARE(lines[1], std::string("    2017-08-17T04:00:00.678Z critical all is lost\\x0d\\x1b[2J\\x7f"));
    }

    void aFullFileIsSetAsideAndNothingIsLost()
    {
        LogOptions small = options();
        small.maxFileBytes = 1000;
        small.maxArchives = 100;
        LogSession session(small, m_clock);
        for (int i = 0; i < 100; ++i) {
            m_clock->advance(0.3);
            logInfo("number {}.", i);
        }
        session.waitForArchives();
        const auto aside = archives();
        QVERIFY(aside.size() >= 10);
        std::string all;
        for (const auto& archive : aside) {
            QCOMPARE(archive.extension().string(), std::string(".gz"));
            const std::string text = unzipped(archive);
            QVERIFY(text.size() <= 1000 && text.size() > 700);
            all += text;
        }
        all += contentOf(m_file);
        const auto lines = linesOf(all);
        QCOMPARE(lines.size(), std::size_t{100});
        for (std::size_t i = 0; i < 100; ++i)
            QVERIFY2(lines[i].ends_with(fmt::format(": number {}.", i)), lines[i].c_str());
    }

    void oldArchivesAreDeleted()
    {
        LogOptions few = options();
        few.maxFileBytes = 1; // each record has a file to itself
        few.maxArchives = 3;
        std::ofstream(m_folder / "worker.log.txt") << "not an archive";
        LogSession session(few, m_clock);
        for (int i = 0; i < 10; ++i) {
            m_clock->advance(1.0);
            logInfo("number {}.", i);
        }
        session.waitForArchives();
        const auto left = archives();
        QCOMPARE(left.size(), std::size_t{4});
        for (std::size_t i = 0; i < 3; ++i)
            QVERIFY(unzipped(left[i]).find(fmt::format("number {}.", 6 + i)) != std::string::npos);
        QCOMPARE(left[0].filename().string(), std::string("worker.log.20170817-040008-000.gz"));
        QCOMPARE(contentOf(left[3]), std::string("not an archive"));
        QVERIFY(contentOf(m_file).find("number 9.") != std::string::npos);
    }

    void whatAnEarlierProcessLeftIsArchived()
    {
        std::ofstream(m_folder / "worker.log.20170101-000000-000") << "of an earlier run";
        LogSession session(options(), m_clock);
        session.waitForArchives();
        QCOMPARE(archives().size(), std::size_t{1});
        QCOMPARE(unzipped(archives()[0]), std::string("of an earlier run"));
    }

    void periodsBeginWhereTheCalendarSays_data()
    {
        QTest::addColumn<int>("rotation");
        QTest::addColumn<QString>("last");
        QTest::addColumn<QString>("first");
        QTest::newRow("day") << int(LogRotation::Daily) << "2024-01-09T23:59:59Z"
                             << "2024-01-10T00:00:00Z";
        QTest::newRow("week") << int(LogRotation::Weekly) << "2024-01-07T23:59:59Z"
                              << "2024-01-08T00:00:00Z"; // a Monday
        QTest::newRow("week over New Year") << int(LogRotation::Weekly) << "2025-01-05T23:59:59Z"
                                            << "2025-01-06T00:00:00Z";
        QTest::newRow("month") << int(LogRotation::Monthly) << "2024-02-29T23:59:59Z"
                               << "2024-03-01T00:00:00Z";
        QTest::newRow("year") << int(LogRotation::Monthly) << "2023-12-31T23:59:59Z"
                              << "2024-01-01T00:00:00Z";
    }
    void periodsBeginWhereTheCalendarSays()
    {
        QFETCH(int, rotation);
        QFETCH(QString, last);
        QFETCH(QString, first);
        const auto kind = static_cast<LogRotation>(rotation);
        const std::int64_t before = parseUtc(last.toStdString());
        const std::int64_t after = parseUtc(first.toStdString());
        const std::int64_t length = kind == LogRotation::Daily    ? 86'400
                                    : kind == LogRotation::Weekly ? 7 * 86'400
                                                                  : 28 * 86'400;
        QCOMPARE(logPeriod(kind, after), logPeriod(kind, before) + 1);
        QCOMPARE(logPeriod(kind, after + length - 1), logPeriod(kind, after));
        QCOMPARE(logPeriod(LogRotation::Never, after), logPeriod(LogRotation::Never, before));

        LogOptions periodic = options();
        periodic.rotation = kind;
        m_clock->setUtcSeconds(static_cast<double>(before));
        LogSession session(periodic, m_clock);
        logInfo("the last");
        logInfo("the very last");
        m_clock->setUtcSeconds(static_cast<double>(after));
        logInfo("the first");
        session.waitForArchives();
        QCOMPARE(archives().size(), std::size_t{1});
        QCOMPARE(linesOf(unzipped(archives()[0])).size(), std::size_t{2});
        QCOMPARE(linesOf(contentOf(m_file)).size(), std::size_t{1});
    }

    void aFileOfAnEarlierPeriodIsSetAside()
    {
        std::ofstream(m_file) << "an old record\n";
        fs::last_write_time(m_file, fs::file_time_type::clock::now() - std::chrono::hours(24 * 40));
        LogOptions monthly = options();
        monthly.rotation = LogRotation::Monthly;
        LogSession session(monthly); // the system's clock, as that of the file's time
        logInfo("a new record");
        session.waitForArchives();
        QCOMPARE(unzipped(archives().at(0)), std::string("an old record\n"));
        QCOMPARE(linesOf(contentOf(m_file)).size(), std::size_t{1});
    }

    void aFullDiskSendsRecordsToTheConsole()
    {
        LogOptions full = options();
        full.file = "/dev/full";
        full.maxFileBytes = 10; // a device is never renamed
        const CapturedStderr console(m_folder / "stderr");
        const LogSession session(full, m_clock);
        for (int i = 0; i < 5; ++i) {
            logInfo("number {}.", i);
            m_clock->advance(20.0); // each finds the device tried again
        }
        const std::string shown = console.text();
        QCOMPARE(count(shown, "/dev/full: log file cannot be written: No space left on device"), std::size_t{1});
        for (int i = 0; i < 5; ++i)
            QCOMPARE(count(shown, fmt::format(": number {}.", i)), std::size_t{1});
        QVERIFY(fs::is_character_file("/dev/full"));
    }

    void anUnwritableFolderIsTriedAgain()
    {
        const fs::path obstacle = m_folder / "logs";
        std::ofstream(obstacle) << "a file where the folder should be";
        LogOptions blocked = options();
        blocked.file = obstacle / "deep/worker.log";
        const CapturedStderr console(m_folder / "stderr");
        const LogSession session(blocked, m_clock);
        logInfo("first");
        logInfo("second");
        QCOMPARE(count(console.text(), "worker.log: log file cannot be opened: Not a directory"), std::size_t{1});
        fs::remove(obstacle);
        m_clock->advance(9.0);
        logInfo("third, too early to be tried again");
        m_clock->advance(2.0);
        logInfo("fourth");
        QCOMPARE(linesOf(console.text()).size(), std::size_t{4}); // one warning, three records
        const auto lines = linesOf(contentOf(blocked.file));
        QCOMPARE(lines.size(), std::size_t{2});
        QVERIFY(lines[0].ends_with(": fourth"));
        QVERIFY2(lines[1].find(": 3 records before this one could not be written here") != std::string::npos,
                 lines[1].c_str());
    }

    void aPipeThatNobodyReadsDoesNotBlock()
    {
        QCOMPARE(::mkfifo(m_file.c_str(), 0600), 0);
        const CapturedStderr console(m_folder / "stderr");
        const LogSession session(options(), m_clock);
        logInfo("goes on");
        QVERIFY(console.text().find("goes on") != std::string::npos);
    }

    void aDeviceOrPipeIsNeverRenamed()
    {
        QCOMPARE(::mkfifo(m_file.c_str(), 0600), 0);
        const int reader = ::open(m_file.c_str(), O_RDONLY | O_NONBLOCK);
        LogOptions small = options();
        small.maxFileBytes = 10;
        LogSession session(small, m_clock);
        logInfo("first");
        logInfo("second");
        session.waitForArchives();
        QVERIFY(fs::is_fifo(m_file));
        QVERIFY(archives().empty());
        std::string text(4096, '\0');
        text.resize(static_cast<std::size_t>(::read(reader, text.data(), text.size())));
        ::close(reader);
        QCOMPARE(linesOf(text).size(), std::size_t{2});
    }

    void anExceptionCarriesTheStackOfItsThrow()
    {
        LogOptions json = options();
        json.fileFormat = LogFormat::JsonLines;
        const LogSession session(json, m_clock);
        try {
            throwFromTheDeep(7);
        } catch (const std::exception& error) {
            logException(error, "reading bars");
        }
        logInfo("the next record has none");
        const auto lines = linesOf(contentOf(m_file));
        const Json record = parseJson(lines.at(0), "record");
        QCOMPARE(record.at("message").get<std::string>(), std::string("reading bars: value 7 is wrong"));
        QCOMPARE(record.at("level").get<std::string>(), std::string("error"));
        QCOMPARE(record.at("function").get<std::string>(),
                 std::string("TestLog::anExceptionCarriesTheStackOfItsThrow"));
        QVERIFY2(record.at("stack").dump().find("throwFromTheDeep(int)+0x") != std::string::npos, lines[0].c_str());
        QVERIFY(!parseJson(lines.at(1), "record").contains("stack"));
    }

    void nestedExceptionsAreToldInTurn()
    {
        const LogSession session(options(), m_clock);
        try {
            try {
                throw std::out_of_range("no such column");
            } catch (...) {
                std::throw_with_nested(std::runtime_error("the file is unusable"));
            }
        } catch (const std::exception& error) {
            logException(error, "importing");
        }
        const auto lines = linesOf(contentOf(m_file));
        QVERIFY(lines.at(0).ends_with(": importing: the file is unusable"));
        QCOMPARE(lines.at(1), std::string("    caused by: no such column"));
        QVERIFY2(lines.at(2).starts_with("    #0 "),
                 lines.at(2).c_str()); // from here, as the standard's own remember nothing
    }

    void threadsLoseNothing()
    {
        LogOptions small = options();
        small.maxFileBytes = 20'000;
        small.maxArchives = 1000;
        LogSession session(small, m_clock);
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([thread] {
                for (int i = 0; i < 500; ++i)
                    logInfo("<{}.{}>", thread, i);
            });
        }
        for (auto& thread : threads)
            thread.join();
        session.waitForArchives();
        std::string all = contentOf(m_file);
        for (const auto& archive : archives())
            all += unzipped(archive);
        std::set<std::string> seen;
        for (const auto& line : linesOf(all))
            seen.insert(line.substr(line.rfind('<')));
        QCOMPARE(linesOf(all).size(), std::size_t{2000});
        QCOMPARE(seen.size(), std::size_t{2000});
    }

    void sessionsMayEndWhileOthersLog()
    {
        std::atomic<bool> isDone = false;
        std::thread other([&] {
            while (!isDone)
                logInfo("whatever the session");
        });
        for (int i = 0; i < 50; ++i)
            const LogSession session(options(), m_clock);
        isDone = true;
        other.join();
        for (const auto& line : linesOf(contentOf(m_file)))
            QVERIFY(line.ends_with(": whatever the session"));
    }

    void levelsHaveNames()
    {
        for (const LogLevel level : {LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warning,
                                     LogLevel::Error, LogLevel::Critical, LogLevel::Off})
            QCOMPARE(parseLogLevel(logLevelName(level)), level);
        QCOMPARE(logLevelName(LogLevel::Warning), std::string_view("warning"));
        QVERIFY_THROWS_EXCEPTION(Error, (void)parseLogLevel("verbose"));
    }

    void functionNamesAreShort_data()
    {
        QTest::addColumn<QString>("signature");
        QTest::addColumn<QString>("expected");
        QTest::newRow("plain") << "int main(int, char**)"
                               << "main";
        QTest::newRow("method") << "virtual void btcai::Trainer::run(int) const"
                                << "btcai::Trainer::run";
        QTest::newRow("pointer") << "const char* btcai::name()"
                                 << "btcai::name";
        QTest::newRow("template") << "std::map<int, std::vector<long int> > f(T) [with T = int]"
                                  << "f";
        QTest::newRow("anonymous") << "void btcai::{anonymous}::g()"
                                   << "btcai::{anonymous}::g";
        QTest::newRow("anonymous, clang") << "void btcai::(anonymous namespace)::g()"
                                          << "btcai::(anonymous namespace)::g";
        QTest::newRow("no signature") << ""
                                      << "";
    }
    void functionNamesAreShort()
    {
        QFETCH(QString, signature);
        QFETCH(QString, expected);
        const std::string given = signature.toStdString();
        QCOMPARE(std::string(shortFunctionName(given)), expected.toStdString());
    }
};

QTEST_GUILESS_MAIN(TestLog)
#include "tst_log.moc"
