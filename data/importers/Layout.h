#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/Json.h"
#include "data/importers/Stamps.h"

namespace btcai {

/// The formats that are known. Their names (sourceFormatName) are stable, as printed with --json.
enum class SourceFormat {
    PlainCsv,           ///< header timestamp,open,high,low,close,volume, or the like
    BinanceKlines,      ///< Binance's public kline files, 12 columns
    BarStore,           ///< our own HDF5 file
    MappedCsv,          ///< a table whose columns the caller named
    HeaderlessCsv,      ///< time,open,high,low,close,volume without a header
    BitstampKaggle,     ///< the one-minute set of Bitstamp on Kaggle, 8 columns
    SideBySideCsv,      ///< several assets, columns "BTC:open" and so on
    CryptoDataDownload, ///< the csv files of that site, all styles
    CoinGecko,          ///< snapped_at,price,market_cap,total_volume
    FtxCsv,             ///< written times with six decimals, volume in USD
    KrakenOhlcvt,       ///< Kraken's downloadable history: no header, 7 columns
    KrakenTradesCsv,    ///< Kraken's downloadable trades: no header, 3 columns
    BitfinexCsv,        ///< time,open,close,high,low,volume without a header
    LeanTrade,          ///< QuantConnect Lean's zips: milliseconds since midnight, the day in the name
    LeanQuote,          ///< the same with bid and ask
    LeanFunding,        ///< Lean's margin interest of perpetual swaps
    FundingCsv,         ///< a header with a time and a funding rate
    CcxtTrades,         ///< trades as ccxt names their fields
    TardisTrades,       ///< trades of tardis.dev
    BinanceReply,       ///< /api/v3/klines
    BitfinexReply,      ///< /v2/candles
    BitstampReply,      ///< /api/v2/ohlc
    BittrexReply,       ///< candles of Bittrex, as freqtrade once kept them
    CoinbaseReply,      ///< /api/v3/brokerage/products/X/candles, and the older /products/X/candles
    DeribitReply,       ///< public/get_tradingview_chart_data
    KrakenReply,        ///< /0/public/OHLC
    KrakenTradesReply,  ///< /0/public/Trades
    OkxReply,           ///< /api/v5/market/candles
    FreqtradeJson,      ///< freqtrade's candles: [ms, open, high, low, close, volume]
    FreqtradeFunding,   ///< freqtrade's funding rates: [ms, rate, 0, 0, 0, 0]
    FreqtradeTrades,    ///< freqtrade's trades: [ms, id, type, side, price, amount, cost]
    EmptyReply,         ///< an empty list: the source has nothing for that time
};

/// "plain-csv", "binance-klines", "kraken-ohlcvt", ...
std::string_view sourceFormatName(SourceFormat format);

/// What a file holds.
enum class Content { Bars, Trades, Quotes, Funding };

/// What the volume column of a file counts; a BarSeries always counts coins.
enum class VolumeUnit {
    Base,  ///< coins
    Quote, ///< money: converted with the bar's typical price, (high + low + close) / 3
    None,  ///< the file has no volume: 0 throughout
};

/// What all layouts have in common.
struct Layout {
    SourceFormat format = SourceFormat::PlainCsv;
    Content content = Content::Bars;
    std::string reason;                   ///< what gave it away
    VolumeUnit volumeUnit = VolumeUnit::Base;
    TimeUnit timeUnit = TimeUnit::Auto;
    bool stampsMarkClose = false;         ///< else the open of a bar
    std::vector<std::string> notes;       ///< what a reader of the report should know of this format
};

/// The fields of all contents. Trades need Time, Price and Amount, funding Time and Rate, quotes both sides.
enum class Role { Time, Open, High, Low, Close, Volume, QuoteVolume, Price, Amount, Rate, BidOpen, BidHigh, BidLow, BidClose, AskOpen, AskHigh, AskLow, AskClose };
constexpr std::size_t kRoles = static_cast<std::size_t>(Role::AskClose) + 1;

std::string_view roleName(Role role);

/// Whether the columns of prices can be open,high,low,close; open,close,high,low (Bitfinex); low,high,open,close (Coinbase): high must be
/// the largest and low the smallest of every row.
struct ColumnOrders {
    bool openHighLowClose = true;
    bool openCloseHighLow = true;
    bool lowHighOpenClose = true;

    void see(std::span<const double, 4> prices);
    int possible() const { return openHighLowClose + openCloseHighLow + lowHighOpenClose; }
};

} // namespace btcai
