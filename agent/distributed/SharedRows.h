#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/Torch.h"

namespace btcai {

/// Numbers in memory that several processes of one machine, its members, have mapped, and where they meet, without
/// falling asleep when all come within a moment. It goes with the last of them, however they end.
class SharedRows {
public:
    static constexpr std::int64_t kNotes = 512; ///< numbers in a note

    /// Makes it, all zero, with two rows and two notes for each member. Throws Error(Io).
    SharedRows(int members, std::int64_t columns);
    /// Maps what another process made with the same sizes and told the place of. Throws Error(Io) when that is not to
    /// be had here: on another machine, in another container, by another user.
    SharedRows(const std::string& place, int members, std::int64_t columns);
    /// Who waits for this member learns that it left.
    ~SharedRows();
    SharedRows(const SharedRows&) = delete;
    SharedRows& operator=(const SharedRows&) = delete;

    /// For the other processes, while this one lives.
    const std::string& place() const { return m_place; }
    /// float32, [2 * members, columns]. Whoever writes and whoever reads must agree on when.
    const torch::Tensor& values() const { return m_values; }
    /// float64, [2 * members, kNotes]; likewise.
    const torch::Tensor& notes() const { return m_notes; }

    /// As which member this process comes to meetings, and the process of each member, whose end is then noticed.
    void enter(int member, std::span<const std::int64_t> processes);
    /// Returns when all have called it as often; what they wrote before can be read then. Throws Error(Io), naming the
    /// member, when one left, its process ended, or it did not come in time.
    void meet(std::chrono::milliseconds patience);

private:
    /// What a member tells the others; apart, so that one's writing does not slow another's reading.
    struct alignas(64) Presence {
        std::atomic<std::uint32_t> meetings; ///< that it came to
        std::atomic<std::uint32_t> isGone;
    };
    static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

    static std::size_t bytesOf(int members, std::int64_t columns);
    void map();
    Presence& presence(int member);
    void waitFor(int member, std::uint32_t meeting, std::chrono::steady_clock::time_point deadline);

    int m_members;
    std::int64_t m_columns;
    int m_file = -1;
    std::size_t m_bytes;
    void* m_memory = nullptr;
    std::string m_place;
    torch::Tensor m_values, m_notes;
    int m_member = -1;
    std::vector<int> m_processes; ///< file descriptors by member, -1 where the system gives none
};

} // namespace btcai
