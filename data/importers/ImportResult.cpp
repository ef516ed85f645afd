#include "data/importers/ImportResult.h"

namespace btcai {

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
    return json;
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
