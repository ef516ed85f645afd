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
    const QString head = line.left(200); // the level stands before the message
    const auto names = [&](const char* name) {
        return head.contains(QLatin1String(name), Qt::CaseInsensitive);
    };
    if (names("[error]") || names("[critical]") || names("\"level\":\"error\"") || names("\"level\":\"critical\""))
        return LogLevel::Error;
    if (names("[warning]") || names("[warn]") || names("\"level\":\"warning\""))
        return LogLevel::Warning;
    if (names("[debug]") || names("[trace]") || names("\"level\":\"debug\"") || names("\"level\":\"trace\""))
        return LogLevel::Debug;
    return LogLevel::Info;
}

LogLevel levelFromName(const QString& name)
{
    if (name == QLatin1String("error"))
        return LogLevel::Error;
    return name == QLatin1String("warning") ? LogLevel::Warning : LogLevel::Info;
}

} // namespace btcai::gui
