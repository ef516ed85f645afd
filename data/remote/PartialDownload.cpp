#include "data/remote/PartialDownload.h"

#include <algorithm>
#include <charconv>

#include "base/DurableFile.h"
#include "base/Json.h"
#include "base/Log.h"
#include "base/ReadFile.h"
#include "data/bars/BarStore.h"

namespace btcai {

namespace {

constexpr std::string_view kSuffix = ".h5";
constexpr const char* kIdentityFile = "download.json";
constexpr std::size_t kLargestIdentity = 64 << 10;

std::string textOf(const PartialDownload::Identity& identity)
{
    const Json json = {{"format", 1},
                       {"exchange", identity.exchange},
                       {"host", identity.host},
                       {"symbol", identity.symbol},
                       {"instrument", identity.instrument},
                       {"interval_seconds", identity.intervalSeconds}};
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Takes a whole number and what follows it off the front.
bool takeNumber(std::string_view& text, std::int64_t& value, std::string_view follows)
{
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (status != std::errc() || !text.starts_with(follows))
        return false;
    text.remove_prefix(follows.size());
    return true;
}

} // namespace

PartialDownload::PartialDownload(const std::filesystem::path& store, Identity identity)
    : m_folder(store.string() + ".download"), m_identity(std::move(identity))
{
    createDirectoriesDurably(m_folder);
    sweepTemporaries(m_folder);
    if (std::filesystem::exists(m_folder / kIdentityFile))
        checkIdentity();
    else
        writeFileDurably(m_folder / kIdentityFile, textOf(m_identity));
    findPages();
}

void PartialDownload::checkIdentity() const
{
    if (readFile(m_folder / kIdentityFile, kLargestIdentity) != textOf(m_identity))
        throw Error(ErrorKind::BadInput, "{}: belongs to a download of something else; finish that one first, or remove the folder",
                    m_folder.string());
}

void PartialDownload::findPages()
{
    for (const auto& entry : std::filesystem::directory_iterator(m_folder)) {
        const std::string name = entry.path().filename().string();
        std::string_view rest = name;
        Page page;
        if (takeNumber(rest, page.from, "-") && takeNumber(rest, page.to, kSuffix) && rest.empty() && page.from < page.to)
            m_pages.push_back(page);
    }
    std::ranges::sort(m_pages, {}, &Page::from);
}

std::filesystem::path PartialDownload::pathOf(const Page& page) const
{
    return m_folder / fmt::format("{}-{}{}", page.from, page.to, kSuffix);
}

void PartialDownload::add(const FetchedPage& fetched)
{
    const Page page{fetched.from, fetched.to};
    BarStore::write(BarSeries::fromBars(m_identity.instrument, m_identity.intervalSeconds, fetched.bars), pathOf(page));
    m_pages.insert(std::ranges::upper_bound(m_pages, page.from, {}, &Page::from), page);
}

std::vector<PageRequest> PartialDownload::uncovered(std::int64_t from, std::int64_t to) const
{
    std::vector<PageRequest> ranges;
    const auto addRange = [&](std::int64_t end) {
        if (from < end)
            ranges.push_back({m_identity.symbol, m_identity.intervalSeconds, from, end});
    };
    for (const Page& page : m_pages) {
        addRange(std::min(page.from, to));
        from = std::max(from, page.to);
    }
    addRange(to);
    return ranges;
}

std::vector<Bar> PartialDownload::bars(std::int64_t from, std::int64_t to)
{
    std::vector<Bar> all;
    std::vector<Page> sound;
    for (const Page& page : m_pages) {
        try {
            const BarSeries series = BarStore::read(pathOf(page));
            std::vector<Bar> bars;
            for (std::size_t i = series.lowerBound(from); i < series.lowerBound(to); ++i)
                if (const auto bar = series.bar(i))
                    bars.push_back(*bar);
            const bool isBehind = all.empty() || bars.empty() || bars.front().timestamp > all.back().timestamp;
            if (isBehind)
                all.insert(all.end(), bars.begin(), bars.end());
            else
                all = joinBars(all, bars);
            sound.push_back(page);
        } catch (const RemoteError&) {
            throw;
        } catch (const Error& error) {
            logWarning("{}; the page is downloaded again", error.what());
            std::filesystem::remove(pathOf(page));
        }
    }
    m_pages = std::move(sound);
    return all;
}

void PartialDownload::remove()
{
    std::error_code ignored; // what stays behind is only ever read again as the same download
    std::filesystem::remove_all(m_folder, ignored);
    m_pages.clear();
}

} // namespace btcai
