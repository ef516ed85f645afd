#include <algorithm>

#include "data/importers/Exchanges.h"

namespace btcai::lean {

namespace {

constexpr double kMillisPerDay = 86'400'000.0;

/// The day in "20180404_trade.zip": eight digits before an underscore that are a date.
std::optional<std::int64_t> dayOf(const std::string& name)
{
    for (std::size_t i = 0; i + 8 < name.size(); ++i) {
        const bool standsAlone = i == 0 || name[i - 1] < '0' || name[i - 1] > '9';
        if (!standsAlone || name[i + 8] != '_')
            continue;
        if (const auto micros = parseTimeText(std::string_view(name).substr(i, 8)); micros && *micros >= 0)
            return *micros / kMicrosPerSecond;
    }
    return std::nullopt;
}

/// Stamps of one day in milliseconds, rising.
bool countsMillisOfOneDay(const CsvSample& sample)
{
    double before = -1.0;
    for (std::size_t i = 0; i < sample.lines.size(); ++i) {
        const double millis = sample.number(i, 0);
        if (!(millis > before && millis < kMillisPerDay))
            return false;
        before = millis;
    }
    return true;
}

} // namespace

std::optional<CsvLayout> csv(const CsvSample& sample)
{
    const bool trades = sample.allNumeric(6);
    if ((!trades && !sample.allNumeric(11)) || !countsMillisOfOneDay(sample))
        return std::nullopt;
    const auto day = dayOf(sample.fileName);
    if (!day)
        return std::nullopt;
    CsvLayout layout = trades
        ? headerlessLayout(SourceFormat::LeanTrade, sample, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume},
                           "6 columns of numbers without a header, the first milliseconds of a day that the file's name gives")
        : headerlessLayout(SourceFormat::LeanQuote, sample, {Role::Time, Role::BidOpen, Role::BidHigh, Role::BidLow, Role::BidClose},
                           "11 columns of numbers without a header, the first milliseconds of a day that the file's name gives");
    layout.midnight = day;
    layout.timeUnit = TimeUnit::Milliseconds;
    if (!trades) {
        constexpr int firstAsk = 6;
        for (int i = 0; i < 4; ++i)
            layout.places[static_cast<std::size_t>(Role::AskOpen) + static_cast<std::size_t>(i)] = firstAsk + i;
        layout.content = Content::Quotes;
        layout.volumeUnit = VolumeUnit::None;
        layout.notes.emplace_back("quotes: prices are the midpoints of bid and ask; there is no volume");
    }
    return layout;
}

std::optional<CsvLayout> funding(const CsvSample& sample)
{
    if (sample.lines.empty() || !std::ranges::all_of(sample.lines, [](const CsvLine& line) {
            return line.fields.size() == 2 && line.fields[0].size() == 17 && parseTimeText(line.fields[0]).has_value();
        }))
        return std::nullopt;
    CsvLayout layout = headerlessLayout(SourceFormat::LeanFunding, sample, {Role::Time, Role::Rate},
                                        "2 columns without a header, a written time and a rate, as Lean's margin interest");
    layout.content = Content::Funding;
    return layout;
}

} // namespace btcai::lean
