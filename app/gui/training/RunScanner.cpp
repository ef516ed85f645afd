#include "app/gui/training/RunScanner.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "agent/config/ConfigFile.h"
#include "agent/config/Field.h"
#include "agent/protocol/Codec.h"
#include "app/gui/training/RunNames.h"

namespace btcai::gui {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 32 * 1024;
constexpr std::size_t kTailBytes = 512 * 1024;

std::string readPart(std::ifstream& in, std::size_t begin, std::size_t count)
{
    std::string bytes(count, '\0');
    in.clear();
    in.seekg(static_cast<std::streamoff>(begin));
    in.read(bytes.data(), static_cast<std::streamsize>(count));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return bytes;
}

struct SummaryBuilder {
    RunSummary& summary;

    void operator()(const protocol::Hello& m) { summary.workerPid = m.pid, summary.lastState = protocol::WorkerState::Ready; }
    void operator()(const protocol::StateChanged& m)
    {
        summary.lastState = m.state;
        summary.step = std::max(summary.step, m.step);
    }
    void operator()(const protocol::RunInfo& m)
    {
        summary.bucket = QString::fromStdString(m.bucket);
        summary.totalSteps = m.totalSteps;
    }
    void operator()(const protocol::Resumed& m) { summary.step = m.step; }
    void operator()(const protocol::Metrics& m)
    {
        summary.step = m.step;
        summary.totalSteps = m.totalSteps;
        summary.remainingSeconds = m.remainingSeconds;
        for (const auto& [name, value] : m.values)
            if (name == "account_steps_per_s" && std::isfinite(value))
                summary.stepsPerSecond = value;
    }
    void operator()(const protocol::Evaluation& m)
    {
        if (m.part != kValidationPart)
            return;
        for (const protocol::EvaluationRow& row : m.rows) {
            if (row.name == kSampledRow)
                summary.validationReturn = row.totalReturn;
            else if (row.name == kBuyAndHoldRow)
                summary.buyAndHoldReturn = row.totalReturn;
        }
    }
    void operator()(const protocol::Heartbeat& m) { summary.step = std::max(summary.step, m.step); }
    void operator()(const protocol::Trade&) {}
    void operator()(const protocol::Forecast&) {}
    void operator()(const protocol::Calibration&) {}
    void operator()(const protocol::CheckpointSaved&) { summary.hasCheckpoint = true; }
    void operator()(const protocol::Notice&) {}
};

bool hasType(std::string_view line, std::string_view type)
{
    constexpr std::string_view kBegin = R"({"type":")";
    return line.starts_with(kBegin) && line.substr(kBegin.size()).starts_with(type)
           && line.substr(kBegin.size() + type.size()).starts_with('"');
}

void parseLine(std::string_view line, RunSummary& summary)
{
    if (line.empty())
        return;
    try {
        updateSummary(summary, protocol::decodeEvent(line, "record"));
    } catch (const std::exception&) {
        // a summary is best effort; opening the run names the bad line
    }
}

/// Of messages that supersede each other only the last is worth parsing.
struct LastLines {
    std::string_view metrics, heartbeat, evaluation;

    /// False for a message of another type.
    bool take(std::string_view line)
    {
        if (hasType(line, "metrics"))
            metrics = line;
        else if (hasType(line, "heartbeat"))
            heartbeat = line;
        else if (hasType(line, "evaluation"))
            evaluation = line.substr(0, 200).find(R"("part":"validation")") != std::string_view::npos ? line : evaluation;
        else
            return hasType(line, "trade") || hasType(line, "forecast") || hasType(line, "notice");
        return true;
    }

    void parse(RunSummary& summary)
    {
        for (const std::string_view line : {evaluation, metrics, heartbeat})
            parseLine(line, summary);
        *this = {};
    }
};

/// Whole lines of a part; the pieces cut at its ends fail to parse and are passed over.
void takeLines(std::string_view bytes, RunSummary& summary)
{
    LastLines last;
    for (std::size_t begin = 0; begin < bytes.size();) {
        const std::size_t end = bytes.find('\n', begin);
        if (end == std::string_view::npos)
            break;
        const std::string_view line = bytes.substr(begin, end - begin);
        begin = end + 1;
        if (last.take(line))
            continue;
        if (hasType(line, "resumed")) // what came before it may be superseded
            last.parse(summary);
        parseLine(line, summary);
    }
    last.parse(summary);
}

void readRecord(const fs::path& record, RunSummary& summary)
{
    std::ifstream in(record, std::ios::binary | std::ios::ate);
    if (!in)
        return;
    const auto size = static_cast<std::size_t>(std::max<std::streamoff>(in.tellg(), 0));
    if (size <= kHeadBytes + kTailBytes) {
        takeLines(readPart(in, 0, size), summary);
        return;
    }
    takeLines(readPart(in, 0, kHeadBytes), summary);
    takeLines(readPart(in, size - kTailBytes, kTailBytes), summary);
}

void readConfig(const fs::path& file, RunSummary& summary)
{
    if (!summary.bucket.isEmpty() && summary.totalSteps > 0)
        return;
    try {
        const RunConfig config = readRecordedConfig(file);
        const std::string_view bucket = bucketSpec(config.bucket).name;
        summary.bucket = QString::fromUtf8(bucket.data(), static_cast<qsizetype>(bucket.size()));
        summary.totalSteps = config.train.steps;
    } catch (const std::exception&) {
        // unknown stays unknown
    }
}

} // namespace

void updateSummary(RunSummary& summary, const protocol::Event& event) { std::visit(SummaryBuilder{summary}, event); }

bool isRunFolder(const fs::path& folder)
{
    std::error_code code;
    return fs::is_regular_file(folder / "run.toml", code) || fs::is_regular_file(folder / "events.jsonl", code);
}

bool hasCheckpoint(const fs::path& folder)
{
    std::error_code code;
    for (fs::directory_iterator it(folder / "checkpoints", code), end; !code && it != end; it.increment(code))
        if (it->path().filename().string().starts_with("step-"))
            return true;
    return false;
}

bool isActiveElsewhere(const RunSummary& summary)
{
    using enum protocol::WorkerState;
    if (summary.workerPid <= 1 || !summary.lastState || *summary.lastState == Finished || *summary.lastState == Stopped
        || *summary.lastState == Failed)
        return false;
    std::ifstream in("/proc/" + std::to_string(summary.workerPid) + "/comm");
    std::string name;
    return std::getline(in, name) && name.starts_with("btcai");
}

RunSummary summarizeRun(const fs::path& folder)
{
    RunSummary summary;
    summary.folder = folder;
    summary.name = QString::fromStdString(folder.filename().string());
    try {
        const fs::path record = folder / "events.jsonl";
        readRecord(record, summary);
        readConfig(folder / "run.toml", summary);
        std::error_code code;
        fs::file_time_type changed = fs::last_write_time(record, code);
        if (code)
            changed = fs::last_write_time(folder, code);
        if (!code) {
            const auto since = std::chrono::file_clock::to_sys(changed).time_since_epoch();
            summary.changed = QDateTime::fromSecsSinceEpoch(std::chrono::duration_cast<std::chrono::seconds>(since).count(), Qt::UTC);
        }
        summary.hasCheckpoint = hasCheckpoint(folder);
    } catch (const std::exception&) {
        // unknown stays unknown
    }
    return summary;
}

std::vector<RunSummary> scanWorkspace(const fs::path& workspace)
{
    std::vector<RunSummary> found;
    std::error_code code;
    for (fs::directory_iterator it(workspace, code), end; !code && it != end; it.increment(code))
        if (it->is_directory(code) && !it->path().filename().string().starts_with(".") && isRunFolder(it->path()))
            found.push_back(summarizeRun(it->path()));
    std::ranges::sort(found, std::greater{}, &RunSummary::changed);
    return found;
}

} // namespace btcai::gui
