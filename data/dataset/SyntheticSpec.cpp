#include <charconv>
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "base/Clock.h"
#include "base/Error.h"
#include "data/dataset/SyntheticMarket.h"

namespace btcai {

namespace {

constexpr std::string_view kPrefix = "synthetic:";
constexpr char kBlank = ' ';
/// Some 5 GB of bars; a request from a command line must not take more.
constexpr std::size_t kMostBars = 100'000'000;

struct Model {
    std::string_view name;
    ReturnModel model;
    std::string_view keys; ///< that only this model has, each between blanks
};

constexpr Model kModels[] = {
    {"planted", ReturnModel::Gaussian, ""},
    {"gbm", ReturnModel::Gbm, " growth "},
    {"garch", ReturnModel::Garch, " growth alpha beta "},
    {"jump", ReturnModel::JumpDiffusion, " growth jump-rate jump-mean jump-deviation "},
    {"regime", ReturnModel::RegimeSwitching, " growth-1 volatility-1 stay-1 growth-2 volatility-2 stay-2 "},
};
constexpr std::string_view kSharedKeys =
    " bars seed start interval price volatility drift block phase move lag signal-bars signal slot bell volume-gap scramble volume volume-noise ";

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorKind::BadInput, "synthetic data: {}", what); }

const Model& modelNamed(std::string_view name)
{
    for (const Model& model : kModels)
        if (model.name == name)
            return model;
    fail(fmt::format("the model \"{}\" is unknown; use planted, gbm, garch, jump or regime", name));
}

bool hasKey(std::string_view keys, std::string_view key) { return keys.find(fmt::format(" {} ", key)) != std::string_view::npos; }

/// The text as a number of that type, all of it.
template <typename Number>
Number numberOf(std::string_view key, std::string_view text)
{
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        fail(fmt::format("{}: \"{}\" is not {}", key, text, std::is_integral_v<Number> ? "a whole number in range" : "a number"));
    if constexpr (!std::is_integral_v<Number>)
        if (!std::isfinite(number))
            fail(fmt::format("{}: \"{}\" is not a finite number", key, text));
    return number;
}

std::size_t countOf(std::string_view key, std::string_view text)
{
    const auto count = numberOf<std::size_t>(key, text);
    if (count > kMostBars)
        fail(fmt::format("{}: {} is too many; at most {}", key, count, kMostBars));
    return count;
}

bool yesOf(std::string_view key, std::string_view text)
{
    if (text != "yes" && text != "no")
        fail(fmt::format("{}: \"{}\" is neither yes nor no", key, text));
    return text == "yes";
}

SignalCode codeOf(std::string_view key, std::string_view text)
{
    if (text != "level" && text != "order")
        fail(fmt::format("{}: \"{}\" is neither level nor order", key, text));
    return text == "level" ? SignalCode::Level : SignalCode::Order;
}

std::int64_t timeOf(std::string_view key, std::string_view text)
{
    try {
        return parseUtc(text);
    } catch (const Error& error) {
        fail(fmt::format("{}: {}", key, error.what()));
    }
}

void setStay(SyntheticMarketOptions& options, std::size_t regime, std::string_view key, std::string_view text)
{
    const auto stay = numberOf<double>(key, text);
    if (!(stay >= 0.0 && stay <= 1.0))
        fail(fmt::format("{}: {} is no chance; it must lie between 0 and 1", key, stay));
    options.regimes[regime].next[regime] = stay;
    options.regimes[regime].next[1 - regime] = 1.0 - stay;
}

void set(SyntheticMarketOptions& options, std::string_view key, std::string_view text)
{
    const std::map<std::string_view, double*> numbers = {
        {"price", &options.startPrice},
        {"volatility", &options.volatility},
        {"growth", &options.growthPerBar},
        {"drift", &options.driftPerBar},
        {"volume-gap", &options.volumeGap},
        {"volume", &options.baseVolume},
        {"volume-noise", &options.volumeNoise},
        {"alpha", &options.garch.alpha},
        {"beta", &options.garch.beta},
        {"jump-rate", &options.jump.ratePerBar},
        {"jump-mean", &options.jump.mean},
        {"jump-deviation", &options.jump.deviation},
        {"growth-1", &options.regimes[0].growthPerBar},
        {"volatility-1", &options.regimes[0].volatility},
        {"growth-2", &options.regimes[1].growthPerBar},
        {"volatility-2", &options.regimes[1].volatility},
    };
    const std::map<std::string_view, std::size_t*> counts = {
        {"bars", &options.bars}, {"block", &options.blockBars},        {"phase", &options.phaseBars}, {"move", &options.moveBars},
        {"lag", &options.lagBars}, {"signal-bars", &options.signalBars}, {"slot", &options.slotBars},
        {"bell", &options.bellBars}};
    if (const auto number = numbers.find(key); number != numbers.end())
        *number->second = numberOf<double>(key, text);
    else if (const auto count = counts.find(key); count != counts.end())
        *count->second = countOf(key, text);
    else if (key == "seed")
        options.seed = numberOf<std::uint64_t>(key, text);
    else if (key == "interval")
        options.intervalSeconds = numberOf<std::int64_t>(key, text);
    else if (key == "start")
        options.startTime = timeOf(key, text);
    else if (key == "signal")
        options.code = codeOf(key, text);
    else if (key == "scramble")
        options.scrambleSignal = yesOf(key, text);
    else
        setStay(options, key == "stay-1" ? 0 : 1, key, text);
}

/// Cuts the text up to the next comma off.
std::string_view takePart(std::string_view& text)
{
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    return part;
}

} // namespace

std::optional<SyntheticSpec> parseSyntheticSpec(std::string_view text)
{
    if (!text.starts_with(kPrefix))
        return std::nullopt;
    text.remove_prefix(kPrefix.size());
    const Model& model = modelNamed(takePart(text));
    SyntheticSpec spec;
    spec.options.model = model.model;
    if (model.model != ReturnModel::Gaussian)
        spec.options.driftPerBar = 0.0;
    std::map<std::string_view, std::string_view> seen;
    while (!text.empty()) {
        const std::string_view part = takePart(text);
        const std::size_t equals = part.find('=');
        const std::string_view key = part.substr(0, equals);
        if (equals == std::string_view::npos)
            fail(fmt::format("\"{}\" is not of the form key=value", part));
        if (key.find(kBlank) != std::string_view::npos || !(hasKey(kSharedKeys, key) || hasKey(model.keys, key)))
            fail(fmt::format("the key \"{}\" is unknown to {}; there are{}and{}", key, model.name, kSharedKeys, model.keys));
        if (!seen.emplace(key, part).second)
            fail(fmt::format("the key \"{}\" is given twice", key));
        set(spec.options, key, part.substr(equals + 1));
    }
    return spec;
}

} // namespace btcai
