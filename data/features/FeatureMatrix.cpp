#include "data/features/FeatureMatrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <exception>
#include <thread>

#include "base/Error.h"
#include "data/features/FeatureStream.h"

namespace btcai {

namespace {

/// Rows and columns done in one go: their bars, values and outputs stay in the cache, and a row's part is one cache line.
constexpr std::size_t kBlockRows = 512;
constexpr std::size_t kBlockColumns = 16;

/// The first row by which `bars` bars are present; the number of rows if there never are.
std::size_t rowOfPresentBar(const BarSeries& series, std::size_t bars)
{
    std::size_t count = 0;
    for (std::size_t i = 0; i < series.size(); ++i) {
        count += series.present(i) ? 1 : 0;
        if (count >= bars)
            return i;
    }
    return series.size();
}

/// The present bars of a block of grid rows, in the series itself where none is missing, and which of them a row shows: the newest up
/// to it, 0 for that of an earlier block.
struct RowBlock {
    std::size_t firstRow = 0;
    std::size_t rows = 0;
    BarBlock bars;
    std::array<std::uint16_t, kBlockRows> newest{};
    std::span<const FundingRate> settlements;
    std::array<std::int64_t, kBlockRows> timestamp{};
    BarTable gathered;
};

void loadBlock(const BarSeries& series, std::size_t firstRow, RowBlock& block)
{
    block.firstRow = firstRow;
    block.rows = std::min(kBlockRows, series.size() - firstRow);
    std::size_t present = 0;
    for (std::size_t i = 0; i < block.rows; ++i) {
        block.timestamp[i] = series.timestamp(firstRow + i);
        present += series.present(firstRow + i) ? 1 : 0;
        block.newest[i] = static_cast<std::uint16_t>(present);
    }
    if (present == block.rows) {
        const auto part = [&](std::span<const double> column) { return column.subspan(firstRow, block.rows); };
        block.bars = {std::span(block.timestamp).first(block.rows), part(series.open()), part(series.high()), part(series.low()),
                      part(series.close()), part(series.volume())};
        return;
    }
    block.gathered.clear();
    for (std::size_t i = 0; i < block.rows; ++i)
        if (const auto bar = series.bar(firstRow + i))
            block.gathered.push_back(*bar);
    block.bars = block.gathered.block();
}

[[noreturn]] void refuse(const std::string& feature, std::int64_t time)
{
    throw Error(ErrorKind::Numeric, "feature {} is not a finite number at the bar of time {}; look at the prices around it", feature, time);
}

/// Computes columns [first, last) of the matrix: all of what one thread does.
class ColumnWorker {
public:
    ColumnWorker(const BarSeries& series, std::span<const std::string> names, const FundingSeries* funding, std::size_t warmUp,
                 std::size_t stride, float* out)
        : m_series(series), m_funding(funding), m_stream(series.intervalSeconds(), names), m_warmUp(warmUp), m_stride(stride), m_out(out),
          m_last(names.size(), 0.0F)
    {
    }

    void run()
    {
        RowBlock block;
        for (std::size_t first = 0; first < m_series.size(); first += kBlockRows) {
            loadBlock(m_series, first, block);
            block.settlements = {};
            if (!block.bars.empty())
                block.settlements = m_funding.until(block.bars.timestamp.back() + m_series.intervalSeconds());
            for (std::size_t column = 0; column < m_last.size(); column += kBlockColumns)
                runColumns(block, column, std::min(kBlockColumns, m_last.size() - column));
        }
    }

private:
    void runColumns(const RowBlock& block, std::size_t first, std::size_t count)
    {
        for (std::size_t j = 0; j < count; ++j) {
            m_values[0] = static_cast<double>(m_last[first + j]);
            m_stream.runColumn(first + j, block.bars, block.settlements, std::span(m_values).subspan(1, block.bars.size()));
            fillTile(block, m_tile[j]);
            m_last[first + j] = m_tile[j][block.rows - 1];
            if (mayBeBad(m_tile[j]))
                checkFinite(block, first + j, m_tile[j]);
        }
        for (std::size_t i = skippedRows(block); i < block.rows; ++i) {
            float* row = m_out + (block.firstRow + i) * m_stride + first;
            for (std::size_t j = 0; j < count; ++j)
                row[j] = m_tile[j][i];
        }
    }

    // Two loops over all places of a tile, whatever the block holds: with a fixed length the compiler takes several at a time.

    void fillTile(const RowBlock& block, std::array<float, kBlockRows>& tile) const
    {
        const bool whole = block.bars.size() == block.rows;
        for (std::size_t i = 0; whole && i < kBlockRows; ++i)
            tile[i] = static_cast<float>(m_values[i + 1]);
        for (std::size_t i = 0; !whole && i < block.rows; ++i)
            tile[i] = static_cast<float>(m_values[block.newest[i]]);
    }

    /// Whether any value is infinite or no number: its exponent is all ones. Places beyond the block may be.
    static bool mayBeBad(const std::array<float, kBlockRows>& tile)
    {
        constexpr std::uint32_t exponent = 0x7f800000;
        std::uint32_t bad = 0;
        for (std::size_t i = 0; i < kBlockRows; ++i)
            bad |= (std::bit_cast<std::uint32_t>(tile[i]) & exponent) == exponent ? 1U : 0U;
        return bad != 0;
    }

    /// Rows of the block that lie before the warm-up.
    std::size_t skippedRows(const RowBlock& block) const
    {
        return std::min(block.rows, m_warmUp > block.firstRow ? m_warmUp - block.firstRow : 0);
    }

    void checkFinite(const RowBlock& block, std::size_t column, const std::array<float, kBlockRows>& values) const
    {
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(skippedRows(block));
        const auto end = values.begin() + static_cast<std::ptrdiff_t>(block.rows);
        const auto bad = std::find_if(begin, end, [](float value) { return !std::isfinite(value); });
        if (bad != end)
            refuse(m_stream.info(column).name, m_series.timestamp(block.firstRow + static_cast<std::size_t>(bad - values.begin())));
    }

    const BarSeries& m_series;
    SettlementFeed m_funding;
    FeatureStream m_stream;
    std::size_t m_warmUp, m_stride;
    float* m_out;
    std::vector<float> m_last;
    std::array<double, kBlockRows + 1> m_values{};
    std::array<std::array<float, kBlockRows>, kBlockColumns> m_tile{};
};

/// Runs the workers, the first in this thread. Throws the failure of the first one that failed.
void runAll(std::vector<ColumnWorker>& workers)
{
    std::vector<std::exception_ptr> failures(workers.size());
    const auto guarded = [&](std::size_t i) {
        try {
            workers[i].run();
        } catch (...) {
            failures[i] = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < workers.size(); ++i)
            threads.emplace_back(guarded, i);
        guarded(0);
    }
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
}

} // namespace

FeatureMatrix FeatureMatrix::compute(const BarSeries& series, std::span<const std::string> names, const FeatureMatrixOptions& options)
{
    FeatureMatrix matrix;
    matrix.m_rows = series.size();
    matrix.m_names.assign(names.begin(), names.end());
    matrix.m_warmUp = warmUpRow(series, names);
    matrix.m_values.resize(series.size() * names.size());
    std::fill_n(matrix.m_values.begin(), matrix.m_warmUp * names.size(), 0.0F);

    const std::size_t threads = std::clamp<std::size_t>(options.threads, 1, std::max<std::size_t>(names.size(), 1));
    std::vector<ColumnWorker> workers;
    workers.reserve(threads);
    for (std::size_t t = 0; t < threads; ++t) {
        const std::size_t first = names.size() * t / threads;
        const std::size_t last = names.size() * (t + 1) / threads;
        workers.emplace_back(series, names.subspan(first, last - first), options.funding, matrix.m_warmUp, names.size(),
                             matrix.m_values.data() + first);
    }
    runAll(workers);
    return matrix;
}

std::size_t FeatureMatrix::warmUpRow(const BarSeries& series, std::span<const std::string> names)
{
    return rowOfPresentBar(series, FeatureStream(series.intervalSeconds(), names).warmUpBars());
}

std::span<float> FeatureMatrix::mutableValues()
{
    if (m_file) {
        m_values.assign(m_mapped.begin(), m_mapped.end());
        m_file.reset();
        m_mapped = {};
    }
    return {m_values.data(), m_values.size()};
}

} // namespace btcai
