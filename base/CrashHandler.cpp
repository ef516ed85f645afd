#include "base/CrashHandler.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string_view>

#include <dlfcn.h>
#include <execinfo.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace btcai {

namespace {

constexpr std::array crashSignals = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
constexpr int maxFrames = 64;

std::array<struct sigaction, crashSignals.size()> previousActions;
std::atomic<int> crashDescriptor{-1};
std::atomic<LogFormat> crashFormat{LogFormat::Text};
std::atomic<pid_t> crashingThread{0};
alignas(16) std::array<char, 64 * 1024> alternateStack; // where the ordinary stack may be used up

static_assert(std::atomic<int>::is_always_lock_free && std::atomic<LogFormat>::is_always_lock_free);

/// Text for a descriptor, put together without a single allocation.
class SignalSafeWriter {
public:
    explicit SignalSafeWriter(int descriptor) : m_descriptor(descriptor) {}
    SignalSafeWriter(const SignalSafeWriter&) = delete;
    SignalSafeWriter& operator=(const SignalSafeWriter&) = delete;
    ~SignalSafeWriter() { flush(); }

    SignalSafeWriter& operator<<(std::string_view text)
    {
        for (const char c : text)
            put(c);
        return *this;
    }

    SignalSafeWriter& number(std::uint64_t value, unsigned base = 10, int width = 1)
    {
        char digits[64];
        int count = 0;
        do {
            digits[count++] = "0123456789abcdef"[value % base];
            value /= base;
        } while (value > 0 || count < width);
        while (count > 0)
            put(digits[--count]);
        return *this;
    }

private:
    void put(char c)
    {
        if (m_size == m_buffer.size())
            flush();
        m_buffer[m_size++] = c;
    }

    void flush()
    {
        (void)!::write(m_descriptor, m_buffer.data(), m_size); // there is nothing to be done about a failure
        m_size = 0;
    }

    int m_descriptor;
    std::array<char, 1024> m_buffer;
    std::size_t m_size = 0;
};

std::string_view signalName(int signal)
{
    switch (signal) {
    case SIGSEGV: return "SIGSEGV";
    case SIGABRT: return "SIGABRT";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    default: return "signal";
    }
}

/// gmtime_r may take a lock, so the date is worked out here: days to civil, after Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms".
void writeStamp(SignalSafeWriter& out)
{
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const auto seconds = static_cast<std::uint64_t>(now.tv_sec);
    const std::uint64_t days = seconds / 86'400 + 719'468; // since 0000-03-01
    const std::uint64_t era = days / 146'097;
    const std::uint64_t dayOfEra = days % 146'097;
    const std::uint64_t yearOfEra = (dayOfEra - dayOfEra / 1'460 + dayOfEra / 36'524 - dayOfEra / 146'096) / 365;
    const std::uint64_t dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    const std::uint64_t marchMonth = (5 * dayOfYear + 2) / 153;
    const std::uint64_t month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
    out.number(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 10, 4) << "-";
    out.number(month, 10, 2) << "-";
    out.number(dayOfYear - (153 * marchMonth + 2) / 5 + 1, 10, 2) << "T";
    out.number(seconds / 3600 % 24, 10, 2) << ":";
    out.number(seconds / 60 % 60, 10, 2) << ":";
    out.number(seconds % 60, 10, 2) << ".";
    out.number(static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000, 10, 3) << "Z";
}

/// dladdr takes no lock that a crashed thread could hold except in the middle of loading a library.
void writeFrame(SignalSafeWriter& out, std::uintptr_t value, std::uintptr_t programCounter)
{
    Dl_info info{};
    // A frame returns to after its call, which may be the start of the next function already. Only that of a fault is
    // exact.
    const std::uintptr_t inside = value == programCounter ? value : value - 1;
    if (!::dladdr(reinterpret_cast<const void*>(inside), &info) || !info.dli_fname) {
        (out << "0x").number(value, 16);
        return;
    }
    const void* const base = info.dli_sname ? info.dli_saddr : info.dli_fbase;
    (out << (info.dli_sname ? info.dli_sname : "") << "+0x").number(value - reinterpret_cast<std::uintptr_t>(base), 16);
    const std::string_view path = info.dli_fname;
    out << " (" << path.substr(path.rfind('/') + 1) << ")";
}

/// Where the interrupted code stood; 0 where the processor is not known here, which costs a name in the trace at most.
std::uintptr_t programCounterOf(const void* context)
{
    [[maybe_unused]] const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return static_cast<std::uintptr_t>(machine.pc);
#else
    return 0;
#endif
}

struct Crash {
    int signal;
    std::uintptr_t address;
    std::uintptr_t programCounter;
    pid_t thread;
    void** frames;
    int size;
};

void writeFrame(SignalSafeWriter& out, const Crash& crash, int number)
{
    writeFrame(out, reinterpret_cast<std::uintptr_t>(crash.frames[number]), crash.programCounter);
}

void writeText(int descriptor, const Crash& crash)
{
    SignalSafeWriter out(descriptor);
    writeStamp(out);
    (out << " critical [").number(static_cast<std::uint64_t>(::getpid())) << ":";
    out.number(static_cast<std::uint64_t>(crash.thread)) << "] crash: " << signalName(crash.signal) << " at address 0x";
    out.number(crash.address, 16);
    for (int i = 0; i < crash.size; ++i) {
        (out << "\n    #").number(static_cast<std::uint64_t>(i)) << " ";
        writeFrame(out, crash, i);
    }
    out << "\n";
}

/// Nothing needs escaping: symbols and the names of our files have neither quotes nor backslashes.
void writeJson(int descriptor, const Crash& crash)
{
    SignalSafeWriter out(descriptor);
    out << R"({"time":")";
    writeStamp(out);
    (out << R"(","level":"critical","pid":)").number(static_cast<std::uint64_t>(::getpid()));
    (out << R"(,"thread":)").number(static_cast<std::uint64_t>(crash.thread));
    out << R"(,"file":"","line":0,"function":"","message":"crash: )" << signalName(crash.signal) << " at address 0x";
    out.number(crash.address, 16) << R"(","stack":[)";
    for (int i = 0; i < crash.size; ++i) {
        out << (i == 0 ? "\"" : ",\"");
        writeFrame(out, crash, i);
        out << "\"";
    }
    out << "]}\n";
}

void restorePrevious(int signal)
{
    for (std::size_t i = 0; i < crashSignals.size(); ++i)
        if (crashSignals[i] == signal)
            ::sigaction(signal, &previousActions[i], nullptr);
}

void onCrash(int signal, siginfo_t* info, void* context)
{
    const auto thread = static_cast<pid_t>(::syscall(SYS_gettid));
    pid_t nobody = 0;
    if (!crashingThread.compare_exchange_strong(nobody, thread)) {
        if (nobody != thread) // another thread is writing its trace; the process ends when it is done
            for (;;)
                ::pause();
    } else {
        void* frames[maxFrames];
        const int size = ::backtrace(frames, maxFrames);
        const bool hasAddress = info->si_code > 0;
        const Crash crash{signal,
                          hasAddress ? reinterpret_cast<std::uintptr_t>(info->si_addr) : 0,
                          programCounterOf(context),
                          thread,
                          frames,
                          size};
        writeText(STDERR_FILENO, crash);
        const int descriptor = crashDescriptor.load();
        if (descriptor != -1 && crashFormat.load() == LogFormat::JsonLines)
            writeJson(descriptor, crash);
        else if (descriptor != -1)
            writeText(descriptor, crash);
    }
    restorePrevious(signal);
    // A fault happens again on return; a signal that was sent must be sent again.
    if (info->si_code <= 0)
        ::raise(signal);
}

[[noreturn]] void onTerminate()
{
    try {
        if (const std::exception_ptr uncaught = std::current_exception())
            std::rethrow_exception(uncaught);
        logCritical("the program ends: std::terminate was called");
    } catch (const std::exception& error) {
        logException(error, "the program ends: nobody caught an exception");
    } catch (...) {
        logCritical("the program ends: nobody caught an exception of unknown type");
    }
    std::abort();
}

} // namespace

void installCrashHandler()
{
    void* frames[2];
    (void)::backtrace(frames, 2); // the first call loads the unwinder, which may not happen in a handler
    stack_t stack{};
    stack.ss_sp = alternateStack.data();
    stack.ss_size = alternateStack.size();
    ::sigaltstack(&stack, nullptr);
    struct sigaction action {};
    action.sa_sigaction = &onCrash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < crashSignals.size(); ++i)
        ::sigaction(crashSignals[i], &action, &previousActions[i]);
    std::set_terminate(&onTerminate);
}

void setCrashLog(int descriptor, LogFormat format) noexcept
{
    crashFormat = format;
    crashDescriptor = descriptor;
}

} // namespace btcai
