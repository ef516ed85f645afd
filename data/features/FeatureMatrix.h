#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"

namespace btcai {

class MappedFile;

/// Leaves new floats as they come: a matrix of hundreds of megabytes is written once, not twice.
template <typename T>
struct UninitialisedAllocator : std::allocator<T> {
    template <typename U>
    struct rebind {
        using other = UninitialisedAllocator<U>;
    };
    template <typename U>
    void construct(U* place) noexcept
    {
        ::new (static_cast<void*>(place)) U;
    }
    template <typename U, typename... Arguments>
    void construct(U* place, Arguments&&... arguments)
    {
        ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
    }
};

struct FeatureMatrixOptions {
    const FundingSeries* funding = nullptr; ///< for the funding group, which is 0 throughout without it
    std::size_t threads = 1;                ///< columns are shared out among them; the values don't depend on it
};

/// Raw feature values, one row a grid bar of the series, row-major float32 [rows, columns].
/// At a missing bar each feature keeps the value of the last present bar (what an observer would still know).
/// Rows before `warmUp()` hold 0 and must not be used.
/// Its values stand in memory of its own, or in a file of the FeatureCache that it shares read-only with other processes.
class FeatureMatrix {
public:
    /// Runs the streaming kernels of `names` over the series. Throws Error(BadInput) for an unknown or doubled name, and
    /// Error(Numeric) naming feature and time where a value is not a finite float.
    static FeatureMatrix compute(const BarSeries& series, std::span<const std::string> names, const FeatureMatrixOptions& options = {});

    /// What warmUp() of such a matrix is, without computing it.
    static std::size_t warmUpRow(const BarSeries& series, std::span<const std::string> names);

    std::size_t rows() const { return m_rows; }
    std::size_t columns() const { return m_names.size(); }
    const std::vector<std::string>& names() const { return m_names; }
    /// The first grid row at which every feature is valid; rows() if there is none.
    std::size_t warmUp() const { return m_warmUp; }
    std::span<const float> values() const { return m_file ? m_mapped : std::span<const float>(m_values.data(), m_values.size()); }
    std::span<const float> row(std::size_t i) const { return values().subspan(i * columns(), columns()); }
    /// Whether the values stand in a mapped file.
    bool isMapped() const { return m_file != nullptr; }
    /// Values to change in place. A mapped matrix is first copied into memory of its own: the file stays as it is.
    std::span<float> mutableValues();

private:
    friend class FeatureCache;

    std::size_t m_rows = 0;
    std::size_t m_warmUp = 0;
    std::vector<std::string> m_names;
    std::vector<float, UninitialisedAllocator<float>> m_values; ///< empty where m_file holds them
    std::shared_ptr<const MappedFile> m_file;
    std::span<const float> m_mapped;        ///< within m_file
};

} // namespace btcai
