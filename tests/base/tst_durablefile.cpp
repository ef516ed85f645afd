#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "base/DurableFile.h"
#include "base/Error.h"
#include "tests/base/CrashModel.h"

namespace fs = std::filesystem;
using namespace btcai;

namespace {

const std::string oldText = "old content";
const std::string newText = "the new text";

/// Thrown where a failure meets what a scenario itself writes, which is not under test.
struct ScenarioFailure {};

void writePlainly(CrashModel& model, const fs::path& path, std::string_view text)
{
    const int file = model.create(path);
    if (file == -1)
        throw ScenarioFailure();
    while (!text.empty()) {
        const ssize_t written = model.write(file, text.data(), text.size());
        if (written == -1)
            throw ScenarioFailure();
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    model.close(file);
}

/// What there is before the operation under test, and the operation: one row for each promise.
struct Scenario {
    std::function<void(CrashModel&)> before;
    std::function<void(CrashModel&)> operation;
    fs::path target;
    std::string old; ///< as CrashModel renders it
    std::string fresh;
};

void makeFolder(CrashModel& model, const fs::path& folder, const std::string& text)
{
    model.makeDirectory(folder);
    writePlainly(model, folder / "weights", text);
    model.makeDirectory(folder / "state");
    writePlainly(model, folder / "state/rng", text);
}

std::string folderText(const std::string& text) { return "{state:{rng:" + text + ",},weights:" + text + ",}"; }

void commitFolder(CrashModel& model)
{
    const fs::path temporary = temporaryPathFor("/run/step-1");
    makeFolder(model, temporary, newText);
    commitDirectoryDurably(temporary, "/run/step-1", model);
}

std::vector<std::pair<std::string, Scenario>> scenarios()
{
    const auto makeRun = [](CrashModel& model) { model.makeDirectory("/run"); };
    const auto makeOldFile = [](CrashModel& model) {
        model.makeDirectory("/run");
        writePlainly(model, "/run/file", oldText);
    };
    const auto makeOldFolder = [](CrashModel& model) {
        model.makeDirectory("/run");
        makeFolder(model, "/run/step-1", oldText);
    };
    const auto writeBytes = [](CrashModel& model) { writeFileDurably("/run/file", newText, model); };
    const auto writeByPath = [](CrashModel& model) {
        writeFileDurablyBy(
            "/run/file", [&](const fs::path& path) { writePlainly(model, path, newText); }, model);
    };
    return {
        {"first file", {makeRun, writeBytes, "/run/file", "-", newText}},
        {"file replaced", {makeOldFile, writeBytes, "/run/file", oldText, newText}},
        {"file replaced by nothing",
         {makeOldFile, [](CrashModel& model) { writeFileDurably("/run/file", "", model); }, "/run/file", oldText, ""}},
        {"first file by path", {makeRun, writeByPath, "/run/file", "-", newText}},
        {"file replaced by path", {makeOldFile, writeByPath, "/run/file", oldText, newText}},
        {"first folder", {makeRun, commitFolder, "/run/step-1", "-", folderText(newText)}},
        {"folder replaced", {makeOldFolder, commitFolder, "/run/step-1", folderText(oldText), folderText(newText)}},
    };
}

/// The first promise a crash could break, or "" when there is none.
std::string brokenPromise(const Scenario& scenario, CrashModel::Skip skip = CrashModel::Skip::Nothing)
{
    CrashModel model;
    scenario.before(model);
    model.settle();
    model.setSkip(skip);
    scenario.operation(model);
    for (std::size_t moment = 0; moment < model.moments(); ++moment)
        for (const auto& found : model.afterCrash(moment, scenario.target))
            if (found != scenario.old && found != scenario.fresh)
                return "after operation " + std::to_string(moment) + " a reader may find: " + found;
    if (model.afterCrash(model.moments() - 1, scenario.target) != std::set<std::string>{scenario.fresh})
        return "once done, a crash may still undo it";
    return "";
}

std::string contentOf(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::size_t entriesIn(const fs::path& folder)
{
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// The message of the Error that `call` throws, and a failed test when it throws none or another kind.
std::string ioErrorOf(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::Io)
            return error.what();
    }
    return "no Error(Io)";
}

} // namespace

class TestDurableFile : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_temporary;
    fs::path m_folder;

private slots:
    void init()
    {
        m_folder = fs::path(m_temporary.path().toStdString()) / QTest::currentTestFunction();
        fs::create_directory(m_folder);
    }
    void cleanup() { fs::remove_all(m_folder); }

    void everyCrashLeavesTheOldOrTheNew_data()
    {
        QTest::addColumn<int>("row");
        int row = 0;
        for (const auto& [name, scenario] : scenarios())
            QTest::newRow(name.c_str()) << row++;
    }
    void everyCrashLeavesTheOldOrTheNew()
    {
        QFETCH(int, row);
        QCOMPARE(brokenPromise(scenarios()[row].second), std::string());
    }

    /// The model itself must be able to tell: without the file syncs a reader may find torn content, and without
    /// those of the folders the work of a finished call may be undone.
    void theModelNoticesSkippedSyncs_data() { everyCrashLeavesTheOldOrTheNew_data(); }
    void theModelNoticesSkippedSyncs()
    {
        QFETCH(int, row);
        const Scenario scenario = scenarios()[row].second;
        if (!scenario.fresh.empty()) // nothing to tear in an empty file
            QVERIFY(brokenPromise(scenario, CrashModel::Skip::FileSyncs).starts_with("after operation"));
        QVERIFY(!brokenPromise(scenario, CrashModel::Skip::FolderSyncs).empty());
    }

    void theModelTearsAPlainWrite()
    {
        CrashModel model;
        writePlainly(model, "/file", "abcdefgh");
        const auto found = model.afterCrash(model.moments() - 1, "/file");
        using namespace std::string_literals;
        for (const auto& outcome : {"-"s, ""s, "ab"s, "abcd"s, "abcdefgh"s, "\0\0\0\0efgh"s, "abcd\0\0\0\0"s})
            QVERIFY2(found.contains(outcome), outcome.c_str());
    }

    void everyFailureLeavesTheOld_data() { everyCrashLeavesTheOldOrTheNew_data(); }
    void everyFailureLeavesTheOld()
    {
        QFETCH(int, row);
        const Scenario scenario = scenarios()[row].second;
        int failures = 0;
        for (int number = 0;; ++number) {
            CrashModel model;
            scenario.before(model);
            model.settle();
            model.failOperation(number, ENOSPC);
            std::string message;
            try {
                scenario.operation(model);
            } catch (const Error& error) {
                QCOMPARE(error.kind(), ErrorKind::Io);
                message = error.what();
            } catch (const ScenarioFailure&) {
                continue;
            }
            if (model.failedOperation().empty())
                break;
            checkAfterFailure(model, scenario, message);
            failures += message.empty() ? 0 : 1;
        }
        QVERIFY(failures >= 4);
    }

    void aRealFileIsReplaced()
    {
        const fs::path path = m_folder / "file";
        const std::string binary = std::string("a\0b\n", 4) + std::string(5'000'000, 'x');
        writeFileDurably(path, binary);
        QVERIFY(contentOf(path) == binary);
        writeFileDurably(path, std::as_bytes(std::span(newText)));
        QCOMPARE(contentOf(path), newText);
        writeFileDurablyBy(path, [](const fs::path& temporary) { std::ofstream(temporary) << "by path"; });
        QCOMPARE(contentOf(path), std::string("by path"));
        QCOMPARE(entriesIn(m_folder), std::size_t{1});
    }

    void aRelativePathAndALinkedFolderWork()
    {
        const fs::path before = fs::current_path();
        fs::current_path(m_folder);
        writeFileDurably("file", oldText);
        fs::create_directory("real");
        fs::create_directory_symlink("real", "link");
        writeFileDurably("link/file", newText);
        fs::current_path(before);
        QCOMPARE(contentOf(m_folder / "file"), oldText);
        QCOMPARE(contentOf(m_folder / "real/file"), newText);
    }

    void aRealFolderIsCommittedAndReplaced()
    {
        const fs::path final = m_folder / "step-1";
        for (const std::string& text : {oldText, newText}) {
            const fs::path temporary = temporaryPathFor(final);
            fs::create_directories(temporary / "state");
            std::ofstream(temporary / "state/rng") << text;
            commitDirectoryDurably(temporary, final);
            QCOMPARE(contentOf(final / "state/rng"), text);
            QCOMPARE(entriesIn(m_folder), std::size_t{1});
        }
    }

    // A pipe here, since a test must not risk a device: they are told apart in the same place. Links to them count.
    void devicesAreNeverReplaced()
    {
        const fs::path pipe = m_folder / "pipe";
        QCOMPARE(::mkfifo(pipe.c_str(), 0600), 0);
        fs::create_symlink(pipe, m_folder / "link");
        for (const char* name : {"pipe", "link"}) {
            const fs::path path = m_folder / name;
            for (const auto& write : {std::function<void()>([&] { writeFileDurably(path, newText); }),
                                      std::function<void()>([&] { writeFileDurablyBy(path, [](const fs::path& aside) { std::ofstream(aside) << newText; }); })}) {
                try {
                    write();
                    QFAIL(name);
                } catch (const Error& error) {
                    QCOMPARE(error.kind(), ErrorKind::BadInput);
                    QVERIFY(std::string(error.what()).find(path.string()) != std::string::npos);
                }
            }
        }
        QVERIFY(fs::is_fifo(pipe) && fs::is_symlink(m_folder / "link"));
        QCOMPARE(entriesIn(m_folder), std::size_t{2});
    }

    void errorsNameThePathAndTheReason()
    {
        const fs::path missing = m_folder / "missing/file";
        std::string message = ioErrorOf([&] { writeFileDurably(missing, newText); });
        QVERIFY2(message.find("missing") != std::string::npos, message.c_str());
        QVERIFY2(message.ends_with("No such file or directory"), message.c_str());

        std::ofstream(m_folder / "plain") << oldText;
        message = ioErrorOf([&] { writeFileDurably(m_folder / "plain/file", newText); });
        QVERIFY2(message.ends_with("Not a directory"), message.c_str());

        // A folder that even root can't write to.
        message = ioErrorOf([&] { writeFileDurably("/proc/self/file", newText); });
        QVERIFY2(message.starts_with("/proc/self/file: cannot be written beside it: "), message.c_str());

        // A folder stands where the file should go: the rename fails, and nothing stays behind.
        fs::create_directories(m_folder / "folder/inside");
        message = ioErrorOf([&] { writeFileDurably(m_folder / "folder", newText); });
        QVERIFY2(message.ends_with("Is a directory"), message.c_str());
        QCOMPARE(entriesIn(m_folder), std::size_t{2});
    }

    void aThrowingWriterLeavesTheOld()
    {
        const fs::path path = m_folder / "file";
        writeFileDurably(path, oldText);
        QVERIFY_THROWS_EXCEPTION(std::domain_error, writeFileDurablyBy(path, [](const fs::path& temporary) {
                                     std::ofstream(temporary) << newText;
                                     throw std::domain_error("mid-way");
                                 }));
        const std::string message = ioErrorOf([&] { writeFileDurablyBy(path, [](const fs::path&) {}); });
        QVERIFY2(message.find("No such file") != std::string::npos, message.c_str());
        QCOMPARE(contentOf(path), oldText);
        QCOMPARE(entriesIn(m_folder), std::size_t{1});
    }

    void foldersAreCreatedDurably()
    {
        CrashModel model;
        model.settle();
        createDirectoriesDurably("/runs/first/checkpoints", model);
        QCOMPARE(model.afterCrash(model.moments() - 1, "/runs/first/checkpoints"), (std::set<std::string>{"{}"}));

        createDirectoriesDurably(m_folder / "a/b/c");
        createDirectoriesDurably(m_folder / "a/b/c"); // there already
        QVERIFY(fs::is_directory(m_folder / "a/b/c"));
        std::ofstream(m_folder / "plain") << oldText;
        const std::string message = ioErrorOf([&] { createDirectoriesDurably(m_folder / "plain/x"); });
        QVERIFY2(message.find("Not a directory") != std::string::npos, message.c_str());
    }

    void whatACrashedWriterLeftIsSwept()
    {
        const fs::path path = m_folder / "file";
        writeFileDurably(path, oldText);
        const pid_t child = ::fork();
        if (child == 0) {
            const fs::path folder = temporaryPathFor(m_folder / "step-1");
            fs::create_directories(folder / "state");
            std::ofstream(folder / "state/rng") << newText;
            writeFileDurablyBy(path, [](const fs::path& temporary) {
                std::ofstream(temporary) << newText << std::flush;
                ::_exit(0); // as a kill would: nothing is cleaned up
            });
            ::_exit(1);
        }
        int status = 1;
        QCOMPARE(::waitpid(child, &status, 0), child);
        QVERIFY(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        QCOMPARE(entriesIn(m_folder), std::size_t{3});

        const fs::path live = temporaryPathFor(path);
        std::ofstream(live) << "being written by this very process";
        std::ofstream(m_folder / ".someone-else.btcai-tmp") << "not named as ours are";
        std::ofstream(m_folder / ".file.12x-1-1.btcai-tmp") << "nor this";
        QCOMPARE(sweepTemporaries(m_folder), std::size_t{2});
        QVERIFY(fs::exists(live));
        QCOMPARE(entriesIn(m_folder), std::size_t{4});
        QCOMPARE(contentOf(path), oldText);
        QCOMPARE(sweepTemporaries(m_folder / "missing"), std::size_t{0});
    }

    void aReusedProcessIdDoesNotSaveALeftover()
    {
        // Our own process id, but a start at another time.
        const auto name = ".file." + std::to_string(::getpid()) + "-1-1.btcai-tmp";
        std::ofstream(m_folder / name) << oldText;
        QCOMPARE(sweepTemporaries(m_folder), std::size_t{1});
    }

    void readersSeeWholeVersionsWhileWritersRace()
    {
        const fs::path path = m_folder / "file";
        const std::string a(100'000, 'a');
        const std::string b(70'000, 'b');
        writeFileDurably(path, a);
        std::atomic<bool> isDone = false;
        const auto write = [&](const std::string& text) {
            for (int i = 0; i < 50; ++i)
                writeFileDurably(path, text);
        };
        std::thread first(write, a);
        std::thread second(write, b);
        std::thread waiter([&] {
            first.join();
            second.join();
            isDone = true;
        });
        int torn = 0;
        while (!isDone) {
            const std::string found = contentOf(path);
            torn += found != a && found != b ? 1 : 0;
        }
        waiter.join();
        QCOMPARE(torn, 0);
        QCOMPARE(entriesIn(m_folder), std::size_t{1});
    }

private:
    static void checkAfterFailure(CrashModel& model, const Scenario& scenario, const std::string& message)
    {
        const std::string& failed = model.failedOperation();
        if (message.empty()) {
            // Only what is of no consequence may fail in silence: closing a folder, removing the old version.
            QVERIFY2(failed == "close" || failed == "remove" || failed == "list", failed.c_str());
            QCOMPARE(model.now(scenario.target), scenario.fresh);
            return;
        }
        QVERIFY2(message.starts_with("/run") && message.ends_with("No space left on device"), message.c_str());
        const bool isLastStep = message.find("power cut") != std::string::npos;
        QCOMPARE(isLastStep, failed == "sync folder" && model.now(scenario.target) == scenario.fresh);
        if (isLastStep)
            return;
        QCOMPARE(model.now(scenario.target), scenario.old);
        const std::string left = model.now("/run");
        QVERIFY2(left.find("btcai-tmp") == std::string::npos, left.c_str());
    }
};

QTEST_GUILESS_MAIN(TestDurableFile)
#include "tst_durablefile.moc"
