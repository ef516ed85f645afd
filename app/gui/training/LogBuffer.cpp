#include "app/gui/training/LogBuffer.h"

namespace btcai::gui {

namespace {
constexpr qsizetype kMaxLineLength = 4'000;
}

void LogBuffer::append(LogLevel level, const QString& text)
{
    m_lines.push_back({m_next++, level, text.left(kMaxLineLength)});
    if (m_lines.size() > kMaxLines)
        m_lines.pop_front();
}

void LogBuffer::clear() { m_lines.clear(); }

LogLevel levelOfLine(const QString& line)
{
    // "2026-01-05T10:00:01.200Z warning  [pid:thread] ..." as base/Log writes it, or a JSON line of it
    const QString head = line.left(160);
    const QString word = head.section(u' ', 1, 1, QString::SectionSkipEmpty);
    const auto is = [&](QLatin1String name) {
        return word == name || head.contains(QStringLiteral("\"level\":\"%1\"").arg(name));
    };
    if (is(QLatin1String("error")) || is(QLatin1String("critical")))
        return LogLevel::Error;
    if (is(QLatin1String("warning")))
        return LogLevel::Warning;
    return is(QLatin1String("debug")) || is(QLatin1String("trace")) ? LogLevel::Debug : LogLevel::Info;
}

LogLevel levelFromName(const QString& name)
{
    if (name == QLatin1String("error"))
        return LogLevel::Error;
    return name == QLatin1String("warning") ? LogLevel::Warning : LogLevel::Info;
}

} // namespace btcai::gui
