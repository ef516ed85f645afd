#pragma once

#include <optional>

#include "data/importers/CsvLayout.h"
#include "data/importers/JsonLayout.h"

namespace btcai {

/// One namespace an exchange or site, each in a file of its own. A recogniser gives the layout of a text that is of its format, and nothing
/// for any other. The fooJson functions look at the shape alone; lists of six numbers, which several exchanges send in different
/// orders, are told apart by the sniffer.

namespace binance {
std::optional<CsvLayout> csv(const CsvSample& sample);
std::optional<JsonLayout> json(const Json& reply);
} // namespace binance

namespace bitfinex {
std::optional<CsvLayout> csv(const CsvSample& sample);
std::optional<JsonLayout> json(const Json& reply);
} // namespace bitfinex

namespace bitstamp {
/// Of the set on Kaggle.
std::optional<CsvLayout> csv(const CsvSample& sample);
std::optional<JsonLayout> json(const Json& reply);
} // namespace bitstamp

namespace bittrex {
std::optional<JsonLayout> json(const Json& reply);
} // namespace bittrex

namespace ccxt {
std::optional<CsvLayout> trades(const CsvSample& sample);
} // namespace ccxt

namespace coinbase {
std::optional<JsonLayout> json(const Json& reply);
/// The older API's list of lists.
std::optional<JsonLayout> listJson(const Json& reply);
} // namespace coinbase

namespace coingecko {
std::optional<CsvLayout> csv(const CsvSample& sample);
} // namespace coingecko

namespace cryptodatadownload {
std::optional<CsvLayout> csv(const CsvSample& sample);
} // namespace cryptodatadownload

namespace deribit {
std::optional<JsonLayout> json(const Json& reply);
} // namespace deribit

namespace freqtrade {
std::optional<JsonLayout> json(const Json& reply);
std::optional<JsonLayout> funding(const Json& reply);
std::optional<JsonLayout> trades(const Json& reply);
} // namespace freqtrade

namespace ftx {
std::optional<CsvLayout> csv(const CsvSample& sample);
} // namespace ftx

namespace kraken {
std::optional<CsvLayout> csv(const CsvSample& sample);
std::optional<CsvLayout> tradesCsv(const CsvSample& sample);
std::optional<JsonLayout> json(const Json& reply);
std::optional<JsonLayout> tradesJson(const Json& reply);
} // namespace kraken

namespace lean {
/// Bars of trades and of quotes; the day comes from the file's name, "20180404_trade.zip".
std::optional<CsvLayout> csv(const CsvSample& sample);
std::optional<CsvLayout> funding(const CsvSample& sample);
} // namespace lean

namespace okx {
std::optional<JsonLayout> json(const Json& reply);
} // namespace okx

namespace plain {
/// A header that names a time and prices by usual names, whatever else it has.
std::optional<CsvLayout> csv(const CsvSample& sample);
/// "BTC:open" and so on; `asset` chooses among several.
std::optional<CsvLayout> sideBySide(const CsvSample& sample);
/// A header with a time and a funding rate.
std::optional<CsvLayout> funding(const CsvSample& sample);
/// Six columns of numbers in the order time, open, high, low, close, volume.
std::optional<CsvLayout> headerless(const CsvSample& sample);
} // namespace plain

namespace tardis {
std::optional<CsvLayout> trades(const CsvSample& sample);
} // namespace tardis

} // namespace btcai
