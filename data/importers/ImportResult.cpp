#include "data/importers/ImportResult.h"

#include <array>
#include <span>

#include <fmt/format.h>

#include "base/Clock.h"

namespace btcai {

namespace {

constexpr std::array<const char*, 4> kOnConflict{"refuse", "keep-first", "keep-last", "drop"};
constexpr std::array<const char*, 3> kOnOffGrid{"refuse", "drop", "floor"};
constexpr std::array<const char*, 3> kOnSwapped{"refuse", "keep", "swap"};
constexpr std::array<const char*, 2> kOnDisorder{"refuse", "sort"};
constexpr std::array<const char*, 2> kOnEmpty{"refuse", "drop"};
constexpr std::array<const char*, 2> kOnRepeats{"keep", "drop"};
constexpr std::array<const char*, 3> kVolumeUnits{"base", "quote", "none"};

Json sourceJson(const ImportSource& source)
{
    Json json;
    json["name"] = source.name;
    json["sha256"] = source.sha256;
    json["format"] = sourceFormatName(source.format);
    json["reason"] = source.reason;
    json["time_unit"] = source.timeUnit;
    json["order"] = source.order;
    json["rows"] = source.rows;
    json["blank_rows"] = source.blankRows;
    json["rows_without_trade"] = source.rowsWithoutTrade;
    json["notes"] = source.notes;
    return json;
}

Json faultJson(const ImportFault& fault)
{
    Json json;
    json["name"] = faultName(fault.kind);
    json["count"] = fault.count;
    json["file"] = fault.file;
    json[fault.rowWord] = fault.row;
    json["time"] = fault.time;
    json["first"] = fault.text;
    return json;
}

template <typename Value, typename Convert>
Json listOf(const std::vector<Value>& values, Convert convert)
{
    Json list = Json::array();
    for (const Value& value : values)
        list.push_back(convert(value));
    return list;
}

} // namespace

Json toJson(const ImportOptions& options)
{
    Json json = Json::object();
    const auto text = [&](const char* name, const std::string& value) {
        if (!value.empty())
            json[name] = value;
    };
    const auto choice = [&](const char* name, auto value, std::span<const char* const> names) {
        if (static_cast<std::size_t>(value) != 0)
            json[name] = std::string(names[static_cast<std::size_t>(value)]);
    };
    text("instrument", options.instrument);
    if (options.intervalSeconds != 0)
        json["interval"] = options.intervalSeconds;
    text("columns", options.columns);
    if (options.timeUnit != TimeUnit::Auto)
        json["time-unit"] = timeUnitName(options.timeUnit);
    if (options.volumeUnit)
        json["volume-unit"] = kVolumeUnits[static_cast<std::size_t>(*options.volumeUnit)];
    if (options.stampsMarkClose)
        json["stamp"] = "close";
    text("asset", options.asset);
    choice("on-conflict", options.onConflict, kOnConflict);
    choice("off-grid", options.onOffGrid, kOnOffGrid);
    choice("on-disorder", options.onDisorder, kOnDisorder);
    choice("swapped-volume", options.onSwappedVolume, kOnSwapped);
    choice("empty", options.onEmpty, kOnEmpty);
    choice("repeats", options.onRepeats, kOnRepeats);
    return json;
}

Json ImportReport::toJson() const
{
    Json json;
    json["format"] = sourceFormatName(format);
    json["reason"] = reason;
    json["time_unit"] = timeUnit;
    json["rows_read"] = rowsRead;
    json["rows_skipped"] = rowsSkipped;
    json["gaps"] = gaps;
    json["missing_bars"] = missingBars;
    json["first_time"] = firstTime;
    json["last_time"] = lastTime;
    json["interval_s"] = intervalSeconds;
    json["sources"] = listOf(sources, sourceJson);
    json["options"] = options;
    json["notes"] = notes;
    json["faults"] = listOf(faults, faultJson);
    json["conflicts"] = listOf(conflicts, [](const ImportConflict& conflict) {
        return Json{{"time", conflict.time}, {"first", conflict.first}, {"second", conflict.second}};
    });
    return json;
}

std::string ImportReport::toText() const
{
    std::string text;
    for (const ImportSource& source : sources) {
        text += fmt::format("{}: {} ({}), {} rows, {}\n", source.name, sourceFormatName(source.format), source.reason, source.rows, source.order);
        for (const std::string& note : source.notes)
            text += fmt::format("  {}\n", note);
    }
    for (const std::string& note : notes)
        text += fmt::format("note: {}\n", note);
    for (const ImportFault& fault : faults)
        text += fmt::format("{} ({}): first {}\n", faultName(fault.kind), fault.count, fault.message());
    return text;
}

void describeSeries(const BarSeries& series, ImportReport& report)
{
    report.intervalSeconds = series.intervalSeconds();
    report.missingBars = series.size() - series.presentCount();
    report.gaps = 0;
    for (std::size_t i = 0; i < series.size(); ++i)
        if (!series.present(i) && (i == 0 || series.present(i - 1)))
            ++report.gaps;
    if (!series.empty()) {
        report.firstTime = series.startTime();
        report.lastTime = series.timestamp(series.size() - 1);
    }
}

} // namespace btcai
