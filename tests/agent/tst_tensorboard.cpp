#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include <QTemporaryDir>
#include <QtTest>

#include "agent/protocol/Codec.h"
#include "agent/run/TensorBoardFile.h"
#include "agent/run/TensorBoardSink.h"
#include "base/Error.h"
#include "base/ReadFile.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;

namespace {

/// CRC-32C bit by bit (RFC 3720, appendix B.4 has its check values), rotated and shifted as the record format says.
std::uint32_t maskedCrc(std::string_view bytes)
{
    std::uint32_t crc = 0xffffffff;
    for (const char c : bytes) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
    }
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

template <typename T> T take(std::string_view& in)
{
    T value;
    std::memcpy(&value, in.data(), sizeof value);
    in.remove_prefix(sizeof value);
    return value;
}

std::uint64_t takeVarint(std::string_view& in)
{
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        const auto byte = take<std::uint8_t>(in);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

struct Record {
    double time = 0.0;
    std::int64_t step = 0;
    std::string version, tag;
    float value = 0.0F;
    bool started = false; ///< a session
};

/// Reads one message of the fields that are used here; recursive, since a value stands in a summary stands in an event.
void readMessage(std::string_view in, int depth, Record& record)
{
    while (!in.empty()) {
        const std::uint64_t key = takeVarint(in), field = key >> 3;
        switch (key & 7) {
        case 0: record.step = static_cast<std::int64_t>(takeVarint(in)); break;
        case 1: record.time = take<double>(in); break;
        case 5: record.value = take<float>(in); break;
        case 2: {
            const auto size = static_cast<std::size_t>(takeVarint(in));
            const std::string_view part = in.substr(0, size);
            in.remove_prefix(size);
            if (depth == 0 && field == 3)
                record.version = part;
            else if (depth == 0 && field == 7)
                record.started = part == "\x08\x01";
            else if (depth == 2)
                record.tag = part;
            else
                readMessage(part, depth + 1, record);
            break;
        }
        default: throw Error(ErrorKind::Corrupt, "wire type {}", key & 7);
        }
    }
}

std::vector<Record> readRecords(std::string_view in)
{
    std::vector<Record> records;
    while (!in.empty()) {
        const std::string_view length = in.substr(0, 8);
        const auto size = static_cast<std::size_t>(take<std::uint64_t>(in));
        if (take<std::uint32_t>(in) != maskedCrc(length))
            throw Error(ErrorKind::Corrupt, "the length's checksum");
        const std::string_view data = in.substr(0, size);
        in.remove_prefix(size);
        if (take<std::uint32_t>(in) != maskedCrc(data))
            throw Error(ErrorKind::Corrupt, "the data's checksum");
        readMessage(data, 0, records.emplace_back());
    }
    return records;
}

protocol::Metrics metrics(std::int64_t step, double seconds, double loss)
{
    return {.iteration = step / 100, .step = step, .totalSteps = 400, .elapsedSeconds = seconds, .remainingSeconds = 1.0,
            .values = {{"policy_loss", loss}, {"entropy", std::numeric_limits<double>::quiet_NaN()}}};
}

} // namespace

class TestTensorBoard : public QObject {
    Q_OBJECT

private slots:
    // The first bytes of any event file: a record of 24 bytes (wall time 9, version 2 + 13), the length's checksum as TensorFlow writes it.
    void beginsAsEventFilesDo()
    {
        const TensorBoardFile file(1.5);
        QCOMPARE(QByteArray::fromStdString(file.bytes().substr(0, 13)), QByteArray::fromHex("1800000000000000a37f4b2209"));
        QCOMPARE(file.bytes().substr(23, 13), std::string("brain.Event:2"));
    }

    void scalarsReadBack()
    {
        TensorBoardFile file(100.0);
        file.addScalar("train/policy_loss", -0.125, 300'000, 101.5);
        file.addScalar("test/x", 3.0, 0, 102.0);
        const auto records = readRecords(file.bytes());
        QCOMPARE(records.size(), std::size_t{3});
        QVERIFY(records[0].time == 100.0 && records[0].version == "brain.Event:2");
        QVERIFY(records[1].time == 101.5 && records[1].step == 300'000 && records[1].tag == "train/policy_loss" && records[1].value == -0.125F);
        QVERIFY(records[2].step == 0 && records[2].tag == "test/x" && records[2].value == 3.0F);
    }

    // The run was resumed at 200: what it told of 300 before is superseded. A figure that there is not is left out.
    void aRunsRecordIsTold()
    {
        QTemporaryDir folder;
        using namespace protocol;
        const auto state = [](WorkerState which) { return StateChanged{.state = which, .step = 0, .detail = {}}; };
        const std::string path = folder.filePath("events.jsonl").toStdString();
        Evaluation evaluation;
        evaluation.step = 300;
        evaluation.part = "test";
        evaluation.rows.emplace_back().name = "cash";
        evaluation.rows[0].totalReturn = 0.25;
        {
            std::ofstream out(path);
            for (const Event& event : std::vector<Event>{
                     Hello{}, state(WorkerState::Ready), state(WorkerState::Preparing), RunInfo{}, state(WorkerState::Running), metrics(100, 1.0, 0.5),
                     metrics(200, 2.0, 0.4), metrics(300, 3.0, 0.3),
                     Hello{}, state(WorkerState::Ready), state(WorkerState::Preparing), RunInfo{}, Resumed{200, "step-200"}, state(WorkerState::Running),
                     metrics(300, 3.5, 0.25), evaluation})
                out << encode(event) << '\n';
        }
        const auto records = readRecords(tensorBoardFile(path).bytes());
        std::vector<std::pair<std::int64_t, float>> losses, returns;
        double first = 0.0, last = 0.0;
        for (const Record& record : records) {
            QVERIFY(record.tag != "train/entropy");
            if (record.tag == "train/policy_loss")
                losses.emplace_back(record.step, record.value);
            if (record.tag == "test/cash/total_return")
                returns.emplace_back(record.step, record.value);
            if (record.tag == "train/policy_loss" && record.step == 100)
                first = record.time;
            last = record.time;
        }
        QVERIFY((losses == std::vector<std::pair<std::int64_t, float>>{{100, 0.5F}, {200, 0.4F}, {300, 0.25F}}));
        QVERIFY((returns == std::vector<std::pair<std::int64_t, float>>{{300, 0.25F}}));
        QVERIFY(std::abs(last - first - 2.5) < 1e-6);
        QVERIFY(std::abs(last - static_cast<double>(QDateTime::currentSecsSinceEpoch())) < 60.0);
    }

    // Two sessions in one folder, as a run writes them: each its file, and the second says from which step on it counts.
    void aRunIsToldWhileItGoesOn()
    {
        test::CollectingSink listener;
        QTemporaryDir folder;
        const std::filesystem::path path = std::filesystem::path(folder.path().toStdString()) / "run" / "tensorboard";
        const auto contents = [&] {
            std::vector<std::vector<Record>> files;
            std::set<std::filesystem::path> names;
            for (const auto& entry : std::filesystem::directory_iterator(path))
                names.insert(entry.path());
            for (const auto& name : names)
                files.push_back(readRecords(readFile(name, 1 << 20)));
            return files;
        };
        {
            TensorBoardSink sink(path, listener);
            sink.send(metrics(100, 1.0, 0.5));
            const auto files = contents(); // at once
            QVERIFY(files.size() == 1 && files[0].size() == 2 && files[0][0].version == "brain.Event:2");
            QVERIFY(files[0][1].tag == "train/policy_loss" && files[0][1].value == 0.5F && files[0][1].step == 100);
            sink.send(metrics(200, 2.0, 0.4));
        }
        TensorBoardSink sink(path, listener);
        sink.send(protocol::Resumed{100, "step-100"});
        sink.send(metrics(200, 2.5, 0.25));
        const auto files = contents();
        QCOMPARE(files.size(), std::size_t{2});
        QCOMPARE(files[1].size(), std::size_t{3});
        QVERIFY(files[1][1].started && files[1][1].step == 101 && files[1][1].tag.empty());
        QVERIFY(files[1][2].value == 0.25F && std::abs(files[1][2].time - static_cast<double>(QDateTime::currentSecsSinceEpoch())) < 60.0);
        QCOMPARE(listener.events().size(), std::size_t{4}); // all was passed on
        QVERIFY_EXCEPTION_THROWN(TensorBoardSink("/proc/no-such-folder", listener), Error);
    }

    // Asked for by its field, a run of ten iterations tells each of them.
    void aRunThatIsAskedWritesIt()
    {
        RunConfig config = test::tinyConfig();
        for (const bool asked : {false, true}) {
            config.train.tensorboard = asked;
            test::TrainingRun run;
            run.train(config);
            QCOMPARE(std::filesystem::exists(run.path / "tensorboard"), asked);
            if (!asked)
                continue;
            const std::filesystem::path file = std::filesystem::directory_iterator(run.path / "tensorboard")->path();
            std::vector<std::int64_t> steps;
            for (const Record& record : readRecords(readFile(file, 1 << 20)))
                if (record.tag == "train/entropy")
                    steps.push_back(record.step);
            QVERIFY((steps == std::vector<std::int64_t>{64, 128, 192, 256, 320, 384, 448, 512, 576, 640}));
        }
    }

    // The bytes of a session's start: step 101 in field 2, and field 7 holds status 1.
    void aSessionsStartIsWrittenAsTensorFlowDoes()
    {
        TensorBoardFile file;
        file.addSessionStart(101, 1.5);
        QCOMPARE(QByteArray::fromStdString(file.bytes().substr(12 + 9)).first(6), QByteArray::fromHex("10653a020801"));
    }

    void aMissingRecordIsNamed() { QVERIFY_EXCEPTION_THROWN(tensorBoardFile("no-such-file"), Error); }
};

QTEST_APPLESS_MAIN(TestTensorBoard)
#include "tst_tensorboard.moc"
