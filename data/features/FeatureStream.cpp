#include "data/features/FeatureStream.h"

#include <algorithm>
#include <set>

#include "base/Error.h"

namespace btcai {

BarTable::BarTable(std::span<const Bar> bars)
{
    for (const Bar& bar : bars)
        push_back(bar);
}

void BarTable::clear()
{
    m_timestamp.clear();
    for (auto* column : {&m_open, &m_high, &m_low, &m_close, &m_volume})
        column->clear();
}

void BarTable::push_back(const Bar& bar)
{
    m_timestamp.push_back(bar.timestamp);
    m_open.push_back(bar.open);
    m_high.push_back(bar.high);
    m_low.push_back(bar.low);
    m_close.push_back(bar.close);
    m_volume.push_back(bar.volume);
}

FeatureStream::FeatureStream(std::int64_t intervalSeconds, std::span<const std::string> names) : m_interval(intervalSeconds)
{
    std::set<std::string_view> seen;
    for (const std::string& name : names) {
        const FeatureInfo& info = findFeature(name);
        if (!seen.insert(info.name).second)
            throw Error(ErrorKind::BadInput, "feature \"{}\" is listed twice", info.name);
        auto kernel = info.make(intervalSeconds);
        for (auto earlier = m_columns.begin(); earlier != m_columns.end() && !kernel->share(*earlier->kernel);)
            ++earlier;
        m_columns.push_back({&info, std::move(kernel)});
    }
}

std::size_t FeatureStream::warmUpBars() const
{
    int bars = 1;
    for (const Column& column : m_columns)
        bars = std::max(bars, column.info->warmUpBars(m_interval));
    return static_cast<std::size_t>(bars);
}

void FeatureStream::settle(const FundingRate& rate)
{
    for (Column& column : m_columns)
        column.kernel->settle(rate);
}

void FeatureStream::push(const Bar& bar, std::span<double> values)
{
    for (std::size_t j = 0; j < m_columns.size(); ++j)
        values[j] = m_columns[j].kernel->push(bar);
}

void FeatureStream::runColumn(std::size_t column, const BarBlock& bars, std::span<const FundingRate> settlements, std::span<double> values)
{
    FeatureKernel& kernel = *m_columns[column].kernel;
    // Only the funding group listens to settlements: the others run over the bars in one piece.
    runKernel(kernel, m_interval, bars, m_columns[column].info->group == FeatureGroup::Funding ? settlements : std::span<const FundingRate>{},
              values);
}

std::span<const FundingRate> SettlementFeed::until(std::int64_t time)
{
    if (m_funding == nullptr)
        return {};
    const std::size_t known = std::max(m_given, m_funding->countUntil(time));
    const auto due = m_funding->rates().subspan(m_given, known - m_given);
    m_given = known;
    return due;
}

void runKernel(FeatureKernel& kernel, std::int64_t intervalSeconds, const BarBlock& bars, std::span<const FundingRate> settlements,
               std::span<double> values)
{
    std::size_t done = 0;
    const auto runTo = [&](std::size_t end) {
        kernel.run(bars.subspan(done, end - done), values.subspan(done, end - done));
        done = end;
    };
    for (const FundingRate& rate : settlements) {
        const auto first = std::ranges::lower_bound(bars.timestamp.subspan(done), rate.timestamp - intervalSeconds);
        runTo(static_cast<std::size_t>(first - bars.timestamp.begin()));
        kernel.settle(rate);
    }
    runTo(bars.size());
}

} // namespace btcai
