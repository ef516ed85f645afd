#include "agent/run/TensorBoardFile.h"

#include <bit>
#include <chrono>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "agent/protocol/EventLog.h"

namespace btcai {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

/// Field numbers of the messages Event, Summary, Summary.Value and SessionLog.
enum Field : std::uint32_t { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7, kStatus = 1, kValue = 1, kTag = 1, kSimpleValue = 2 };
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

template <typename T> void putRaw(std::string& out, T value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }

void putVarint(std::string& out, std::uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
}

void putKey(std::string& out, Field field, WireType type) { putVarint(out, field << 3 | type); }

void putBytes(std::string& out, Field field, std::string_view bytes)
{
    putKey(out, field, kLengthDelimited);
    putVarint(out, bytes.size());
    out.append(bytes);
}

std::uint32_t maskedCrc(std::string_view bytes)
{
    // Castagnoli's polynomial, bits reflected; a file of ours is small, so bit by bit will do.
    std::uint32_t crc = ~0U;
    for (const char byte : bytes) {
        crc ^= static_cast<std::uint8_t>(byte);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1U ? 0x82f63b78U : 0U);
    }
    return std::rotr(~crc, 15) + 0xa282ead8U;
}

std::string eventAt(double time)
{
    std::string event;
    putKey(event, kWallTime, kFixed64);
    putRaw(event, time);
    return event;
}

/// Takes the events of a run and keeps what holds.
class ScalarList {
public:
    struct Timed : TensorBoardScalar {
        double elapsed; ///< training seconds
    };

    void take(const protocol::Event& event)
    {
        if (const auto* resumed = std::get_if<protocol::Resumed>(&event))
            std::erase_if(m_scalars, [&](const Timed& scalar) { return scalar.step > resumed->step; });
        if (const auto* metrics = std::get_if<protocol::Metrics>(&event))
            m_elapsed = metrics->elapsedSeconds;
        for (TensorBoardScalar& scalar : tensorBoardScalars(event))
            m_scalars.push_back({std::move(scalar), m_elapsed});
    }
    const std::vector<Timed>& scalars() const { return m_scalars; }
    double elapsed() const { return m_elapsed; }

private:
    std::vector<Timed> m_scalars;
    double m_elapsed = 0.0;
};

double writtenAt(const std::filesystem::path& file)
{
    const auto time = std::chrono::file_clock::to_sys(std::filesystem::last_write_time(file));
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// Puts the figures of a message into a list.
struct ScalarsOf {
    std::vector<TensorBoardScalar> scalars;

    void operator()(const auto&) {}
    void operator()(const protocol::Metrics& metrics)
    {
        for (const auto& [name, value] : metrics.values)
            put("train/" + name, value, metrics.step);
    }
    void operator()(const protocol::Evaluation& evaluation)
    {
        for (const protocol::EvaluationRow& row : evaluation.rows)
            for (const auto& [figure, value] : {std::pair{"total_return", row.totalReturn}, {"sharpe", row.sharpe}, {"sortino", row.sortino},
                                                {"max_drawdown", row.maxDrawdown}, {"calmar", row.calmar}, {"profit_factor", row.profitFactor},
                                                {"win_rate", row.winRate}, {"turnover", row.turnover}, {"exposure", row.exposure},
                                                {"cost_share", row.costShare}, {"trades", static_cast<double>(row.trades)}})
                put(evaluation.part + "/" + row.name + "/" + figure, value, evaluation.step);
    }
    void operator()(const protocol::Calibration& calibration)
    {
        const std::string group = calibration.part + "/forecast " + std::to_string(calibration.horizonBars) + " bars/";
        for (const auto& [figure, value] : {std::pair{"deviation_factor", calibration.deviationFactor}, {"deviation_ratio", calibration.deviationRatio},
                                            {"crps", calibration.crps}, {"crps_skill", calibration.crpsSkill}, {"ece", calibration.ece},
                                            {"calibrated_ece", calibration.calibratedEce}})
            put(group + figure, value, calibration.step);
    }
    void put(std::string tag, double value, std::int64_t step)
    {
        if (!std::isnan(value)) // a figure that there is not, such as the profit factor of no trade
            scalars.push_back({std::move(tag), value, step});
    }
};

} // namespace

std::vector<TensorBoardScalar> tensorBoardScalars(const protocol::Event& event)
{
    ScalarsOf list;
    std::visit([&list](const auto& message) { list(message); }, event);
    return std::move(list.scalars);
}

TensorBoardFile::TensorBoardFile(double time)
{
    std::string event = eventAt(time);
    putBytes(event, kFileVersion, "brain.Event:2");
    addRecord(event);
}

void TensorBoardFile::addScalar(std::string_view tag, double value, std::int64_t step, double time)
{
    std::string entry;
    putBytes(entry, kTag, tag);
    putKey(entry, kSimpleValue, kFixed32);
    putRaw(entry, static_cast<float>(value));
    std::string summary;
    putBytes(summary, kValue, entry);
    std::string event = eventAt(time);
    putKey(event, kStep, kVarint);
    putVarint(event, static_cast<std::uint64_t>(step));
    putBytes(event, kSummary, summary);
    addRecord(event);
}

void TensorBoardFile::addSessionStart(std::int64_t step, double time)
{
    std::string log;
    putKey(log, kStatus, kVarint);
    putVarint(log, 1); // START
    std::string event = eventAt(time);
    putKey(event, kStep, kVarint);
    putVarint(event, static_cast<std::uint64_t>(step));
    putBytes(event, kSessionLog, log);
    addRecord(event);
}

void TensorBoardFile::addRecord(std::string_view data)
{
    std::string length;
    putRaw(length, static_cast<std::uint64_t>(data.size()));
    m_bytes.append(length);
    putRaw(m_bytes, maskedCrc(length));
    m_bytes.append(data);
    putRaw(m_bytes, maskedCrc(data));
}

TensorBoardFile tensorBoardFile(const std::filesystem::path& eventsFile)
{
    ScalarList list;
    protocol::replayEvents(eventsFile, [&list](const protocol::Event& event) { list.take(event); });
    const double began = writtenAt(eventsFile) - list.elapsed();
    TensorBoardFile file(began);
    for (const auto& scalar : list.scalars())
        file.addScalar(scalar.tag, scalar.value, scalar.step, began + scalar.elapsed);
    return file;
}

} // namespace btcai
