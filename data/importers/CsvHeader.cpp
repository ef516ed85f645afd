#include "data/importers/CsvHeader.h"

#include <algorithm>

namespace btcai {

CsvHeader::CsvHeader(const CsvSample& sample, std::size_t line) : m_names(sample.canonical(line))
{
    if (line < sample.lines.size())
        m_line = sample.lines[line].number;
}

int CsvHeader::find(std::initializer_list<std::string_view> names) const
{
    for (const std::string_view name : names) {
        const auto found = std::ranges::find(m_names, name);
        if (found != m_names.end())
            return static_cast<int>(found - m_names.begin());
    }
    return -1;
}

bool CsvHeader::startsWith(std::initializer_list<std::string_view> names) const
{
    return m_names.size() >= names.size() && std::equal(names.begin(), names.end(), m_names.begin());
}

int CsvHeader::time() const
{
    return find({"timestamp", "unix", "unixtimestamp", "opentime", "timestampms", "time", "datetime", "date", "start", "ts"});
}

CsvLayout CsvHeader::layout(SourceFormat format, Content content) const
{
    CsvLayout layout;
    layout.format = format;
    layout.content = content;
    layout.firstRow = m_line + 1;
    layout.columns = m_names.size();
    layout.place(Role::Time) = time();
    return layout;
}

std::optional<CsvLayout> CsvHeader::bars(SourceFormat format) const
{
    CsvLayout result = layout(format, Content::Bars);
    if (!result.has(Role::Time) && has("closetime")) {
        result.place(Role::Time) = find({"closetime"});
        result.stampsMarkClose = true;
    }
    result.place(Role::Open) = find({"open"});
    result.place(Role::High) = find({"high"});
    result.place(Role::Low) = find({"low"});
    result.place(Role::Close) = find({"close"});
    for (const Role role : {Role::Time, Role::Open, Role::High, Role::Low, Role::Close})
        if (!result.has(role))
            return std::nullopt;
    return result;
}

} // namespace btcai
