#include "models/RunCalibration.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr int kFormat = 1;

} // namespace

const HorizonCalibration* RunCalibration::find(std::int64_t horizonBars) const
{
    const auto found = std::ranges::find(horizons, horizonBars, &HorizonCalibration::horizonBars);
    return found == horizons.end() ? nullptr : &*found;
}

Json RunCalibration::toJson() const
{
    Json list = Json::array();
    for (const HorizonCalibration& of : horizons)
        list.push_back({{"horizon_bars", of.horizonBars}, {"target_scale", of.targetScale}, {"calibration", of.calibration.toJson()}});
    return {{"format", kFormat}, {"step", step}, {"data_hash", dataHash}, {"horizons", std::move(list)}};
}

RunCalibration RunCalibration::fromJson(const Json& json)
{
    RunCalibration run;
    try {
        if (const int format = json.at("format").get<int>(); format != kFormat)
            throw Error(ErrorKind::Unsupported, "calibration: format {} is unknown to this build, which reads {}", format, kFormat);
        run.step = json.at("step").get<std::int64_t>();
        run.dataHash = json.at("data_hash").get<std::string>();
        for (const Json& of : json.at("horizons"))
            run.horizons.push_back({of.at("horizon_bars").get<std::int64_t>(), of.at("target_scale").get<double>(),
                                    ForecastCalibration::fromJson(of.at("calibration"))});
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::Corrupt, "calibration: {}", error.what());
    }
    for (const HorizonCalibration& of : run.horizons)
        if (!(of.targetScale > 0.0) || !std::isfinite(of.targetScale))
            throw Error(ErrorKind::Corrupt, "calibration: the unit of the forecasts over {} bars is {}", of.horizonBars, of.targetScale);
    return run;
}

} // namespace btcai
