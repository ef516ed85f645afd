#include <algorithm>

#include <fmt/format.h>

#include "data/importers/CsvHeader.h"
#include "data/importers/Exchanges.h"

namespace btcai::plain {

namespace {

constexpr std::size_t kColumns = 6;

std::string upper(std::string text)
{
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
}

/// "BTC" of "BTC:open".
std::string assetOf(const std::string& field) { return upper(field.substr(0, field.find(':'))); }

} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    auto layout = header.bars(SourceFormat::PlainCsv);
    if (!layout)
        return std::nullopt;
    layout->place(Role::Volume) = header.find({"volume", "vol", "basevolume", "volumebase"});
    layout->place(Role::QuoteVolume) = header.find({"quotevolume", "volumequote", "quoteassetvolume"});
    if (!layout->has(Role::Volume)) {
        layout->volumeUnit = VolumeUnit::None;
        layout->notes.emplace_back("the table has no volume: it is 0 throughout");
    }
    layout->reason = header.startsWith({"timestamp", "open", "high", "low", "close", "volume"}) && header.columns() == kColumns
        ? "header timestamp,open,high,low,close,volume"
        : "a header that names a time, open, high, low and close";
    return layout;
}

std::optional<CsvLayout> sideBySide(const CsvSample& sample)
{
    if (sample.lines.empty())
        return std::nullopt;
    const std::vector<std::string>& names = sample.lines[0].fields;
    CsvLayout layout = CsvHeader(sample, 0).layout(SourceFormat::SideBySideCsv, Content::Bars);
    layout.place(Role::Time) = 0;
    for (std::size_t i = 1; i < names.size(); ++i) {
        if (names[i].find(':') == std::string::npos)
            return std::nullopt;
        if (std::ranges::find(layout.assets, assetOf(names[i])) == layout.assets.end())
            layout.assets.push_back(assetOf(names[i]));
    }
    if (layout.assets.empty())
        return std::nullopt;
    const std::string chosen = sample.asset.empty() ? layout.assets.front() : upper(sample.asset);
    for (std::size_t i = 1; i < names.size(); ++i) {
        if (assetOf(names[i]) != chosen) {
            layout.otherValues.push_back(static_cast<int>(i));
            continue;
        }
        const std::string field = canonicalName(names[i].substr(names[i].find(':') + 1));
        for (const Role role : {Role::Open, Role::High, Role::Low, Role::Close, Role::Volume})
            if (field == roleName(role))
                layout.place(role) = static_cast<int>(i);
    }
    const bool isThere = std::ranges::find(layout.assets, chosen) != layout.assets.end(); // the reader says so where it is not
    for (const Role role : {Role::Open, Role::High, Role::Low, Role::Close})
        if (isThere && !layout.has(role))
            return std::nullopt;
    if (!layout.has(Role::Volume))
        layout.volumeUnit = VolumeUnit::None;
    layout.reason = fmt::format("a header with columns named asset:field, of {}", fmt::join(layout.assets, ", "));
    return layout;
}

std::optional<CsvLayout> funding(const CsvSample& sample)
{
    const CsvHeader header(sample, 0);
    const int rate = header.find({"fundingrate", "lastfundingrate", "rate"});
    const int time = header.time() >= 0 ? header.time() : header.find({"calctime", "fundingtime"});
    if (rate < 0 || time < 0)
        return std::nullopt;
    CsvLayout layout = header.layout(SourceFormat::FundingCsv, Content::Funding);
    layout.place(Role::Time) = time;
    layout.place(Role::Rate) = rate;
    layout.reason = "a header that names a time and a funding rate";
    return layout;
}

std::optional<CsvLayout> headerless(const CsvSample& sample)
{
    if (!sample.allNumeric(kColumns) || !looksLikeTime(sample.number(0, 0)))
        return std::nullopt;
    return headerlessLayout(SourceFormat::HeaderlessCsv, sample, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume},
                            "6 columns of numbers without a header; only time,open,high,low,close,volume makes high the highest and low the lowest");
}

} // namespace btcai::plain
