#pragma once

#include "RemoteTest.h"

namespace btcai::test {

// Two days and a bit before the clock of the bench, with the gap of 13 bars of 2018-06-05 13:35 inside. At most the 720 candles
// that Kraken keeps; three pages of Coinbase, one of the others.
inline const std::int64_t kFrom = parseUtc("2018-06-05T02:00");
inline const std::int64_t kTo = parseUtc("2018-06-07T08:00");
inline const std::int64_t kMiddle = parseUtc("2018-06-06T10:00");

inline constexpr std::array kAll = {Exchange::Binance, Exchange::Coinbase, Exchange::Kraken, Exchange::Bitstamp};

inline void eachExchange()
{
    QTest::addColumn<Exchange>("exchange");
    for (const Exchange exchange : kAll)
        QTest::newRow(exchangeName(exchange).data()) << exchange;
}

/// The bar that opens at `time`, or null.
inline Bar* barOf(std::vector<Bar>& bars, std::int64_t time)
{
    const auto found = std::ranges::find(bars, time, &Bar::timestamp);
    return found == bars.end() ? nullptr : &*found;
}

} // namespace btcai::test
