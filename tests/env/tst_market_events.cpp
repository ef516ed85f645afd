#include <QtTest>

#include <cmath>
#include <cstring>
#include <map>

#include "base/Clock.h"
#include "base/Rng.h"
#include "data/features/FeatureKernel.h"
#include "data/features/FeatureMatrix.h"
#include "data/importers/LoadSeries.h"
#include "env/events/MarketEvents.h"
#include "env/events/StressScenarios.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::test;

namespace {

constexpr std::int64_t kStart = 1'514'764'800; // 2018-01-01

BarSeries seriesOf(const std::vector<std::optional<Bar>>& rows)
{
    BarColumns columns = BarColumns::missing(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i])
            columns.set(i, *rows[i]);
    return BarSeries::fromColumns("TEST", 300, kStart, std::move(columns));
}

/// Prices that wander, with wicks and holes.
BarSeries wandering(std::uint64_t seed, std::size_t rows)
{
    Rng rng(seed, "test-events");
    std::vector<std::optional<Bar>> bars(rows);
    double price = 8000.0;
    for (std::size_t i = 0; i < rows; ++i) {
        const double open = price * std::exp(0.0005 * rng.normal());
        price = open * std::exp(0.002 * rng.normal());
        const double high = std::max(open, price) * std::exp(0.001 * rng.uniform()),
                     low = std::min(open, price) * std::exp(-0.001 * rng.uniform());
        if (rng.below(20) != 0 || i == 0)
            bars[i] = Bar{0, open, high, low, price, 10.0 * rng.uniform()};
    }
    return seriesOf(bars);
}

FundingSeries fundingOf(const BarSeries& series)
{
    std::vector<FundingRate> rates;
    for (std::int64_t time = series.startTime(); time < series.timestamp(series.size()); time += 8 * 3600)
        rates.push_back({time, 0.0001});
    return {"TEST", std::move(rates)};
}

/// Whether rows [0, count) hold the same bits.
bool sameRows(const BarSeries& a, const BarSeries& b, std::size_t first, std::size_t last)
{
    for (const auto column : {&BarSeries::open, &BarSeries::high, &BarSeries::low, &BarSeries::close, &BarSeries::volume})
        if (std::memcmp((a.*column)().data() + first, (b.*column)().data() + first, (last - first) * sizeof(double)) != 0)
            return false;
    return std::memcmp(a.mask().data() + first, b.mask().data() + first, last - first) == 0;
}

bool isSound(const BarSeries& series)
{
    for (std::size_t i = 0; i < series.size(); ++i)
        if (const auto bar = series.bar(i))
            if (!(bar->low > 0.0 && bar->low <= std::min(bar->open, bar->close) && bar->high >= std::max(bar->open, bar->close) &&
                  std::isfinite(bar->high) && bar->volume >= 0.0 && std::isfinite(bar->volume)))
                return false;
    return true;
}

MarketEvent randomEvent(Rng& rng, std::size_t rows)
{
    const EventKind kind = kEventKinds[rng.below(kEventKinds.size())];
    MarketEvent event = typicalEvent(kind, 40 + rng.below(rows - 40 - 10), 300);
    event.bars = std::min(kind == EventKind::FundingSpike ? rows - event.row : 2 + rng.below(60), rows - event.row);
    return event;
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); }

/// A calm market: each bar opens at 100, closes at 101 and the next opens at 100 again; high 102, low 99, volume 10.
BarSeries calm(std::size_t rows) { return seriesOf(std::vector<std::optional<Bar>>(rows, Bar{0, 100, 102, 99, 101, 10})); }

BarSeries with(const BarSeries& series, const MarketEvent& event) { return applyEvents(series, {}, std::span(&event, 1)).series; }

} // namespace

class TestMarketEvents : public QObject {
    Q_OBJECT

private slots:
    void namesReadBack()
    {
        for (const EventKind kind : kEventKinds)
            QVERIFY(eventKindFromName(eventKindName(kind)) == kind);
        QVERIFY(parseEventKinds("none").empty() && parseEventKinds("all").size() == kEventKinds.size());
        QVERIFY((parseEventKinds("gap,flash-crash,gap") == std::vector{EventKind::Gap, EventKind::FlashCrash}));
        for (const char* text : {"", "gap,", "flashcrash", "none,gap"}) {
            const auto failure = failureOf([&] { parseEventKinds(text); });
            QVERIFY2(failure && failure->kind == ErrorKind::BadInput && failure->says("exchange-outage"), text);
        }
    }

    // The open of row 2 is a tenth lower (log 0.9) than it was, and all that follows with it: 90, 91.8, 89.1, 90.9.
    void gapByHand()
    {
        const BarSeries series = with(calm(4), {EventKind::Gap, 2, 1, std::log(0.9)});
        const Bar bar = *series.bar(2), next = *series.bar(3);
        QVERIFY(near(bar.open, 90) && near(bar.high, 91.8) && near(bar.low, 89.1) && near(bar.close, 90.9) && bar.volume == 10.0);
        QVERIFY(near(next.open, 90) && near(next.close, 90.9));
        QVERIFY(sameRows(series, calm(4), 0, 2));
    }

    // Down by ln 1.25, so to 0.8, in the first two of six bars, then up again in four: levels after each bar -1/2, -1, -3/4, -1/2, -1/4, 0
    // of it.
    void flashCrashByHand()
    {
        const BarSeries series = with(calm(10), {EventKind::FlashCrash, 2, 6, std::log(1.25)});
        QVERIFY(near(series.open()[2], 100) && near(series.close()[2], 101 * std::sqrt(0.8)));
        QVERIFY(near(series.open()[3], 100 * std::sqrt(0.8)) && near(series.close()[3], 101 * 0.8));
        QVERIFY(near(series.open()[4], 80) && near(series.close()[4], 101 * std::pow(0.8, 0.75)) &&
                near(series.close()[6], 101 * std::pow(0.8, 0.25)));
        // Wicks keep their share: 102 / 101 above the higher end, 99 / 100 below the lower one.
        QVERIFY(near(series.high()[3], 100 * std::sqrt(0.8) * 102 / 101) && near(series.low()[3], 80.8 * 0.99));
        QVERIFY(near(series.close()[7], 101) && sameRows(series, calm(10), 0, 2) && sameRows(series, calm(10), 8, 10));
    }

    // News of ln 1.1: the bar of row 1 opens as before. Its own return is thrice as large, log 1.01 x 3, and the news come on top: 100
    // x 1.01^3 x 1.1. The next bar (of two) has twice its return. It opens with the gap log(100 / 101) doubled too.
    void newsByHand()
    {
        const BarSeries series = with(calm(4), {EventKind::NewsShock, 1, 2, std::log(1.1)});
        // The gap before row 1 is tripled as well: 101 to 101 x (100 / 101)^3.
        const double open = 101 * std::pow(100.0 / 101, 3);
        QVERIFY(near(series.open()[1], open) && near(series.close()[1], open * std::pow(1.01, 3) * 1.1) && near(series.volume()[1], 30));
        const double next = series.close()[1] * std::pow(100.0 / 101, 2);
        QVERIFY(near(series.open()[2], next) && near(series.close()[2], next * std::pow(1.01, 2)) && near(series.volume()[2], 20));
        QVERIFY(near(series.open()[3], series.close()[2] * 100 / 101) && near(series.close()[3] / series.open()[3], 1.01) &&
                series.volume()[3] == 10.0);
        QVERIFY(near(series.high()[1], series.close()[1] * std::pow(102.0 / 101, 3)));
    }

    // A factor of 5 over 4 bars: 5, 4, 3, 2 times the returns.
    void volatilitySpikeByHand()
    {
        const BarSeries series = with(calm(7), {EventKind::VolatilitySpike, 1, 4, 5.0});
        for (std::size_t i = 0; i < 4; ++i) {
            QVERIFY(near(series.close()[1 + i] / series.open()[1 + i], std::pow(1.01, 5.0 - static_cast<double>(i))));
            QVERIFY(near(series.open()[1 + i] / series.close()[i], std::pow(100.0 / 101, 5.0 - static_cast<double>(i))));
            QVERIFY(near(series.volume()[1 + i], 10.0 * (5.0 - static_cast<double>(i))));
        }
        QVERIFY(near(series.close()[5] / series.open()[5], 1.01) && series.volume()[5] == 10.0);
    }

    // Nine tenths of the volume gone; wicks are thrice as long (1 / 0.1 is more than three): 101 x (102 / 101)^3. Prices stay.
    void droughtAndOutageByHand()
    {
        const BarSeries dry = with(calm(6), {EventKind::LiquidityDrought, 2, 2, 0.9});
        QVERIFY(near(dry.volume()[2], 1.0) && dry.close()[2] == 101.0 && near(dry.high()[3], 101 * std::pow(102.0 / 101, 3)) &&
                near(dry.low()[3], 100 * std::pow(0.99, 3)));
        QVERIFY(sameRows(dry, calm(6), 4, 6));
        const BarSeries out = with(calm(6), {EventKind::ExchangeOutage, 1, 3, 1.0});
        QVERIFY(out.presentCount() == 3 && !out.present(1) && !out.present(3) && sameRows(out, calm(6), 4, 6));
    }

    // 0.3 % more at each of the settlements within the day; nothing else changes.
    void fundingSpikeByHand()
    {
        const BarSeries series = calm(3 * 288);
        const FundingSeries funding = fundingOf(series);
        const MarketEvent event{EventKind::FundingSpike, 100, 288, 0.003}; // from 08:20 to 08:20: 16:00, 00:00 and 08:00
        const EventfulMarket market = applyEvents(series, funding, std::span(&event, 1));
        QVERIFY(sameRows(market.series, series, 0, series.size()));
        for (std::size_t i = 0; i < funding.size(); ++i)
            QVERIFY(near(market.funding.rates()[i].rate, i >= 2 && i <= 4 ? 0.0031 : 0.0001));
        const auto failure = failureOf([&] { applyEvents(series, {}, std::span(&event, 1)); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("no settlement"));
    }

    // A jump in a bar that is missing shows in the next bar's open, whole.
    void aJumpInAMissingBarIsNotLost()
    {
        auto rows = std::vector<std::optional<Bar>>(5, Bar{0, 100, 102, 99, 101, 10});
        rows[2].reset();
        const BarSeries series = with(seriesOf(rows), {EventKind::Gap, 2, 1, std::log(0.5)});
        QVERIFY(!series.present(2) && near(series.open()[3], 50) && near(series.close()[4], 50.5));
    }

    // Moves add up and factors multiply, in whatever order the events are given.
    void eventsCompose()
    {
        const std::vector<MarketEvent> events{{EventKind::Gap, 3, 1, std::log(0.9)},
                                              {EventKind::LiquidityDrought, 2, 4, 0.5},
                                              {EventKind::FlashCrash, 2, 3, std::log(2.0)},
                                              {EventKind::LiquidityDrought, 3, 1, 0.8}};
        const BarSeries series = applyEvents(calm(8), {}, events).series;
        QVERIFY(near(series.close()[2], 50.5) && near(series.open()[3], 45) && near(series.close()[3], 101 * std::sqrt(0.5) * 0.9));
        QVERIFY(near(series.volume()[3], 1.0) && near(series.volume()[4], 5.0) && near(series.close()[6], 90.9));
        const BarSeries other = applyEvents(calm(8), {}, std::vector<MarketEvent>(events.rbegin(), events.rend())).series;
        for (std::size_t i = 0; i < 8; ++i)
            QVERIFY(near(other.close()[i], series.close()[i]) && near(other.volume()[i], series.volume()[i]));
    }

    // Whatever the events: bars before the first are the same bits, and so is every feature computed from them; each bar is a possible one.
    void nothingKnowsOfAnEventBeforehand()
    {
        std::vector<std::string> names = resolveFeatureSelection("all");
        std::erase_if(names, [](const std::string& name) { return findFeature(name).warmUpBars(300) > 80; }); // known before the events
        QVERIFY(names.size() > 50);
        std::size_t changed = 0;
        for (std::uint64_t i = 0; i < 12; ++i) {
            Rng rng(i, "test-events-cases");
            const BarSeries series = wandering(i, 700);
            const FundingSeries funding = fundingOf(series);
            std::vector<MarketEvent> events;
            for (std::uint64_t k = 1 + rng.below(3); k > 0; --k) {
                events.push_back(randomEvent(rng, 600));
                events.back().row += 90;
            }
            const std::size_t first = std::ranges::min_element(events, {}, &MarketEvent::row)->row;
            const EventfulMarket market = applyEvents(series, funding, events);
            QVERIFY(isSound(market.series) && sameRows(market.series, series, 0, first));
            const FeatureMatrix before = FeatureMatrix::compute(series, names, {.funding = &funding});
            const FeatureMatrix after = FeatureMatrix::compute(market.series, names, {.funding = &market.funding});
            QVERIFY(std::memcmp(before.values().data(), after.values().data(), first * before.columns() * sizeof(float)) == 0);
            QVERIFY(before.warmUp() < first);
            changed += !std::ranges::equal(before.values(), after.values());
        }
        QCOMPARE(changed, std::size_t{12});
    }

    void manyEventsLeavePossibleBars()
    {
        for (std::uint64_t i = 0; i < 300; ++i) {
            Rng rng(i, "test-events-many");
            const BarSeries series = wandering(i, 300);
            std::vector<MarketEvent> events;
            for (int k = 0; k < 10; ++k)
                if (const MarketEvent event = randomEvent(rng, 300); event.kind != EventKind::FundingSpike)
                    events.push_back(event);
            QVERIFY(isSound(applyEvents(series, {}, events).series));
        }
    }

    // 400 a year of each of six kinds over four years: 9,600 expected, deviation 98. The same seed gives the same; a part of the rows the
    // same part; sizes are log-normal around the typical.
    void drawsAreAPoissonProcessAndRepeat()
    {
        const EventDrawOptions options{.kinds =
                                           parseEventKinds("news-shock,volatility-spike,flash-crash,liquidity-drought,exchange-outage,gap"),
                                       .ratePerYear = 400.0,
                                       .seed = 3};
        const RowRange rows{1000, 1000 + 4 * 105'120};
        const auto events = drawEvents(options, rows, 300);
        QVERIFY2(std::abs(static_cast<double>(events.size()) - 9600.0) < 400.0, QByteArray::number(static_cast<int>(events.size())));
        QVERIFY(drawEvents(options, rows, 300) == events && std::ranges::is_sorted(events, {}, &MarketEvent::row));
        EventDrawOptions other = options;
        other.seed = 4;
        QVERIFY(drawEvents(other, rows, 300) != events);
        std::map<EventKind, int> counts, down;
        double logSize = 0.0;
        for (const MarketEvent& event : events) {
            QVERIFY(event.row >= rows.first && event.row + event.bars <= rows.last);
            ++counts[event.kind];
            down[event.kind] += event.size < 0.0;
            if (event.kind == EventKind::Gap)
                logSize += std::log(std::abs(event.size) / 0.05);
        }
        for (const auto& [kind, count] : counts)
            QVERIFY(std::abs(count - 1600) < 200);
        QVERIFY(std::abs(down[EventKind::Gap] - 800) < 120 && down[EventKind::LiquidityDrought] == 0);
        QVERIFY(std::abs(logSize / counts[EventKind::Gap]) < 0.06); // mean 0, error 0.0125
        const auto part = drawEvents(options, {1000, 50'000}, 300);
        QVERIFY(!part.empty() && part.size() < events.size());
        for (std::size_t i = 0; i < part.size(); ++i)
            QVERIFY(part[i].row == events[i].row && part[i].kind == events[i].kind && part[i].size == events[i].size);
        QVERIFY(drawEvents({.kinds = options.kinds, .ratePerYear = 0.0}, rows, 300).empty());
        QVERIFY(failureOf([&] { drawEvents({.kinds = options.kinds, .ratePerYear = 2e5}, rows, 300); })->says("one a bar"));
    }

    void impossibleEventsAreNamed()
    {
        const auto refused = [](const MarketEvent& event, const char* word) {
            const auto failure = failureOf([&] { with(calm(10), event); });
            return failure && failure->kind == ErrorKind::BadInput && failure->says(word) && failure->says(eventKindName(event.kind));
        };
        QVERIFY(refused({EventKind::Gap, 10, 1, 0.1}, "10 rows") && refused({EventKind::Gap, 9, 2, 0.1}, "10 rows") &&
                refused({EventKind::Gap, 1, 0, 0.1}, "10 rows"));
        QVERIFY(refused({EventKind::Gap, 1, 1, std::nan("")}, "out of range") &&
                refused({EventKind::VolatilitySpike, 1, 1, 1.0}, "out of range"));
        QVERIFY(refused({EventKind::LiquidityDrought, 1, 1, 1.1}, "out of range") &&
                refused({EventKind::FlashCrash, 1, 1, 0.1}, "out of range"));
        const std::vector<MarketEvent> tooMuch(200, MarketEvent{EventKind::Gap, 1, 1, 5.0});
        QVERIFY(failureOf([&] { applyEvents(calm(10), {}, tooMuch); })->kind == ErrorKind::Numeric);
    }

    // The bundled bars (2017 and 2018) hold two of the four; for the others it says which data are needed.
    void stressScenariosKnowTheirData()
    {
        const BarSeries series = loadSeries(std::string(BTCAI_RESOURCES) + "/data/btcusd-5m-2017-2018.csv.gz");
        const RowRange peak = scenarioRows(*findStressScenario("2017-peak"), series);
        QCOMPARE(series.timestamp(peak.first), parseUtc("2017-12-05"));
        QCOMPARE(peak.size(), std::size_t{27 * 288});
        double high = 0.0, low = 1e9;
        for (std::size_t row = peak.first; row < peak.last; ++row)
            if (series.present(row))
                high = std::max(high, series.high()[row]), low = row > peak.first + 17 * 288 ? std::min(low, series.low()[row]) : low;
        QVERIFY(high == 19891.0 && low == 10700.0);
        QCOMPARE(scenarioRows(*findStressScenario("2018-november"), series).size(), std::size_t{16 * 288});
        const auto failure = failureOf([&] { scenarioRows(*findStressScenario("2013-crash"), series); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("2013-11-30") && failure->says("2013-12-20"));
        QVERIFY(!findStressScenario("2020-march"));
        QCOMPARE(stressScenarios().size(), std::size_t{4});
        // All of its time, but hardly any bars of it.
        BarColumns columns = BarColumns::missing(30 * 288);
        columns.set(0, {0, 100, 102, 99, 101, 10});
        const BarSeries empty = BarSeries::fromColumns("TEST", 300, parseUtc("2017-12-05"), std::move(columns));
        QVERIFY(failureOf([&] { scenarioRows(*findStressScenario("2017-peak"), empty); })->says("holds 1 of its 7776"));
    }
};

QTEST_APPLESS_MAIN(TestMarketEvents)
#include "tst_market_events.moc"
