#include "data/features/FeatureMatrix.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "base/Error.h"
#include "data/features/FeatureKernel.h"

namespace btcai {

namespace {

/// Rows done for all features before the next rows: they stay in the cache while the columns are written.
constexpr std::size_t kBlockRows = 1024;

struct Column {
    const FeatureInfo* info;
    std::unique_ptr<FeatureKernel> kernel;
    float last = 0.0F;
};

std::vector<Column> makeColumns(std::span<const std::string> names, std::int64_t intervalSeconds)
{
    std::set<std::string_view> seen;
    std::vector<Column> columns;
    for (const std::string& name : names) {
        const FeatureInfo& info = findFeature(name);
        if (!seen.insert(info.name).second)
            throw Error(ErrorKind::BadInput, "feature \"{}\" is listed twice", info.name);
        columns.push_back({&info, info.make(intervalSeconds)});
    }
    return columns;
}

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

void checkFinite(float value, const Column& column, std::int64_t time)
{
    if (!std::isfinite(value))
        throw Error(ErrorKind::Numeric, "feature {} is not a finite number at the bar of time {}; look at the prices around it",
                    column.info->name, time);
}

/// Pushes the present bars of a block through one kernel and writes its column from row `warmUp` on.
void runBlock(Column& column, std::span<const Bar> bars, std::span<const std::uint8_t> present, std::size_t firstRow,
              std::size_t warmUp, float* out, std::size_t stride)
{
    for (std::size_t i = 0; i < present.size(); ++i) {
        if (present[i] != 0)
            column.last = static_cast<float>(column.kernel->push(bars[i]));
        if (firstRow + i < warmUp)
            continue;
        checkFinite(column.last, column, bars[i].timestamp);
        out[i * stride] = column.last;
    }
}

} // namespace

FeatureMatrix FeatureMatrix::compute(const BarSeries& series, std::span<const std::string> names)
{
    std::vector<Column> columns = makeColumns(names, series.intervalSeconds());
    int warmUpBars = 1;
    for (const Column& column : columns)
        warmUpBars = std::max(warmUpBars, column.info->warmUp);

    FeatureMatrix matrix;
    matrix.m_rows = series.size();
    matrix.m_names.assign(names.begin(), names.end());
    matrix.m_warmUp = rowOfPresentBar(series, static_cast<std::size_t>(warmUpBars));
    matrix.m_values.assign(series.size() * columns.size(), 0.0F);

    std::vector<Bar> bars;
    for (std::size_t first = 0; first < series.size(); first += kBlockRows) {
        const std::size_t count = std::min(kBlockRows, series.size() - first);
        bars.clear();
        for (std::size_t i = first; i < first + count; ++i)
            bars.push_back({series.timestamp(i), series.open()[i], series.high()[i], series.low()[i], series.close()[i], series.volume()[i]});
        for (std::size_t j = 0; j < columns.size(); ++j)
            runBlock(columns[j], bars, series.mask().subspan(first, count), first, matrix.m_warmUp,
                     matrix.m_values.data() + first * columns.size() + j, columns.size());
    }
    return matrix;
}

} // namespace btcai
