#pragma once

#include <string_view>
#include <vector>

#include "data/bars/BarSeries.h"

namespace btcai {

/// Reads the candles of one REST reply, as the exchange's public API documents it: no file, no network.
///
/// The bars come in rising time, whatever order the reply has; a time that stands twice in it stands twice in the result. A
/// candle that is still running is a row like the others in most replies: drop what has not closed by your clock. An
/// empty list gives no bars. Volume is in coins.
///
/// All throw Error(BadInput): "Kraken reply: element 3: high is "x", not a number" for a bad field (elements count from 1), what the exchange said
/// where the reply is an error message of the exchange, and "is not a list of candles" for any other JSON. Texts above
/// 16 MiB and nested more than 16 deep are refused before they are parsed.

/// /api/v3/klines and /fapi/v1/klines: [[open time, open, high, low, close, volume, close time, ...], ...].
std::vector<Bar> parseBinanceReply(std::string_view json);
/// /api/v3/brokerage/products/X/candles: {"candles": [{"start", "low", "high", "open", "close", "volume"}]}, and
/// /products/X/candles of the older API: [[time, low, high, open, close, volume], ...].
std::vector<Bar> parseCoinbaseReply(std::string_view json);
/// /0/public/OHLC: {"error": [], "result": {"PAIR": [[time, open, high, low, close, vwap, volume, count], ...], "last": ...}}.
std::vector<Bar> parseKrakenReply(std::string_view json);
/// /api/v2/ohlc/X: {"data": {"ohlc": [{"timestamp", "open", "high", "low", "close", "volume"}], "pair"}}.
std::vector<Bar> parseBitstampReply(std::string_view json);
/// /api/v5/market/candles: {"code": "0", "data": [[ts, o, h, l, c, vol, volCcy, volCcyQuote, confirm], ...]}. The volume is that in coins:
/// of spot vol, of swaps and futures volCcy.
std::vector<Bar> parseOkxReply(std::string_view json);
/// public/get_tradingview_chart_data: {"result": {"ticks": [], "open": [], ...}}.
std::vector<Bar> parseDeribitReply(std::string_view json);
/// /v2/candles/trade:1m:X/hist: [[ms, open, close, high, low, volume], ...].
std::vector<Bar> parseBitfinexReply(std::string_view json);
/// Candles of Bittrex: [{"O", "H", "L", "C", "V", "T", "BV"}], also under {"success": true, "result": [...]}.
std::vector<Bar> parseBittrexReply(std::string_view json);

} // namespace btcai
