#include "data/importers/Layout.h"

#include <algorithm>

namespace btcai {

std::string_view sourceFormatName(SourceFormat format)
{
    switch (format) {
    case SourceFormat::PlainCsv: return "plain-csv";
    case SourceFormat::BinanceKlines: return "binance-klines";
    case SourceFormat::BarStore: return "bar-store";
    case SourceFormat::MappedCsv: return "mapped-csv";
    case SourceFormat::HeaderlessCsv: return "headerless-csv";
    case SourceFormat::BitstampKaggle: return "bitstamp-kaggle";
    case SourceFormat::SideBySideCsv: return "side-by-side-csv";
    case SourceFormat::CryptoDataDownload: return "cryptodatadownload";
    case SourceFormat::CoinGecko: return "coingecko";
    case SourceFormat::FtxCsv: return "ftx-csv";
    case SourceFormat::KrakenOhlcvt: return "kraken-ohlcvt";
    case SourceFormat::KrakenTradesCsv: return "kraken-trades-csv";
    case SourceFormat::BitfinexCsv: return "bitfinex-csv";
    case SourceFormat::LeanTrade: return "lean-trade";
    case SourceFormat::LeanQuote: return "lean-quote";
    case SourceFormat::LeanFunding: return "lean-funding";
    case SourceFormat::FundingCsv: return "funding-csv";
    case SourceFormat::CcxtTrades: return "ccxt-trades";
    case SourceFormat::TardisTrades: return "tardis-trades";
    case SourceFormat::BinanceReply: return "binance-reply";
    case SourceFormat::BitfinexReply: return "bitfinex-reply";
    case SourceFormat::BitstampReply: return "bitstamp-reply";
    case SourceFormat::BittrexReply: return "bittrex-reply";
    case SourceFormat::CoinbaseReply: return "coinbase-reply";
    case SourceFormat::DeribitReply: return "deribit-reply";
    case SourceFormat::KrakenReply: return "kraken-reply";
    case SourceFormat::KrakenTradesReply: return "kraken-trades-reply";
    case SourceFormat::OkxReply: return "okx-reply";
    case SourceFormat::FreqtradeJson: return "freqtrade-json";
    case SourceFormat::FreqtradeFunding: return "freqtrade-funding";
    case SourceFormat::FreqtradeTrades: return "freqtrade-trades";
    case SourceFormat::EmptyReply: return "empty-reply";
    }
    return "unknown";
}

std::string_view roleName(Role role)
{
    constexpr std::array<std::string_view, kRoles> names{"timestamp", "open", "high", "low", "close", "volume", "quote volume", "price", "amount",
                                                         "rate", "bid open", "bid high", "bid low", "bid close", "ask open", "ask high", "ask low",
                                                         "ask close"};
    return names[static_cast<std::size_t>(role)];
}

void ColumnOrders::see(std::span<const double, 4> prices)
{
    const auto [lowest, highest] = std::ranges::minmax(prices);
    openHighLowClose = openHighLowClose && prices[1] == highest && prices[2] == lowest;
    openCloseHighLow = openCloseHighLow && prices[2] == highest && prices[3] == lowest;
    lowHighOpenClose = lowHighOpenClose && prices[1] == highest && prices[0] == lowest;
}

} // namespace btcai
