#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "data/importers/CsvLayout.h"

namespace btcai {

/// A line of names at the head of a table.
class CsvHeader {
public:
    CsvHeader(const CsvSample& sample, std::size_t line);

    std::size_t columns() const { return m_names.size(); }
    const std::vector<std::string>& names() const { return m_names; }
    /// The column of the first of these canonical names that is there, in the order given; -1 when none is.
    int find(std::initializer_list<std::string_view> names) const;
    bool has(std::string_view name) const { return find({name}) >= 0; }
    bool startsWith(std::initializer_list<std::string_view> names) const;
    /// The column of the time by its usual names.
    int time() const;

    /// A layout of bars below this header: time, open, high, low and close by their usual names, and nothing for a header that
    /// lacks one of them. Volumes are left to the caller.
    std::optional<CsvLayout> bars(SourceFormat format) const;
    /// Any other layout below this header; its places are left to the caller.
    CsvLayout layout(SourceFormat format, Content content) const;

private:
    std::vector<std::string> m_names; ///< canonical
    std::size_t m_line = 0;           ///< in the file
};

} // namespace btcai
