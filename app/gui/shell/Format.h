#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <QString>

namespace btcai::gui {

/// What a number means, which decides how it is written.
enum class Quantity {
    Plain,   ///< four significant digits
    Count,   ///< 12,345 or 1.23 M
    Whole,   ///< 1,234,567
    Share,   ///< 0.05 is written 5.0 %
    Return,  ///< 0.05 is written +5.00 %
    Percent, ///< 5.0 is written +5.00 %
    Rate,    ///< per second: 51.2 k/s
    Price,   ///< thousands grouped, two decimals
    Growth,  ///< equity relative to its start: 1.05 is written +5.00 %
};

/// A dash for a value that is not finite. Minus is the sign U+2212.
QString formatValue(double value, Quantity quantity);
/// The same, short enough for the ticks of an axis whose ticks are `step` apart.
QString formatTick(double value, double step, Quantity quantity);
/// "" or "%" or "/s": what stands beside the name of an axis.
QString unitOf(Quantity quantity);

/// 1,234,567 → "1.23 M"; below 100,000 all digits, grouped.
QString formatCount(double value);
/// "41 s", "12 min 05 s", "2 h 05 min", "3 d 4 h".
QString formatDuration(double seconds);
/// "2018-12-31 23:55 UTC"
QString formatUtc(std::int64_t seconds);
QString formatBytes(double bytes);

QString toQString(std::string_view text);
inline QString toQString(const std::string& text) { return QString::fromStdString(text); }
QString toQString(const std::filesystem::path& path);
std::filesystem::path toPath(const QString& text);

} // namespace btcai::gui
