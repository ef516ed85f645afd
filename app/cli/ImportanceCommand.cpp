#include <memory>
#include <numeric>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/dataset/MarketData.h"
#include "agent/evaluation/Evaluator.h"
#include "agent/evaluation/Importance.h"
#include "agent/ppo/Trainer.h"
#include "app/cli/CommandLine.h"
#include "app/cli/LoadedAgent.h"
#include "base/Error.h"

namespace btcai::cli {

namespace {

constexpr std::size_t kFeaturesShown = 12;

struct ImportanceCommand {
    std::string run;
    std::string checkpoint = "latest";
    std::string part = "validation";
    ImportanceOptions measure;
    bool json = false;
};

Json orNull(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json reportJson(const ImportanceReport& report)
{
    Json groups = Json::array(), features = Json::array();
    const auto gate = [&](double share) { return report.hasGates ? Json(share) : Json(nullptr); };
    for (const GroupImportance& group : report.groups)
        groups.push_back({{"group", group.group}, {"features", group.features}, {"decisions_nats", group.decisions.mean}, {"decisions_error", group.decisions.error},
                          {"forecast_loss_rise_nats", group.forecasts.mean}, {"forecast_loss_rise_error", group.forecasts.error},
                          {"attribution_share", group.attribution}, {"gate_share", gate(group.gate)}});
    for (const FeatureAttribution& feature : report.features)
        features.push_back({{"name", feature.name}, {"attribution_share", feature.share}, {"gate_share", gate(feature.gate)}});
    return {{"rows", report.rows}, {"groups", groups}, {"features", features}, {"attention", report.attention}, {"bars_per_token", report.barsPerToken},
            {"attribution_unexplained", report.unexplained},
            {"agreement", {{"decisions_and_attribution", orNull(report.decisionsAndAttribution)}, {"forecasts_and_attribution", orNull(report.forecastsAndAttribution)},
                           {"decisions_and_forecasts", orNull(report.decisionsAndForecasts)}, {"gates_and_decisions", orNull(report.gatesAndDecisions)},
                           {"gates_and_forecasts", orNull(report.gatesAndForecasts)}, {"gates_and_attribution", orNull(report.gatesAndAttribution)}}}};
}

std::string shown(const std::optional<double>& correlation) { return correlation ? fmt::format("{:.2f}", *correlation) : "-"; }

/// By quarters of the window, or single tokens where there are fewer.
std::string attentionText(const ImportanceReport& report)
{
    std::string text = "attention of the Transformer by age, bars (and what it would be if all were alike):";
    const std::size_t tokens = report.attention.size(), parts = std::min<std::size_t>(4, tokens);
    for (std::size_t part = 0; part < parts; ++part) { // the newest first
        const std::size_t first = tokens - (part + 1) * tokens / parts, last = tokens - part * tokens / parts;
        const auto begin = report.attention.begin();
        const double share = std::accumulate(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last), 0.0);
        const auto age = [&](std::size_t token) { return static_cast<std::int64_t>(tokens - token) * report.barsPerToken; };
        text += fmt::format("{} {} to {} {:.1f} % ({:.1f} %)", part == 0 ? "" : ",", age(last) + 1, age(first), 100.0 * share,
                            100.0 * static_cast<double>(last - first) / static_cast<double>(tokens));
    }
    return text + "\n";
}

std::string reportText(const ImportanceReport& report)
{
    std::string text = fmt::format("{:<12} {:>8} {:>22} {:>24} {:>12}{}\n{:<12} {:>8} {:>22} {:>24} {:>12}{}\n", "group", "features", "decisions move by", "forecast loss rises by",
                                   "attribution", report.hasGates ? "     gates" : "", "", "", "nats", "nats", "%", report.hasGates ? "         %" : "");
    for (const GroupImportance& group : report.groups)
        text += fmt::format("{:<12} {:>8} {:>22} {:>24} {:>12.1f}{}\n", group.group, group.features, fmt::format("{:.5f} ± {:.5f}", group.decisions.mean, group.decisions.error),
                            fmt::format("{:.5f} ± {:.5f}", group.forecasts.mean, group.forecasts.error), 100.0 * group.attribution,
                            report.hasGates ? fmt::format("{:>10.1f}", 100.0 * group.gate) : "");
    text += "\nlargest attributions:";
    for (std::size_t i = 0; i < std::min(kFeaturesShown, report.features.size()); ++i)
        text += fmt::format("{} {} {:.1f} %", i == 0 ? "" : ",", report.features[i].name, 100.0 * report.features[i].share);
    text += fmt::format("\nagreement of the rankings (Spearman): decisions and attribution {}, forecasts and attribution {}, decisions and forecasts {}\n",
                        shown(report.decisionsAndAttribution), shown(report.forecastsAndAttribution), shown(report.decisionsAndForecasts));
    if (report.hasGates)
        text += fmt::format("of the gates: with decisions {}, with forecasts {}, with attribution {}\n", shown(report.gatesAndDecisions),
                            shown(report.gatesAndForecasts), shown(report.gatesAndAttribution));
    if (!report.attention.empty())
        text += attentionText(report);
    return text + fmt::format("attributions leave {:.1f} % unexplained\n", 100.0 * report.unexplained);
}

int runImportance(const ImportanceCommand& options)
{
    LoadedAgent agent = loadAgent(options.run, options.checkpoint);
    const MarketDataset dataset = makeMarketDataset(agent.config, loadMarketData(agent.config), agent.contextRows, &agent.checkpoint.normalizer);
    checkFeatures(agent.checkpoint.features, dataset.identity, false);
    const MarketTensors tensors(dataset, forecastHorizons(agent.config), torch::kCPU);
    const ImportanceReport report = measureImportance(agent.network, dataset, tensors, partRows(dataset.split, options.part), options.measure);
    if (options.json) {
        Json json = reportJson(report);
        json.update({{"run", options.run}, {"checkpoint", agent.checkpointName}, {"part", options.part}});
        printJson(json);
    } else {
        fmt::print("{}, {}, {} part, {} bars\n{}", options.run, agent.checkpointName, options.part, report.rows, reportText(report));
    }
    return 0;
}

} // namespace

void addImportanceCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("importance", "What an agent's decisions and forecasts owe to each group of features, by two or three ways");
    const auto options = std::make_shared<ImportanceCommand>();
    command->add_option("--run", options->run, "The folder of the run")->required();
    command->add_option("--checkpoint", options->checkpoint, "latest, best or the name of a checkpoint folder")->capture_default_str();
    command->add_option("--part", options->part, "train, validation or test; whoever chooses features by the test part has seen it")->capture_default_str();
    command->add_option("--shifts", options->measure.shifts, "Times that each group is put out of step")->check(CLI::Range(1, 1000))->capture_default_str();
    command->add_option("--decisions", options->measure.decisions, "Decisions that are taken apart by integrated gradients")->check(CLI::Range(1, 100000))->capture_default_str();
    command->add_option("--steps", options->measure.steps, "Steps of each such gradient's path")->check(CLI::Range(1, 10000))->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([&action, options] { action = [options](const LogOptions&) { return runImportance(*options); }; });
}

} // namespace btcai::cli
