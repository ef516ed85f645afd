#include "data/remote/HistoryDownloader.h"

#include <algorithm>
#include <cmath>

#include <QEventLoop>
#include <QLockFile>
#include <QTimer>

#include "data/bars/BarStore.h"
#include "data/remote/PartialDownload.h"

namespace btcai {

namespace {

constexpr int kStopPollMs = 50;
constexpr double kAgreement = 1e-9;

bool agree(double a, double b) { return std::abs(a - b) <= kAgreement * std::max(std::abs(a), std::abs(b)); }

bool agree(const Bar& a, const Bar& b)
{
    return agree(a.open, b.open) && agree(a.high, b.high) && agree(a.low, b.low) && agree(a.close, b.close) && agree(a.volume, b.volume);
}

std::string shown(const Bar& bar)
{
    return fmt::format("open {} high {} low {} close {} volume {}", bar.open, bar.high, bar.low, bar.close, bar.volume);
}

/// The bar that opens at `time`, or nothing.
std::optional<Bar> barAt(const BarSeries& series, std::int64_t time)
{
    const std::size_t i = series.lowerBound(time);
    return i < series.size() && series.timestamp(i) == time ? series.bar(i) : std::nullopt;
}

/// How many of the bars the store holds already. Throws RemoteError(StoreDisagrees).
std::size_t verify(const BarSeries& store, const std::vector<Bar>& bars)
{
    std::size_t verified = 0;
    for (const Bar& bar : bars) {
        const auto stored = barAt(store, bar.timestamp);
        if (stored && !agree(*stored, bar))
            throw RemoteError(RemoteFault::StoreDisagrees,
                              "the bar of {} differs: the store has {}, the exchange {}; is the store of another exchange or symbol?",
                              formatUtc(bar.timestamp), shown(*stored), shown(bar));
        verified += stored ? 1 : 0;
    }
    return verified;
}

/// The store's series of this instrument and interval; an empty one where the store, or that series in it, isn't there yet.
BarSeries readStore(const DownloadRequest& request)
{
    const SeriesId id = SeriesId::bars(request.instrument, request.intervalSeconds);
    if (!std::filesystem::exists(request.store) || std::ranges::count(BarStore::list(request.store), id, &StoredSeries::id) == 0)
        return BarSeries(request.instrument, request.intervalSeconds);
    return BarStore::read(request.store, id);
}

DownloadRequest onGrid(DownloadRequest request)
{
    if (request.instrument.empty())
        request.instrument = request.symbol;
    const BarSeries checked(request.instrument, request.intervalSeconds); // throws for an interval that divides no day
    if (request.from < 0 || request.from >= request.to)
        throw Error(ErrorKind::BadInput, "the range is empty: from {} to {}", request.from, request.to);
    request.from = gridFloor(request.from + request.intervalSeconds - 1, request.intervalSeconds);
    request.to = gridFloor(request.to, request.intervalSeconds);
    return request;
}

/// One run: everything that must happen between the first page and the last.
class Run {
public:
    Run(const ExchangeConfig& config, const FetchOptions& options, const RemoteServices& services, DownloadRequest request,
        const StopToken& stop, const HistoryDownloader::Progress& progress)
        : m_request(std::move(request)), m_services(services), m_stop(stop), m_progress(progress), m_store(readStore(m_request)),
          m_fetcher(config, options, services)
    {
        m_fetcher.client().checkInterval(m_request.intervalSeconds);
        m_request.to = std::min(m_request.to, m_fetcher.finishedUntil(m_request.intervalSeconds));
        if (m_request.from >= m_request.to)
            throw Error(ErrorKind::BadInput, "no bar of the range that starts at {} is finished yet; take an earlier start",
                        formatUtc(m_request.from));
    }

    DownloadReport download(PartialDownload& partial)
    {
        m_stop.throwIfStopped();
        std::vector<Bar> bars = partial.bars(m_request.from, m_request.to);
        const std::size_t resumed = partial.pages();
        try {
            verify(m_store, bars);
            fetch(partial);
            bars = partial.bars(m_request.from, m_request.to);
            DownloadReport report = commit(bars);
            report.resumedPages = resumed;
            return report;
        } catch (const RemoteError& error) {
            if (error.fault() == RemoteFault::StoreDisagrees)
                partial.remove(); // or the next try would start from the same bars
            throw;
        }
    }

private:
    void fetch(PartialDownload& partial)
    {
        std::vector<PageRequest> ranges = partial.uncovered(m_request.from, m_request.to);
        m_resumed = covered(partial);
        m_started = m_services.clock->steadySeconds();
        QEventLoop loop;
        QTimer poll;
        QObject::connect(&poll, &QTimer::timeout, &loop, [&] {
            if (m_stop.stopRequested())
                loop.quit();
        });
        std::exception_ptr failure;
        m_fetcher.start(std::move(ranges), {.page =
                                                [&](const FetchedPage& page) {
                                                    m_stop.throwIfStopped();
                                                    verify(m_store, page.bars);
                                                    partial.add(page);
                                                    tell(partial, page.bars.size());
                                                },
                                            .done = [&] { loop.quit(); },
                                            .failed =
                                                [&](std::exception_ptr error) {
                                                    failure = std::move(error);
                                                    loop.quit();
                                                }});
        poll.start(kStopPollMs);
        loop.exec();
        m_fetcher.cancel();
        if (failure)
            std::rethrow_exception(failure);
        m_stop.throwIfStopped();
    }

    std::int64_t covered(const PartialDownload& partial) const
    {
        std::int64_t seconds = m_request.to - m_request.from;
        for (const PageRequest& range : partial.uncovered(m_request.from, m_request.to))
            seconds -= range.to - range.from;
        return seconds;
    }

    void tell(const PartialDownload& partial, std::size_t bars)
    {
        m_fetched += bars;
        if (!m_progress)
            return;
        DownloadProgress progress{.from = m_request.from, .to = m_request.to, .resumedSeconds = m_resumed, .bars = m_fetched};
        progress.coveredSeconds = covered(partial);
        progress.elapsedSeconds = m_services.clock->steadySeconds() - m_started;
        const auto done = static_cast<double>(progress.coveredSeconds - m_resumed);
        const auto left = static_cast<double>(progress.to - progress.from - progress.coveredSeconds);
        progress.remainingSeconds = done > 0.0 ? progress.elapsedSeconds / done * left : 0.0;
        m_progress(progress);
    }

    DownloadReport commit(const std::vector<Bar>& bars)
    {
        if (bars.empty())
            throw RemoteError(RemoteFault::NoCandles, "the exchange has no candle of {} from {} up to {}; check the symbol and the dates",
                              m_request.symbol, formatUtc(m_request.from), formatUtc(m_request.to));
        m_store = readStore(m_request); // another program may have written it meanwhile
        DownloadReport report;
        report.from = m_request.from;
        report.to = m_request.to;
        report.bars = bars.size();
        report.verifiedBars = verify(m_store, bars);
        report.newBars = bars.size() - report.verifiedBars;
        report.missingBars = static_cast<std::size_t>((m_request.to - m_request.from) / m_request.intervalSeconds) - bars.size();
        report.counts = m_fetcher.counts();
        for (std::size_t i = m_store.lowerBound(m_request.from); i < m_store.lowerBound(m_request.to); ++i)
            report.storeOnlyBars += m_store.present(i) ? 1 : 0;
        report.storeOnlyBars -= report.verifiedBars;
        if (report.newBars > 0)
            append(bars);
        return report;
    }

    /// Adds what the store lacks, and where it came from.
    void append(const std::vector<Bar>& bars)
    {
        std::vector<Bar> fresh;
        std::ranges::copy_if(bars, std::back_inserter(fresh), [&](const Bar& bar) { return !barAt(m_store, bar.timestamp); });
        const BarSeries series = BarSeries::fromBars(m_request.instrument, m_request.intervalSeconds, fresh);
        const ExchangeConfig& config = m_fetcher.client().config();
        BarStore::append(series, m_request.store,
                         Provenance::now({{config.restUrl, series.contentHash()}},
                                         {{"exchange", exchangeName(config.exchange)},
                                          {"symbol", m_request.symbol},
                                          {"from", formatUtc(m_request.from)},
                                          {"to", formatUtc(m_request.to)}}));
    }

    DownloadRequest m_request;
    const RemoteServices& m_services;
    const StopToken& m_stop;
    const HistoryDownloader::Progress& m_progress;
    BarSeries m_store;
    RangeFetcher m_fetcher;
    std::int64_t m_resumed = 0;
    std::size_t m_fetched = 0;
    double m_started = 0.0;
};

} // namespace

Json DownloadReport::toJson() const
{
    return {{"from", formatUtc(from)},
            {"to", formatUtc(to)},
            {"bars", bars},
            {"new_bars", newBars},
            {"verified_bars", verifiedBars},
            {"missing_bars", missingBars},
            {"store_only_bars", storeOnlyBars},
            {"resumed_pages", resumedPages},
            {"duplicates_dropped", counts.pages.duplicates},
            {"outside_dropped", counts.pages.outside},
            {"unfinished_dropped", counts.pages.unfinished},
            {"pages_reasked", counts.reasked},
            {"requests", counts.requests},
            {"retries", counts.retries}};
}

DownloadReport HistoryDownloader::run(const DownloadRequest& asked, const StopToken& stop, const Progress& progress)
{
    const DownloadRequest request = onGrid(asked);
    Run download(m_config, m_options, m_services, request, stop, progress);
    QLockFile lock(QString::fromStdString(request.store.string() + ".download.lock"));
    lock.setStaleLockTime(0); // only the death of its process makes a lock stale
    if (!lock.tryLock())
        throw Error(ErrorKind::Io, "{}: another download into it is running, or its folder cannot be written", request.store.string());
    PartialDownload partial(request.store,
                            {.exchange = std::string(exchangeName(m_config.exchange)),
                             .host = QUrl(QString::fromStdString(m_config.restUrl)).host().toStdString(),
                             .symbol = request.symbol,
                             .instrument = request.instrument,
                             .intervalSeconds = request.intervalSeconds});
    try {
        DownloadReport report = download.download(partial);
        partial.remove();
        return report;
    } catch (...) {
        if (partial.pages() == 0) // nothing to go on with
            partial.remove();
        throw;
    }
}

} // namespace btcai
