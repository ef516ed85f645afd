#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/remote/RangeFetcher.h"

namespace btcai {

/// The verified pages of a download that is not finished, in the folder "STORE.download" beside the store: a text that says
/// what is being downloaded, and one bar store a page, named after its time range, each written durably. So a
/// download that ended at any moment goes on with the first page that is not there.
class PartialDownload {
public:
    /// What tells one download from another.
    struct Identity {
        std::string exchange;
        std::string host;
        std::string symbol;
        std::string instrument;
        std::int64_t intervalSeconds = 0;
    };

    /// Opens or creates the folder. Throws Error(BadInput) when it belongs to another download (then the user decides:
    /// finish that one or remove the folder), Error(Io).
    PartialDownload(const std::filesystem::path& store, Identity identity);

    const std::filesystem::path& folder() const { return m_folder; }

    /// Throws Error(Io).
    void add(const FetchedPage& page);
    /// The stretches of [from, to) that no page covers, in increasing time.
    std::vector<PageRequest> uncovered(std::int64_t from, std::int64_t to) const;
    /// The bars of all pages within [from, to), in increasing time. A page whose file is damaged is removed and counts as
    /// not there: ask uncovered() afterwards. Throws RemoteError(ConflictingCandles) should two pages overlap and differ.
    std::vector<Bar> bars(std::int64_t from, std::int64_t to);
    std::size_t pages() const { return m_pages.size(); }

    /// Removes the folder: the download is finished or of no use.
    void remove();

private:
    struct Page {
        std::int64_t from = 0;
        std::int64_t to = 0;
    };

    std::filesystem::path pathOf(const Page& page) const;
    void checkIdentity() const;
    void findPages();

    std::filesystem::path m_folder;
    Identity m_identity;
    std::vector<Page> m_pages; ///< by time
};

} // namespace btcai
