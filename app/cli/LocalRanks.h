#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/distributed/RankGroup.h"

namespace btcai::cli {

/// Ranks 1 and up of a run whose rank 0 is this process: this program again, with the same arguments, told by the environment which rank it
/// is. Their standard output goes nowhere. They end with this object: by themselves when the group is gone, and are killed when they don't,
/// or when this process dies.
class LocalRanks {
public:
    LocalRanks() = default;
    ~LocalRanks();
    LocalRanks(const LocalRanks&) = delete;
    LocalRanks& operator=(const LocalRanks&) = delete;

    /// Starts options.size - 1 processes that find rank 0 at `port`. Throws Error(Io). Call in the main thread: they die with it.
    void start(const RankOptions& options, std::uint16_t port);
    /// How the process of a rank ended; empty while it runs.
    std::string ending(int rank);

private:
    struct Process {
        pid_t id = -1;
        std::string ending;
    };
    void look(Process& process);

    std::vector<Process> m_processes; ///< of ranks 1 and up
};

/// What the option --ranks (0: not given) and the environment ask for; nothing for a single rank. Throws Error(BadInput) when they
/// disagree.
std::optional<RankOptions> wantedRanks(std::int64_t option);

/// The group that this process belongs to. Where `--ranks` made it rank 0, it starts the others.
class RankSession {
public:
    explicit RankSession(const RankOptions& options);
    RankGroup& group() { return *m_group; }

private:
    LocalRanks m_others;
    std::unique_ptr<RankGroup> m_group; ///< goes first: then the others leave
};

/// What a rank other than 0 does with its group. Signals that ask to stop are left to rank 0, which tells the others; a failure is told to
/// it.
int followRankZero(const RankOptions& options, const std::function<void(RankGroup&)>& task);

} // namespace btcai::cli
