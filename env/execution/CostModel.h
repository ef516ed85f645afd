#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace btcai {

/// Who trades cheaper the more he trades: the fees of an account whose volume of the last 30 days reached `volume`.
struct FeeTier {
    double volume = 0.0; ///< quote currency
    double takerFeeBps = 0.0;
    double makerFeeBps = 0.0;

    bool operator==(const FeeTier&) const = default;
};

/// What a fee is taken from. Its value is the same share of the traded value either way.
enum class FeeCurrency {
    Quote,   ///< always the quote currency, on top of the price
    Received ///< what the trade brings: coins when buying, quote currency when selling
};

enum class SpreadModel {
    Fixed,    ///< halfSpreadBps
    Estimated ///< from bars that closed before the fill (SpreadEstimator.h), never less than halfSpreadBps
};

/// What trading costs. All shares and rates are one-sided: they only ever make a fill worse. The fill contract stands in
/// README.md of this folder.
struct CostModel {
    double takerFeeBps = 10.0;
    double halfSpreadBps = 1.0;
    double impactBps = 20.0; ///< at the bar's whole volume; square-root law (Almgren et al. 2005; Toth et al. 2011)
    double maxParticipation = 0.1; ///< the share of a bar's volume that one account fills at most
    double makerFeeBps = 10.0;     ///< of orders that rested in the book: limit and take-profit orders
    FeeCurrency feeCurrency = FeeCurrency::Quote;
    std::vector<FeeTier> tiers{}; ///< ascending in volume; below the first, the fees above hold. Empty for none
    SpreadModel spread = SpreadModel::Fixed;
    std::size_t spreadWindow = 288; ///< pairs of bars that an estimate is the mean of

    bool operator==(const CostModel&) const = default;
};

/// Reads "VOLUME:TAKER:MAKER, ..." (quote currency, bps, bps) with ascending volumes; an empty text gives none. Throws
/// Error(BadInput) saying what is wrong with which part.
std::vector<FeeTier> parseFeeTiers(std::string_view text);

} // namespace btcai
