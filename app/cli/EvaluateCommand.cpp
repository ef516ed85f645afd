#include <algorithm>
#include <cmath>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "agent/evaluation/BaselineRows.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/EntrySizer.h"
#include "agent/ppo/MarketTensors.h"
#include "agent/ppo/Trainer.h"
#include "app/cli/CommandLine.h"
#include "app/cli/EvaluationTable.h"
#include "app/cli/LoadedAgent.h"
#include "base/Clock.h"
#include "base/Error.h"
#include "env/TradingEnv.h"
#include "env/events/MarketEvents.h"
#include "env/events/StressScenarios.h"
#include "models/ModelFactory.h"

namespace btcai::cli {

namespace {

struct EvaluateOptions {
    std::string run;
    std::string checkpoint = "latest";
    std::string part = "test";
    std::string data;
    std::string baselines;
    std::string scenario;
    bool allowBad = false;
    bool json = false;
};

/// What is traded, and how it is called.
struct Stage {
    MarketDataset dataset;
    RowRange rows;
    std::string name;
    Json scenario; ///< what --json says of it; null without one
    std::string note; ///< the same for people, a line
};

std::size_t rowsWithin(const RowRange& rows, const std::vector<RowRange>& ranges)
{
    std::size_t count = 0;
    for (const RowRange& range : ranges) {
        const std::size_t first = std::max(rows.first, range.first), last = std::min(rows.last, range.last);
        count += last > first ? last - first : 0;
    }
    return count;
}

/// The rows of a stretch of history, on the token grid, behind what look-back and warm-up need. It says how much of it the agent has learned from.
void chooseHistory(const StressScenario& scenario, const LoadedAgent& agent, const BarSeries& series, bool isOwnData, Stage& stage)
{
    RowRange rows = scenarioRows(scenario, series);
    const auto grid = static_cast<std::size_t>(agent.config.model.patchBars);
    rows.first = (rows.first + grid - 1) / grid * grid;
    const std::size_t usable = stage.dataset.features.warmUp() + agent.contextRows;
    if (rows.first < usable)
        throw Error(ErrorKind::BadInput, "scenario {}: {} bars stand before it, but look-back and warm-up of this agent need {}; use data that begin earlier",
                    scenario.name, rows.first, usable);
    stage.rows = rows;
    stage.scenario = {{"name", scenario.name}, {"text", scenario.text}, {"from", formatUtc(scenario.from)}, {"to", formatUtc(scenario.to)}};
    if (!isOwnData) {
        stage.scenario["trained_on_share"] = nullptr;
        stage.note = fmt::format("{}: {}; whether the agent learned from this time can't be told from other data\n", scenario.name, scenario.text);
        return;
    }
    std::vector<RowRange> seen = stage.dataset.split.training;
    seen.push_back(stage.dataset.split.validation);
    const double share = static_cast<double>(rowsWithin(rows, seen)) / static_cast<double>(rows.size());
    stage.scenario["trained_on_share"] = share;
    stage.note = fmt::format("{}: {}; the agent learned from, or was chosen by, {:.0f} % of these bars\n", scenario.name, scenario.text, 100.0 * share);
}

/// Puts one event of typical size into the middle of the part, before features are computed.
void chooseEvent(EventKind kind, const LoadedAgent& agent, const MarketData& data, Stage& stage)
{
    MarketEvent event = typicalEvent(kind, stage.rows.first + stage.rows.size() / 2, data.series.intervalSeconds());
    event.bars = std::min(event.bars, stage.rows.last - event.row);
    EventfulMarket market = applyEvents(data.series, data.funding, std::span(&event, 1));
    MarketData changed(market.series, market.funding); // finer bars know nothing of the event and are left out
    changed.swap = applyEvents(data.series, data.swap, std::span(&event, 1)).funding;
    stage.dataset = makeMarketDataset(agent.config, changed, agent.contextRows, &agent.checkpoint.normalizer);
    const std::string time = formatUtc(data.series.timestamp(event.row));
    stage.scenario = {{"name", eventKindName(kind)}, {"from", time}, {"bars", event.bars}, {"size", event.size}};
    stage.note = fmt::format("{} of size {} over {} bars from {} on\n", eventKindName(kind), event.size, event.bars, time);
}

Stage prepare(const EvaluateOptions& options, const LoadedAgent& agent)
{
    const StressScenario* const history = findStressScenario(options.scenario);
    const auto event = eventKindFromName(options.scenario);
    if (!options.scenario.empty() && !history && !event) {
        std::vector<std::string_view> names;
        for (const StressScenario& scenario : stressScenarios())
            names.push_back(scenario.name);
        for (const EventKind kind : kEventKinds)
            names.push_back(eventKindName(kind));
        throw Error(ErrorKind::BadInput, "--scenario {}: is unknown; write one of {}", options.scenario, fmt::join(names, ", "));
    }
    const MarketData data = loadMarketData(agent.config);
    if (history)
        scenarioRows(*history, data.series); // refuses at once what the data do not hold
    Stage stage{.dataset = makeMarketDataset(agent.config, data, agent.contextRows, &agent.checkpoint.normalizer), .rows = {}, .name = options.part, .scenario = {}, .note = {}};
    checkFeatures(agent.checkpoint.features, stage.dataset.identity, !options.data.empty());
    const bool isOwnData = stage.dataset.dataHash == agent.checkpoint.dataHash;
    if (options.data.empty() && !isOwnData)
        throw Error(ErrorKind::BadInput,
                    "data = {}: is not the data this run was trained on (its hash differs); name other data with --data if you "
                    "mean to",
                    agent.config.data);
    stage.rows = partRows(stage.dataset.split, options.part);
    if (!options.scenario.empty())
        stage.name = options.scenario;
    if (history)
        chooseHistory(*history, agent, data.series, isOwnData, stage);
    else if (event)
        chooseEvent(*event, agent, data, stage);
    return stage;
}

/// Adds the baselines' rows to the evaluation, and says which share of the attainable each row has reached.
Json addBaselines(const std::vector<Baseline>& asked, const Stage& stage, const RunConfig& config, protocol::Evaluation& evaluation)
{
    std::vector<Baseline> baselines = asked;
    std::erase_if(baselines, [](Baseline b) { return b == Baseline::Cash || b == Baseline::BuyAndHold; }); // every evaluation lists them
    // Of the accounts that sample, the first row and curve: what they traded over what they were worth on average.
    double worth = 0.0;
    for (const double equity : evaluation.curves.at(0).equity)
        worth += equity / static_cast<double>(evaluation.curves[0].equity.size());
    const auto rows = baselineRows(stage.dataset.market, stage.rows, config, baselines, evaluation.rows.at(0).turnover / worth);
    evaluation.rows.insert(evaluation.rows.end(), rows.begin(), rows.end());
    const double growth = attainableGrowth(*stage.dataset.market, stage.rows, config);
    Json shares = Json::object();
    for (const auto& row : evaluation.rows)
        shares[row.name] = growth > 0.0 ? Json(std::log1p(row.totalReturn) / growth) : Json(nullptr);
    return {{"log_growth", growth}, {"shares", shares}};
}

std::string attainableText(const Json& attainable)
{
    std::string text = fmt::format("perfect foresight under fee and spread multiplies equity by exp({:.3f}); share of that log growth:", attainable["log_growth"].get<double>());
    for (const auto& [name, share] : attainable["shares"].items())
        text += share.is_null() ? fmt::format(" {} -", name) : fmt::format(" {} {:.2f} %,", name, 100.0 * share.get<double>());
    text.back() = '\n';
    return text;
}

int runEvaluate(const EvaluateOptions& options)
{
    const std::vector<Baseline> baselines = options.baselines.empty() ? std::vector<Baseline>() : parseBaselines(options.baselines);
    LoadedAgent agent = loadAgent(options.run, options.checkpoint);
    if (!options.data.empty())
        agent.config.data = options.data;
    agent.config.quality.allowBad = agent.config.quality.allowBad || options.allowBad;
    const Stage stage = prepare(options, agent);
    const torch::Device device = selectDevice(agent.config.device);
    agent.network->to(device);
    const MarketTensors tensors(stage.dataset, forecastHorizons(agent.config), device);
    const auto& calibration = agent.checkpoint.calibration;
    EvaluationResult result = evaluateRows(agent.network, stage.dataset, tensors, agent.config, stage.rows, stage.name, agent.checkpoint.progress.step,
                                           calibration ? &*calibration : nullptr, {}, agent.memory ? &*agent.memory : nullptr);
    const bool isSizedRaw = !calibration && !result.fitted && EntrySizer(agent.config, tensors).isOn();
    Json attainable;
    if (!options.baselines.empty())
        attainable = addBaselines(baselines, stage, agent.config, result.evaluation);
    if (!options.json) {
        fmt::print("{}, {}\n{}{}{}", options.run, agent.checkpointName, stage.note,
                   isSizedRaw ? "entries are sized by what policy and forecast say of themselves: this checkpoint holds no calibration\n" : "",
                   evaluationTable(result.evaluation));
        if (!attainable.is_null())
            fmt::print("{}", attainableText(attainable));
        fmt::print("\n{}", calibrationTable(result.calibrations));
        return 0;
    }
    Json json = {{"run", options.run}, {"checkpoint", agent.checkpointName}, {"evaluation", evaluationJson(result.evaluation)},
                 {"calibration", calibrationJson(result.calibrations)}};
    if (!attainable.is_null())
        json["attainable"] = std::move(attainable);
    if (isSizedRaw)
        json["sizing_calibrated"] = false;
    if (!stage.scenario.is_null())
        json["scenario"] = stage.scenario;
    printJson(json);
    return 0;
}

} // namespace

void addEvaluateCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("evaluate", "Trade a part of the data with a checkpoint, beside buy-and-hold and cash");
    const auto options = std::make_shared<EvaluateOptions>();
    command->add_option("--run", options->run, "The folder of the run")->required();
    command->add_option("--checkpoint", options->checkpoint, "latest, best or the name of a checkpoint folder")->capture_default_str();
    command->add_option("--part", options->part, "train, validation or test")->capture_default_str();
    command->add_option("--data", options->data, "Other data than the run's; split by the same shares");
    command->add_option("--baselines", options->baselines,
                        "List strategies beside the agent, and each one's share of what perfect foresight attains: all, or names with commas "
                        "between (cash, buy-and-hold, volatility-target, ma-cross, mean-reversion, grid, random)");
    command->add_option("--scenario", options->scenario,
                        "Trade a stretch of history instead of a part (2013-april-crash, 2013-crash, 2017-peak, 2018-november), or the part with an event in its middle "
                        "(news-shock, volatility-spike, flash-crash, liquidity-drought, exchange-outage, gap, funding-spike)");
    command->add_flag("--allow-bad", options->allowBad, "Trade data too in which the data check finds errors");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runEvaluate(*options); }; });
}

} // namespace btcai::cli
