#include <QDeadlineTimer>

#include "FeedServer.h"
#include "RemoteTest.h"
#include "data/remote/LiveStream.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr int kPatienceMs = 30'000; ///< with what comes at once, but on a slow machine
constexpr std::array kAll = {Exchange::Binance, Exchange::Coinbase, Exchange::Kraken, Exchange::Bitstamp};

// Bars without a hole between them.
const std::int64_t kStart = parseUtc("2018-06-06T10:00");

/// An exchange with a REST server and a live feed, a stream that listens, and a clock that the test moves.
struct LiveBench {
    explicit LiveBench(Exchange which, double startSecond = 0.5)
        : exchange(which), clock(std::make_shared<ManualClock>(static_cast<double>(kStart) + startSecond)),
          rest(which, identity(), clock), feed(which, identity()), relay(feed.port())
    {
        config = defaultExchangeConfig(which);
        config.restUrl = rest.server.url();
        config.webSocketUrl = "wss://127.0.0.1:" + std::to_string(relay.serverPort());
        config.caFile = dir.path().toStdString() + "/ca.pem";
        writeBytes(config.caFile, identity().certificatePem);
        request = {.symbol = FeedFrames::symbolOf(which), .restSymbol = ExchangeServer::symbolOf(which), .intervalSeconds = kStep};
        options.tickMs = 5;
        options.staleSeconds = options.pingSeconds = options.stallSeconds = 1e9; // the clock jumps from frame to frame
        rest.sendsDate = false;                                                  // and while an answer is on its way
        options.fetch.http.timeoutMs = 10'000;
    }

    void start()
    {
        // Waits of the fetcher take no time and leave the clock alone: here the test moves it.
        const auto delays = std::make_shared<InstantDelays>(std::make_shared<ManualClock>());
        stream = std::make_unique<LiveStream>(config, request, options, RemoteServices{clock, delays});
        QObject::connect(stream.get(), &LiveStream::barClosed, [this](const Bar& bar) { bars.push_back(bar); });
        QObject::connect(stream.get(), &LiveStream::barForming, [this](const Bar& bar) { forming.push_back(bar); });
        QObject::connect(stream.get(), &LiveStream::stateChanged, [this](LiveState state) { states.push_back(state); });
        QObject::connect(stream.get(), &LiveStream::problem, [this](RemoteFault fault, const QString&) { faults.push_back(fault); });
        QObject::connect(stream.get(), &LiveStream::barsMissing, [this](qint64 from, qint64 to) { missing.emplace_back(from, to); });
        stream->start();
    }
    bool goesLive()
    {
        if (!stream)
            start();
        return QTest::qWaitFor([&] { return stream->state() == LiveState::Live && feed.hasClient(); }, kPatienceMs);
    }
    /// Brings the clock to a time and lets the stream catch up with what was sent and what it asked.
    void moveTo(double time) { clock->advance(std::max(0.0, time - clock->utcSeconds())); }
    /// What comes next checks whether it came to pass.
    template <typename Condition>
    static void waitUntil(Condition condition)
    {
        QTimer alarm; // qWaitFor sleeps 10 ms a round, too long for thousands of frames
        alarm.start(2);
        const QDeadlineTimer deadline(kPatienceMs);
        while (!condition() && !deadline.hasExpired())
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
    void send(const TimedFrame& frame)
    {
        moveTo(frame.time);
        if (!feed.hasClient())
            return;
        const std::size_t before = stream->counts().frames;
        feed.send(frame.text);
        waitUntil([&] { return stream->counts().frames > before || !feed.hasClient(); });
    }
    static const Bar& bar(int index) { return *std::ranges::find(realBars(), kStart + index * kStep, &Bar::timestamp); }
    void play(int first, int last)
    {
        for (int i = first; i < last; ++i)
            for (const TimedFrame& frame : feed.frames.barFrames(bar(i)))
                send(frame);
    }
    /// Until `index` bars are over for certain: a sign of life after the grace of the last one.
    void closeUpTo(int index)
    {
        const double time = static_cast<double>(kStart + index * kStep) + 6.0;
        moveTo(time);
        send({time, feed.frames.heartbeat(time)});
    }
    static std::vector<Bar> expected(int first, int last) { return realBars(kStart + first * kStep, kStart + last * kStep); }
    bool gives(int first, int last)
    {
        waitUntil([&] { return bars.size() >= expected(first, last).size(); });
        return sameBars(bars, expected(first, last));
    }
    bool became(LiveState state) const { return std::ranges::find(states, state) != states.end(); }
    bool said(RemoteFault fault) const { return std::ranges::find(faults, fault) != faults.end(); }
    /// Lets a back-off pass.
    bool comesBack()
    {
        waitUntil([&] { return stream->state() == LiveState::Reconnecting; });
        clock->advance(1.0);
        return goesLive();
    }

    QTemporaryDir dir;
    Exchange exchange;
    std::shared_ptr<ManualClock> clock;
    ExchangeServer rest;
    FeedServer feed;
    Relay relay;
    ExchangeConfig config;
    LiveRequest request;
    LiveOptions options;
    std::unique_ptr<LiveStream> stream;
    std::vector<Bar> bars;
    std::vector<Bar> forming;
    std::vector<LiveState> states;
    std::vector<RemoteFault> faults;
    std::vector<std::pair<qint64, qint64>> missing;
};

void eachExchange()
{
    QTest::addColumn<Exchange>("exchange");
    for (const Exchange exchange : kAll)
        QTest::newRow(exchangeName(exchange).data()) << exchange;
}

} // namespace

class TestLiveStream : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_log = std::make_unique<LogSession>(LogOptions{.consoleLevel = LogLevel::Off});
        QCOMPARE(realBars(kStart, kStart + 20 * kStep).size(), std::size_t{20});
    }

    void closedBarsOnceAndInOrder_data() { eachExchange(); }
    void closedBarsOnceAndInOrder()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.play(0, 5);
        bench.closeUpTo(5);
        QVERIFY(bench.gives(0, 5));
        QCOMPARE(bench.feed.subscriptions, std::vector<std::string>{bench.feed.frames.subscription()});
        QCOMPARE(bench.states, (std::vector<LiveState>{LiveState::Connecting, LiveState::Subscribing, LiveState::Live}));
        QVERIFY(bench.faults.empty() && bench.missing.empty());
        // From trades, the bar in which it began is not known from its start and comes over REST; nothing else does.
        QCOMPARE(bench.stream->counts().filledBars, std::size_t(bench.feed.frames.isFromTrades() ? 1 : 0));
        QVERIFY(bench.forming.size() >= 10);
        for (const Bar& bar : bench.forming)
            QVERIFY(bar.high >= bar.low && bar.timestamp >= kStart);
    }

    void aDropInMidBar_data() { eachExchange(); }
    void aDropInMidBar()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.play(0, 3);
        bench.send(bench.feed.frames.barFrames(LiveBench::bar(3)).front());
        bench.feed.hangUp();
        QVERIFY(bench.comesBack());
        bench.feed.frames.skipTrade(); // what happened meanwhile
        bench.moveTo(static_cast<double>(kStart + 5 * kStep) + 200.0);
        for (const TimedFrame& frame : bench.feed.frames.barFrames(LiveBench::bar(5)))
            if (frame.time > bench.clock->utcSeconds())
                bench.send(frame);
        bench.play(6, 8);
        bench.closeUpTo(8);
        QVERIFY(bench.gives(0, 8));
        QCOMPARE(bench.stream->counts().connections, std::size_t{2});
        QCOMPARE(bench.feed.subscriptions.size(), std::size_t{2});
        QCOMPARE(bench.feed.subscriptions[1], bench.feed.frames.subscription());
        QVERIFY(bench.became(LiveState::Reconnecting) && bench.said(RemoteFault::Connection));
        QVERIFY(bench.missing.empty());
    }

    void aSilentDeathIsFound_data() { eachExchange(); }
    void aSilentDeathIsFound()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        bench.options.staleSeconds = 200.0;
        bench.options.pingSeconds = 8.0;
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        QTest::qWait(100); // bars are filled in, answers to pings have come
        const std::size_t known = bench.bars.size();
        bench.relay.freeze(); // neither side hears of it
        bench.moveTo(static_cast<double>(kStart + 2 * kStep) + 100.0);
        QTest::qWait(50);
        // The clock alone closes nothing: the last updates of a bar may be on their way still.
        QCOMPARE(bench.bars.size(), known);
        QVERIFY(bench.stream->state() == LiveState::Live);
        bench.moveTo(static_cast<double>(kStart + 2 * kStep) + 210.0);
        QVERIFY(QTest::qWaitFor([&] { return bench.became(LiveState::Stale); }, kPatienceMs));
        QVERIFY(bench.comesBack());
        QVERIFY(bench.said(RemoteFault::Timeout));
        bench.play(3, 5);
        bench.closeUpTo(5);
        QVERIFY(bench.gives(0, 5));
    }

    // As after the lid of a laptop was shut: what is read now was sent long ago, and more of it may follow.
    void afterAStallNothingIsFinal()
    {
        LiveBench bench(Exchange::Kraken);
        bench.options.stallSeconds = 400.0;
        QVERIFY(bench.goesLive());
        bench.play(0, 1);
        const std::vector<TimedFrame> frames = bench.feed.frames.barFrames(LiveBench::bar(1));
        bench.send(frames[0]);
        bench.moveTo(static_cast<double>(kStart + 3 * kStep) + 50.0);
        QTest::qWait(50);
        bench.send({0.0, bench.feed.frames.heartbeat(0.0)});
        bench.play(4, 5);
        bench.closeUpTo(5);
        QVERIFY(bench.gives(0, 5));
    }

    void aQuietFeedIsAskedForASignOfLife_data() { eachExchange(); }
    void aQuietFeedIsAskedForASignOfLife()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        bench.options.staleSeconds = 20.0;
        bench.options.pingSeconds = 8.0;
        QVERIFY(bench.goesLive());
        for (int i = 0; i < 10; ++i) { // 100 s without a frame of the exchange's own
            bench.clock->advance(10.0);
            QTest::qWait(30);
        }
        QVERIFY(bench.stream->state() == LiveState::Live);
        QCOMPARE(bench.stream->counts().connections, std::size_t{1});
        QVERIFY(bench.feed.pings > 0 || exchange == Exchange::Binance || exchange == Exchange::Coinbase);
    }

    void everythingTwice_data() { eachExchange(); }
    void everythingTwice()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        for (int i = 0; i < 4; ++i)
            for (const TimedFrame& frame : bench.feed.frames.barFrames(LiveBench::bar(i))) {
                bench.send(frame);
                bench.send(frame);
            }
        bench.closeUpTo(4);
        QVERIFY(bench.gives(0, 4));
        QVERIFY(bench.stream->counts().duplicates + bench.stream->counts().late > 0 || exchange == Exchange::Kraken);
    }

    void aMissedBarIsFilledIn_data() { eachExchange(); }
    void aMissedBarIsFilledIn()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        if (exchange == Exchange::Coinbase) // one number is missing, as when the feed drops messages
            bench.feed.frames.skipTrade();
        bench.play(4, 6);
        bench.closeUpTo(6);
        QVERIFY(bench.gives(0, 6));
        QVERIFY(bench.stream->counts().filledBars >= 2);
    }

    void aMissedTradeIsNoticed()
    {
        LiveBench bench(Exchange::Coinbase);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        const std::vector<TimedFrame> frames = bench.feed.frames.barFrames(LiveBench::bar(2));
        for (std::size_t i = 0; i < frames.size(); ++i)
            if (i != 1)
                bench.send(frames[i]);
        bench.play(3, 5);
        bench.closeUpTo(5);
        QVERIFY(bench.gives(0, 5));
        QCOMPARE(bench.stream->counts().tradeGaps, std::size_t{1});
        // Bars 0, the first, and 2, with the gap.
        QCOMPARE(bench.stream->counts().filledBars, std::size_t{2});
    }

    void aTradeOnlyTheHeartbeatKnowsOf()
    {
        LiveBench bench(Exchange::Coinbase);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        std::vector<TimedFrame> frames = bench.feed.frames.barFrames(LiveBench::bar(2));
        frames.pop_back(); // the bar's last trade is lost, and its number shows in the next heartbeat
        for (const TimedFrame& frame : frames)
            bench.send(frame);
        bench.closeUpTo(3);
        bench.play(4, 6);
        bench.closeUpTo(6);
        QVERIFY(bench.gives(0, 6));
        QVERIFY(bench.stream->counts().tradeGaps >= 1);
    }

    void framesOutOfOrder_data() { eachExchange(); }
    void framesOutOfOrder()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        std::vector<TimedFrame> frames = bench.feed.frames.barFrames(LiveBench::bar(2));
        for (const TimedFrame& frame : bench.feed.frames.barFrames(LiveBench::bar(3)))
            frames.push_back(frame);
        std::swap(frames[1], frames[2]);
        const TimedFrame straggler = frames.front(); // of a bar that is over by then
        for (const TimedFrame& frame : frames)
            bench.send(frame);
        bench.send(straggler);
        bench.play(4, 6);
        bench.closeUpTo(6);
        QVERIFY(bench.gives(0, 6));
        QVERIFY(bench.stream->counts().late + bench.stream->counts().skewedFrames >= 2);
    }

    void stampsFarFromTheClockAreNotUsed_data() { eachExchange(); }
    void stampsFarFromTheClockAreNotUsed()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        FeedFrames other(exchange);
        for (const int hours : {-1, 1, 24 * 365}) {
            Bar wrong = LiveBench::bar(0);
            wrong.timestamp += hours * 3600;
            TimedFrame frame = other.barFrames(wrong).front();
            frame.time = 0.0; // now
            bench.send(frame);
        }
        QCOMPARE(bench.stream->counts().skewedFrames, std::size_t{3});
        bench.play(2, 4);
        bench.closeUpTo(4);
        QVERIFY(bench.gives(0, 4));
        QVERIFY(bench.said(RemoteFault::ClockSkew));
        QVERIFY(bench.missing.empty());
    }

    void aWrongClockFailsTheFeed_data() { eachExchange(); }
    void aWrongClockFailsTheFeed()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.clock->setUtcSeconds(bench.clock->utcSeconds() + 3 * 3600.0);
        for (int i = 0; i < 8; ++i)
            for (TimedFrame frame : bench.feed.frames.barFrames(LiveBench::bar(i))) {
                frame.time = 0.0;
                if (bench.stream->state() == LiveState::Live)
                    bench.send(frame);
            }
        QVERIFY(bench.stream->state() == LiveState::Failed);
        QVERIFY(bench.stream->failure() && bench.stream->failure()->fault() == RemoteFault::ClockSkew);
    }

    void garbageIsNamedAndPassedOver_data() { eachExchange(); }
    void garbageIsNamedAndPassedOver()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        for (const char* garbage : {"", "<html>", "{\"", "[]"})
            bench.send({0.0, garbage});
        QVERIFY(bench.stream->state() == LiveState::Live);
        QCOMPARE(std::ranges::count(bench.faults, RemoteFault::BadReply), std::ptrdiff_t{4});
        bench.play(2, 3);
        for (int i = 0; i < 5; ++i) // too many in a row
            bench.send({0.0, "garbage"});
        QVERIFY(bench.comesBack());
        bench.play(3, 6);
        bench.closeUpTo(6);
        QVERIFY(bench.gives(0, 6));
        QCOMPARE(bench.stream->counts().connections, std::size_t{2});
    }

    // Frames with a few bytes changed between the good ones: never a crash, always a state with a name, no bar twice or out of order.
    void mutatedFramesInBetween_data() { eachExchange(); }
    void mutatedFramesInBetween()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        bench.options.maxBadFrames = 1'000'000;
        bench.options.maxSkewedFrames = 1'000'000;
        QVERIFY(bench.goesLive());
        Rng rng(99, "mutated feed");
        for (int i = 0; i < 6; ++i)
            for (const TimedFrame& frame : bench.feed.frames.barFrames(LiveBench::bar(i))) {
                bench.send(frame);
                for (int k = 0; k < 15 && bench.stream->state() == LiveState::Live; ++k)
                    bench.send({0.0, mutated(frame.text, rng)});
                if (bench.stream->state() == LiveState::Reconnecting)
                    QVERIFY(bench.comesBack());
            }
        QVERIFY(bench.stream->state() == LiveState::Live || (bench.stream->state() == LiveState::Failed && bench.stream->failure()));
        for (std::size_t i = 1; i < bench.bars.size(); ++i)
            QVERIFY(bench.bars[i].timestamp > bench.bars[i - 1].timestamp);
        QVERIFY(bench.stream->counts().badFrames > 20);
    }

    void aRefusedSubscriptionFails_data() { eachExchange(); }
    void aRefusedSubscriptionFails()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        bench.feed.refuses = true;
        bench.start();
        QVERIFY(QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Failed; }, kPatienceMs));
        QVERIFY(bench.stream->failure()->fault() == RemoteFault::Subscription);
    }

    void anAcknowledgementThatNeverComes()
    {
        LiveBench bench(Exchange::Kraken);
        bench.feed.acknowledges = false;
        bench.start();
        QVERIFY(QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Subscribing; }, kPatienceMs));
        bench.clock->advance(16.0);
        QVERIFY(QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Reconnecting; }, kPatienceMs));
        QVERIFY(bench.said(RemoteFault::Subscription));
        bench.feed.acknowledges = true;
        QVERIFY(bench.comesBack());
    }

    void theExchangeAsksToReconnect()
    {
        for (const auto& [exchange, text] :
             {std::pair(Exchange::Binance, R"({"e":"serverShutdown","E":1})"),
              std::pair(Exchange::Bitstamp, R"({"event":"bts:request_reconnect","channel":"","data":""})")}) {
            LiveBench bench(exchange);
            QVERIFY(bench.goesLive());
            bench.play(0, 2);
            bench.send({0.0, text});
            QVERIFY(bench.comesBack());
            bench.play(2, 4);
            bench.closeUpTo(4);
            QVERIFY(bench.gives(0, 4));
        }
    }

    void onlyTrustedCertificatesPass()
    {
        LiveBench bench(Exchange::Binance);
        FeedServer impostor(Exchange::Binance, makeIdentity());
        bench.config.webSocketUrl = "wss://127.0.0.1:" + std::to_string(impostor.port());
        bench.start();
        QVERIFY(QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Failed; }, kPatienceMs));
        QVERIFY(bench.stream->failure()->fault() == RemoteFault::Tls);
        QVERIFY(impostor.subscriptions.empty());
        bench.config.webSocketUrl = "ws://127.0.0.1";
        QVERIFY(remoteFailureOf([&] { LiveStream(bench.config, bench.request); }));
    }

    void nobodyListens()
    {
        LiveBench bench(Exchange::Kraken);
        bench.options.maxReconnects = 4;
        bench.options.longestBackoffSeconds = 8.0;
        bench.relay.close();
        bench.start();
        for (int i = 0; i < 400 && bench.stream->state() != LiveState::Failed; ++i) {
            bench.clock->advance(0.5);
            QTest::qWait(10);
        }
        QVERIFY(bench.stream->state() == LiveState::Failed);
        QVERIFY(bench.stream->failure()->fault() == RemoteFault::Connection);
        QCOMPARE(std::ranges::count(bench.states, LiveState::Connecting), std::ptrdiff_t{5});
    }

    void whatCameSinceTheLastKnownBarIsFilledIn_data() { eachExchange(); }
    void whatCameSinceTheLastKnownBarIsFilledIn()
    {
        QFETCH(Exchange, exchange);
        LiveBench bench(exchange);
        bench.request.lastBar = kStart - 400 * kStep; // two pages of Coinbase, with the gap of 2018-06-05 13:35
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        bench.closeUpTo(2);
        QVERIFY(bench.gives(-399, 2));
        // What the exchange has not is said, and nothing is invented for it.
        std::int64_t said = 0;
        for (const auto& [from, to] : bench.missing)
            said += (to - from) / kStep;
        QCOMPARE(said, std::int64_t{401} - static_cast<std::int64_t>(LiveBench::expected(-399, 2).size()));
        QVERIFY(said > 0);
    }

    // Bar 0 needs REST. With every connection it is asked for twice, until it comes; the clock stands still in between.
    void aRestServerThatIsDownForAWhile()
    {
        LiveBench bench(Exchange::Coinbase);
        bench.options.fetch.maxTries = 2;
        bool down = true;
        int refused = 0;
        bench.rest.tamperAnswer = [&](int, HttpAnswer& answer) {
            if (down) {
                ++refused;
                answer = {.status = 503};
            }
        };
        const auto givesUp = [&] { return QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Reconnecting; }, kPatienceMs); };
        QVERIFY(bench.goesLive());
        bench.play(0, 1);
        bench.closeUpTo(1);
        QVERIFY(givesUp());
        QCOMPARE(refused, 2);
        QVERIFY(bench.said(RemoteFault::ServerError));
        QVERIFY(bench.bars.empty()); // nothing overtakes the bar that is missing
        bench.clock->advance(1.0);
        QVERIFY(QTest::qWaitFor([&] { return refused == 4; }, kPatienceMs));
        QVERIFY(givesUp());
        down = false;
        QVERIFY(bench.comesBack());
        bench.play(2, 4);
        bench.closeUpTo(4);
        QVERIFY(bench.gives(0, 4));
    }

    void aGapThatRestCannotFillFailsTheFeed()
    {
        LiveBench bench(Exchange::Kraken);
        bench.request.lastBar = kStart - 1000 * kStep;
        bench.start();
        QVERIFY(QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Failed; }, kPatienceMs));
        QVERIFY(bench.stream->failure()->fault() == RemoteFault::TooFarBack);
        QVERIFY(bench.bars.empty());
    }

    void stopAndStartAgain()
    {
        LiveBench bench(Exchange::Binance);
        QVERIFY(bench.goesLive());
        bench.play(0, 2);
        bench.stream->stop();
        QVERIFY(bench.stream->state() == LiveState::Stopped);
        bench.moveTo(static_cast<double>(kStart + 4 * kStep) + 10.0);
        QTest::qWait(30);
        QCOMPARE(bench.bars.size(), std::size_t{2});
        bench.stream->start();
        QVERIFY(QTest::qWaitFor([&] { return bench.stream->state() == LiveState::Live; }, kPatienceMs));
        bench.play(4, 6);
        bench.closeUpTo(6);
        QVERIFY(bench.gives(0, 6));
    }

private:
    std::unique_ptr<LogSession> m_log;
};

QTEST_GUILESS_MAIN(TestLiveStream)
#include "tst_live_stream.moc"
