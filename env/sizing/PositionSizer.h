#pragma once

#include <string_view>

namespace btcai {

enum class SizingMethod {
    Fixed,            ///< the full size
    Confidence,       ///< the full size times the confidence
    Uncertainty,      ///< the full size less the penalty for the forecast's deviation
    FullDistribution, ///< fractional Kelly on the forecast's mean and deviation
};

/// How large a position becomes. Exposures are shares of equity.
struct SizingOptions {
    SizingMethod method = SizingMethod::Fixed;
    double fullExposure = 1.0; ///< of the first three methods
    double maxExposure = 1.0;  ///< no size is larger
    /// Entries are refused when the forecast's deviation is larger. Infinite: no such limit, and no penalty.
    double maxUncertainty = 0.05;
    /// How much of the size is taken away at maxUncertainty, within [0, 1]: the size is multiplied by 1 - penalty * deviation /
    /// maxUncertainty. Of every method but Fixed and, where it would count the same deviation twice, FullDistribution.
    double uncertaintyPenalty = 1.0;
    double kellyFraction = 0.5; ///< of the growth-optimal size, within (0, 1]

    bool operator==(const SizingOptions&) const = default;
};

/// What is known at an entry.
struct SizingInput {
    double side = 1.0;          ///< +1 long, -1 short
    double confidence = 1.0;    ///< of the decision, within [0, 1]
    double mean = 0.0;          ///< forecast of the simple return until the exit
    double deviation = 0.0;     ///< of that forecast; its uncertainty
    double roundTripCost = 0.0; ///< entry and exit together, as a share of the position's value
};

enum class SizingReason {
    Sized,
    Unknown,   ///< an input that the method needs is not finite or out of range
    Uncertain, ///< the deviation is beyond maxUncertainty
    NoEdge,    ///< the forecast does not pay for the costs
};

/// "sized", "unknown", "uncertain", "no-edge": stable.
std::string_view sizingReasonName(SizingReason reason);

/// An exposure within [0, maxExposure], to be taken on the asked side and still to be judged by the risk guard; 0 unless `reason` is Sized.
struct SizingDecision {
    double exposure = 0.0;
    SizingReason reason = SizingReason::Unknown;
};

/// Sizes entries. What is not a number never becomes a size: it is refused.
///
/// FullDistribution takes the exposure f that maximises the expected growth of log equity in its second-order expansion,
///   g(f) = f (side * mean - cost) - f^2 deviation^2 / 2,   f* = (side * mean - cost) / deviation^2
/// (Kelly, "A New Interpretation of Information Rate", 1956; Thorp, "The Kelly Criterion in Blackjack, Sports Betting, and the Stock
/// Market", 2006, section 7), times kellyFraction. A forecast without deviation claims to be certain; it is refused as unknown, since no
/// forecast is.
class PositionSizer {
public:
    /// Throws Error(BadInput) naming the option that is out of range.
    explicit PositionSizer(const SizingOptions& options);

    SizingDecision size(const SizingInput& input) const;

private:
    SizingOptions m_options;
};

} // namespace btcai
