#include "base/StackTrace.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>

#include <fmt/core.h>

namespace btcai {

namespace {

std::string demangled(const char* symbol)
{
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status),
                                                           &std::free);
    return status == 0 && name ? name.get() : symbol;
}

std::string describeFrame(const void* address)
{
    const auto value = reinterpret_cast<std::uintptr_t>(address);
    Dl_info info{};
    // A frame returns to after its call, which may be the start of the next function already.
    if (!::dladdr(reinterpret_cast<const void*>(value - 1), &info) || !info.dli_fname)
        return fmt::format("0x{:x}", value);
    const std::string_view path = info.dli_fname;
    const std::string_view file = path.substr(path.rfind('/') + 1);
    if (!info.dli_sname)
        return fmt::format("+0x{:x} ({})", value - reinterpret_cast<std::uintptr_t>(info.dli_fbase), file);
    return fmt::format("{}+0x{:x} ({})", demangled(info.dli_sname),
                       value - reinterpret_cast<std::uintptr_t>(info.dli_saddr), file);
}

} // namespace

// Not inlined, so that the frame to leave out is always there.
[[gnu::noinline]] StackTrace StackTrace::here(int skip) noexcept
{
    StackTrace trace;
    const int size = ::backtrace(trace.m_frames.data(), maxFrames);
    const int left = std::clamp(skip + 1, 0, size);
    std::copy(trace.m_frames.begin() + left, trace.m_frames.begin() + size, trace.m_frames.begin());
    trace.m_size = size - left;
    return trace;
}

std::vector<std::string> StackTrace::describe() const
{
    std::vector<std::string> lines;
    for (int i = 0; i < m_size; ++i)
        lines.push_back(describeFrame(m_frames[i]));
    return lines;
}

} // namespace btcai
