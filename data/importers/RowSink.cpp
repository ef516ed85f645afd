#include "data/importers/RowSink.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/Error.h"

namespace btcai {

namespace {
constexpr std::size_t kMaxRows = 50'000'000; // 95 years of minutes; bounds the memory a compressed file can ask for
// No market of any currency comes near; what features square and multiply stays finite.
constexpr double kHighestPrice = 1e12;
constexpr double kLargestAmount = 1e18;
} // namespace

std::optional<double> finiteNumber(std::string_view text)
{
    double value = 0.0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc{} && end == text.data() + text.size() && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

RowSink::RowSink(std::string file, std::string rowWord, Strictness strictness, FaultLog& log)
    : m_file(std::move(file)), m_rowWord(std::move(rowWord)), m_strictness(strictness), m_log(&log)
{
}

bool RowSink::reject(FaultKind kind, std::size_t row, const std::string& text)
{
    const ImportFault fault{kind, 1, m_file, m_rowWord, row, 0, text};
    if (m_strictness == Strictness::Strict)
        throw Error(ErrorKind::BadInput, fault.message());
    m_log->add(fault);
    return false;
}

void RowSink::note(FaultKind kind, std::size_t row, std::int64_t micros, const std::string& text)
{
    m_log->add({kind, 1, m_file, m_rowWord, row, micros / kMicrosPerSecond, text});
}

bool RowSink::number(std::size_t row, std::string_view field, std::string_view text, double& value)
{
    if (const auto parsed = finiteNumber(text)) {
        value = *parsed;
        return true;
    }
    return badNumber(row, field, text);
}

bool RowSink::badNumber(std::size_t row, std::string_view field, std::string_view text)
{
    if (text.empty())
        return reject(FaultKind::EmptyField, row, fmt::format("{} is empty", field));
    double value = 0.0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range)
        return reject(FaultKind::BadField, row, fmt::format("{} is {}, beyond the range of numbers", field, quotedForMessage(text)));
    if (code != std::errc{} || end != text.data() + text.size())
        return reject(FaultKind::BadField, row, fmt::format("{} is {}, not a number{}", field, quotedForMessage(text),
                                                            text.find(',') != std::string_view::npos ? " (write it with a point and without thousands marks)" : ""));
    return reject(FaultKind::BadField, row, fmt::format("{} is {}", field, std::isnan(value) ? "NaN" : "infinite"));
}

bool RowSink::number(std::size_t row, std::string_view field, const Json& value, double& number)
{
    if (value.is_string())
        return this->number(row, field, std::string_view(value.get_ref<const std::string&>()), number);
    if (value.is_null())
        return reject(FaultKind::EmptyField, row, fmt::format("{} is empty", field));
    if (!value.is_number())
        return reject(FaultKind::BadField, row, fmt::format("{} is neither a number nor a text", field));
    number = value.get<double>();
    return std::isfinite(number) || reject(FaultKind::BadField, row, fmt::format("{} is infinite", field));
}

bool RowSink::checkPrice(std::size_t row, std::string_view field, double value)
{
    if (value > kHighestPrice)
        return reject(FaultKind::BadField, row, fmt::format("{} is {}, which can be no price (more than {})", field, value, kHighestPrice));
    if (value > 0.0)
        return true;
    return reject(FaultKind::BadField, row,
                  value < 0.0 ? fmt::format("{} is negative ({})", field, value)
                              : fmt::format("{} is zero; a price must be positive", field));
}

bool RowSink::checkAmount(std::size_t row, std::string_view field, double value)
{
    if (value > kLargestAmount)
        return reject(FaultKind::BadField, row, fmt::format("{} is {}, which can be no amount (more than {})", field, value, kLargestAmount));
    return value >= 0.0 || reject(FaultKind::BadField, row, fmt::format("{} is negative ({})", field, value));
}

bool RowSink::badTime(std::size_t row, std::string_view field, const std::string& why)
{
    return reject(why == "is empty" ? FaultKind::EmptyField : FaultKind::BadField, row, fmt::format("{} {}", field, why));
}

void RowSink::checkCount(std::size_t rows, std::size_t row)
{
    if (rows == kMaxRows)
        throw Error(ErrorKind::BadInput, "{}: {} {}: more than {} rows; cut the file into parts", m_file, m_rowWord, row, kMaxRows);
}

void RowSink::add(const RawBar& bar)
{
    checkCount(bars.size(), bar.row);
    if (bar.high < bar.low) {
        reject(FaultKind::InconsistentBar, bar.row, fmt::format("high {} is below low {}", bar.high, bar.low));
        return;
    }
    bars.push_back(bar);
}

void RowSink::add(const RawTrade& trade)
{
    checkCount(trades.size(), trade.row);
    trades.push_back(trade);
}

void RowSink::add(const RawRate& rate)
{
    checkCount(rates.size(), rate.row);
    rates.push_back(rate);
}

} // namespace btcai
