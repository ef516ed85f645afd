#include "app/gui/shell/Format.h"

#include <algorithm>
#include <cmath>

#include <QDateTime>
#include <QLocale>
#include <QTimeZone>

namespace btcai::gui {

namespace {

constexpr QChar kMinus(0x2212);
constexpr QChar kDash(0x2014);

/// English digits and grouping everywhere, so that what is copied out of a table reads the same on every machine.
QString number(double value, int decimals)
{
    QString text = QLocale::c().toString(std::abs(value), 'f', decimals);
    const bool zero = std::ranges::none_of(text, [](QChar c) { return c >= u'1' && c <= u'9'; });
    const qsizetype point = text.indexOf(u'.');
    for (qsizetype i = (point < 0 ? text.size() : point) - 3; i > 0; i -= 3)
        text.insert(i, u',');
    return value < 0 && !zero ? kMinus + text : text;
}

QString signedNumber(double value, int decimals)
{
    const QString text = number(value, decimals);
    return value > 0 && text != number(0, decimals) ? u'+' + text : text;
}

QString significant(double value, int digits)
{
    if (value == 0.0)
        return QStringLiteral("0");
    const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
    if (magnitude < -4 || magnitude > 6) {
        QString text = QLocale::c().toString(value, 'e', digits - 1);
        return text.replace(u'-', kMinus);
    }
    return number(value, std::clamp(digits - 1 - magnitude, 0, 8));
}

struct Scaled {
    double factor;
    const char* suffix;
};

Scaled scaleOf(double value)
{
    const double size = std::abs(value);
    if (size >= 0.9995e12)
        return {1e-12, " T"};
    if (size >= 0.9995e9)
        return {1e-9, " G"};
    if (size >= 0.9995e6)
        return {1e-6, " M"};
    if (size >= 999.5)
        return {1e-3, " k"};
    return {1.0, ""};
}

QString scaled(double value)
{
    const Scaled scale = scaleOf(value);
    const double shown = value * scale.factor;
    const int decimals = scale.factor == 1.0 && shown == std::round(shown) ? 0
                         : std::abs(shown) < 9.995                         ? 2
                         : std::abs(shown) < 99.95                         ? 1
                                                                           : 0;
    return number(shown, decimals) + QLatin1String(scale.suffix);
}

/// As few as write the step exactly: 2 for 0.25, 1 for 0.5.
int decimalsFor(double step)
{
    if (!(step > 0.0))
        return 0;
    double scaledStep = step;
    for (int decimals = 0; decimals < 8; ++decimals, scaledStep *= 10.0)
        if (scaledStep > 0.999 && std::abs(scaledStep - std::round(scaledStep)) < 1e-6 * scaledStep)
            return decimals;
    return 8;
}

} // namespace

QString formatCount(double value)
{
    if (!std::isfinite(value))
        return kDash;
    return std::abs(value) < 100'000 ? number(value, 0) : scaled(value);
}

QString formatValue(double value, Quantity quantity)
{
    if (!std::isfinite(value))
        return kDash;
    switch (quantity) {
    case Quantity::Plain: return significant(value, 4);
    case Quantity::Count: return formatCount(value);
    case Quantity::Whole: return number(value, 0);
    case Quantity::Share: return number(100.0 * value, 1) + QStringLiteral(" %");
    case Quantity::Return: return signedNumber(100.0 * value, 2) + QStringLiteral(" %");
    case Quantity::Percent: return signedNumber(value, 2) + QStringLiteral(" %");
    case Quantity::Rate: return scaled(value) + QStringLiteral("/s");
    case Quantity::Price: return number(value, 2);
    case Quantity::Growth: return signedNumber(100.0 * (value - 1.0), 2) + QStringLiteral(" %");
    }
    return {};
}

QString formatTick(double value, double step, Quantity quantity)
{
    switch (quantity) {
    case Quantity::Share:
    case Quantity::Return: return number(100.0 * value, decimalsFor(100.0 * step));
    case Quantity::Growth: return number(100.0 * (value - 1.0), decimalsFor(100.0 * step));
    case Quantity::Percent: return number(value, decimalsFor(step));
    case Quantity::Count:
    case Quantity::Rate: {
        const Scaled scale = scaleOf(std::max(std::abs(value), std::abs(step)));
        return value == 0.0 ? QStringLiteral("0")
                            : number(value * scale.factor, decimalsFor(step * scale.factor)) + QLatin1String(scale.suffix).trimmed();
    }
    case Quantity::Whole:
    case Quantity::Price: return number(value, decimalsFor(step));
    case Quantity::Plain: break;
    }
    if (value != 0.0 && (std::abs(value) >= 1e6 || step < 1e-4))
        return QLocale::c().toString(value, 'g', 3).replace(u'-', kMinus);
    return number(value, decimalsFor(step));
}

QString unitOf(Quantity quantity)
{
    switch (quantity) {
    case Quantity::Share:
    case Quantity::Return:
    case Quantity::Percent:
    case Quantity::Growth: return QStringLiteral("%");
    case Quantity::Rate: return QStringLiteral("1/s");
    default: return {};
    }
}

QString formatDuration(double seconds)
{
    if (!std::isfinite(seconds) || seconds < 0)
        return kDash;
    const auto whole = static_cast<std::int64_t>(std::min(std::round(seconds), 1e12));
    const auto part = [](std::int64_t value, const char* unit) { return QStringLiteral("%1 %2").arg(value).arg(QLatin1String(unit)); };
    const auto padded = [](std::int64_t value, const char* unit) {
        return QStringLiteral("%1 %2").arg(value, 2, 10, QLatin1Char('0')).arg(QLatin1String(unit));
    };
    const auto both = [](const QString& first, std::int64_t rest, const QString& second) {
        return rest == 0 ? first : first + u' ' + second;
    };
    if (whole < 60)
        return part(whole, "s");
    if (whole < 3600)
        return both(part(whole / 60, "min"), whole % 60, padded(whole % 60, "s"));
    if (whole < 86'400)
        return both(part(whole / 3600, "h"), whole / 60 % 60, padded(whole / 60 % 60, "min"));
    return both(part(whole / 86'400, "d"), whole / 3600 % 24, part(whole / 3600 % 24, "h"));
}

QString formatUtc(std::int64_t seconds)
{
    return QDateTime::fromSecsSinceEpoch(seconds, Qt::UTC).toString(QStringLiteral("yyyy-MM-dd HH:mm")) + QStringLiteral(" UTC");
}

QString formatBytes(double bytes)
{
    if (bytes < 1024.0 * 1024.0)
        return number(bytes / 1024.0, 0) + QStringLiteral(" KiB");
    if (bytes < 1024.0 * 1024.0 * 1024.0)
        return number(bytes / 1048576.0, 0) + QStringLiteral(" MiB");
    return number(bytes / 1073741824.0, 1) + QStringLiteral(" GiB");
}

QString toQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

QString toQString(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }

std::filesystem::path toPath(const QString& text) { return text.toStdString(); }

} // namespace btcai::gui
