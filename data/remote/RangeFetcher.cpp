#include "data/remote/RangeFetcher.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/Log.h"

namespace btcai {

namespace {

constexpr double kWeightShare = 0.8; ///< of the limit of a minute, before we pause: others may share our address

void checkRange(const PageRequest& range)
{
    if (range.symbol.empty())
        throw Error(ErrorKind::BadInput, "the symbol is empty; name one as the exchange spells it");
    if (range.from < 0 || range.from >= range.to || range.from % range.intervalSeconds != 0 || range.to % range.intervalSeconds != 0)
        throw Error(ErrorKind::BadInput, "the range {} to {} is empty or off the grid of {} s", range.from, range.to,
                    range.intervalSeconds);
}

} // namespace

RangeFetcher::RangeFetcher(const ExchangeConfig& config, FetchOptions options, RemoteServices services, QObject* parent)
    : QObject(parent), m_client(config), m_options(options), m_services(std::move(services)), m_http(config.caFile, options.http),
      m_backoff(options.firstBackoffSeconds, options.longestBackoffSeconds, options.seed)
{
}

std::int64_t RangeFetcher::finishedUntil(std::int64_t intervalSeconds) const
{
    return gridFloor(static_cast<std::int64_t>(std::floor(m_services.clock->utcSeconds() - m_options.settleSeconds)), intervalSeconds);
}

void RangeFetcher::start(std::vector<PageRequest> ranges, Handlers handlers)
{
    const std::int64_t kept = m_client.rules().keptCandles;
    for (PageRequest& range : ranges) {
        m_client.checkInterval(range.intervalSeconds);
        checkRange(range);
        range.to = std::min(range.to, finishedUntil(range.intervalSeconds));
        const auto now = static_cast<std::int64_t>(m_services.clock->utcSeconds());
        if (const std::int64_t oldest = gridFloor(now, range.intervalSeconds) - (kept - 1) * range.intervalSeconds;
            kept > 0 && range.from < oldest)
            throw RemoteError(RemoteFault::TooFarBack,
                              "{} keeps only the last {} candles, from {} on, and {} was asked; take a later start",
                              exchangeName(m_client.config().exchange), kept, formatUtc(oldest), formatUtc(range.from));
    }
    std::erase_if(ranges, [](const PageRequest& range) { return range.from >= range.to; });
    std::ranges::sort(ranges, std::greater(), &PageRequest::from);
    m_ranges = std::move(ranges);
    m_handlers = std::move(handlers);
    m_running = true;
    m_backoff.reset();
    const std::uint64_t run = ++m_run;
    m_services.delays->after(0.0, this, [this, run] {
        if (run == m_run)
            guarded([this] { nextPage(); });
    });
}

void RangeFetcher::cancel()
{
    ++m_run;
    m_running = false;
    m_http.cancel();
    m_handlers = {};
}

/// Runs a step of the machine; whatever it throws ends the run in failed(), never in the event loop.
void RangeFetcher::guarded(const std::function<void()>& step)
{
    try {
        step();
    } catch (...) {
        fail(std::current_exception());
    }
}

void RangeFetcher::fail(std::exception_ptr error)
{
    const auto failed = m_handlers.failed;
    cancel();
    if (failed)
        failed(std::move(error));
}

void RangeFetcher::nextPage()
{
    if (m_ranges.empty()) {
        const auto done = m_handlers.done;
        cancel();
        done();
        return;
    }
    PageRequest& range = m_ranges.back();
    m_page = range;
    m_page.to = std::min(range.to, range.from + static_cast<std::int64_t>(m_client.rules().maxCandles) * range.intervalSeconds);
    range.from = m_page.to;
    if (range.from >= range.to)
        m_ranges.pop_back();
    m_asked = m_page;
    m_bars.clear();
    m_reasking = false;
    ask();
}

double RangeFetcher::secondsToNextRequest() const
{
    const double now = m_services.clock->steadySeconds();
    return std::max({0.0, m_lastRequest + m_client.rules().minSecondsBetweenRequests - now, m_pausedUntil - now});
}

void RangeFetcher::ask()
{
    const std::uint64_t run = m_run;
    m_services.delays->after(secondsToNextRequest(), this, [this, run] {
        if (run != m_run)
            return;
        m_lastRequest = m_services.clock->steadySeconds();
        ++m_counts.requests;
        m_http.get(m_client.pageUrl(m_asked), [this](HttpGetter::Outcome outcome) { onOutcome(std::move(outcome)); });
    });
}

void RangeFetcher::onOutcome(HttpGetter::Outcome outcome)
{
    guarded([&] {
        try {
            if (const auto* error = std::get_if<RemoteError>(&outcome))
                throw *error;
            onReply(std::get<HttpReply>(outcome));
        } catch (const RemoteError& error) {
            tryAgain(error);
        }
    });
}

void RangeFetcher::onReply(const HttpReply& reply)
{
    const int limit = m_client.rules().weightPerMinute;
    if (limit > 0 && reply.usedWeight && *reply.usedWeight >= kWeightShare * limit) { // the count starts anew with the minute
        const double now = m_services.clock->utcSeconds();
        m_pausedUntil = m_services.clock->steadySeconds() + 60.0 - std::fmod(now, 60.0);
    }
    const std::vector<Bar> candles = m_client.parsePage(reply);
    checkClock(reply);
    PageCounts counts;
    std::vector<Bar> bars = checkPage(candles, m_asked, m_client.rules(), finishedUntil(m_page.intervalSeconds), counts);
    m_counts.pages += counts;
    m_backoff.reset();
    acceptPage(std::move(bars));
}

/// A clock of ours that runs ahead would take a candle for finished that is not.
void RangeFetcher::checkClock(const HttpReply& reply) const
{
    if (!reply.date)
        return;
    const double skew = m_services.clock->utcSeconds() - static_cast<double>(*reply.date);
    if (std::abs(skew) > m_options.maxClockSkewSeconds)
        throw RemoteError(RemoteFault::ClockSkew, "this computer's clock is {:.0f} s {} the exchange's; set it right", std::abs(skew),
                          skew > 0.0 ? "ahead of" : "behind");
}

void RangeFetcher::acceptPage(std::vector<Bar> bars)
{
    m_bars = m_reasking ? joinBars(m_bars, bars) : std::move(bars);
    m_asked = missingStretch(m_bars, m_page);
    if (m_asked.from < m_asked.to && !m_reasking) {
        m_reasking = true;
        ++m_counts.reasked;
        ask();
        return;
    }
    m_handlers.page({m_page.from, m_page.to, std::move(m_bars)});
    if (m_running)
        nextPage();
}

void RangeFetcher::tryAgain(const RemoteError& error)
{
    const int tries = m_backoff.tries() + 1;
    const std::string who = fmt::format("{} {} from {}", exchangeName(m_client.config().exchange), m_page.symbol, formatUtc(m_asked.from));
    if (!isTransient(error.fault()))
        throw RemoteError(error.fault(), "{}: {}", who, error.what());
    if (tries >= m_options.maxTries)
        throw RemoteError(error.fault(), "{}: {} (given up after {} tries)", who, error.what(), tries);
    const double asked = error.retryAfterSeconds.value_or(0.0);
    if (asked > m_options.longestRetryAfterSeconds)
        throw RemoteError(error.fault(), "{}: {} (asked to wait {:.0f} s; go on later)", who, error.what(), asked);
    const double wait = std::max(asked, m_backoff.nextSeconds());
    logWarning("{}: {}: {}; trying again in {:.1f} s", who, remoteFaultName(error.fault()), error.what(), wait);
    ++m_counts.retries;
    const std::uint64_t run = m_run;
    m_services.delays->after(wait, this, [this, run] {
        if (run == m_run)
            guarded([this] { ask(); });
    });
}

} // namespace btcai
