#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/importers/CsvLayout.h"
#include "data/importers/ImportResult.h"

namespace btcai {

/// What every table of bars has in common: numbers, stamps, the rules a bar must obey, the grid. All errors are
/// Error(BadInput) of the form "FILE: line N: FIELD ... ".

class BarRows {
public:
    BarRows(const std::filesystem::path& path, const ImportOptions& options);

    /// Adds the row of `line`: fields are open time, open, high, low, close, volume. Stamps may be in seconds,
    /// milliseconds or microseconds, told by their size.
    void add(std::size_t line, std::span<const std::string_view, 6> fields);
    /// Counts a blank line.
    void skip() { ++m_skipped; }
    [[noreturn]] void fail(std::size_t line, const std::string& what) const;

    /// Finds the interval, checks the grid and builds the series. Throws Error(BadInput) when there are no rows or their
    /// interval cannot be told.
    ImportResult finish(SourceFormat format, std::string reason);

private:
    double parseNumber(std::size_t line, const char* field, std::string_view text) const;
    std::int64_t parseTime(std::size_t line, const char* field, std::string_view text);
    double parsePrice(std::size_t line, const char* field, std::string_view text) const;
    std::int64_t commonestStep() const;

    std::string m_path;
    ImportOptions m_options;
    std::vector<Bar> m_bars;
    std::vector<std::uint32_t> m_lines;
    std::size_t m_skipped = 0;
    std::int64_t m_unitsPerSecond = 0;
};

} // namespace btcai
