#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/Json.h"
#include "base/StopToken.h"
#include "data/remote/RangeFetcher.h"

namespace btcai {

/// Bars that open at or after `from` and before `to`.
struct DownloadRequest {
    std::string symbol;       ///< as the exchange spells it
    std::string instrument{}; ///< as the store names it; empty: the symbol
    std::int64_t intervalSeconds = 0;
    std::int64_t from = 0; ///< rounded up to the grid
    std::int64_t to = 0;   ///< rounded down to the grid
    std::filesystem::path store;
};

struct DownloadProgress {
    std::int64_t from = 0; ///< of the whole download
    std::int64_t to = 0;
    std::int64_t coveredSeconds = 0; ///< of the range, what earlier tries left behind included
    std::int64_t resumedSeconds = 0; ///< what of it was there at the start
    std::size_t bars = 0;            ///< fetched now
    double elapsedSeconds = 0.0;
    double remainingSeconds = 0.0; ///< estimated from the pace so far
};

struct DownloadReport {
    std::int64_t from = 0;
    std::int64_t to = 0; ///< what was finished by our clock, at most what was asked
    std::size_t bars = 0;          ///< in the range
    std::size_t newBars = 0;       ///< of them new to the store
    std::size_t verifiedBars = 0;  ///< of them in the store before, and equal
    std::size_t missingBars = 0;   ///< of the range; the exchange has no candle, after asking twice
    std::size_t storeOnlyBars = 0; ///< of the range: in the store but not at the exchange; they stay
    std::size_t resumedPages = 0;  ///< from an earlier try
    FetchCounts counts;

    Json toJson() const;
};

/// Downloads candles of one instrument into a bar store.
///
/// The store changes once, at the very end, by one durable write, when every page is there and agrees with it; so after any
/// failure, break or kill it is byte for byte as it was. Verified pages are kept aside (PartialDownload) and the next try
/// with the same store goes on after them. A bar in the store that the exchange gives with another value ends the
/// download with RemoteError(StoreDisagrees), and what was kept aside is dropped. Values agree when they differ by
/// no more than one part in 10^9, so that an import from a file of rounded decimals passes.
class HistoryDownloader {
public:
    using Progress = std::function<void(const DownloadProgress&)>;

    HistoryDownloader(ExchangeConfig config, FetchOptions options, RemoteServices services = {})
        : m_config(std::move(config)), m_options(options), m_services(std::move(services))
    {
    }

    /// Blocks, with an event loop of its own, in any thread where Qt may be used. Throws RemoteError for all that
    /// can go wrong with the exchange, Error(BadInput) for a request or store that does not fit, Error(Io) for the disk and
    /// for a second download into the same store, Error(Cancelled) when asked to stop. `progress` is called after every
    /// page, in the same thread.
    DownloadReport run(const DownloadRequest& request, const StopToken& stop = {}, const Progress& progress = {});

private:
    ExchangeConfig m_config;
    FetchOptions m_options;
    RemoteServices m_services;
};

} // namespace btcai
