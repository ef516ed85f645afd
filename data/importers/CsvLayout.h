#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/importers/Layout.h"
#include "data/importers/LineReader.h"
#include "data/importers/RowSink.h"

namespace btcai {

/// Cuts a line at its delimiters, but for those within quotes, and trims blanks and quotes. Returns the number of fields, which may
/// exceed out.size(); those beyond are not stored.
std::size_t splitFields(std::string_view line, std::span<std::string_view> out, char delimiter = ',');

/// Lower case without blanks, underscores and brackets: "openTime", "open_time" and "Open time" are one.
std::string canonicalName(std::string_view name);

/// The most columns a table may have.
constexpr std::size_t kMaxColumns = 128;

/// One line of the beginning of a table.
struct CsvLine {
    std::size_t number = 0; ///< in the file, from 1
    std::vector<std::string> fields;
};

/// The beginning of a table, for recognisers.
struct CsvSample {
    std::vector<CsvLine> lines; ///< not blank, at most a few hundred
    std::string fileName;       ///< of the file itself or of the entry in a zip; only Lean's day comes from it
    std::string asset;          ///< chosen among several, or empty
    char delimiter = ',';       ///< or ; or tab: what the first line has most of

    /// The fields of a line by their canonical names.
    std::vector<std::string> canonical(std::size_t line) const;
    /// Whether the line has so many fields, all numbers.
    bool isNumeric(std::size_t line, std::size_t columns) const;
    /// Whether all lines but the first `from` are such.
    bool allNumeric(std::size_t columns, std::size_t from = 0) const;
    double number(std::size_t line, std::size_t column) const;
};

/// Where a table keeps its columns.
struct CsvLayout : Layout {
    std::size_t firstRow = 1;          ///< line of the first row
    std::size_t columns = 0;           ///< of every row
    char delimiter = ',';
    std::array<int, kRoles> places{};  ///< of the fields; below 0: not there
    std::optional<std::int64_t> midnight; ///< UTC seconds; stamps are milliseconds since then
    bool emptyRowsAreMissing = false;  ///< rows with NaN or nothing for all prices say that no trade was made
    std::vector<std::string> assets;   ///< of a table of several, in order
    std::vector<int> otherValues;      ///< columns of the other assets, whose empty fields are counted too

    CsvLayout() { places.fill(-1); }
    int& place(Role role) { return places[static_cast<std::size_t>(role)]; }
    int place(Role role) const { return places[static_cast<std::size_t>(role)]; }
    bool has(Role role) const { return place(role) >= 0; }
};

/// A layout without a header; `order` tells the roles of the first columns in turn.
CsvLayout headerlessLayout(SourceFormat format, const CsvSample& sample, std::initializer_list<Role> order, std::string reason);

/// Whether the number can be a time of Bitcoin's life (2009 on) in seconds, ms, us or ns.
bool looksLikeTime(double number);

/// Reads the beginning of a table.
CsvSample readSample(LineReader& reader, std::string fileName);

/// Reads all rows into the sink.
void readRows(const CsvLayout& layout, LineReader& reader, RowSink& sink, StampReader& stamps);

} // namespace btcai
