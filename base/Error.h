#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/StackTrace.h"

namespace btcai {

/// Why an operation failed, as far as a caller can act on it.
enum class ErrorKind {
    BadInput,    ///< a file, option or message from outside is malformed or out of range
    Io,          ///< the operating system refused: missing file, no permission, full disk
    Corrupt,     ///< a file of ours that is cut short or fails its checksum
    Unsupported, ///< a version, device or feature this build does not have
    Protocol,    ///< a peer broke the worker protocol, or an exchange its API
    Numeric,     ///< a NaN or infinity where a finite number must stand
    Cancelled,   ///< a person or the program asked to stop
    Internal,    ///< a bug of ours, reported instead of crashing
};

/// The stable lower-case name of a kind ("bad-input", ...), as printed with --json.
std::string_view errorKindName(ErrorKind kind);

/// The exit code of `btcai` for a kind: 2 for bad input, 3 and up for the others. Stable across versions.
int exitCode(ErrorKind kind);

/// A failed operation. The message names the file, line or field at fault and says what to do. It remembers where it
/// was thrown, for the log.
class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message)
        : std::runtime_error(message), m_kind(kind), m_stackTrace(StackTrace::here())
    {
    }

    template <typename... Args>
    Error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) requires(sizeof...(Args) > 0)
        : Error(kind, fmt::format(format, std::forward<Args>(args)...))
    {
    }

    ErrorKind kind() const noexcept { return m_kind; }
    const StackTrace& stackTrace() const noexcept { return m_stackTrace; }

private:
    ErrorKind m_kind;
    StackTrace m_stackTrace;
};

} // namespace btcai
