#pragma once

#include <array>
#include <string>
#include <vector>

namespace btcai {

/// The calls that led to a point, innermost first. Taking one costs some microseconds and no memory; only describing it
/// looks names up. A value type.
class StackTrace {
public:
    static constexpr int maxFrames = 40;

    StackTrace() noexcept = default; ///< of nothing
    /// Of the caller, without the `skip` innermost of its frames.
    static StackTrace here(int skip = 0) noexcept;

    bool isEmpty() const noexcept { return m_size == 0; }
    /// One line a frame, "btcai::readBars(...)+0x2c (btcai)". A function whose name is not exported stays an offset in
    /// its file, which addr2line resolves.
    std::vector<std::string> describe() const;

private:
    std::array<void*, maxFrames> m_frames{};
    int m_size = 0;
};

} // namespace btcai
