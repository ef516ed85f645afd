#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <QFile>
#include <QTimer>

#include "LoopbackServer.h"
#include "base/Clock.h"
#include "data/importers/LoadSeries.h"
#include "data/remote/RangeFetcher.h"

namespace btcai::test {

/// The bundled bars: real ones, with real gaps.
inline const std::vector<Bar>& realBars()
{
    static const std::vector<Bar> bars = [] {
        const BarSeries series = loadSeries(std::filesystem::path(BTCAI_RESOURCES) / "data/btcusd-5m-2017-2018.csv.gz");
        std::vector<Bar> all;
        for (std::size_t i = series.lowerBound(parseUtc("2018-05-01")); i < series.lowerBound(parseUtc("2018-08-01")); ++i)
            if (const auto bar = series.bar(i))
                all.push_back(*bar);
        return all;
    }();
    return bars;
}

/// Those of [from, to).
inline std::vector<Bar> realBars(std::int64_t from, std::int64_t to)
{
    const auto first = std::ranges::lower_bound(realBars(), from, {}, &Bar::timestamp);
    return {first, std::ranges::lower_bound(first, realBars().end(), to, {}, &Bar::timestamp)};
}

/// Waiting takes no time: the clock is moved instead.
class InstantDelays : public Delays {
public:
    explicit InstantDelays(std::shared_ptr<ManualClock> clock) : m_clock(std::move(clock)) {}

    void after(double seconds, QObject* context, std::function<void()> call) override
    {
        waits.push_back(seconds);
        m_clock->advance(seconds);
        QTimer::singleShot(0, context, std::move(call));
    }

    std::vector<double> waits;

private:
    std::shared_ptr<ManualClock> m_clock;
};

/// An exchange as its API documentation describes it, with the bundled bars as its candles, and with faults on order. Written from the
/// documentation and not from the client under test.
class ExchangeServer {
public:
    static constexpr int kInterval = 300;

    ExchangeServer(Exchange exchange, const TlsIdentity& identity, std::shared_ptr<const Clock> serverClock)
        : server(identity), m_exchange(exchange), m_clock(std::move(serverClock))
    {
        server.answer = [this](const HttpRequest& request) { return serve(request); };
    }

    static const char* symbolOf(Exchange exchange)
    {
        constexpr const char* symbols[] = {"BTCUSDT", "BTC-USD", "XBTUSD", "btcusd"};
        return symbols[static_cast<int>(exchange)];
    }

    /// The number of the request counts from 1. Called with the candles of the reply, oldest first, and with the finished answer.
    std::function<void(int, std::vector<Bar>&)> tamperCandles;
    std::function<void(int, HttpAnswer&)> tamperAnswer;
    bool sendsDate = true;

    LoopbackServer server;

private:
    std::int64_t now() const { return static_cast<std::int64_t>(m_clock->utcSeconds()); }

    HttpAnswer serve(const HttpRequest& request)
    {
        HttpAnswer answer;
        switch (m_exchange) {
        case Exchange::Binance: answer = binance(request); break;
        case Exchange::Coinbase: answer = coinbase(request); break;
        case Exchange::Kraken: answer = kraken(request); break;
        case Exchange::Bitstamp: answer = bitstamp(request); break;
        }
        if (sendsDate) {
            const QDateTime time = QDateTime::fromSecsSinceEpoch(now(), Qt::UTC);
            answer.headers.append("Date: " + QLocale::c().toString(time, QStringLiteral("ddd, dd MMM yyyy hh:mm:ss")).toLatin1() + " GMT");
        }
        if (tamperAnswer)
            tamperAnswer(static_cast<int>(server.requests.size()), answer);
        return answer;
    }

    /// What has begun by now.
    std::vector<Bar> candles(std::int64_t from, std::int64_t to) const { return realBars(from, std::min(to, now() + 1)); }

    void tamper(std::vector<Bar>& bars)
    {
        if (tamperCandles)
            tamperCandles(static_cast<int>(server.requests.size()), bars);
    }

    static std::string joined(const std::vector<std::string>& rows)
    {
        std::string text = "[";
        for (const std::string& row : rows)
            text += (text.size() > 1 ? "," : "") + row;
        return text + "]";
    }

    static HttpAnswer bodyOf(const std::string& text, int status = 200)
    {
        HttpAnswer answer;
        answer.status = status;
        answer.body = QByteArray::fromStdString(text);
        return answer;
    }

    HttpAnswer binance(const HttpRequest& request)
    {
        if (request.path != QLatin1String("/api/v3/klines"))
            return bodyOf("{}", 404);
        if (request.value("symbol") != QLatin1String("BTCUSDT"))
            return bodyOf(R"({"code":-1121,"msg":"Invalid symbol."})", 400);
        if (request.value("interval") != QLatin1String("5m"))
            return bodyOf(R"({"code":-1120,"msg":"Invalid interval."})", 400);
        const auto limit = static_cast<std::size_t>(std::min<qint64>(1000, request.number("limit")));
        // endTime is inclusive and given in ms, as is startTime.
        std::vector<Bar> bars = candles((request.number("startTime") + 999) / 1000, request.number("endTime") / 1000 + 1);
        bars.resize(std::min(bars.size(), limit));
        tamper(bars);
        std::vector<std::string> rows;
        for (const Bar& b : bars)
            rows.push_back(fmt::format(R"([{},"{:.8f}","{:.8f}","{:.8f}","{:.8f}","{:.8f}",{},"0.00000000",100,"0.0","0.0","0"])",
                                       b.timestamp * 1000, b.open, b.high, b.low, b.close, b.volume, (b.timestamp + kInterval) * 1000 - 1));
        HttpAnswer answer = bodyOf(joined(rows));
        answer.headers.append("X-MBX-USED-WEIGHT-1M: 2");
        return answer;
    }

    HttpAnswer coinbase(const HttpRequest& request)
    {
        if (request.path != QLatin1String("/products/BTC-USD/candles"))
            return bodyOf(R"({"message":"NotFound"})", 404);
        const std::int64_t from = parseUtc(request.value("start").toStdString());
        const std::int64_t to = parseUtc(request.value("end").toStdString());
        if (request.number("granularity") != kInterval || (to - from) / kInterval + 1 > 300)
            return bodyOf(
                R"({"message":"granularity too small for the requested time range. Count of aggregations requested exceeds 300"})", 400);
        std::vector<Bar> bars = candles(from - 2 * kInterval, to + 1); // "some of those candles may precede your declared start"
        tamper(bars);
        std::ranges::reverse(bars); // newest first
        std::vector<std::string> rows;
        for (const Bar& b : bars)
            rows.push_back(fmt::format("[{},{:.8f},{:.8f},{:.8f},{:.8f},{:.8f}]", b.timestamp, b.low, b.high, b.open, b.close, b.volume));
        return bodyOf(joined(rows));
    }

    HttpAnswer kraken(const HttpRequest& request)
    {
        if (request.path != QLatin1String("/0/public/OHLC"))
            return bodyOf("{}", 404);
        if (request.value("pair") != QLatin1String("XBTUSD"))
            return bodyOf(R"({"error":["EQuery:Unknown asset pair"]})");
        if (request.number("interval") != kInterval / 60)
            return bodyOf(R"({"error":["EGeneral:Invalid arguments"]})");
        // The latest 720 whatever `since` says, the unfinished one last.
        const std::int64_t oldest = gridFloor(now(), kInterval) - 719 * kInterval;
        std::vector<Bar> bars = candles(std::max(oldest, static_cast<std::int64_t>(request.number("since")) + 1), now() + 1);
        tamper(bars);
        std::vector<std::string> rows;
        for (const Bar& b : bars)
            rows.push_back(fmt::format(R"([{},"{:.8f}","{:.8f}","{:.8f}","{:.8f}","0.0","{:.8f}",7])", b.timestamp, b.open, b.high, b.low,
                                       b.close, b.volume));
        return bodyOf(
            fmt::format(R"({{"error":[],"result":{{"XXBTZUSD":{},"last":{}}}}})", joined(rows), bars.empty() ? 0 : bars.back().timestamp));
    }

    HttpAnswer bitstamp(const HttpRequest& request)
    {
        if (request.path != QLatin1String("/api/v2/ohlc/btcusd/"))
            return bodyOf(R"({"status":"error","reason":"Unknown pair","code":"404.001"})", 404);
        const qint64 limit = request.number("limit");
        if (request.number("step") != kInterval || limit < 1 || limit > 1000)
            return bodyOf(R"({"code":"400.007","errors":[{"field":"limit","message":"Ensure this value is less than or equal to 1000."}]})",
                          400);
        // "If both start and end timestamps are posted, end timestamp will be used": the last `limit` candles up to end.
        std::vector<Bar> bars = candles(0, request.number("end") + 1);
        if (bars.size() > static_cast<std::size_t>(limit))
            bars.erase(bars.begin(), bars.end() - limit);
        tamper(bars);
        std::vector<std::string> rows;
        for (const Bar& b : bars)
            rows.push_back(
                fmt::format(R"({{"timestamp":"{}","open":"{:.8f}","high":"{:.8f}","low":"{:.8f}","close":"{:.8f}","volume":"{:.8f}"}})",
                            b.timestamp, b.open, b.high, b.low, b.close, b.volume));
        return bodyOf(fmt::format(R"({{"data":{{"pair":"BTC/USD","ohlc":{}}}}})", joined(rows)));
    }

    Exchange m_exchange;
    std::shared_ptr<const Clock> m_clock;
};

} // namespace btcai::test
