#pragma once

#include <memory>

#include "agent/config/RunConfig.h"
#include "base/Json.h"
#include "data/bars/BarSeries.h"
#include "data/bars/FundingSeries.h"
#include "env/Market.h"

namespace btcai {

/// What a configuration learns from, before features are computed.
struct MarketData {
    MarketData() = default;
    MarketData(BarSeries bars, FundingSeries rates = {}) : series(std::move(bars)), funding(std::move(rates)) {}

    BarSeries series;
    FundingSeries funding; ///< empty where the configuration names none
    BarSeries finer;       ///< execution.finer_bars; empty for none
    FundingSeries swap;    ///< margin.funding; empty for none
    Json quality;          ///< score, and the findings that would have blocked the run: for the manifest; null when it was not checked
};

/// Reads config.data (a file, a stored series, of several in a store "FILE#INSTRUMENT/SECONDS", or "synthetic:...") and the files that features.funding,
/// execution.finer_bars and margin.funding name. Throws Error(BadInput) naming the field for
/// data that are missing, and with the findings for data that fail the check (data/quality) unless config.quality.allowBad.
MarketData loadMarketData(const RunConfig& config);

/// The prices of `series`, which is that of the data or made from it, with the data's finer bars and settlements. Throws Error(BadInput) when the
/// finer bars don't fit.
std::shared_ptr<const Market> makeMarket(const BarSeries& series, const MarketData& data);

} // namespace btcai
