#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/Clock.h"
#include "data/remote/Backoff.h"
#include "data/remote/Delays.h"
#include "data/remote/HttpGetter.h"
#include "data/remote/PageCheck.h"

namespace btcai {

struct FetchOptions {
    int maxTries = 7;                  ///< of one page, before its last fault becomes the error
    double firstBackoffSeconds = 1.0;
    double longestBackoffSeconds = 60.0;
    double longestRetryAfterSeconds = 600.0; ///< a server that asks for a longer wait ends the download
    double settleSeconds = 3.0;        ///< how long after its time is over a candle counts as finished
    double maxClockSkewSeconds = 60.0; ///< between the header Date and our clock
    std::uint64_t seed = 0;            ///< of the jitter
    HttpLimits http{};
};

/// What a fetcher runs on; tests bring their own.
struct RemoteServices {
    std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();
    std::shared_ptr<Delays> delays = std::make_shared<TimerDelays>();
};

/// One page of checked bars: those of [from, to) that the exchange has, in increasing time.
struct FetchedPage {
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::vector<Bar> bars;
};

struct FetchCounts {
    PageCounts pages;
    std::size_t requests = 0;
    std::size_t retries = 0;
    std::size_t reasked = 0; ///< pages asked a second time because bars were missing
};

/// Fetches ranges of candles page by page, oldest first: keeps to the rate limits, tries again after what isTransient()
/// says, checks every page (checkPage), and asks once more for the stretch of a page in which bars are missing; what is
/// missing then, the exchange does not have. Lives in one thread with an event loop.
class RangeFetcher : public QObject {
    Q_OBJECT

public:
    struct Handlers {
        std::function<void(const FetchedPage&)> page;         ///< may throw; that ends the fetching
        std::function<void()> done;
        std::function<void(std::exception_ptr)> failed;       ///< RemoteError, or what `page` threw
    };

    /// Throws as ExchangeClient and tlsConfiguration do.
    RangeFetcher(const ExchangeConfig& config, FetchOptions options, RemoteServices services, QObject* parent = nullptr);

    /// Starts with these ranges (all of one symbol and interval, on the grid). What is not finished by our clock is left out.
    /// One of done and failed is called later, once, from the event loop. Throws RemoteError(TooFarBack) or Error(BadInput)
    /// at once for what the exchange cannot give.
    void start(std::vector<PageRequest> ranges, Handlers handlers);
    void cancel();
    bool isRunning() const { return m_running; }

    const FetchCounts& counts() const { return m_counts; }
    const ExchangeClient& client() const { return m_client; }
    /// Bars that open before it are finished by our clock.
    std::int64_t finishedUntil(std::int64_t intervalSeconds) const;

private:
    void nextPage();
    void ask();
    void onOutcome(HttpGetter::Outcome outcome);
    void onReply(const HttpReply& reply);
    void acceptPage(std::vector<Bar> bars);
    void tryAgain(const RemoteError& error);
    void fail(std::exception_ptr error);
    void checkClock(const HttpReply& reply) const;
    double secondsToNextRequest() const;
    void guarded(const std::function<void()>& step);

    ExchangeClient m_client;
    FetchOptions m_options;
    RemoteServices m_services;
    HttpGetter m_http;
    Backoff m_backoff;

    Handlers m_handlers;
    std::vector<PageRequest> m_ranges; ///< what is left to ask, oldest last
    PageRequest m_page;                ///< what is being fetched
    PageRequest m_asked;               ///< the page, or its missing stretch when it is asked again
    std::vector<Bar> m_bars;           ///< of the page so far
    bool m_reasking = false;
    bool m_running = false;
    std::uint64_t m_run = 0;           ///< tells the delays of an earlier run apart
    double m_lastRequest = -1e9;       ///< steady seconds
    double m_pausedUntil = -1e9;       ///< by a weight near its limit
    FetchCounts m_counts;
};

} // namespace btcai
