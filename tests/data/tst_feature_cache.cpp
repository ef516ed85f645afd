#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <QtTest>

#include "DataTestSupport.h"
#include "base/Log.h"
#include "data/features/FeatureCache.h"
#include "data/features/FeatureKernel.h"

using namespace btcai;
using namespace btcai::test;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kNames{"RSI_14", "BOP", "SMA_20"};

BarSeries series(std::size_t count = 3000) { return BarSeries::fromBars("X", 300, wanderingBars(count)); }

bool sameValues(const FeatureMatrix& a, const FeatureMatrix& b)
{
    return a.rows() == b.rows() && a.names() == b.names() && a.warmUp() == b.warmUp()
           && std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0;
}

std::vector<fs::path> filesIn(const fs::path& folder)
{
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        files.push_back(entry.path());
    return files;
}

void flipByte(const fs::path& path, std::size_t offset)
{
    std::string bytes = readBytes(path);
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
    writeText(path, bytes);
}

} // namespace

class TestFeatureCache : public QObject {
    Q_OBJECT

private slots:
    // Each damaged file is reported in the log, as it should be: here by the thousand.
    void initTestCase() { m_log.emplace(LogOptions{.consoleLevel = LogLevel::Off}); }

    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_options = {.folder = fs::path(m_folder->path().toStdString()) / "some/cache"};
    }

    void theSecondOpeningIsMapped()
    {
        const BarSeries bars = series();
        const FeatureMatrix plain = FeatureMatrix::compute(bars, kNames);
        QVERIFY(!plain.isMapped());
        FeatureCache cache(m_options);
        QVERIFY(!cache.open(FeatureCache::key(bars.contentHash(), kNames)));
        const FeatureMatrix first = cache.get(bars, kNames);
        const FeatureMatrix second = FeatureCache(m_options).get(bars, kNames, {}, bars.contentHash());
        QVERIFY(first.isMapped() && second.isMapped());
        QVERIFY(sameValues(plain, first) && sameValues(plain, second));
        QCOMPARE(filesIn(m_options.folder).size(), std::size_t{1});
        QCOMPARE(reinterpret_cast<std::uintptr_t>(second.values().data()) % 64, std::uintptr_t{0});
        FeatureCache::verify(cache.fileOf(FeatureCache::key(bars.contentHash(), kNames)));
    }

    // What is written into a mapped matrix stays with its owner: file, other mappings and copies keep their values.
    void changesStayOutOfTheFile()
    {
        const BarSeries bars = series();
        FeatureCache cache(m_options);
        FeatureMatrix changed = cache.get(bars, kNames);
        const FeatureMatrix copy = changed;
        changed.mutableValues()[100 * 3] = -7.0F;
        QVERIFY(!changed.isMapped());
        QCOMPARE(changed.row(100)[0], -7.0F);
        const FeatureMatrix plain = FeatureMatrix::compute(bars, kNames);
        QVERIFY(sameValues(copy, plain) && sameValues(cache.get(bars, kNames), plain));
        FeatureMatrix owned = plain;
        owned.mutableValues()[0] = 5.0F;
        QCOMPARE(owned.values()[0], 5.0F);
    }

    void theKeyNamesAllThatValuesFollowFrom()
    {
        const BarSeries bars = series();
        const std::string key = FeatureCache::key(bars.contentHash(), kNames);
        QCOMPARE(key.size(), std::size_t{64});
        QCOMPARE(FeatureCache::key(series().contentHash(), kNames), key);
        QVERIFY(FeatureCache::key(series(2999).contentHash(), kNames) != key);
        std::vector<Bar> other = wanderingBars(3000);
        other[1500].volume = std::nextafter(other[1500].volume, 1e9);
        QVERIFY(FeatureCache::key(BarSeries::fromBars("X", 300, other).contentHash(), kNames) != key);
        QVERIFY(FeatureCache::key(bars.contentHash(), std::vector<std::string>{"BOP", "RSI_14", "SMA_20"}) != key);
        QVERIFY(FeatureCache::key(bars.contentHash(), std::vector<std::string>{"RSI_14", "BOP"}) != key);
        const FundingSeries funding("X", {{1'500'000'000, 0.0001}});
        const FundingSeries otherFunding("X", {{1'500'000'000, 0.0002}});
        const std::string funded = FeatureCache::key(bars.contentHash(), kNames, &funding);
        QVERIFY(funded != key && FeatureCache::key(bars.contentHash(), kNames, &otherFunding) != funded);
    }

    // A file cut at any length is never taken: not within the header, not within the values.
    void aTornFileIsComputedAnew()
    {
        const BarSeries bars = series(300);
        FeatureCache cache(m_options);
        const FeatureMatrix plain = FeatureMatrix::compute(bars, kNames);
        cache.get(bars, kNames);
        const fs::path file = cache.fileOf(FeatureCache::key(bars.contentHash(), kNames));
        const std::string whole = readBytes(file);
        QCOMPARE(whole.size(), std::size_t{4096 + 300 * 3 * 4});
        for (std::size_t length = 0; length <= whole.size() + 12; length += length < 700 ? 1 : 97) {
            writeText(file, (whole + std::string(12, '\0')).substr(0, length));
            QVERIFY2(!cache.open(FeatureCache::key(bars.contentHash(), kNames)), std::to_string(length).c_str());
            QVERIFY(!fs::exists(file));
        }
        writeText(file, whole.substr(0, whole.size() - 4));
        QVERIFY(sameValues(cache.get(bars, kNames), plain));
        QCOMPARE(readBytes(file), whole);
    }

    void aFlippedByteOfTheHeaderIsFound()
    {
        const BarSeries bars = series(300);
        const std::string key = FeatureCache::key(bars.contentHash(), kNames);
        FeatureCache cache(m_options);
        cache.get(bars, kNames);
        const fs::path file = cache.fileOf(key);
        const std::string whole = readBytes(file);
        const std::size_t headerEnd = whole.find('}') + 1;
        QVERIFY(headerEnd > 80 && headerEnd < 4096);
        for (std::size_t offset = 0; offset < headerEnd; ++offset) {
            writeText(file, whole);
            flipByte(file, offset);
            QVERIFY2(!cache.open(key), std::to_string(offset).c_str());
        }
    }

    // The values are checked where that is asked for.
    void aFlippedByteOfTheValuesIsFoundByVerifying()
    {
        const BarSeries bars = series(300);
        const std::string key = FeatureCache::key(bars.contentHash(), kNames);
        FeatureCache cache(m_options);
        const fs::path file = cache.fileOf(key);
        FeatureCacheOptions careful = m_options;
        careful.verifyValues = true;
        for (const std::size_t offset : {std::size_t{4096}, std::size_t{6000}, std::size_t{4096 + 300 * 3 * 4 - 1}}) {
            cache.get(bars, kNames);
            QVERIFY(FeatureCache(careful).open(key));
            flipByte(file, offset);
            const auto failure = failureOf([&] { FeatureCache::verify(file); });
            QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says(file.string()));
            QVERIFY(!FeatureCache(careful).open(key));
        }
    }

    // A file under the name of another is somebody's mistake, not our data.
    void aFileOfAnotherKeyIsRefused()
    {
        const BarSeries bars = series(300);
        FeatureCache cache(m_options);
        cache.get(bars, kNames);
        const std::string other(64, 'a');
        fs::copy_file(cache.fileOf(FeatureCache::key(bars.contentHash(), kNames)), cache.fileOf(other));
        QVERIFY(!cache.open(other));
    }

    // Processes that are killed while they write leave a whole file or none; what they wrote aside is swept by the next.
    void killedWritersTearNothing()
    {
        const BarSeries bars = series(20'000);
        const std::vector<std::string> names = resolveFeatureSelection("trend");
        const FeatureMatrix plain = FeatureMatrix::compute(bars, names);
        const std::string key = FeatureCache::key(bars.contentHash(), names);
        int whole = 0;
        for (int round = 0; round < 24; ++round) {
            const pid_t child = ::fork();
            if (child == 0) {
                FeatureCache writer(m_options);
                while (true)
                    writer.store(key, plain);
            }
            QVERIFY(child > 0);
            ::usleep(static_cast<useconds_t>(300 + 1700 * round));
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            if (const auto stored = FeatureCache(m_options).open(key)) {
                ++whole;
                QVERIFY(sameValues(*stored, plain));
                FeatureCache::verify(FeatureCache(m_options).fileOf(key));
            }
        }
        QVERIFY(whole > 0);
        FeatureCache(m_options).store(key, plain);
        QCOMPARE(filesIn(m_options.folder).size(), std::size_t{1});
    }

    // Two writers of one matrix, and a reader that keeps opening it meanwhile.
    void twoWritersEndWithAValidFile()
    {
        const BarSeries bars = series(5000);
        const FeatureMatrix plain = FeatureMatrix::compute(bars, kNames);
        const std::string key = FeatureCache::key(bars.contentHash(), kNames);
        std::vector<pid_t> writers;
        for (int i = 0; i < 2; ++i) {
            const pid_t child = ::fork();
            if (child == 0) {
                FeatureCache writer(m_options);
                bool fine = true;
                for (int round = 0; round < 40; ++round) {
                    writer.store(key, plain);
                    const auto read = writer.open(key);
                    fine = fine && read && sameValues(*read, plain);
                }
                ::_exit(fine ? 0 : 1);
            }
            writers.push_back(child);
        }
        FeatureCache reader(m_options);
        for (int i = 0; i < 400; ++i)
            if (const auto stored = reader.open(key))
                QVERIFY(sameValues(*stored, plain));
        for (const pid_t writer : writers) {
            int status = -1;
            ::waitpid(writer, &status, 0);
            QCOMPARE(status, 0);
        }
        FeatureCache::verify(reader.fileOf(key));
        QCOMPARE(filesIn(m_options.folder).size(), std::size_t{1});
    }

    // Three files fit; the fourth takes the place of the one that was used longest ago, which a mapping outlives.
    void theLeastRecentlyUsedGoesFirst()
    {
        std::vector<std::string> keys;
        std::vector<FeatureMatrix> matrices;
        m_options.maxBytes = 3 * (4096 + 1000 * 3 * 4);
        FeatureCache cache(m_options);
        for (std::size_t i = 0; i < 4; ++i) {
            std::vector<Bar> bars = wanderingBars(1000);
            bars.back().volume = static_cast<double>(i + 1);
            matrices.push_back(FeatureMatrix::compute(BarSeries::fromBars("X", 300, bars), kNames));
            keys.push_back(FeatureCache::key(BarSeries::fromBars("X", 300, bars).contentHash(), kNames));
        }
        for (std::size_t i = 0; i < 3; ++i) {
            QVERIFY(cache.store(keys[i], matrices[i]));
            fs::last_write_time(cache.fileOf(keys[i]), fs::file_time_type::clock::now() - std::chrono::hours(10 - i));
        }
        QVERIFY(cache.open(keys[0])); // the oldest, but used just now
        const auto mapped = FeatureCache(m_options).open(keys[1]);
        QVERIFY(mapped);
        fs::last_write_time(cache.fileOf(keys[1]), fs::file_time_type::clock::now() - std::chrono::hours(20));
        QVERIFY(cache.store(keys[3], matrices[3]));
        QVERIFY(cache.open(keys[0]) && cache.open(keys[2]) && cache.open(keys[3]));
        QVERIFY(!cache.open(keys[1]));
        QVERIFY(sameValues(*mapped, matrices[1]));
        // Above the limit nothing is stored, and nothing goes for it.
        m_options.maxBytes = 5000;
        QVERIFY(!FeatureCache(m_options).store(keys[1], matrices[1]));
        QCOMPARE(filesIn(m_options.folder).size(), std::size_t{3});
        QVERIFY(sameValues(FeatureCache(m_options).get(series(1000), kNames), FeatureMatrix::compute(series(1000), kNames)));
    }

    // The cache makes things faster, never fail: here its folder is a file.
    void aFolderThatCannotBeWrittenIsNoFailure()
    {
        fs::create_directories(m_options.folder.parent_path());
        writeText(m_options.folder, "in the way");
        const FeatureMatrix matrix = FeatureCache(m_options).get(series(), kNames);
        QVERIFY(!matrix.isMapped());
        QVERIFY(sameValues(matrix, FeatureMatrix::compute(series(), kNames)));
        QVERIFY(failureOf([&] { FeatureCache(m_options).get(series(), std::vector<std::string>{"RSI_13"}); })->kind == ErrorKind::BadInput);
    }

    void anEmptyMatrixIsKeptToo()
    {
        const BarSeries none("X", 300);
        FeatureCache cache(m_options);
        QCOMPARE(cache.get(none, kNames).rows(), std::size_t{0});
        QCOMPARE(cache.get(none, kNames).names(), kNames);
    }

    void theFolderFollowsTheEnvironment()
    {
        const QByteArray before = qgetenv("XDG_CACHE_HOME");
        qputenv("XDG_CACHE_HOME", "/somewhere/else");
        QCOMPARE(defaultFeatureCacheFolder(), fs::path("/somewhere/else/btcai/features"));
        qputenv("XDG_CACHE_HOME", "relative");
        QCOMPARE(defaultFeatureCacheFolder(), fs::path(qgetenv("HOME").toStdString()) / ".cache/btcai/features");
        before.isNull() ? qunsetenv("XDG_CACHE_HOME") : qputenv("XDG_CACHE_HOME", before);
    }

private:
    std::optional<LogSession> m_log;
    std::unique_ptr<QTemporaryDir> m_folder;
    FeatureCacheOptions m_options;
};

QTEST_APPLESS_MAIN(TestFeatureCache)
#include "tst_feature_cache.moc"
