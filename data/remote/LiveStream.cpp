#include "data/remote/LiveStream.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <QNetworkRequest>
#include <QSslError>

#include "base/Log.h"

namespace btcai {

std::string_view liveStateName(LiveState state)
{
    switch (state) {
    case LiveState::Stopped: return "stopped";
    case LiveState::Connecting: return "connecting";
    case LiveState::Subscribing: return "subscribing";
    case LiveState::Live: return "live";
    case LiveState::Stale: return "stale";
    case LiveState::Reconnecting: return "reconnecting";
    case LiveState::Failed: return "failed";
    }
    return "unknown";
}

LiveStream::LiveStream(const ExchangeConfig& config, LiveRequest request, LiveOptions options, RemoteServices services, QObject* parent)
    : QObject(parent), m_config(config), m_request(std::move(request)), m_options(options), m_services(services),
      m_frames(config.exchange, m_request.symbol, m_request.intervalSeconds), m_assembler(m_frames.rules(), m_request.intervalSeconds),
      m_fetcher(config, options.fetch, services), m_backoff(options.firstBackoffSeconds, options.longestBackoffSeconds, options.fetch.seed)
{
    m_fetcher.client().checkInterval(m_request.intervalSeconds);
    if (m_request.restSymbol.empty())
        m_request.restSymbol = m_request.symbol;
    connect(&m_tick, &QTimer::timeout, this, &LiveStream::onTick);
}

LiveStream::~LiveStream()
{
    m_fetcher.cancel();
    dropSocket();
}

void LiveStream::start()
{
    if (m_state != LiveState::Stopped && m_state != LiveState::Failed)
        return;
    m_failure.reset();
    m_backoff.reset();
    m_badInARow = m_skewedInARow = 0;
    m_state = LiveState::Reconnecting; // at once: the first tick connects
    m_reconnectAt = m_services.clock->steadySeconds();
    m_tick.start(m_options.tickMs);
}

void LiveStream::stop()
{
    m_tick.stop();
    m_fetcher.cancel();
    dropSocket();
    m_state = LiveState::Stopped;
}

void LiveStream::setState(LiveState state)
{
    m_stateSince = m_services.clock->steadySeconds();
    if (std::exchange(m_state, state) != state)
        emit stateChanged(state);
}

void LiveStream::tell(const RemoteError& what)
{
    logWarning("live feed of {} {}: {}: {}", exchangeName(m_config.exchange), m_request.symbol, remoteFaultName(what.fault()), what.what());
    emit problem(what.fault(), QString::fromUtf8(what.what()));
}

// The connection

void LiveStream::connectNow()
{
    dropSocket();
    m_socket = std::make_unique<QWebSocket>();
    m_socket->setMaxAllowedIncomingMessageSize(LiveFrames::kLargestFrame);
    m_socket->setMaxAllowedIncomingFrameSize(LiveFrames::kLargestFrame);
    connect(m_socket.get(), &QWebSocket::connected, this, [this] {
        m_socket->sendTextMessage(QString::fromStdString(m_frames.subscribeMessage()));
        setState(LiveState::Subscribing);
    });
    connect(m_socket.get(), &QWebSocket::textMessageReceived, this, &LiveStream::onFrame);
    connect(m_socket.get(), &QWebSocket::binaryMessageReceived, this, [this] { onFrame(QString()); });
    connect(m_socket.get(), &QWebSocket::pong, this, [this] { markAlive(); });
    connect(m_socket.get(), &QWebSocket::disconnected, this, [this] {
        reconnectLater(RemoteError(RemoteFault::Connection, "the connection is gone: {}", m_socket->errorString().toStdString()));
    });
    connect(m_socket.get(), &QWebSocket::sslErrors, this, [this](const QList<QSslError>& errors) {
        const QString text = errors.isEmpty() ? QString() : errors.first().errorString();
        fail(RemoteError(RemoteFault::Tls, "{} is not trusted: {}", m_config.webSocketUrl, text.toStdString()));
    });
    connect(m_socket.get(), qOverload<QAbstractSocket::SocketError>(&QWebSocket::error), this, [this](QAbstractSocket::SocketError) {
        reconnectLater(RemoteError(RemoteFault::Connection, "{}", m_socket->errorString().toStdString()));
    });
    QNetworkRequest request(QUrl(QString::fromStdString(m_config.webSocketUrl)));
    m_socket->setSslConfiguration(tlsConfiguration(m_config.caFile));
    setState(LiveState::Connecting);
    m_socket->open(request);
}

void LiveStream::dropSocket()
{
    m_assembler.restart();
    if (QWebSocket* const socket = m_socket.release()) { // it may be the sender of what brought us here
        socket->disconnect(this);
        socket->abort();
        socket->deleteLater();
    }
}

void LiveStream::reconnectLater(const RemoteError& why)
{
    if (m_state == LiveState::Reconnecting || m_state == LiveState::Failed || m_state == LiveState::Stopped)
        return;
    dropSocket();
    if (m_backoff.tries() >= m_options.maxReconnects) {
        fail(RemoteError(why.fault(), "{} (given up after {} tries)", why.what(), m_backoff.tries()));
        return;
    }
    m_reconnectAt = m_services.clock->steadySeconds() + m_backoff.nextSeconds();
    setState(LiveState::Reconnecting);
    tell(why);
}

void LiveStream::fail(const RemoteError& why)
{
    m_tick.stop();
    m_fetcher.cancel();
    dropSocket();
    m_failure = why;
    setState(LiveState::Failed);
    tell(why);
}

// Frames

void LiveStream::markAlive()
{
    m_lastFrame = m_services.clock->steadySeconds();
    m_lastFrameUtc = m_services.clock->utcSeconds();
}

void LiveStream::onFrame(const QString& text)
{
    ++m_counts.frames;
    try {
        const std::vector<live::Event> events = m_frames.parse(text.toStdString());
        m_badInARow = 0;
        markAlive();
        for (const live::Event& event : events) {
            if (!m_socket) // an event before ended the connection
                return;
            handle(event);
        }
        advance();
    } catch (const RemoteError& error) {
        ++m_counts.badFrames;
        m_assembler.restart(); // it may have been a trade or a last update
        if (++m_badInARow >= m_options.maxBadFrames)
            reconnectLater(error);
        else
            tell(error);
    } catch (const std::exception& error) {
        fail(RemoteError(RemoteFault::BadReply, "{}", error.what()));
    }
}

void LiveStream::handle(const live::Event& event)
{
    if (std::holds_alternative<live::Subscribed>(event)) {
        onSubscribed();
    } else if (const auto* refusal = std::get_if<live::Refusal>(&event)) {
        fail(RemoteError(RemoteFault::Subscription, "the exchange refuses {}: {}", m_request.symbol, refusal->message));
    } else if (std::holds_alternative<live::ReconnectRequest>(event)) {
        reconnectLater(RemoteError(RemoteFault::Connection, "the exchange asks to reconnect"));
    } else if (m_state != LiveState::Live) {
        return; // data before the acknowledgement
    } else if (const auto* heartbeat = std::get_if<live::Heartbeat>(&event)) {
        if (!heartbeat->time || clockAgrees(*heartbeat->time))
            onVerdict(m_assembler.add(*heartbeat));
    } else if (const auto* candle = std::get_if<live::Candle>(&event)) {
        const auto latest = static_cast<double>(candle->bar.timestamp);
        if (clockAgrees(candle->time) && (latest <= m_services.clock->utcSeconds() || clockAgrees(latest)))
            onVerdict(m_assembler.add(*candle));
    } else if (const auto* trade = std::get_if<live::Trade>(&event)) {
        if (clockAgrees(trade->time))
            onVerdict(m_assembler.add(*trade));
        else
            m_assembler.restart(); // a trade is missing
    } else if (const auto* before = std::get_if<live::TradeBefore>(&event)) {
        m_assembler.add(*before);
    }
}

void LiveStream::onSubscribed()
{
    if (m_state == LiveState::Live)
        return;
    ++m_counts.connections;
    m_backoff.reset();
    const std::int64_t interval = m_request.intervalSeconds;
    if (m_next == 0) {
        const auto now = static_cast<std::int64_t>(m_services.clock->utcSeconds());
        m_next = m_request.lastBar ? gridFloor(*m_request.lastBar, interval) + interval : gridFloor(now, interval);
        m_assembler.closeBefore(m_next);
    }
    m_lastTickUtc = m_services.clock->utcSeconds();
    setState(LiveState::Live);
}

/// Frames with a stamp far from our clock are not used; when no other come, one of the clocks is wrong.
bool LiveStream::clockAgrees(double exchangeTime)
{
    const double skew = m_services.clock->utcSeconds() - exchangeTime;
    if (std::abs(skew) <= m_options.maxClockSkewSeconds) {
        m_skewedInARow = 0;
        return true;
    }
    ++m_counts.skewedFrames;
    const RemoteError error(RemoteFault::ClockSkew, "a stamp of the exchange is {:.0f} s {} this computer's clock", std::abs(skew),
                            skew > 0.0 ? "behind" : "ahead of");
    if (++m_skewedInARow >= m_options.maxSkewedFrames)
        fail(error);
    else if (m_skewedInARow == 1)
        tell(error);
    return false;
}

void LiveStream::onVerdict(BarAssembler::Verdict verdict)
{
    switch (verdict) {
    case BarAssembler::Verdict::Duplicate: ++m_counts.duplicates; return;
    case BarAssembler::Verdict::Late: ++m_counts.late; return;
    case BarAssembler::Verdict::OffGrid:
        throw RemoteError(RemoteFault::OffGrid, "the feed gives a candle that does not open on the grid of {} s",
                          m_request.intervalSeconds);
    case BarAssembler::Verdict::Gap: ++m_counts.tradeGaps; break;
    case BarAssembler::Verdict::Taken: break;
    }
    if (m_assembler.forming())
        emit barForming(*m_assembler.forming());
}

// The clock

void LiveStream::onTick()
{
    try {
        if (m_state == LiveState::Reconnecting) {
            if (m_services.clock->steadySeconds() >= m_reconnectAt)
                connectNow();
        } else {
            watchSilence();
        }
        if (m_state == LiveState::Live) {
            // Frames come in order: one that came after a bar's end shows that nothing of the bar is still on its way. That
            // one is read late does not show it.
            const double now = m_services.clock->utcSeconds();
            if (std::abs(now - std::exchange(m_lastTickUtc, now)) > m_options.stallSeconds)
                m_assembler.restart();
            m_assembler.closeBefore(
                gridFloor(static_cast<std::int64_t>(m_lastFrameUtc - m_options.graceSeconds), m_request.intervalSeconds));
            advance();
        }
    } catch (const std::exception& error) {
        fail(RemoteError(RemoteFault::Connection, "{}", error.what()));
    }
}

void LiveStream::watchSilence()
{
    const double now = m_services.clock->steadySeconds();
    if (m_state == LiveState::Connecting || m_state == LiveState::Subscribing) {
        if (now - m_stateSince > m_options.connectSeconds)
            reconnectLater(RemoteError(m_state == LiveState::Connecting ? RemoteFault::Timeout : RemoteFault::Subscription,
                                       "no {} within {:.0f} s", m_state == LiveState::Connecting ? "connection" : "acknowledgement",
                                       m_options.connectSeconds));
        return;
    }
    if (m_state != LiveState::Live)
        return;
    if (now - m_lastFrame > m_options.staleSeconds) {
        setState(LiveState::Stale);
        reconnectLater(RemoteError(RemoteFault::Timeout, "nothing came for {:.0f} s", now - m_lastFrame));
    } else if (now - std::max(m_lastFrame, m_lastPing) > m_options.pingSeconds) {
        m_lastPing = now;
        if (m_frames.rules().pingsByText)
            m_socket->sendTextMessage(QString::fromStdString(m_frames.pingMessage()));
        else
            m_socket->ping();
    }
}

// Closed bars

void LiveStream::emitBar(const Bar& bar)
{
    m_next = bar.timestamp + m_request.intervalSeconds;
    emit barClosed(bar);
}

void LiveStream::advance()
{
    while (m_state != LiveState::Stopped && m_state != LiveState::Failed && m_next != 0 && !m_fetcher.isRunning()
           && m_next < m_assembler.overBefore()) {
        const auto& whole = m_assembler.whole();
        if (const auto found = whole.find(m_next); found != whole.end()) {
            const Bar bar = found->second;
            m_assembler.take(m_next);
            emitBar(bar);
            continue;
        }
        const auto later = whole.upper_bound(m_next);
        std::int64_t to = std::min(m_assembler.overBefore(), m_fetcher.finishedUntil(m_request.intervalSeconds));
        if (later != whole.end())
            to = std::min(to, later->first);
        if (m_next >= to || m_state != LiveState::Live) // not settled, or no network: a later tick asks
            return;
        startFill(m_next, to);
    }
}

void LiveStream::startFill(std::int64_t from, std::int64_t to)
{
    m_fillFrom = from;
    m_fillTo = to;
    m_filled.clear();
    ++m_counts.fills;
    const auto failed = [this](const std::exception_ptr& error) { onFillFailed(error); };
    try {
        m_fetcher.start({{m_request.restSymbol, m_request.intervalSeconds, from, to}},
                        {.page = [this](const FetchedPage& page) { m_filled.insert(m_filled.end(), page.bars.begin(), page.bars.end()); },
                         .done = [this] { onFilled(); },
                         .failed = failed});
    } catch (const std::exception&) {
        failed(std::current_exception());
    }
}

/// What may pass is tried again with the next connection.
void LiveStream::onFillFailed(const std::exception_ptr& error)
{
    try {
        std::rethrow_exception(error);
    } catch (const RemoteError& remote) {
        const RemoteError named(remote.fault(), "filling the gap from {}: {}", formatUtc(m_fillFrom), remote.what());
        if (isTransient(remote.fault()))
            reconnectLater(named);
        else
            fail(named);
    } catch (const std::exception& other) {
        fail(RemoteError(RemoteFault::Refused, "filling the gap from {}: {}", formatUtc(m_fillFrom), other.what()));
    }
}

void LiveStream::onFilled()
{
    const std::vector<Bar> bars = std::exchange(m_filled, {});
    const auto tellMissing = [this](std::int64_t from, std::int64_t to) {
        if (from < to)
            emit barsMissing(from, to);
    };
    for (const Bar& bar : bars) {
        if (m_state == LiveState::Stopped) // by whoever got the bar before
            return;
        tellMissing(m_next, bar.timestamp);
        ++m_counts.filledBars;
        emitBar(bar);
    }
    if (m_state == LiveState::Stopped)
        return;
    tellMissing(m_next, m_fillTo);
    m_next = m_fillTo;
    advance();
}

} // namespace btcai
