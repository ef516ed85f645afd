#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/config/RunConfig.h"
#include "base/Json.h"

namespace btcai {

/// The folder of a run: run.toml, manifest.json, events.jsonl, checkpoints/, worker.log, evaluation/. It is the truth about the run.
/// An open RunFolder holds a lock, so that two processes never train in one folder; the lock goes with the process.
class RunFolder {
public:
    /// Makes a new folder and writes run.toml. Throws Error(BadInput) when there is a run already, Error(Io) when the disk refuses.
    static RunFolder create(const std::filesystem::path& path, const RunConfig& config);
    /// Opens one that is there, for writing. Throws Error(BadInput) when it is no run folder or when another process runs it.
    static RunFolder open(const std::filesystem::path& path);

    RunFolder(RunFolder&& other) noexcept;
    RunFolder& operator=(RunFolder&&) = delete;
    ~RunFolder();

    const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path configFile() const { return m_path / "run.toml"; }
    std::filesystem::path eventsFile() const { return m_path / "events.jsonl"; }
    std::filesystem::path checkpoints() const { return m_path / "checkpoints"; }
    std::filesystem::path evaluations() const { return m_path / "evaluation"; }
    std::filesystem::path logFile() const { return m_path / "worker.log"; }

    RunConfig readConfig() const;
    void writeConfig(const RunConfig& config) const;
    void writeManifest(const Json& manifest) const;
    void writeEvaluation(const std::string& name, const Json& evaluation) const;

    /// Takes create() back when this object goes, for a run that never began: removes what was made here and nothing that stood in
    /// the folder before, so that a corrected second try finds the way free.
    void discardOnClose() { m_discard = true; }

private:
    explicit RunFolder(std::filesystem::path path);

    std::filesystem::path m_path;
    int m_lock = -1;
    bool m_made = false; ///< create() made the folder itself
    bool m_discard = false;
};

} // namespace btcai
