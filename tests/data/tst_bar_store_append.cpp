#include <set>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <QTemporaryDir>
#include <QtTest>

#include "DataTestSupport.h"
#include "base/Hash.h"
#include "data/bars/BarStore.h"
#include "data/bars/FolderLock.h"
#include "tests/base/CrashModel.h"

namespace fs = std::filesystem;
using namespace btcai;
using namespace btcai::test;

namespace {

BarSeries seriesOf(const std::vector<Bar>& bars, const std::string& instrument = "BTCUSD") { return BarSeries::fromBars(instrument, 300, bars); }

Provenance provenanceOf(const std::string& file)
{
    return {.files = {{file, sha256Hex(file)}}, .options = {{"interval", 300}}, .program = "test 1", .importedAt = 1'600'000'000};
}

/// Bars [first, last) of the wandering ones.
std::vector<Bar> someBars(std::size_t first, std::size_t last)
{
    const std::vector<Bar> all = wanderingBars(last);
    return {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()};
}

/// Does everything for real and in a CrashModel too, which then knows what a crash would have left.
class MirroredFileSystem final : public FileSystemOps {
public:
    explicit MirroredFileSystem(CrashModel& model) : m_model(model) {}

    int create(const fs::path& path) override { return opened(m_real.create(path), m_model.create(path)); }
    int open(const fs::path& path) override { return opened(m_real.open(path), m_model.open(path)); }
    ssize_t write(int descriptor, const void* bytes, std::size_t size) override
    {
        const ssize_t taken = m_model.write(m_twins.at(descriptor), bytes, size);
        return m_real.write(descriptor, bytes, static_cast<std::size_t>(taken));
    }
    int sync(int descriptor) override { return m_model.sync(m_twins.at(descriptor)), m_real.sync(descriptor); }
    int close(int descriptor) override { return m_model.close(m_twins.at(descriptor)), m_real.close(descriptor); }
    int rename(const fs::path& from, const fs::path& to) override { return m_model.rename(from, to), m_real.rename(from, to); }
    int exchange(const fs::path& a, const fs::path& b) override { return m_model.exchange(a, b), m_real.exchange(a, b); }
    int remove(const fs::path& path) override { return m_model.remove(path), m_real.remove(path); }
    int makeDirectory(const fs::path& path) override { return m_model.makeDirectory(path), m_real.makeDirectory(path); }
    int list(const fs::path& path, std::vector<Entry>& entries) override { return m_real.list(path, entries); }
    Kind kind(const fs::path& path) override { return m_real.kind(path); }

private:
    int opened(int descriptor, int twin)
    {
        m_twins[descriptor] = twin;
        return descriptor;
    }

    CrashModel& m_model;
    FileSystemOps& m_real = posixFileSystem();
    std::map<int, int> m_twins;
};

/// The index of a store of version 2, for a test to change and put back with its checksum right.
class OpenedIndex {
public:
    explicit OpenedIndex(const fs::path& path) : m_path(path), m_bytes(readBytes(path))
    {
        std::size_t at = 0;
        for (int line = 0; line < 4; ++line) {
            m_headerLines.push_back(m_bytes.substr(at, m_bytes.find('\n', at) - at));
            at = m_bytes.find('\n', at) + 1;
        }
        json = parseJson(m_bytes.substr(at, std::stoul(m_headerLines[3])), "index", {.maxBytes = 1 << 24});
    }

    void putBack()
    {
        const std::string index = json.dump();
        std::string block = fmt::format("{}\n{}\n{}\n{}\n{}", m_headerLines[0], m_headerLines[1], sha256Hex(index), index.size(), index);
        const std::size_t size = OpenedIndex(m_path).json.at("user_block").get<std::size_t>();
        block.resize(size, '\0');
        writeText(m_path, block + m_bytes.substr(size));
    }

    Json json;

private:
    fs::path m_path;
    std::string m_bytes;
    std::vector<std::string> m_headerLines;
};

} // namespace

class TestBarStoreAppend : public QObject {
    Q_OBJECT

private slots:
    void init()
    {
        m_dir = std::make_unique<QTemporaryDir>();
        m_path = m_dir->filePath("bars.h5").toStdString();
    }

    void severalInstrumentsAndIntervalsShareAStore()
    {
        const BarSeries btc = seriesOf(someBars(0, 40));
        const BarSeries eth = seriesOf(someBars(10, 90), "ETH/USD");
        const BarSeries hourly = BarSeries::fromBars("BTCUSD", 3600, std::vector<Bar>{{7200, 1, 2, 0.5, 1.5, 4}});
        const FundingSeries funding("BTCUSDT-PERP", {{28800, 0.0001}, {57600, -0.00025}});
        BarStore::append(eth, m_path, provenanceOf("eth.csv"));
        BarStore::append(btc, m_path, provenanceOf("btc.csv"));
        BarStore::append(hourly, m_path, provenanceOf("hours.csv"));
        QCOMPARE(BarStore::append(funding, m_path, provenanceOf("funding.csv")).added, std::size_t{2});

        const auto list = BarStore::list(m_path);
        std::vector<std::string> names;
        for (const auto& series : list)
            names.push_back(series.id.toString());
        QCOMPARE(names, (std::vector<std::string>{"BTCUSD 300 s", "BTCUSD 3600 s", "ETH/USD 300 s", "BTCUSDT-PERP funding"}));
        QCOMPARE(list[0].rows, std::size_t{40});
        QCOMPARE(list[0].firstTime, btc.timestamp(0));
        QCOMPARE(list[0].lastTime, btc.timestamp(39));
        QCOMPARE(list[0].contentHash, btc.contentHash());
        QCOMPARE(BarStore::read(m_path, SeriesId::bars("ETH/USD", 300)).contentHash(), eth.contentHash());
        QCOMPARE(BarStore::read(m_path, SeriesId::bars("BTCUSD", 3600)).contentHash(), hourly.contentHash());
        QCOMPARE(BarStore::readFunding(m_path, "BTCUSDT-PERP").contentHash(), funding.contentHash());

        auto failure = failureOf([&] { BarStore::read(m_path); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("bars.h5"));
        for (const std::string& name : names)
            QVERIFY2(failure->says(name), failure->message.c_str());
        failure = failureOf([&] { BarStore::read(m_path, SeriesId::bars("BTCUSD", 60)); });
        QVERIFY(failure && failure->says("no series BTCUSD 60 s") && failure->says("ETH/USD 300 s"));
        QVERIFY(failureOf([&] { BarStore::read(m_path, SeriesId::funding("BTCUSDT-PERP")); }));
        QVERIFY(failureOf([&] { BarStore::readFunding(m_path, "BTCUSD"); }));
    }

    void fundingBesideOneSeriesOfBarsLeavesNoDoubt()
    {
        BarStore::append(FundingSeries("X", {{1, 0.5}}), m_path, provenanceOf("f"));
        const auto failure = failureOf([&] { BarStore::read(m_path); });
        QVERIFY(failure && failure->says("holds no bars, but X funding"));
        BarStore::append(seriesOf(someBars(0, 5)), m_path, provenanceOf("b"));
        QCOMPARE(BarStore::read(m_path).size(), std::size_t{5});
    }

    // In pieces, overlapping, backwards, with holes filled later: the end is the series made in one go.
    void appendingInPiecesGivesTheWhole()
    {
        const std::vector<Bar> all = wanderingBars(60);
        BarStore::append(seriesOf(someBars(20, 30)), m_path, provenanceOf("a"));
        AppendResult result = BarStore::append(seriesOf(someBars(25, 40)), m_path, provenanceOf("b"));
        QCOMPARE(result.added, std::size_t{10});
        QCOMPARE(result.equal, std::size_t{5});
        result = BarStore::append(seriesOf(someBars(50, 60)), m_path, provenanceOf("c"));
        QCOMPARE(result.added, std::size_t{10});
        QCOMPARE(BarStore::read(m_path).presentCount(), std::size_t{30}); // the hole is missing, not invented
        QVERIFY(!BarStore::read(m_path).present(25));
        result = BarStore::append(seriesOf(all), m_path, provenanceOf("d"));
        QCOMPARE(result.added, std::size_t{20});
        QCOMPARE(result.filled, std::size_t{10});
        QCOMPARE(result.equal, std::size_t{30});
        QCOMPARE(BarStore::read(m_path).contentHash(), seriesOf(all).contentHash());
        QCOMPARE(BarStore::list(m_path)[0].provenance.size(), std::size_t{4});
    }

    void disagreeingBarsAreNamedAndNothingChanges()
    {
        BarStore::append(seriesOf(someBars(0, 20)), m_path, provenanceOf("a"));
        const std::string before = readBytes(m_path);
        std::vector<Bar> fresh = someBars(10, 30);
        fresh[2].close += 0.5;
        fresh[2].high += 0.5;
        fresh[4].volume = 77.0;
        auto failure = failureOf([&] { BarStore::append(seriesOf(fresh), m_path, provenanceOf("b")); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("bars.h5") && failure->says("2 bars differ"));
        const Bar old = someBars(10, 30)[2];
        QVERIFY2(failure->says(formatUtc(old.timestamp)), failure->message.c_str());
        QVERIFY2(failure->says(fmt::format("close stored {} new {}", old.close, fresh[2].close)), failure->message.c_str());
        QVERIFY2(failure->says(fmt::format("volume stored {} new 77", someBars(10, 30)[4].volume)), failure->message.c_str());
        QVERIFY(readBytes(m_path) == before);

        BarStore::append(FundingSeries("X", {{100, 0.1}, {200, 0.2}}), m_path, provenanceOf("f"));
        failure = failureOf([&] { BarStore::append(FundingSeries("X", {{200, 0.25}, {300, 0.3}}), m_path, provenanceOf("g")); });
        QVERIFY(failure && failure->says("rate stored 0.2 new 0.25") && failure->says(formatUtc(200)));
        const AppendResult result = BarStore::append(FundingSeries("X", {{150, 0.15}, {200, 0.2}, {300, 0.3}}), m_path, provenanceOf("h"));
        QCOMPARE(result.added, std::size_t{1});
        QCOMPARE(result.filled, std::size_t{1});
        QCOMPARE(result.equal, std::size_t{1});
        QCOMPARE(BarStore::readFunding(m_path, "X").size(), std::size_t{4});
    }

    void nothingNewLeavesTheFileAlone()
    {
        BarStore::append(seriesOf(someBars(0, 20)), m_path, provenanceOf("a"));
        const std::string before = readBytes(m_path);
        QCOMPARE(BarStore::append(seriesOf(someBars(3, 17)), m_path, provenanceOf("b")).equal, std::size_t{14});
        QVERIFY(readBytes(m_path) == before);
    }

    void barsFarApartAreRefused()
    {
        BarStore::append(seriesOf(someBars(0, 20)), m_path, provenanceOf("a"));
        const std::string before = readBytes(m_path);
        const std::vector<Bar> late{{253402300500, 1, 1, 1, 1, 1}}; // the year 9999
        const auto failure = failureOf([&] { BarStore::append(seriesOf(late), m_path, provenanceOf("b")); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("would be missing"));
        QVERIFY(readBytes(m_path) == before);
    }

    void provenanceIsKeptForGood()
    {
        const fs::path source = m_dir->filePath("source.csv").toStdString();
        writeText(source, "abc");
        const ManualClock clock(1'700'000'000.75);
        const Provenance first = Provenance::now({SourceFile::of(source)}, {{"instrument", "BTCUSD"}}, clock);
        // NIST's example: SHA-256 of "abc".
        QCOMPARE(first.files[0].sha256, std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        QCOMPARE(first.files[0].name, std::string("source.csv"));
        BarStore::write(seriesOf(someBars(0, 5)), m_path, first);
        BarStore::append(seriesOf(someBars(0, 5), "OTHER"), m_path, provenanceOf("other"));
        BarStore::append(seriesOf(someBars(5, 9)), m_path, provenanceOf("second"));
        const auto list = BarStore::list(m_path);
        QCOMPARE(list.size(), std::size_t{2});
        QVERIFY((list[0].provenance == std::vector<Provenance>{first, provenanceOf("second")}));
        QVERIFY(list[1].provenance == std::vector<Provenance>{provenanceOf("other")});
        const Json json = list[0].toJson();
        QCOMPARE(json.at("provenance").at(0).at("imported_at").get<std::string>(), std::string("2023-11-14T22:13:20Z"));
        QCOMPARE(json.at("provenance").at(0).at("options").at("instrument").get<std::string>(), std::string("BTCUSD"));
        QVERIFY(Provenance::fromJson(json.at("provenance").at(1)) == provenanceOf("second"));
    }

    // 3,000 imports: their index needs another, larger user block, in which the columns move.
    void aLongHistoryFits()
    {
        Provenance long_ = provenanceOf("many");
        long_.files.assign(3000, {"a-file-name-of-some-length.csv.gz", sha256Hex("x")});
        const BarSeries series = seriesOf(someBars(0, 50));
        BarStore::write(series, m_path, long_);
        QCOMPARE(BarStore::read(m_path).contentHash(), series.contentHash());
        QCOMPARE(BarStore::list(m_path)[0].provenance[0].files.size(), std::size_t{3000});
    }

    void aStoreOfVersion1BecomesVersion2WithTheFirstAppend()
    {
        fs::copy_file(fixture("bar-store-v1-btcusd-5m.h5"), m_path);
        QCOMPARE(readBytes(m_path)[11], '1');
        const BarSeries old = BarStore::read(m_path);
        const std::vector<Bar> next{{old.timestamp(old.size()), 1, 2, 0.5, 1.5, 3}};
        QCOMPARE(BarStore::append(seriesOf(next), m_path, provenanceOf("next")).added, std::size_t{1});
        QCOMPARE(readBytes(m_path)[11], '2');
        const BarSeries now = BarStore::read(m_path);
        QCOMPARE(now.size(), old.size() + 1);
        QCOMPARE(now.slice(0, old.size()).contentHash(), old.contentHash());
    }

    void sizesOfAllKindsAreAligned()
    {
        for (const std::size_t rows : {1u, 2u, 3u, 7u, 31u, 127u, 255u, 511u, 1021u}) {
            const BarSeries series = seriesOf(someBars(0, rows), "S" + std::to_string(rows));
            BarStore::append(series, m_path, provenanceOf("x"));
            BarStore::append(FundingSeries("F" + std::to_string(rows), std::vector<FundingRate>{{5, 0.5}}), m_path, provenanceOf("x"));
        }
        for (const auto& about : BarStore::list(m_path))
            if (about.id.kind == SeriesKind::Bars)
                QCOMPARE(reinterpret_cast<std::uintptr_t>(BarStore::read(m_path, about.id).close().data()) % 64, std::uintptr_t{0});
    }

    // Every state that POSIX allows after a power cut, at any moment, is the old store or the new one.
    void aCrashLeavesTheOldStoreOrTheNewOne()
    {
        BarStore::append(seriesOf(someBars(0, 20)), m_path, provenanceOf("a"));
        const std::string oldHash = BarStore::read(m_path).contentHash();
        CrashModel model(4096);
        for (fs::path folder = "/"; const auto& part : m_path.parent_path().relative_path())
            model.makeDirectory(folder /= part);
        const std::string bytes = readBytes(m_path);
        const int file = model.create(m_path);
        for (std::size_t at = 0; at < bytes.size(); at += 4096)
            model.write(file, bytes.data() + at, bytes.size() - at);
        model.close(file);
        model.settle();

        MirroredFileSystem disk(model);
        BarStore::append(seriesOf(someBars(15, 40)), m_path, provenanceOf("b"), disk);
        const std::string newHash = BarStore::read(m_path).contentHash();
        std::set<std::string> found;
        const fs::path scratch = m_dir->filePath("scratch.h5").toStdString();
        for (std::size_t moment = 0; moment < model.moments(); ++moment)
            for (const std::string& content : model.afterCrash(moment, m_path)) {
                writeText(scratch, content);
                found.insert(BarStore::read(scratch).contentHash());
                BarStore::verify(scratch);
            }
        QCOMPARE(found, (std::set<std::string>{oldHash, newHash}));
        QVERIFY(model.moments() > 5);
        QCOMPARE(model.afterCrash(model.moments() - 1, m_path).size(), std::size_t{1}); // done means done
    }

    void writersWaitForEachOther()
    {
        constexpr std::size_t kWriters = 4;
        std::vector<std::thread> threads;
        for (std::size_t w = 0; w < kWriters; ++w)
            threads.emplace_back([&, w] {
                for (std::size_t k = 0; k < 10; ++k)
                    BarStore::append(seriesOf(someBars(w * 100 + k, w * 100 + k + 1)), m_path, provenanceOf("t"));
            });
        std::vector<pid_t> children;
        for (std::size_t w = 0; w < kWriters; ++w) {
            const pid_t child = ::fork();
            if (child == 0)
                ::execl("/proc/self/exe", "tst", "--writer", m_path.c_str(), std::to_string(w).c_str(), nullptr);
            children.push_back(child);
        }
        for (auto& thread : threads)
            thread.join();
        for (const pid_t child : children) {
            int status = 1;
            QCOMPARE(::waitpid(child, &status, 0), child);
            QVERIFY(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        QCOMPARE(BarStore::read(m_path, SeriesId::bars("BTCUSD", 300)).presentCount(), std::size_t{40});
        for (std::size_t w = 0; w < kWriters; ++w)
            QCOMPARE(BarStore::read(m_path, SeriesId::bars("P" + std::to_string(w), 300)).presentCount(), std::size_t{10});
    }

    void waitingHasAnEnd()
    {
        const fs::path folder = m_path.parent_path();
        {
            const FolderLock first(folder);
            const auto failure = failureOf([&] { FolderLock second(folder, std::chrono::milliseconds(20)); });
            QVERIFY(failure && failure->kind == ErrorKind::Io && failure->says(folder.string()) && failure->says("somebody else"));
        }
        QVERIFY(!failureOf([&] { FolderLock third(folder, std::chrono::milliseconds(20)); }));
        QVERIFY(failureOf([&] { FolderLock none(folder / "none"); }));
    }

    void aDamagedOrForeignFileIsNotAppendedTo()
    {
        BarStore::append(seriesOf(someBars(0, 300)), m_path, provenanceOf("a"));
        std::string bytes = readBytes(m_path);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
        for (const std::string& content : {bytes, std::string("timestamp,open\n1,2\n"), bytes.substr(0, 700), std::string()}) {
            writeText(m_path, content);
            const auto failure = failureOf([&] { BarStore::append(seriesOf(someBars(300, 310)), m_path, provenanceOf("b")); });
            QVERIFY(failure && failure->says("bars.h5"));
            QVERIFY(readBytes(m_path) == content);
        }
    }

    // A damaged neighbour doesn't keep anybody from reading a sound series, but verify finds it.
    void damageIsFoundWhereItIs()
    {
        BarStore::append(seriesOf(someBars(0, 300), "A"), m_path, provenanceOf("a"));
        BarStore::append(seriesOf(someBars(0, 400), "B"), m_path, provenanceOf("b"));
        BarStore::verify(m_path);
        const auto offset = OpenedIndex(m_path).json.at("series").at(1).at("columns").at("low").get<std::size_t>();
        std::string bytes = readBytes(m_path);
        bytes[offset + 800] = static_cast<char>(bytes[offset + 800] ^ 1);
        writeText(m_path, bytes);
        QCOMPARE(BarStore::read(m_path, SeriesId::bars("A", 300)).contentHash(), seriesOf(someBars(0, 300)).contentHash());
        for (const auto& failure : {failureOf([&] { BarStore::read(m_path, SeriesId::bars("B", 300)); }), failureOf([&] { BarStore::verify(m_path); })})
            QVERIFY(failure && failure->kind == ErrorKind::Corrupt && failure->says("B 300 s") && failure->says("checksum"));
    }

    // An index that somebody rewrote, its checksum right: nothing outside of the file is read, nothing large allocated.
    void aHostileIndexIsRefused()
    {
        const auto change = [&](const std::function<void(Json&)>& edit) {
            BarStore::write(seriesOf(someBars(0, 100)), m_path);
            OpenedIndex index(m_path);
            edit(index.json);
            index.putBack();
            return failureOf([&] { BarStore::verify(m_path); });
        };
        QVERIFY(!change([](Json&) {}));
        const std::vector<std::function<void(Json&)>> edits{
            [](Json& j) { j["series"][0]["rows"] = std::size_t{1} << 60; },
            [](Json& j) { j["series"][0]["rows"] = std::size_t{1} << 61; }, // times 8 wraps to 0
            [](Json& j) { j["series"][0]["rows"] = 99; },
            [](Json& j) { j["series"][0]["rows"] = 0; },
            [](Json& j) { j["series"][0]["rows"] = -1; },
            [](Json& j) { j["series"][0]["columns"]["close"] = std::size_t{1} << 40; },
            [](Json& j) { j["series"][0]["columns"]["close"] = 0; },
            [](Json& j) { j["series"][0]["columns"]["close"] = j["series"][0]["columns"]["open"]; },
            [](Json& j) { j["series"][0]["columns"]["close"] = j["series"][0]["columns"]["close"].get<std::size_t>() + 1; },
            [](Json& j) { j["series"][0]["columns"].erase("present"); },
            [](Json& j) { j["series"][0]["start_time"] = 7; },
            [](Json& j) { j["series"][0]["start_time"] = 0; },
            [](Json& j) { j["series"][0]["interval_seconds"] = 0; },
            [](Json& j) { j["series"][0]["kind"] = "funding"; },
            [](Json& j) { j["series"][0]["content_sha256"] = "none"; },
            [](Json& j) { j["series"][0]["provenance"] = Json::array({1}); },
            [](Json& j) { j["series"] = "text"; },
            [](Json& j) { j["user_block"] = 16; },
            [](Json& j) { j["user_block"] = std::size_t{1} << 50; },
            [](Json& j) { j["file_bytes"] = 5; },
            [](Json& j) { j["structure_sha256"] = std::string(64, '0'); },
            [](Json& j) { j = Json::array(); },
        };
        for (std::size_t i = 0; i < edits.size(); ++i) {
            const auto failure = change(edits[i]);
            QVERIFY2(failure && failure->kind == ErrorKind::Corrupt && failure->says("bars.h5"), std::to_string(i).c_str());
        }
    }

    // File names may be in any encoding; that must not cost anybody an import. What could not be read again is not written.
    void oddProvenanceIsStoredOrRefused()
    {
        BarStore::write(seriesOf(someBars(0, 3)), m_path, provenanceOf("caf\xe9.csv"));
        QCOMPARE(BarStore::list(m_path)[0].provenance[0].files[0].name, std::string("caf\xef\xbf\xbd.csv"));
        const std::string before = readBytes(m_path);
        Provenance deep = provenanceOf("a");
        for (int i = 0; i < 40; ++i)
            deep.options = Json::array({deep.options});
        const auto failure = failureOf([&] { BarStore::append(seriesOf(someBars(3, 6)), m_path, deep); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("provenance"));
        QVERIFY(readBytes(m_path) == before);
    }

    void namesAreChecked()
    {
        const auto failure = failureOf([&] { BarStore::write(seriesOf(someBars(0, 3), "\xff\xfe"), m_path); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("UTF-8"));
        QVERIFY(failureOf([&] { BarStore::write(seriesOf(someBars(0, 3), std::string(300, 'x')), m_path); }));
        QVERIFY(!fs::exists(m_path));
    }

private:
    std::unique_ptr<QTemporaryDir> m_dir;
    fs::path m_path;
};

/// Another process that writes: each adds a series of its own, bar by bar.
int runWriter(const fs::path& path, const std::string& number)
{
    try {
        for (std::size_t k = 0; k < 10; ++k)
            BarStore::append(seriesOf(someBars(k, k + 1), "P" + number), path, provenanceOf("p"));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

int main(int argc, char** argv)
{
    if (argc == 4 && std::string_view(argv[1]) == "--writer")
        return runWriter(argv[2], argv[3]);
    TestBarStoreAppend test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_bar_store_append.moc"
