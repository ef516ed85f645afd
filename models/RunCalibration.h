#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/Calibration.h"

namespace btcai {

/// How far a network's forecasts over one horizon can be believed, and what their unit is.
struct HorizonCalibration {
    std::int64_t horizonBars = 0;
    double targetScale = 1.0;        ///< the log return that one unit of the network's forecast means
    ForecastCalibration calibration; ///< unfitted where the validation part holds too few outcomes

    bool operator==(const HorizonCalibration&) const = default;
};

/// What a run's entries are sized by, beside the network: its forecasts' calibrations, fitted on the validation part.
struct RunCalibration {
    std::int64_t step = 0; ///< account steps of the network that it was fitted to
    std::string dataHash;  ///< of the market data
    std::vector<HorizonCalibration> horizons; ///< all that the network forecasts, ascending
    std::vector<std::int64_t> inUse{}; ///< with forecast.adapt: those of them, in bars, that the run's horizons have become, ascending; else empty

    /// Nothing for a horizon that is not there.
    const HorizonCalibration* find(std::int64_t horizonBars) const;

    Json toJson() const;
    /// Throws Error(Corrupt) for what is none, Error(Unsupported) for a format this build does not know.
    static RunCalibration fromJson(const Json& json);

    bool operator==(const RunCalibration&) const = default;
};

} // namespace btcai
