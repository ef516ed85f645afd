#pragma once

#include <cstdint>
#include <string>

#include "models/Torch.h"

namespace btcai {

/// Numbers in memory that several processes of one machine have mapped. It goes with the last of them, however they
/// end.
class SharedRows {
public:
    /// Makes it, all zero. Throws Error(Io).
    SharedRows(std::int64_t rows, std::int64_t columns);
    /// Maps what another process made with the same sizes and told the place of. Throws Error(Io) when that is not to
    /// be had here: on another machine, in another container, by another user.
    SharedRows(const std::string& place, std::int64_t rows, std::int64_t columns);
    ~SharedRows();
    SharedRows(const SharedRows&) = delete;
    SharedRows& operator=(const SharedRows&) = delete;

    /// For the other processes, while this one lives.
    const std::string& place() const { return m_place; }
    /// float32, [rows, columns]. Whoever writes and whoever reads must agree on when.
    const torch::Tensor& values() const { return m_values; }

private:
    void map(std::int64_t rows, std::int64_t columns);

    int m_file = -1;
    std::size_t m_bytes;
    void* m_memory = nullptr;
    std::string m_place;
    torch::Tensor m_values;
};

} // namespace btcai
