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
    Json json = {{"format", kFormat}, {"step", step}, {"data_hash", dataHash}, {"horizons", std::move(list)}};
    if (!inUse.empty())
        json["in_use"] = inUse;
    return json;
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
        if (json.contains("in_use"))
            run.inUse = json.at("in_use").get<std::vector<std::int64_t>>();
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::Corrupt, "calibration: {}", error.what());
    }
    for (const HorizonCalibration& of : run.horizons)
        if (!(of.targetScale > 0.0) || !std::isfinite(of.targetScale))
            throw Error(ErrorKind::Corrupt, "calibration: the unit of the forecasts over {} bars is {}", of.horizonBars, of.targetScale);
    for (std::size_t i = 0; i < run.inUse.size(); ++i)
        if (!run.find(run.inUse[i]) || (i > 0 && run.inUse[i] <= run.inUse[i - 1]))
            throw Error(ErrorKind::Corrupt, "calibration: the horizons in use do not ascend, or one of them, {} bars, is not forecast", run.inUse[i]);
    return run;
}

} // namespace btcai
