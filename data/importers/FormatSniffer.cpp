#include "data/importers/FormatSniffer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/Error.h"
#include "data/bars/BarStore.h"
#include "data/importers/BarRows.h"
#include "data/importers/LineReader.h"

namespace btcai {

namespace {

constexpr std::size_t kBinanceColumns = 12;
constexpr std::size_t kShortestStamp = 12; // digits of a time in ms since 1973

/// Lower case without blanks and underscores: "openTime", "open_time" and "Open time" are one.
std::string canonical(std::string_view name)
{
    std::string result;
    for (const char c : name)
        if (c != '_' && c != ' ')
            result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

bool startsWithColumns(std::string_view line, std::size_t columns, std::span<const std::string_view> names)
{
    std::array<std::string_view, kBinanceColumns> fields;
    if (splitFields(line, fields) != columns)
        return false;
    return std::ranges::equal(names, std::span(fields).first(names.size()), {}, {}, canonical);
}

bool isNumber(std::string_view text)
{
    double value = 0.0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && code == std::errc{} && end == text.data() + text.size();
}

/// Twelve numbers, of which the seventh, the close time, is the last unit of time before the next bar opens.
bool isBinanceRow(std::string_view line)
{
    std::array<std::string_view, kBinanceColumns> fields;
    if (splitFields(line, fields) != kBinanceColumns || !std::ranges::all_of(fields, isNumber))
        return false;
    return fields[0].size() >= kShortestStamp && fields[0].size() == fields[6].size() && fields[6] > fields[0];
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why)
{
    throw Error(ErrorKind::BadInput,
                "{}: is not a data set: {}; known are CSV with the header timestamp,open,high,low,close,volume, Binance kline files "
                "(both also as .gz) and this program's .h5 files",
                path.string(), why);
}

} // namespace

bool isPlainHeader(std::string_view line)
{
    constexpr std::array<std::string_view, 6> names{"timestamp", "open", "high", "low", "close", "volume"};
    return startsWithColumns(line, names.size(), names);
}

bool isBinanceHeader(std::string_view line)
{
    constexpr std::array<std::string_view, 7> names{"opentime", "open", "high", "low", "close", "volume", "closetime"};
    return startsWithColumns(line, kBinanceColumns, names);
}

SniffedFormat sniffFormat(const std::filesystem::path& path)
{
    LineReader reader(path);
    if (BarStore::looksLikeOne(path))
        return {SourceFormat::BarStore, "starts as a file of this program's bar store"};
    std::string_view line;
    try {
        do {
            if (!reader.next(line))
                refuse(path, "it is empty");
        } while (line.empty());
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::BadInput || std::string_view(error.what()).find("is not a data set") != std::string_view::npos)
            throw;
        throw Error(ErrorKind::BadInput, "{} (is not a data set: its first line cannot be read)", error.what());
    }
    if (isPlainHeader(line))
        return {SourceFormat::PlainCsv, "header timestamp,open,high,low,close,volume"};
    if (isBinanceHeader(line))
        return {SourceFormat::BinanceKlines, "12 columns under a kline header"};
    if (isBinanceRow(line))
        return {SourceFormat::BinanceKlines, "12 columns of numbers without a header, the seventh a close time"};
    refuse(path, fmt::format("line {} is {}, neither a known header nor a Binance kline", reader.lineNumber(), quotedForMessage(line)));
}

} // namespace btcai
