#pragma once

#include <cstdint>
#include <deque>

#include <QString>

namespace btcai::gui {

enum class LogLevel { Debug, Info, Warning, Error };

struct LogLine {
    std::uint64_t number; ///< counts all lines, so that a view knows which are new
    LogLevel level;
    QString text;
};

/// The last lines that a run logged; bounded.
class LogBuffer {
public:
    static constexpr std::size_t kMaxLines = 5'000;

    void append(LogLevel level, const QString& text);
    void clear();
    const std::deque<LogLine>& lines() const { return m_lines; }
    std::uint64_t nextNumber() const { return m_next; }

private:
    std::deque<LogLine> m_lines;
    std::uint64_t m_next = 0;
};

/// The level that stands in a line of a worker's log; Info when none does.
LogLevel levelOfLine(const QString& line);
/// Of a notice: "info", "warning", "error".
LogLevel levelFromName(const QString& name);

} // namespace btcai::gui
