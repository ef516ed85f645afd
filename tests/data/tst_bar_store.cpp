#include <bit>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "DataTestSupport.h"
#include "base/Hash.h"
#include "data/bars/BarStore.h"
#include "data/importers/LoadSeries.h"

using namespace btcai;
using namespace btcai::test;

namespace {

BarSeries exampleSeries(std::size_t rows = 400)
{
    std::vector<Bar> bars = wanderingBars(rows);
    bars.erase(bars.begin() + 30, bars.begin() + 33);
    bars[50].volume = 0.0;
    return BarSeries::fromBars("BTC/USD", 300, bars);
}

/// The real file system until the call named fails, as on a full or dying disk.
class FailingFileSystem : public FileSystemOps {
public:
    enum class Call { Create, Write, Sync, Rename };
    explicit FailingFileSystem(Call call) : m_call(call) {}

    int create(const std::filesystem::path& p) override { return m_call == Call::Create ? fail(EACCES) : m_real.create(p); }
    int open(const std::filesystem::path& p) override { return m_real.open(p); }
    ssize_t write(int d, const void* b, std::size_t n) override { return m_call == Call::Write ? fail(ENOSPC) : m_real.write(d, b, n); }
    int sync(int d) override { return m_call == Call::Sync ? fail(EIO) : m_real.sync(d); }
    int close(int d) override { return m_real.close(d); }
    int rename(const std::filesystem::path& a, const std::filesystem::path& b) override
    {
        return m_call == Call::Rename ? fail(EROFS) : m_real.rename(a, b);
    }
    int exchange(const std::filesystem::path& a, const std::filesystem::path& b) override { return m_real.exchange(a, b); }
    int remove(const std::filesystem::path& p) override { return m_real.remove(p); }
    int makeDirectory(const std::filesystem::path& p) override { return m_real.makeDirectory(p); }
    int list(const std::filesystem::path& p, std::vector<Entry>& e) override { return m_real.list(p, e); }
    Kind kind(const std::filesystem::path& p) override { return m_real.kind(p); }

private:
    static int fail(int code)
    {
        errno = code;
        return -1;
    }

    Call m_call;
    FileSystemOps& m_real = posixFileSystem();
};

constexpr const char* kVersion1 = "bar-store-v1-btcusd-5m.h5";
constexpr std::size_t kVersion1Rows = 1000;

/// Puts the checksum of a version 1 right again, as somebody would who edits a file on purpose.
void seal(const std::filesystem::path& path)
{
    const std::string inside = readBytes(path).substr(512);
    std::string block = fmt::format("BTCAI-BARS\n1\n{}\n{}\n", sha256Hex(inside), inside.size());
    block.resize(512, '\0');
    writeText(path, block + inside);
}

/// What `call` prints to stderr, whoever prints it.
template <typename Call>
std::string stderrOf(const std::string& path, Call&& call)
{
    std::fflush(stderr);
    const int saved = dup(STDERR_FILENO);
    const int target = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(target, STDERR_FILENO);
    call();
    std::fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(target);
    return readBytes(path);
}

} // namespace

class TestBarStore : public QObject {
    Q_OBJECT

private slots:
    void init() { m_path = m_dir.filePath("bars.h5").toStdString(); }

    void roundTripIsExact()
    {
        const BarSeries series = exampleSeries(70000);
        BarStore::write(series, m_path);
        const BarSeries copy = BarStore::read(m_path);
        QCOMPARE(copy.instrument(), series.instrument());
        QCOMPARE(copy.intervalSeconds(), series.intervalSeconds());
        QCOMPARE(copy.startTime(), series.startTime());
        QCOMPARE(copy.size(), series.size());
        QCOMPARE(copy.presentCount(), series.presentCount());
        QCOMPARE(copy.contentHash(), series.contentHash());
        QVERIFY(std::ranges::equal(copy.mask(), series.mask()));
        for (std::size_t i = 0; i < series.size(); ++i)
            QCOMPARE(std::bit_cast<std::uint64_t>(copy.close()[i]), std::bit_cast<std::uint64_t>(series.close()[i]));
    }

    void missingEndsAndEmptySeriesSurvive()
    {
        const BarSeries part = exampleSeries().slice(31, 60); // begins with two missing rows
        QVERIFY(!part.present(0));
        BarStore::write(part, m_path);
        QCOMPARE(BarStore::read(m_path).contentHash(), part.contentHash());
        QCOMPARE(BarStore::read(m_path).startTime(), part.startTime());
        BarStore::write(BarSeries("NONE", 60), m_path);
        QVERIFY(BarStore::read(m_path).empty());
        QCOMPARE(BarStore::read(m_path).intervalSeconds(), std::int64_t{60});
    }

    void equalSeriesGiveEqualFiles()
    {
        BarStore::write(exampleSeries(), m_path);
        const std::string first = readBytes(m_path);
        BarStore::write(exampleSeries(), m_path);
        QVERIFY(readBytes(m_path) == first);
    }

    void otherProgramsCanReadIt()
    {
        const BarSeries series = exampleSeries();
        BarStore::write(series, m_path);
        const hid_t file = H5Fopen(m_path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        QVERIFY(file >= 0);
        const hid_t dataset = H5Dopen2(file, "series-0/close", H5P_DEFAULT);
        QVERIFY(dataset >= 0);
        std::vector<double> close(series.size());
        QVERIFY(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, close.data()) >= 0);
        QCOMPARE(close[100], series.close()[100]);
        H5Dclose(dataset);
        H5Fclose(file);
    }

    void aTruncatedFileIsRefused()
    {
        BarStore::write(exampleSeries(), m_path);
        const std::string whole = readBytes(m_path);
        std::vector<std::size_t> lengths{0, 1, 10, 11, 12, 100, 511, 512, 513, 600, 1024, whole.size() / 2, whole.size() - 1};
        for (std::size_t length = 700; length < whole.size(); length += 997)
            lengths.push_back(length);
        for (const std::size_t length : lengths) {
            writeText(m_path, whole.substr(0, length));
            const auto failure = failureOf([&] { BarStore::read(m_path); });
            QVERIFY2(failure, std::to_string(length).c_str());
            QVERIFY(failure->kind == (length < 11 ? ErrorKind::BadInput : ErrorKind::Corrupt));
            QVERIFY2(failure->says("bars.h5") && (length < 11 || failure->says("cut short")), failure->message.c_str());
        }
        writeText(m_path, whole);
        QVERIFY(!failureOf([&] { BarStore::read(m_path); }));
        writeText(m_path, whole + "x");
        QVERIFY(failureOf([&] { BarStore::read(m_path); }));
    }

    void aFlippedBitAnywhereIsRefused()
    {
        BarStore::write(exampleSeries(), m_path);
        const std::string whole = readBytes(m_path);
        for (std::size_t i = 0; i < whole.size(); i += i < 600 ? 1 : 53) {
            std::string flipped = whole;
            flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
            writeText(m_path, flipped);
            QVERIFY2(failureOf([&] { BarStore::read(m_path); }), std::to_string(i).c_str());
        }
    }

    void aNewerSchemaIsNamed()
    {
        BarStore::write(exampleSeries(), m_path);
        std::string bytes = readBytes(m_path);
        bytes[11] = '7';
        writeText(m_path, bytes);
        const auto failure = failureOf([&] { BarStore::read(m_path); });
        QVERIFY(failure && failure->kind == ErrorKind::Unsupported && failure->says("7"));
    }

    void aForeignHdf5FileIsRefusedQuietly()
    {
        const hid_t file = H5Fcreate(m_path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        H5Gclose(H5Gcreate2(file, "weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        H5Fclose(file);
        std::optional<Failure> failure;
        const std::string printed = stderrOf(m_dir.filePath("stderr").toStdString(), [&] { failure = failureOf([&] { BarStore::read(m_path); }); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("HDF5 file, but not a bar store"));
        QCOMPARE(printed, std::string());
    }

    // Our first block over somebody else's HDF5 content: the checksum holds, what is inside is not ours.
    void foreignContentUnderOurNameIsRefusedQuietly()
    {
        const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
        H5Pset_userblock(creation, 512);
        const hid_t file = H5Fcreate(m_path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT);
        H5Fclose(file);
        H5Pclose(creation);
        const std::string foreign = readBytes(m_path);
        for (const std::string& content : {foreign, std::string(2000, 'x')}) {
            writeText(m_path, content);
            seal(m_path);
            std::optional<Failure> failure;
            const std::string printed = stderrOf(m_dir.filePath("stderr").toStdString(), [&] { failure = failureOf([&] { BarStore::read(m_path); }); });
            QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says("HDF5"));
            QCOMPARE(printed, std::string());
        }
    }

    void changedBarsDoNotMatchTheirHash()
    {
        std::filesystem::copy_file(fixture(kVersion1), m_path, std::filesystem::copy_options::overwrite_existing);
        const hid_t file = H5Fopen(m_path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
        const hid_t dataset = H5Dopen2(file, "close", H5P_DEFAULT);
        std::vector<double> close(kVersion1Rows);
        H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, close.data());
        close[7] += 1.0;
        QVERIFY(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, close.data()) >= 0);
        H5Dclose(dataset);
        H5Fclose(file);
        seal(m_path);
        const auto failure = failureOf([&] { BarStore::read(m_path); });
        QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says("do not match"));
    }

    // A column that was never written takes no room in the file but would take 8 TB of memory.
    void aClaimOfTooManyRowsIsRefused()
    {
        std::filesystem::copy_file(fixture(kVersion1), m_path, std::filesystem::copy_options::overwrite_existing);
        const hid_t file = H5Fopen(m_path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
        H5Ldelete(file, "open", H5P_DEFAULT);
        const hsize_t rows = hsize_t{1} << 40;
        const hsize_t chunk = 65536;
        const hid_t space = H5Screate_simple(1, &rows, nullptr);
        const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(properties, 1, &chunk);
        H5Dclose(H5Dcreate2(file, "open", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
        H5Pclose(properties);
        H5Sclose(space);
        H5Fclose(file);
        seal(m_path);
        const auto failure = failureOf([&] { BarStore::read(m_path); });
        QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says("claims"));
    }

    // The fixture was written when version 1 was the newest; its bars are rows of the bundled data.
    void aStoreOfVersion1IsReadAsEver()
    {
        const BarSeries series = BarStore::read(fixture(kVersion1));
        QCOMPARE(series.contentHash(), std::string("8e618c70013b9824d5ceb0c47aa68745ac4a567d310ab280ef43e0f7109f15d4"));
        const BarSeries source = loadSeries(bundledData()).slice(149200, 150200);
        QVERIFY(std::ranges::equal(series.mask(), source.mask()));
        QCOMPARE(series.startTime(), source.startTime());
        QCOMPARE(series.contentHash(), source.contentHash());
        QCOMPARE(series.instrument(), std::string("BTCUSD"));
        const auto list = BarStore::list(fixture(kVersion1));
        QCOMPARE(list.size(), std::size_t{1});
        QCOMPARE(list[0].present, std::size_t{971});
        QVERIFY(list[0].provenance.empty());
    }

    // A series stands on the mapped file; the bytes go on being there when the file is replaced.
    void aSeriesStandsOnTheMappedFile()
    {
        const BarSeries first = exampleSeries(5000);
        BarStore::write(first, m_path);
        const BarSeries opened = BarStore::read(m_path);
        const std::string maps = readBytes("/proc/self/maps");
        const std::size_t line = maps.find(m_path.string());
        QVERIFY(line != std::string::npos);
        std::size_t begin = maps.rfind('\n', line);
        begin = begin == std::string::npos ? 0 : begin + 1;
        std::size_t used = 0;
        const auto from = std::stoull(maps.substr(begin), &used, 16);
        const auto to = std::stoull(maps.substr(begin + used + 1), nullptr, 16);
        QVERIFY(maps.substr(begin, line - begin).find(" r--s ") != std::string::npos); // shared, never to be written
        for (const auto column : {opened.open(), opened.high(), opened.low(), opened.close(), opened.volume()}) {
            const auto place = reinterpret_cast<std::uintptr_t>(column.data());
            QVERIFY(place >= from && place + column.size_bytes() <= to);
        }
        const BarSeries part = opened.slice(100, 200);
        QVERIFY(part.close().data() == opened.close().data() + 100);
        BarStore::write(exampleSeries(300), m_path);
        QVERIFY(std::ranges::equal(opened.mask(), first.mask()));
        QCOMPARE(opened.close()[4000], first.close()[4000]);
        QCOMPARE(part.contentHash(), first.slice(100, 200).contentHash());
    }

    void aFailedWriteLeavesTheOldFile()
    {
        using Call = FailingFileSystem::Call;
        BarStore::write(exampleSeries(), m_path);
        const std::string before = readBytes(m_path);
        const auto entries = [&] { return std::distance(std::filesystem::directory_iterator(m_path.parent_path()), {}); };
        const auto count = entries();
        for (const Call call : {Call::Create, Call::Write, Call::Sync, Call::Rename}) {
            FailingFileSystem disk(call);
            const auto failure = failureOf([&] { BarStore::write(exampleSeries(900), m_path, disk); });
            QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("bars.h5"));
            QVERIFY(readBytes(m_path) == before);
            QCOMPARE(entries(), count); // nothing half-written is left beside it
        }
        const auto failure = failureOf([&] { BarStore::write(exampleSeries(), m_dir.filePath("none/bars.h5").toStdString()); });
        QVERIFY(failure && failure->kind == ErrorKind::Io);
    }

    void aMissingFileIsNamed()
    {
        const auto failure = failureOf([&] { BarStore::read(m_dir.filePath("none.h5").toStdString()); });
        QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says("none.h5"));
        QVERIFY(!BarStore::looksLikeOne(m_dir.filePath("none.h5").toStdString()));
    }

private:
    QTemporaryDir m_dir;
    std::filesystem::path m_path;
};

QTEST_APPLESS_MAIN(TestBarStore)
#include "tst_bar_store.moc"
