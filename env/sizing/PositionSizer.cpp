#include "env/sizing/PositionSizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/Error.h"

namespace btcai {

namespace {

void require(bool holds, const char* name, double value, const char* wanted)
{
    if (!holds)
        throw Error(ErrorKind::BadInput, "position sizing: {} is {}; it must be {}", name, value, wanted);
}

} // namespace

std::string_view sizingReasonName(SizingReason reason)
{
    static constexpr std::array<std::string_view, 4> names{"sized", "unknown", "uncertain", "no-edge"};
    return names.at(static_cast<std::size_t>(reason));
}

PositionSizer::PositionSizer(const SizingOptions& options) : m_options(options)
{
    const auto isShare = [](double value) { return value >= 0.0 && value <= 1.0; };
    require(std::isfinite(options.maxExposure) && options.maxExposure >= 0.0, "maxExposure", options.maxExposure,
            "finite and not negative");
    require(std::isfinite(options.fullExposure) && options.fullExposure >= 0.0, "fullExposure", options.fullExposure,
            "finite and not negative");
    require(options.maxUncertainty > 0.0, "maxUncertainty", options.maxUncertainty, "above 0");
    require(isShare(options.uncertaintyPenalty), "uncertaintyPenalty", options.uncertaintyPenalty, "within [0, 1]");
    require(isShare(options.kellyFraction) && options.kellyFraction > 0.0, "kellyFraction", options.kellyFraction, "within (0, 1]");
}

SizingDecision PositionSizer::size(const SizingInput& input) const
{
    if (std::abs(input.side) != 1.0)
        return {0.0, SizingReason::Unknown};
    // A fixed size needs no forecast, unless a limit on its uncertainty is set.
    const bool needsDeviation = m_options.method != SizingMethod::Fixed || std::isfinite(m_options.maxUncertainty);
    if (needsDeviation) {
        if (!(std::isfinite(input.deviation) && input.deviation >= 0.0))
            return {0.0, SizingReason::Unknown};
        if (input.deviation > m_options.maxUncertainty)
            return {0.0, SizingReason::Uncertain};
    }
    const double penalised =
        std::isfinite(m_options.maxUncertainty) ? 1.0 - m_options.uncertaintyPenalty * input.deviation / m_options.maxUncertainty : 1.0;
    double exposure = m_options.fullExposure;
    switch (m_options.method) {
    case SizingMethod::Fixed: break;
    case SizingMethod::Confidence:
        if (!(input.confidence >= 0.0 && input.confidence <= 1.0))
            return {0.0, SizingReason::Unknown};
        exposure *= input.confidence * penalised;
        break;
    case SizingMethod::Uncertainty: exposure *= penalised; break;
    case SizingMethod::FullDistribution: {
        if (!std::isfinite(input.mean) || !(std::isfinite(input.roundTripCost) && input.roundTripCost >= 0.0) || input.deviation == 0.0)
            return {0.0, SizingReason::Unknown};
        const double edge = input.side * input.mean - input.roundTripCost;
        if (!(edge > 0.0))
            return {0.0, SizingReason::NoEdge};
        // Divided twice: the square of a tiny deviation would be 0.
        exposure = m_options.kellyFraction * (edge / input.deviation / input.deviation);
        break;
    }
    }
    return {std::clamp(exposure, 0.0, m_options.maxExposure), SizingReason::Sized};
}

} // namespace btcai
