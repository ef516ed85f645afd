#include "data/importers/FormatSniffer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/Error.h"
#include "data/bars/BarStore.h"
#include "data/importers/ColumnMapping.h"
#include "data/importers/Exchanges.h"

namespace btcai {

namespace {

constexpr std::size_t kPeekBytes = 4096;
constexpr std::size_t kOrderRows = 2000;
constexpr JsonLimits kJsonLimits{.maxBytes = 128 << 20, .maxDepth = 16};
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

using CsvRecogniser = std::optional<CsvLayout> (*)(const CsvSample&);
using JsonRecogniser = std::optional<JsonLayout> (*)(const Json&);

// In this order: a narrow format before one that takes more.
constexpr std::array<CsvRecogniser, 13> kTables{
    binance::csv,         bitstamp::csv,  coingecko::csv,   cryptodatadownload::csv, ftx::csv,         tardis::trades, ccxt::trades,
    plain::csv,           plain::funding, plain::sideBySide, lean::csv,               kraken::csv,      kraken::tradesCsv};
constexpr std::array<JsonRecogniser, 10> kReplies{binance::json, bitstamp::json, bittrex::json,     coinbase::json,    deribit::json,
                                                  kraken::json,  okx::json,      kraken::tradesJson, freqtrade::trades, freqtrade::funding};

[[noreturn]] void refuse(const InputPart& part, const std::string& why)
{
    throw Error(ErrorKind::BadInput, "{}: is not a data set: {}", part.label, why);
}

[[noreturn]] void refuseAmbiguous(const InputPart& part, std::string_view what)
{
    throw Error(ErrorKind::BadInput,
                "{}: {} without names, and its prices fit more than one order of open, high, low and close; say which with --columns, as in "
                "time=0,open=1,high=2,low=3,close=4,volume=5",
                part.label, what);
}

/// Six columns of numbers, in one of the orders that sources have.
std::optional<CsvLayout> sixColumns(const InputPart& part, const CsvSample& sample)
{
    const auto layout = plain::headerless(sample);
    if (!layout)
        return std::nullopt;
    ColumnOrders orders;
    for (std::size_t i = 0; i < sample.lines.size(); ++i)
        orders.see(std::array{sample.number(i, 1), sample.number(i, 2), sample.number(i, 3), sample.number(i, 4)});
    if (orders.possible() > 1)
        refuseAmbiguous(part, "a table");
    if (orders.openHighLowClose)
        return layout;
    return orders.openCloseHighLow ? bitfinex::csv(sample) : std::nullopt;
}

/// A number, or a text that holds one; anything else fits no order.
double orderValue(const Json& value)
{
    if (value.is_number())
        return value.get<double>();
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return value.is_string() ? finiteNumber(value.get_ref<const std::string&>()).value_or(none) : none;
}

/// The same for a JSON list of lists.
std::optional<JsonLayout> sixFields(const InputPart& part, const Json& reply)
{
    if (!isListOfLists(reply, 6, 6) || reply.empty())
        return std::nullopt;
    ColumnOrders orders;
    for (std::size_t i = 0; i < std::min(reply.size(), kOrderRows); ++i) {
        const Json& row = reply[i];
        if (row.is_array() && row.size() == 6)
            orders.see(std::array{orderValue(row[1]), orderValue(row[2]), orderValue(row[3]), orderValue(row[4])});
    }
    if (orders.possible() > 1)
        refuseAmbiguous(part, "a JSON list of lists of 6");
    if (orders.openHighLowClose)
        return freqtrade::json(reply);
    if (orders.openCloseHighLow)
        return bitfinex::json(reply);
    return orders.lowHighOpenClose ? coinbase::listJson(reply) : std::nullopt;
}

Sniffed sniffJson(const InputPart& part, const ImportOptions& options)
{
    Sniffed sniffed;
    sniffed.document = std::make_unique<Json>(parseJson(allBytes(part, kJsonLimits.maxBytes), part.label, kJsonLimits));
    const Json& reply = *sniffed.document;
    if (!options.columns.empty()) {
        sniffed.layout = mappedLayout(options, reply, part.label);
        return sniffed;
    }
    if (reply.is_array() && reply.empty()) {
        JsonLayout layout = listLayout(SourceFormat::EmptyReply, reply, {Role::Time}, 0);
        layout.reason = "an empty JSON list: the source has nothing for that time";
        sniffed.layout = std::move(layout);
        return sniffed;
    }
    for (const JsonRecogniser recognise : kReplies)
        if (auto layout = recognise(reply)) {
            sniffed.layout = std::move(*layout);
            return sniffed;
        }
    auto layout = sixFields(part, reply);
    if (!layout)
        refuse(part, "it is JSON, but no reply of Binance, Bitfinex, Bitstamp, Bittrex, Coinbase, Deribit, Kraken or OKX and no file of freqtrade; "
                     "a list of rows can be read with --columns");
    sniffed.layout = std::move(*layout);
    return sniffed;
}

CsvSample sampleOf(const InputPart& part, const ImportOptions& options)
{
    try {
        LineReader reader(openPart(part), part.label);
        CsvSample sample = readSample(reader, part.name());
        sample.asset = options.asset;
        return sample;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::BadInput)
            throw;
        throw Error(ErrorKind::BadInput, "{} (is not a data set: its first lines cannot be read)", error.what());
    }
}

/// Of two columns of one name nobody can tell which is meant.
void refuseDoubledNames(const InputPart& part, const CsvSample& sample, const CsvLayout& layout)
{
    const auto header = std::ranges::find(sample.lines, layout.firstRow - 1, &CsvLine::number);
    if (header == sample.lines.end())
        return;
    const std::vector<std::string> names = sample.canonical(static_cast<std::size_t>(header - sample.lines.begin()));
    for (const int place : layout.places)
        if (place >= 0 && std::ranges::count(names, names[static_cast<std::size_t>(place)]) > 1)
            refuse(part, fmt::format("line {} names {} twice; say which column is meant with --columns, by places counted from 0", header->number,
                                     quotedForMessage(header->fields[static_cast<std::size_t>(place)])));
}

CsvLayout recognisedTable(const InputPart& part, const CsvSample& sample)
{
    for (const CsvRecogniser recognise : kTables)
        if (auto layout = recognise(sample)) {
            refuseDoubledNames(part, sample, *layout);
            return std::move(*layout);
        }
    if (auto layout = sixColumns(part, sample))
        return std::move(*layout);
    if (auto layout = lean::funding(sample))
        return std::move(*layout);
    refuse(part, fmt::format("line {} is {}, no known header and no row of a known table; a table of other columns can be read with --columns, as in "
                             "time=0,open=1,high=2,low=3,close=4,volume=5, or by the names in its header",
                             sample.lines[0].number, quotedForMessage(fmt::format("{}", fmt::join(sample.lines[0].fields, ",")))));
}

Sniffed sniffTable(const InputPart& part, const ImportOptions& options)
{
    const CsvSample sample = sampleOf(part, options);
    if (sample.lines.empty())
        refuse(part, "it is empty");
    CsvLayout layout = options.columns.empty() ? recognisedTable(part, sample) : mappedLayout(options, sample, part.label);
    layout.delimiter = sample.delimiter;
    Sniffed sniffed;
    sniffed.layout = std::move(layout);
    return sniffed;
}

} // namespace

const Layout& Sniffed::common() const
{
    return std::visit([](const auto& it) -> const Layout& { return it; }, layout);
}

Sniffed sniff(const InputPart& part, const ImportOptions& options)
{
    if (part.entry.empty() && BarStore::looksLikeOne(part.path)) {
        Sniffed sniffed;
        StoredLayout layout;
        layout.format = SourceFormat::BarStore;
        layout.reason = "starts as a file of this program's bar store";
        sniffed.layout = std::move(layout);
        return sniffed;
    }
    const std::string bytes = firstBytes(part, kPeekBytes);
    if (bytes.starts_with("ARROW1") || bytes.starts_with("FEA1"))
        throw Error(ErrorKind::BadInput, "{}: is a feather file, which this program does not read; convert it first: python3 tools/feather-to-csv.py {} OUT.csv",
                    part.label, part.path.filename().string());
    std::string_view text = bytes;
    if (text.starts_with(kByteOrderMark))
        text.remove_prefix(kByteOrderMark.size());
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && (text[first] == '[' || text[first] == '{'))
        return sniffJson(part, options);
    return sniffTable(part, options);
}

SniffedFormat sniffFormat(const std::filesystem::path& path)
{
    const Sniffed sniffed = sniff(partsOf(path).front());
    return {sniffed.common().format, sniffed.common().reason};
}

} // namespace btcai
