#include "base/LogArchiver.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zlib.h>

#include "base/DurableFile.h"
#include "base/Error.h"

namespace btcai {

namespace fs = std::filesystem;

namespace {

void compress(const fs::path& from, const fs::path& to)
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(from.c_str(), "rbe"), &std::fclose);
    gzFile out = in ? gzopen(to.c_str(), "wb6e") : nullptr;
    if (!out)
        throw Error(ErrorKind::Io, "{}: cannot be compressed", from.string());
    bool isGood = true;
    std::vector<char> buffer(1 << 16);
    while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), in.get()))
        isGood = isGood && gzwrite(out, buffer.data(), static_cast<unsigned>(size)) == static_cast<int>(size);
    isGood = gzclose(out) == Z_OK && isGood && !std::ferror(in.get());
    if (!isGood)
        throw Error(ErrorKind::Io, "{}: cannot be compressed", from.string());
}

/// Whether `name` is "LOG.YYYYMMDD-HHMMSS-NNN", with or without ".gz".
bool isArchive(std::string_view name, const std::string& log)
{
    if (!name.starts_with(log + "."))
        return false;
    name.remove_prefix(log.size() + 1);
    if (name.ends_with(".gz"))
        name.remove_suffix(3);
    const std::string_view pattern = "00000000-000000-000";
    return std::equal(name.begin(), name.end(), pattern.begin(), pattern.end(),
                      [](char c, char p) { return p == '0' ? c >= '0' && c <= '9' : c == p; });
}

} // namespace

LogArchiver::LogArchiver(fs::path log, std::size_t maxArchives)
    : m_log(std::move(log)), m_maxArchives(maxArchives), m_thread([this] { run(); })
{
}

LogArchiver::~LogArchiver()
{
    {
        const std::lock_guard lock(m_mutex);
        m_isStopping = true;
    }
    m_changed.notify_all();
    m_thread.join();
}

void LogArchiver::notify()
{
    {
        const std::lock_guard lock(m_mutex);
        m_isDue = true;
    }
    m_changed.notify_all();
}

void LogArchiver::wait()
{
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return !m_isDue && !m_isBusy; });
}

void LogArchiver::run()
{
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, [this] { return m_isDue || m_isStopping; });
        if (!m_isDue)
            return;
        m_isDue = false;
        m_isBusy = true;
        lock.unlock();
        try {
            archiveAll();
        } catch (const std::exception&) {
            // Nobody to tell: the log itself may be what fails. The files stay and are tried again.
        }
        lock.lock();
        m_isBusy = false;
        m_changed.notify_all();
    }
}

void LogArchiver::archiveAll() const
{
    std::error_code ignored;
    const fs::path folder = m_log.has_parent_path() ? m_log.parent_path() : fs::path(".");
    std::vector<fs::path> archives;
    for (auto entry = fs::directory_iterator(folder, ignored); entry != fs::directory_iterator();
         entry.increment(ignored))
        if (isArchive(entry->path().filename().string(), m_log.filename().string()))
            archives.push_back(entry->path());
    // The stamps sort by time. The oldest go first, and free the space that compressing needs.
    std::sort(archives.begin(), archives.end(), [](const fs::path& a, const fs::path& b) { return b < a; });
    while (archives.size() > m_maxArchives) {
        fs::remove(archives.back(), ignored);
        archives.pop_back();
    }
    sweepTemporaries(folder);
    for (const fs::path& archive : archives) {
        if (archive.extension() == ".gz")
            continue;
        writeFileDurablyBy(archive.string() + ".gz", [&](const fs::path& temporary) { compress(archive, temporary); });
        fs::remove(archive, ignored);
    }
}

} // namespace btcai
