#include "base/LogFormat.h"

#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/Json.h"

namespace btcai {

namespace {

thread_local const StackTrace* attachedStackTrace = nullptr;

using Record = spdlog::details::log_msg;

LogLevel levelOf(const Record& record) { return static_cast<LogLevel>(record.level); }

/// "2026-01-02T03:04:05.678Z"
std::string stampOf(const Record& record)
{
    using namespace std::chrono;
    const auto time = floor<milliseconds>(record.time);
    const auto second = floor<seconds>(time);
    std::string text = formatUtc(second.time_since_epoch().count());
    text.pop_back();
    return text + fmt::format(".{:03}Z", (time - second).count());
}

std::string_view fileOf(const Record& record)
{
    const std::string_view path = record.source.filename ? record.source.filename : "";
    return path.substr(path.rfind('/') + 1);
}

std::string_view functionOf(const Record& record)
{
    return shortFunctionName(record.source.funcname ? record.source.funcname : "");
}

/// Text from outside must not forge records or drive a terminal: a line break is followed by blanks, other control
/// characters are spelled out.
void appendSafely(spdlog::memory_buf_t& to, std::string_view text)
{
    for (const char c : text) {
        if (c == '\n')
            fmt::format_to(std::back_inserter(to), "\n    ");
        else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
            fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(c));
        else
            to.push_back(c);
    }
}

class TextFormatter final : public spdlog::formatter {
public:
    void format(const Record& record, spdlog::memory_buf_t& to) override
    {
        const auto out = std::back_inserter(to);
        fmt::format_to(out, "{} ", stampOf(record));
        record.color_range_start = to.size(); // what a terminal shows in the level's colour
        fmt::format_to(out, "{:8}", logLevelName(levelOf(record)));
        record.color_range_end = to.size();
        fmt::format_to(out, " [{}:{}] {}:{} {}: ", ::getpid(), record.thread_id, fileOf(record), record.source.line,
                       functionOf(record));
        appendSafely(to, {record.payload.data(), record.payload.size()});
        if (attachedStackTrace) {
            int number = 0;
            for (const auto& line : attachedStackTrace->describe())
                fmt::format_to(out, "\n    #{} {}", number++, line);
        }
        to.push_back('\n');
    }

    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<TextFormatter>(); }
};

class JsonFormatter final : public spdlog::formatter {
public:
    void format(const Record& record, spdlog::memory_buf_t& to) override
    {
        Json json;
        json["time"] = stampOf(record);
        json["level"] = logLevelName(levelOf(record));
        json["pid"] = ::getpid();
        json["thread"] = record.thread_id;
        json["file"] = fileOf(record);
        json["line"] = record.source.line;
        json["function"] = functionOf(record);
        json["message"] = std::string_view(record.payload.data(), record.payload.size());
        if (attachedStackTrace)
            json["stack"] = attachedStackTrace->describe();
        // A message that is no UTF-8 must not cost the record.
        to.append(json.dump(-1, ' ', false, Json::error_handler_t::replace));
        to.push_back('\n');
    }

    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

} // namespace

std::unique_ptr<spdlog::formatter> makeLogFormatter(LogFormat format)
{
    if (format == LogFormat::JsonLines)
        return std::make_unique<JsonFormatter>();
    return std::make_unique<TextFormatter>();
}

AttachedStackTrace::AttachedStackTrace(const StackTrace& stackTrace)
    : m_before(std::exchange(attachedStackTrace, stackTrace.isEmpty() ? nullptr : &stackTrace))
{
}

AttachedStackTrace::~AttachedStackTrace() { attachedStackTrace = m_before; }

spdlog::log_clock::time_point toLogTime(double utcSeconds)
{
    return spdlog::log_clock::time_point(std::chrono::microseconds(std::llround(utcSeconds * 1e6)));
}

std::string_view shortFunctionName(std::string_view signature)
{
    int depth = 0; // inside template arguments, where blanks and brackets don't count
    std::size_t start = 0;
    for (std::size_t i = 0; i < signature.size(); ++i) {
        const char c = signature[i];
        if (c == '<' || c == '>') {
            depth += c == '<' ? 1 : -1;
        } else if (c == '(' && signature.substr(i).starts_with("(anonymous namespace)")) {
            i += std::string_view("(anonymous namespace)").size() - 1;
        } else if (c == '(' && depth <= 0) {
            return signature.substr(start, i - start);
        } else if ((c == ' ' || c == '*' || c == '&') && depth <= 0) {
            start = i + 1;
        }
    }
    return signature.substr(start);
}

} // namespace btcai
