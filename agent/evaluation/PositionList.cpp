#include "agent/evaluation/PositionList.h"

#include <charconv>

#include "agent/config/MessageText.h"
#include "base/Clock.h"
#include "base/Error.h"
#include "data/importers/LineReader.h"

namespace btcai {

namespace {

std::string_view trimmed(std::string_view text)
{
    const auto isBlank = [](char c) { return c == ' ' || c == '\r' || c == '\t'; };
    while (!text.empty() && isBlank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && isBlank(text.back()))
        text.remove_suffix(1);
    return text;
}

std::int64_t timeOf(std::string_view text)
{
    std::int64_t time = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), time);
    return code == std::errc{} && end == text.data() + text.size() ? time : parseUtc(text);
}

std::size_t rowOf(std::int64_t time, const Market& market)
{
    const std::int64_t seconds = time - market.startTime;
    if (time < market.startTime || time >= market.timestamp(market.rows()))
        throw Error(ErrorKind::BadInput, "timestamp {}: lies outside of the data, {} to {}", formatUtc(time), formatUtc(market.startTime),
                    formatUtc(market.timestamp(market.rows() - 1)));
    if (seconds % market.intervalSeconds != 0)
        throw Error(ErrorKind::BadInput, "timestamp {}: no bar of {} s opens then", formatUtc(time), market.intervalSeconds);
    return static_cast<std::size_t>(seconds / market.intervalSeconds);
}

double exposureOf(std::string_view text, double least, double most)
{
    double value = 0.0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= most))
        throw Error(ErrorKind::BadInput, "position {}: must be a number from {} to {} (see account.allow_short and margin.leverage)", messageText(text), least,
                    most);
    return value;
}

} // namespace

PositionList readPositions(const std::filesystem::path& path, const Market& market, double least, double most)
{
    LineReader reader(path);
    PositionList list;
    std::string_view line;
    while (reader.next(line)) {
        try {
            const std::string_view content = trimmed(line);
            if (content.empty())
                continue;
            if (reader.lineNumber() == 1) {
                if (content != "timestamp,position")
                    throw Error(ErrorKind::BadInput, "the first line must be timestamp,position");
                continue;
            }
            const std::size_t comma = content.find(',');
            if (comma == std::string_view::npos)
                throw Error(ErrorKind::BadInput, "write timestamp,position");
            const std::size_t row = rowOf(timeOf(trimmed(content.substr(0, comma))), market);
            const double exposure = exposureOf(trimmed(content.substr(comma + 1)), least, most);
            if (list.exposures.empty())
                list.rows.first = row;
            else if (row < list.rows.last)
                throw Error(ErrorKind::BadInput, "timestamp {}: must come after the one before it", formatUtc(market.timestamp(row)));
            list.exposures.resize(row - list.rows.first, list.exposures.empty() ? 0.0 : list.exposures.back());
            list.exposures.push_back(exposure);
            list.rows.last = row + 1;
        } catch (const Error& error) {
            throw Error(error.kind(), "{}:{}: {}", path.string(), reader.lineNumber(), error.what());
        }
    }
    if (list.exposures.empty())
        throw Error(ErrorKind::BadInput, "{}: lists no position", path.string());
    return list;
}

} // namespace btcai
