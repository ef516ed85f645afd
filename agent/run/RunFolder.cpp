#include "agent/run/RunFolder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/config/ConfigFile.h"
#include "base/DurableFile.h"
#include "base/Error.h"

namespace btcai {

namespace fs = std::filesystem;

namespace {

/// A folder may hold what a run that never began left there, and nothing else.
void refuseForeignFiles(const fs::path& path)
{
    constexpr std::array ours{"lock", "checkpoints", "evaluation", "worker.log", "events.jsonl", "manifest.json"};
    if (!fs::exists(path))
        return;
    for (const auto& entry : fs::directory_iterator(path))
        if (std::ranges::find(ours, entry.path().filename().string()) == ours.end())
            throw Error(ErrorKind::BadInput, "{}: is no folder for a run: it holds {}; name a new one", path.string(), entry.path().filename().string());
}

} // namespace

RunFolder::RunFolder(fs::path path) : m_path(std::move(path))
{
    const fs::path file = m_path / "lock";
    m_lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (m_lock < 0)
        throw Error(ErrorKind::Io, "{}: cannot be written: {}", file.string(), std::strerror(errno));
    if (::flock(m_lock, LOCK_EX | LOCK_NB) != 0) {
        ::close(std::exchange(m_lock, -1));
        throw Error(ErrorKind::BadInput, "{}: another process is running this run; stop it first", m_path.string());
    }
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : m_path(std::move(other.m_path)), m_lock(std::exchange(other.m_lock, -1)), m_made(other.m_made), m_discard(other.m_discard)
{
}

RunFolder::~RunFolder()
{
    if (m_lock < 0)
        return;
    if (m_discard) {
        std::error_code ignored; // what can't be removed stays
        for (const fs::path& file : {configFile(), eventsFile(), logFile(), m_path / "manifest.json", m_path / "lock"})
            fs::remove(file, ignored);
        for (const fs::path& folder : {checkpoints(), evaluations()})
            fs::remove(folder, ignored); // only when it is empty
        if (m_made)
            fs::remove(m_path, ignored);
    }
    ::close(m_lock);
}

RunFolder RunFolder::create(const fs::path& path, const RunConfig& config)
{
    if (fs::exists(path / "run.toml"))
        throw Error(ErrorKind::BadInput, "{}: there is a run already; choose another folder, or resume it", path.string());
    if (fs::exists(path) && !fs::is_directory(path))
        throw Error(ErrorKind::BadInput, "{}: is a file, not a folder for a run", path.string());
    refuseForeignFiles(path);
    const bool made = !fs::exists(path);
    createDirectoriesDurably(path);
    RunFolder folder(path);
    folder.m_made = made;
    createDirectoriesDurably(folder.checkpoints());
    createDirectoriesDurably(folder.evaluations());
    folder.writeConfig(config); // last: what has a run.toml is a run
    return folder;
}

RunFolder RunFolder::open(const fs::path& path)
{
    if (!fs::exists(path / "run.toml"))
        throw Error(ErrorKind::BadInput, "{}: is not the folder of a run: it has no run.toml", path.string());
    RunFolder folder(path);
    sweepTemporaries(path);
    sweepTemporaries(folder.checkpoints());
    createDirectoriesDurably(folder.checkpoints());
    createDirectoriesDurably(folder.evaluations());
    return folder;
}

RunConfig RunFolder::readConfig() const { return readRecordedConfig(configFile()); }

void RunFolder::writeConfig(const RunConfig& config) const { writeFileDurably(configFile(), std::string_view(toToml(config))); }

namespace {

std::string fileText(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

} // namespace

void RunFolder::writeManifest(const Json& manifest) const
{
    writeFileDurably(m_path / "manifest.json", std::string_view(fileText(manifest)));
}

void RunFolder::writeEvaluation(const std::string& name, const Json& evaluation) const
{
    writeFileDurably(evaluations() / (name + ".json"), std::string_view(fileText(evaluation)));
}

} // namespace btcai
