#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace btcai {

/// Where one process stands among those that train one model together, and where they meet.
struct RankOptions {
    int rank = 0; ///< 0 decides for all, and writes
    int size = 1;
    int localRank = 0;                         ///< on this machine: the number of its GPU
    int localSize = 1;                         ///< ranks on this machine, which share its cores
    std::string address = "127.0.0.1";         ///< host of rank 0
    std::uint16_t port = 0;                    ///< of rank 0; with 0 it takes a free one
    std::chrono::milliseconds timeout{60'000}; ///< without an answer for so long, a rank is lost
};

/// Value of an environment variable, or null.
using ReadVariable = std::function<const char*(const char* name)>;

/// What torchrun, or a wrapper of Slurm's srun, has set: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, and where they are set LOCAL_RANK
/// and LOCAL_WORLD_SIZE; BTCAI_RANK_TIMEOUT is the timeout in seconds. Nothing when neither RANK nor WORLD_SIZE is set.
/// Throws Error(BadInput) naming the variable that is missing or malformed.
std::optional<RankOptions> ranksFromEnvironment(const ReadVariable& read);
std::optional<RankOptions> ranksFromEnvironment();
/// The timeout alone. Throws the same.
std::chrono::milliseconds rankTimeout(const ReadVariable& read);

} // namespace btcai
