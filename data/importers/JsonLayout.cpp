#include "data/importers/JsonLayout.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/Error.h"

namespace btcai {

namespace {

const Json kNull;

/// One row, whatever shape its list has.
class JsonRow {
public:
    JsonRow(const JsonLayout& layout, std::size_t index) : m_layout(&layout), m_index(index) {}

    const Json& field(Role role) const
    {
        const JsonKey key = m_layout->key(role);
        if (m_layout->columnar)
            return elementOf(memberOf(*m_layout->rows, key.name), m_index);
        const Json& row = (*m_layout->rows)[m_index];
        return key.name != nullptr ? memberOf(row, key.name) : elementOf(row, static_cast<std::size_t>(key.index));
    }

    std::size_t number() const { return m_index + 1; }

private:
    static const Json& elementOf(const Json& list, std::size_t i) { return list.is_array() && i < list.size() ? list[i] : kNull; }

    const JsonLayout* m_layout;
    std::size_t m_index;
};

bool isRow(const JsonLayout& layout, std::size_t i, RowSink& sink)
{
    if (layout.columnar)
        return true;
    const Json& row = (*layout.rows)[i];
    if (layout.width == 0)
        return row.is_object() || sink.reject(FaultKind::BadRow, i + 1, "is no object with named fields");
    if (!row.is_array())
        return sink.reject(FaultKind::BadRow, i + 1, "is no list of fields");
    return row.size() >= layout.width
        || sink.reject(FaultKind::BadRow, i + 1, fmt::format("{} fields where {} must stand", row.size(), layout.width));
}

bool readTime(const JsonRow& row, RowSink& sink, StampReader& stamps, std::int64_t& micros)
{
    return sink.time(row.number(), roleName(Role::Time), stamps, row.field(Role::Time), micros);
}

bool readPrice(const JsonRow& row, Role role, RowSink& sink, double& value)
{
    return sink.price(row.number(), roleName(role), row.field(role), value);
}

void readBar(const JsonLayout& layout, const JsonRow& row, RowSink& sink, StampReader& stamps)
{
    RawBar bar;
    bar.row = static_cast<std::uint32_t>(row.number());
    if (!readTime(row, sink, stamps, bar.micros) || !readPrice(row, Role::Open, sink, bar.open) || !readPrice(row, Role::High, sink, bar.high)
        || !readPrice(row, Role::Low, sink, bar.low) || !readPrice(row, Role::Close, sink, bar.close))
        return;
    if (layout.key(Role::Volume).stands() && !sink.amount(row.number(), roleName(Role::Volume), row.field(Role::Volume), bar.volume))
        return;
    if (layout.key(Role::QuoteVolume).stands()
        && !sink.amount(row.number(), roleName(Role::QuoteVolume), row.field(Role::QuoteVolume), bar.quoteVolume))
        return;
    if (layout.unfinishedAfter && bar.micros > *layout.unfinishedAfter * kMicrosPerSecond)
        sink.unfinishedLast = true;
    sink.add(bar);
}

void readTrade(const JsonRow& row, RowSink& sink, StampReader& stamps)
{
    RawTrade trade;
    trade.row = static_cast<std::uint32_t>(row.number());
    if (readTime(row, sink, stamps, trade.micros) && readPrice(row, Role::Price, sink, trade.price)
        && sink.amount(row.number(), roleName(Role::Amount), row.field(Role::Amount), trade.amount))
        sink.add(trade);
}

void readRate(const JsonRow& row, RowSink& sink, StampReader& stamps)
{
    RawRate rate;
    rate.row = static_cast<std::uint32_t>(row.number());
    if (readTime(row, sink, stamps, rate.micros) && sink.number(row.number(), roleName(Role::Rate), row.field(Role::Rate), rate.rate))
        sink.add(rate);
}

/// Rows of the table: of a columnar one as many as there are times, and every other column must be as long.
std::size_t countRows(const JsonLayout& layout, const RowSink& sink)
{
    if (!layout.columnar)
        return layout.rows->size();
    const std::size_t rows = memberOf(*layout.rows, layout.key(Role::Time).name).size();
    for (const JsonKey& key : layout.keys)
        if (key.name != nullptr && memberOf(*layout.rows, key.name).size() != rows)
            throw Error(ErrorKind::BadInput, "{}: {} has {} elements where {} has {}", sink.file(), key.name,
                        memberOf(*layout.rows, key.name).size(), layout.key(Role::Time).name, rows);
    return rows;
}

} // namespace

JsonLayout listLayout(SourceFormat format, const Json& rows, std::initializer_list<Role> order, std::size_t width)
{
    JsonLayout layout;
    layout.format = format;
    layout.rows = &rows;
    layout.width = width;
    int place = 0;
    for (const Role role : order)
        layout.key(role).index = place++;
    return layout;
}

bool isListOfLists(const Json& value, std::size_t least, std::size_t most)
{
    if (!value.is_array())
        return false;
    return value.empty() || (value[0].is_array() && value[0].size() >= least && value[0].size() <= most);
}

bool hasMembers(const Json& value, std::initializer_list<const char*> names)
{
    return value.is_object() && std::ranges::all_of(names, [&](const char* name) { return value.contains(name); });
}

const Json& memberOf(const Json& value, const char* name)
{
    if (!value.is_object())
        return kNull;
    const auto member = value.find(name);
    return member == value.end() ? kNull : *member;
}

void readRows(const JsonLayout& layout, RowSink& sink, StampReader& stamps)
{
    const std::size_t rows = countRows(layout, sink);
    for (std::size_t i = 0; i < rows; ++i) {
        if (!isRow(layout, i, sink))
            continue;
        const JsonRow row(layout, i);
        if (layout.content == Content::Trades)
            readTrade(row, sink, stamps);
        else if (layout.content == Content::Funding)
            readRate(row, sink, stamps);
        else
            readBar(layout, row, sink, stamps);
    }
}

} // namespace btcai
