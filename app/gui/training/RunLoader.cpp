#include "app/gui/training/RunLoader.h"

#include <algorithm>
#include <fstream>

#include "agent/protocol/EventLog.h"

namespace btcai::gui {

namespace {
constexpr std::size_t kLogTailBytes = 512 * 1024;
}

QStringList tailLines(const std::filesystem::path& file, std::size_t maxBytes)
{
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in)
        return {};
    const auto size = static_cast<std::size_t>(std::max<std::streamoff>(in.tellg(), 0));
    const std::size_t begin = size - std::min(size, maxBytes);
    QByteArray bytes(static_cast<qsizetype>(size - begin), Qt::Uninitialized);
    in.seekg(static_cast<std::streamoff>(begin));
    in.read(bytes.data(), bytes.size());
    bytes.truncate(in.gcount());
    QStringList lines = QString::fromUtf8(bytes).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    if (begin > 0 && !lines.isEmpty())
        lines.removeFirst(); // most likely cut in its middle
    return lines;
}

LoadedRun loadRun(const std::filesystem::path& folder)
{
    LoadedRun loaded;
    loaded.store = std::make_shared<RunStore>();
    try {
        protocol::replayEvents(folder / "events.jsonl", [&](const protocol::Event& event) { loaded.store->apply(event); });
    } catch (const std::exception& error) {
        loaded.problem = QString::fromUtf8(error.what());
    }
    try {
        loaded.logTail = tailLines(folder / "worker.log", kLogTailBytes);
    } catch (const std::exception& error) {
        loaded.problem = QString::fromUtf8(error.what());
    }
    return loaded;
}

} // namespace btcai::gui
