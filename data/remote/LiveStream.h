#pragma once

#include <memory>
#include <optional>
#include <string>

#include <QObject>
#include <QTimer>
#include <QWebSocket>

#include "data/remote/BarAssembler.h"
#include "data/remote/RangeFetcher.h"

namespace btcai {

enum class LiveState {
    Stopped,
    Connecting,   ///< socket and TLS
    Subscribing,  ///< connected, the exchange has not acknowledged yet
    Live,
    Stale,        ///< nothing came for too long: the figures shown are old; the connection is given up
    Reconnecting, ///< waiting before the next try
    Failed,       ///< given up: see failure()
};

/// "stopped", "connecting", ...
std::string_view liveStateName(LiveState state);

struct LiveRequest {
    std::string symbol;       ///< as the live feed spells it: BTCUSDT, BTC-USD, BTC/USD, btcusd
    std::string restSymbol{}; ///< as the REST API does, where that differs (Kraken: XBTUSD); empty: the same
    std::int64_t intervalSeconds = 0;
    std::optional<std::int64_t> lastBar{}; ///< open of the latest bar that is known; what came since is filled in. Else the
                                           ///< feed starts with the bar in progress
};

/// All times in seconds, by the clock of the services.
struct LiveOptions {
    double staleSeconds = 20.0;     ///< without any frame
    double pingSeconds = 8.0;       ///< without any frame, before we ask for one
    double connectSeconds = 15.0;   ///< until the subscription is acknowledged
    double graceSeconds = 3.0;      ///< after its end, before the clock closes a bar
    double stallSeconds = 2.0;      ///< between two looks at the clock: we were held up or asleep, and frames have piled up
    double maxClockSkewSeconds = 30.0;
    double firstBackoffSeconds = 1.0;
    double longestBackoffSeconds = 60.0;
    int maxReconnects = 50;         ///< in a row, before the feed fails
    int maxBadFrames = 5;           ///< in a row, before the connection is given up
    int maxSkewedFrames = 20;       ///< in a row, before the feed fails: one of the clocks is wrong
    int tickMs = 200;               ///< how often the clock is looked at
    FetchOptions fetch{};           ///< of the REST requests that fill gaps
};

struct LiveCounts {
    std::size_t frames = 0;
    std::size_t badFrames = 0;
    std::size_t skewedFrames = 0;
    std::size_t duplicates = 0;
    std::size_t late = 0;
    std::size_t tradeGaps = 0;
    std::size_t connections = 0; ///< acknowledged ones
    std::size_t fills = 0;       ///< ranges asked over REST
    std::size_t filledBars = 0;
};

/// A live feed of closed bars: each exactly once, in order. What the feed did not give whole (the connection broke, a trade was
/// missed, it began within the bar) is fetched over REST before any later bar is given out; what REST does not have
/// either is told by barsMissing(). Reconnects by itself. A clock of ours that differs from the exchange's fails the feed, and so
/// does a gap that REST cannot fill for good (Kraken's candles reach back 720 bars only).
///
/// Lives in one thread with an event loop. No signal is emitted from within start() or stop().
class LiveStream : public QObject {
    Q_OBJECT

public:
    /// Throws Error(BadInput) for a request the exchange cannot serve, and as RangeFetcher does.
    LiveStream(const ExchangeConfig& config, LiveRequest request, LiveOptions options = {}, RemoteServices services = {},
               QObject* parent = nullptr);
    ~LiveStream() override;

    void start();
    void stop();

    LiveState state() const { return m_state; }
    const LiveCounts& counts() const { return m_counts; }
    /// Why the state is Failed.
    const std::optional<RemoteError>& failure() const { return m_failure; }
    /// Open of the next bar to be given out; 0 before the first subscription.
    std::int64_t nextBar() const { return m_next; }

signals:
    void stateChanged(btcai::LiveState state);
    /// The bar is over and final.
    void barClosed(const btcai::Bar& bar);
    /// The bar in progress, as far as it is known; it may still change or never be closed with these values.
    void barForming(const btcai::Bar& bar);
    /// The exchange has no candles that open in [from, to).
    void barsMissing(qint64 from, qint64 to);
    /// Something that was put right, or that preceded Failed.
    void problem(btcai::RemoteFault fault, const QString& message);

private:
    void setState(LiveState state);
    void connectNow();
    void dropSocket();
    void reconnectLater(const RemoteError& why);
    void fail(const RemoteError& why);
    void tell(const RemoteError& what);

    void onFrame(const QString& text);
    void handle(const live::Event& event);
    void onSubscribed();
    void onVerdict(BarAssembler::Verdict verdict);
    bool clockAgrees(double exchangeTime);
    void markAlive();

    void onTick();
    void watchSilence();
    void advance();
    void startFill(std::int64_t from, std::int64_t to);
    void onFilled();
    void onFillFailed(const std::exception_ptr& error);
    void emitBar(const Bar& bar);

    ExchangeConfig m_config;
    LiveRequest m_request;
    LiveOptions m_options;
    RemoteServices m_services;
    LiveFrames m_frames;
    BarAssembler m_assembler;
    RangeFetcher m_fetcher;
    Backoff m_backoff;
    QTimer m_tick;
    std::unique_ptr<QWebSocket> m_socket;

    LiveState m_state = LiveState::Stopped;
    std::optional<RemoteError> m_failure;
    LiveCounts m_counts;
    double m_stateSince = 0.0;    ///< steady seconds
    double m_lastFrame = 0.0;     ///< steady seconds
    double m_lastFrameUtc = 0.0;
    double m_lastPing = 0.0;      ///< steady seconds
    double m_lastTickUtc = 0.0;
    double m_reconnectAt = 0.0;   ///< steady seconds
    int m_badInARow = 0;
    int m_skewedInARow = 0;
    std::int64_t m_next = 0;
    std::int64_t m_fillFrom = 0;
    std::int64_t m_fillTo = 0;
    std::vector<Bar> m_filled;
};

} // namespace btcai
