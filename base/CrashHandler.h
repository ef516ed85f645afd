#pragma once

#include "base/Log.h"

namespace btcai {

/// Makes a crash leave a trace: on SIGSEGV, SIGABRT, SIGBUS, SIGFPE and SIGILL, a record of level critical with signal,
/// address and stack goes to the file of the current LogSession and to stderr, and then the signal takes its course
/// (core dump, sanitizer's report, exit status). An exception that nobody catches is logged with its message first.
/// Before and after, only async-signal-safe functions and backtrace(), which is made ready here, are used; names in the
/// trace are mangled (c++filt).
///
/// Call once, early in main(), from the main thread: only that one also survives an overflow of its own stack.
void installCrashHandler();

/// Where the handler writes besides stderr, -1 for nowhere, and in which form. Called by the LogSession.
void setCrashLog(int descriptor, LogFormat format) noexcept;

} // namespace btcai
