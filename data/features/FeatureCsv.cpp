#include "data/features/FeatureCsv.h"

#include <cmath>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "base/Error.h"
#include "data/features/FeatureStream.h"

namespace btcai {

namespace {

constexpr std::size_t kBlockBars = 512;

class CsvWriter {
public:
    CsvWriter(const BarSeries& series, std::span<const std::string> names, const FundingSeries& funding,
              const std::function<void(std::string_view)>& sink)
        : m_interval(series.intervalSeconds()), m_stream(series.intervalSeconds(), names), m_funding(&funding), m_sink(sink)
    {
        m_text = "timestamp";
        for (const std::string& name : names)
            m_text += "," + name;
        m_text += '\n';
    }

    void push(const Bar& bar)
    {
        m_bars.push_back(bar);
        if (m_bars.size() == kBlockBars)
            flush();
    }

    void flush()
    {
        if (!m_bars.empty())
            formatBlock();
        m_sink(m_text);
        m_text.clear();
        m_written += m_bars.size();
        m_bars.clear();
    }

private:
    void formatBlock()
    {
        const std::size_t columns = m_stream.columns();
        const BarBlock bars = m_bars.block();
        const auto settlements = m_funding.until(bars.timestamp.back() + m_interval);
        m_values.resize(columns * kBlockBars);
        for (std::size_t j = 0; j < columns; ++j)
            m_stream.runColumn(j, bars, settlements, std::span(m_values).subspan(j * kBlockBars, bars.size()));
        for (std::size_t i = 0; i < bars.size(); ++i) {
            fmt::format_to(std::back_inserter(m_text), "{}", bars.timestamp[i]);
            for (std::size_t j = 0; j < columns; ++j)
                formatCell(j, i, m_values[j * kBlockBars + i], bars.timestamp[i]);
            m_text += '\n';
        }
    }

    void formatCell(std::size_t column, std::size_t i, double value, std::int64_t time)
    {
        m_text += ',';
        const FeatureInfo& info = m_stream.info(column);
        const bool warmingUp = m_written + i + 1 < static_cast<std::size_t>(info.warmUpBars(m_interval));
        if (std::isfinite(value))
            fmt::format_to(std::back_inserter(m_text), "{}", value);
        else if (!warmingUp || std::isinf(value))
            throw Error(ErrorKind::Numeric, "feature {} is not a finite number at the bar of time {}; look at the prices around it", info.name,
                        time);
    }

    std::int64_t m_interval;
    FeatureStream m_stream;
    SettlementFeed m_funding;
    const std::function<void(std::string_view)>& m_sink;
    BarTable m_bars;
    std::vector<double> m_values; ///< column by column, kBlockBars each
    std::string m_text;
    std::size_t m_written = 0;
};

} // namespace

void writeFeatureCsv(const BarSeries& series, std::span<const std::string> names, const FundingSeries& funding,
                     const std::function<void(std::string_view)>& sink)
{
    CsvWriter writer(series, names, funding, sink);
    for (std::size_t i = 0; i < series.size(); ++i)
        if (const auto bar = series.bar(i))
            writer.push(*bar);
    writer.flush();
}

} // namespace btcai
