#include "data/importers/CsvLayout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::size_t kSampleLines = 200;
constexpr std::int64_t kGenesis = 1'230'768'000; // 2009-01-01, before the first block
constexpr std::int64_t kLastYear = 4'102'444'800; // 2100-01-01

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blanks = " \t";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    text = text.substr(first, text.find_last_not_of(blanks) - first + 1);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
    return text;
}

/// What stands in the line most often; the comma where none does.
char delimiterOf(std::string_view line)
{
    constexpr std::array candidates{',', ';', '\t'};
    return *std::ranges::max_element(candidates, {}, [&](char c) { return std::ranges::count(line, c); });
}

bool isNothing(std::string_view text)
{
    return text.empty() || (text.size() == 3 && (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'a' && (text[2] | 0x20) == 'n');
}

/// Reads one row after the other by a layout.
class RowReader {
public:
    RowReader(const CsvLayout& layout, RowSink& sink, StampReader& stamps) : m_layout(layout), m_sink(sink), m_stamps(stamps) {}

    void read(std::size_t number, std::string_view line)
    {
        m_row = number;
        const std::size_t count = splitFields(line, m_fields, m_layout.delimiter);
        if (count != m_layout.columns) {
            m_sink.reject(FaultKind::BadRow, number, fmt::format("{} columns where {} must stand", count, m_layout.columns));
            return;
        }
        countOtherAssets();
        std::int64_t micros = 0;
        if (!readTime(micros))
            return;
        switch (m_layout.content) {
        case Content::Bars: return readBar(micros);
        case Content::Trades: return readTrade(micros);
        case Content::Quotes: return readQuote(micros);
        case Content::Funding: return readRate(micros);
        }
    }

private:
    std::string_view field(Role role) const { return m_fields[static_cast<std::size_t>(m_layout.place(role))]; }

    bool readTime(std::int64_t& micros)
    {
        if (!m_layout.midnight)
            return m_sink.time(m_row, roleName(Role::Time), m_stamps, field(Role::Time), micros);
        double millis = 0.0;
        if (!m_sink.amount(m_row, roleName(Role::Time), field(Role::Time), millis))
            return false;
        if (millis >= 86'400'000.0 || millis != std::floor(millis))
            return m_sink.reject(FaultKind::BadField, m_row, fmt::format("timestamp is {}, no millisecond of a day", quotedForMessage(field(Role::Time))));
        micros = *m_layout.midnight * kMicrosPerSecond + static_cast<std::int64_t>(millis) * 1'000;
        return true;
    }

    bool price(Role role, double& value) { return m_sink.price(m_row, roleName(role), field(role), value); }
    bool amount(Role role, double& value) { return m_sink.amount(m_row, roleName(role), field(role), value); }

    bool saysNoTrade() const
    {
        return m_layout.emptyRowsAreMissing
            && std::ranges::all_of(std::array{Role::Open, Role::High, Role::Low, Role::Close}, [&](Role role) { return isNothing(field(role)); });
    }

    void readBar(std::int64_t micros)
    {
        if (saysNoTrade()) {
            ++m_sink.rowsWithoutTrade;
            return;
        }
        RawBar bar;
        bar.micros = micros;
        bar.row = static_cast<std::uint32_t>(m_row);
        if (!price(Role::Open, bar.open) || !price(Role::High, bar.high) || !price(Role::Low, bar.low) || !price(Role::Close, bar.close))
            return;
        if (m_layout.has(Role::Volume) && !amount(Role::Volume, bar.volume))
            return;
        if (m_layout.has(Role::QuoteVolume) && !amount(Role::QuoteVolume, bar.quoteVolume))
            return;
        m_sink.add(bar);
    }

    /// A bar of quotes: its prices are the midpoints of bid and ask; nothing was traded.
    void readQuote(std::int64_t micros)
    {
        constexpr std::array<Role, 4> bids{Role::BidOpen, Role::BidHigh, Role::BidLow, Role::BidClose};
        constexpr std::array<Role, 4> asks{Role::AskOpen, Role::AskHigh, Role::AskLow, Role::AskClose};
        RawBar bar;
        bar.micros = micros;
        bar.row = static_cast<std::uint32_t>(m_row);
        const std::array<double*, 4> prices{&bar.open, &bar.high, &bar.low, &bar.close};
        for (std::size_t i = 0; i < prices.size(); ++i) {
            double bid = 0.0;
            double ask = 0.0;
            if (!price(bids[i], bid) || !price(asks[i], ask))
                return;
            *prices[i] = std::midpoint(bid, ask);
        }
        m_sink.add(bar);
    }

    void readTrade(std::int64_t micros)
    {
        RawTrade trade;
        trade.micros = micros;
        trade.row = static_cast<std::uint32_t>(m_row);
        if (price(Role::Price, trade.price) && amount(Role::Amount, trade.amount))
            m_sink.add(trade);
    }

    void readRate(std::int64_t micros)
    {
        RawRate rate;
        rate.micros = micros;
        rate.row = static_cast<std::uint32_t>(m_row);
        if (m_sink.number(m_row, roleName(Role::Rate), field(Role::Rate), rate.rate))
            m_sink.add(rate);
    }

    void countOtherAssets()
    {
        for (const int place : m_layout.otherValues)
            if (m_fields[static_cast<std::size_t>(place)].empty())
                m_sink.note(FaultKind::EmptyField, m_row, 0, fmt::format("column {} is empty", place + 1));
    }

    const CsvLayout& m_layout;
    RowSink& m_sink;
    StampReader& m_stamps;
    std::size_t m_row = 0;
    std::array<std::string_view, kMaxColumns> m_fields;
};

} // namespace

std::size_t splitFields(std::string_view line, std::span<std::string_view> out, char delimiter)
{
    std::size_t count = 0;
    for (;;) {
        std::size_t end = line.find(delimiter);
        // A delimiter within quotes is one of the text.
        if (end != std::string_view::npos && line.starts_with('"'))
            if (const std::size_t quote = line.find('"', 1); quote != std::string_view::npos && quote > end)
                end = line.find(delimiter, quote);
        if (count < out.size())
            out[count] = trimmed(line.substr(0, end));
        ++count;
        if (end == std::string_view::npos)
            return count;
        line.remove_prefix(end + 1);
    }
}

std::string canonicalName(std::string_view name)
{
    std::string result;
    for (const char c : name)
        if (c != '_' && c != ' ' && c != '(' && c != ')')
            result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

std::vector<std::string> CsvSample::canonical(std::size_t line) const
{
    std::vector<std::string> names;
    if (line < lines.size())
        std::ranges::transform(lines[line].fields, std::back_inserter(names), canonicalName);
    return names;
}

bool CsvSample::isNumeric(std::size_t line, std::size_t columns) const
{
    return line < lines.size() && lines[line].fields.size() == columns
        && std::ranges::all_of(lines[line].fields, [](const std::string& field) { return finiteNumber(field).has_value(); });
}

bool CsvSample::allNumeric(std::size_t columns, std::size_t from) const
{
    for (std::size_t i = from; i < lines.size(); ++i)
        if (!isNumeric(i, columns))
            return false;
    return from < lines.size();
}

double CsvSample::number(std::size_t line, std::size_t column) const
{
    return finiteNumber(lines[line].fields[column]).value_or(std::numeric_limits<double>::quiet_NaN());
}

CsvLayout headerlessLayout(SourceFormat format, const CsvSample& sample, std::initializer_list<Role> order, std::string reason)
{
    CsvLayout layout;
    layout.format = format;
    layout.reason = std::move(reason);
    layout.firstRow = sample.lines.front().number;
    layout.columns = sample.lines.front().fields.size();
    int place = 0;
    for (const Role role : order)
        layout.place(role) = place++;
    return layout;
}

bool looksLikeTime(double number)
{
    for (const double units : {1.0, 1e3, 1e6, 1e9})
        if (number >= static_cast<double>(kGenesis) * units && number < static_cast<double>(kLastYear) * units)
            return true;
    return false;
}

CsvSample readSample(LineReader& reader, std::string fileName)
{
    CsvSample sample;
    sample.fileName = std::move(fileName);
    std::array<std::string_view, kMaxColumns> fields;
    std::string_view line;
    while (sample.lines.size() < kSampleLines && reader.next(line)) {
        if (line.empty())
            continue;
        if (sample.lines.empty())
            sample.delimiter = delimiterOf(line);
        const std::size_t count = std::min(splitFields(line, fields, sample.delimiter), fields.size());
        sample.lines.push_back({reader.lineNumber(), {fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(count)}});
    }
    return sample;
}

void readRows(const CsvLayout& layout, LineReader& reader, RowSink& sink, StampReader& stamps)
{
    RowReader rows(layout, sink, stamps);
    std::string_view line;
    while (reader.next(line)) {
        if (line.empty())
            ++sink.blankRows;
        else if (reader.lineNumber() >= layout.firstRow)
            rows.read(reader.lineNumber(), line);
    }
}

} // namespace btcai
