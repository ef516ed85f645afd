#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/Field.h"
#include "agent/ppo/Trainer.h"
#include "app/cli/BenchOutput.h"
#include "app/cli/BenchTiming.h"
#include "app/cli/CommandLine.h"
#include "app/cli/ScratchFolder.h"
#include "base/Error.h"
#include "base/Json.h"

namespace btcai::cli {

namespace {

/// A mechanism of the agent: what switches it on, and what both arms of its comparison need.
struct Mechanism {
    std::string_view name;
    std::vector<FieldOverride> on;
    std::vector<FieldOverride> both{};
};

const std::vector<Mechanism>& mechanisms()
{
    static const std::vector<Mechanism> all{
        {"replay", {{"replay.segments", "2"}}},
        {"policy-replay", {{"replay.segments", "2"}, {"replay.staleness", "8"}}},
        {"familiarity", {{"explore.familiarity", "0.5"}}},
        {"temperature", {{"explore.temperature", "0.5"}}},
        {"performance", {{"explore.decay", "performance"}}},
        {"adaptive", {{"explore.decay", "adaptive"}}},
        {"memory", {{"memory.capacity", "4096"}}, {{"sizing.method", "confidence"}}},
        {"ensemble", {{"forecast.members", "5"}}},
        {"student-t", {{"forecast.distribution", "student-t"}}, {{"forecast.distribution", "gaussian"}}},
        {"quantiles", {{"forecast.distribution", "quantiles"}}, {{"forecast.distribution", "gaussian"}}},
        {"gates", {{"model.select_features", "true"}}},
        {"recurrence", {{"model.recurrent_width", "32"}}},
        {"bfloat16", {{"model.precision", "bfloat16"}}},
    };
    return all;
}

std::string mechanismNames()
{
    std::string names;
    for (const Mechanism& mechanism : mechanisms())
        names += (names.empty() ? "" : ", ") + std::string(mechanism.name);
    return names;
}

/// What a run is judged by: the first three on the validation part, since defaults follow from it; the time is that of all threads, evaluations included.
/// The CRPS itself, not its skill, since the skills of two distributions do not compare; a difference of -0.01 is 1 % less.
constexpr std::array kFigures{"argmax return", "sampled return", "CRPS", "processor time"};
constexpr std::array kUnits{"log", "log", "log", "s"};
using Figures = std::array<double, kFigures.size()>;

struct AblateOptions {
    std::string mechanisms = "all";
    std::size_t seeds = 5;
    bool json = false;
    std::vector<FieldOverride> fields;
};

/// Keeps the last evaluation of the validation part.
class ValidationSink final : public EventSink {
public:
    void send(const protocol::Event& event) override
    {
        if (const auto* evaluation = std::get_if<protocol::Evaluation>(&event); evaluation && evaluation->part == "validation") {
            m_figures[0] = std::log1p(evaluation->rows[1].totalReturn);
            m_figures[1] = std::log1p(evaluation->rows[0].totalReturn);
            m_crps.clear();
        } else if (const auto* judged = std::get_if<protocol::Calibration>(&event); judged && judged->part == "validation") {
            m_crps.push_back(std::log(judged->crps));
        }
    }

    /// The mean over the horizons.
    Figures figures() const
    {
        Figures figures = m_figures;
        for (const double crps : m_crps)
            figures[2] += crps / static_cast<double>(m_crps.size());
        return figures;
    }

private:
    Figures m_figures{};
    std::vector<double> m_crps;
};

RunConfig configOf(const AblateOptions& options, const Mechanism& mechanism, bool on, std::size_t seed)
{
    std::vector<FieldOverride> fields = options.fields;
    fields.insert(fields.end(), mechanism.both.begin(), mechanism.both.end());
    if (on)
        fields.insert(fields.end(), mechanism.on.begin(), mechanism.on.end());
    fields.push_back({"seed", std::to_string(seed)});
    return parseRunConfig("", "command line", fields);
}

/// Trains, and gives what its last validation showed. What the test part shows is not looked at.
Figures train(const RunConfig& config)
{
    const ScratchFolder scratch;
    RunFolder folder = RunFolder::create(scratch.path() / "run", config);
    RunControl control;
    ValidationSink sink;
    Trainer trainer(folder, config, sink, control);
    const double began = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
    trainer.run(false);
    Figures figures = sink.figures();
    figures[3] = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - began;
    return figures;
}

/// The mean difference of pairs, and half of its 95 % confidence interval by Student's t with n - 1 degrees of freedom.
struct Difference {
    double mean = 0.0, half = 0.0;
};

/// Of the 0.975 quantile of Student's t (any table of it); beyond, that of the normal distribution, which errs by under 2 %.
double studentQuantile(std::size_t degrees)
{
    constexpr std::array kQuantiles{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                    2.120,  2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    return degrees <= kQuantiles.size() ? kQuantiles[degrees - 1] : 1.96;
}

Difference difference(const std::vector<double>& with, const std::vector<double>& without)
{
    const auto n = static_cast<double>(with.size());
    Difference result;
    for (std::size_t i = 0; i < with.size(); ++i)
        result.mean += (with[i] - without[i]) / n;
    double squares = 0.0;
    for (std::size_t i = 0; i < with.size(); ++i)
        squares += std::pow(with[i] - without[i] - result.mean, 2);
    result.half = studentQuantile(with.size() - 1) * std::sqrt(squares / (n - 1.0) / n);
    return result;
}

std::vector<Mechanism> chosen(const std::string& names)
{
    if (names == "all")
        return mechanisms();
    std::vector<Mechanism> found;
    for (std::size_t begin = 0; begin <= names.size();) {
        const std::size_t end = std::min(names.find(',', begin), names.size());
        const std::string name = names.substr(begin, end - begin);
        const auto at = std::ranges::find(mechanisms(), name, &Mechanism::name);
        if (at == mechanisms().end())
            throw Error(ErrorKind::BadInput, "--mechanism: \"{}\" is none; there are: {}", name, mechanismNames());
        found.push_back(*at);
        begin = end + 1;
    }
    return found;
}

int runBenchAblate(const AblateOptions& options)
{
    /// Runs by their configuration, since several mechanisms are compared with the same one.
    std::map<std::string, Figures> done;
    const auto figuresOf = [&](const RunConfig& config) {
        const auto [at, isNew] = done.try_emplace(toToml(config));
        if (isNew)
            at->second = train(config);
        return at->second;
    };
    Json results = Json::array();
    std::string text;
    for (const Mechanism& mechanism : chosen(options.mechanisms)) {
        std::array<std::vector<double>, kFigures.size()> with, without;
        for (std::size_t seed = 1; seed <= options.seeds; ++seed) {
            const Figures off = figuresOf(configOf(options, mechanism, false, seed)), on = figuresOf(configOf(options, mechanism, true, seed));
            for (std::size_t i = 0; i < kFigures.size(); ++i) {
                without[i].push_back(off[i]);
                with[i].push_back(on[i]);
            }
        }
        Json switches = Json::object(), figures = Json::array();
        for (const auto& [key, value] : mechanism.on)
            switches[key] = value;
        text += fmt::format("{:<13}", mechanism.name);
        for (std::size_t i = 0; i < kFigures.size(); ++i) {
            const Difference of = difference(with[i], without[i]);
            figures.push_back({{"figure", kFigures[i]}, {"unit", kUnits[i]}, {"with", with[i]}, {"without", without[i]}, {"difference", of.mean},
                               {"interval_95", {of.mean - of.half, of.mean + of.half}}});
            text += fmt::format("  {:+.4f} +- {:.4f}", of.mean, of.half);
        }
        text += '\n';
        results.push_back({{"mechanism", mechanism.name}, {"on", std::move(switches)}, {"figures", std::move(figures)}});
    }
    if (!options.json) {
        fmt::print("with less without, mean over {} seeds and 95 % confidence interval, on the validation part\n{:<13}", options.seeds, "");
        for (std::size_t i = 0; i < kFigures.size(); ++i)
            fmt::print("  {:<17}", fmt::format("{} ({})", kFigures[i], kUnits[i]));
        fmt::print("\n{}", text);
        return 0;
    }
    const RunConfig config = configOf(options, {"", {}}, false, 1);
    printBench({{"bench", "ablate"},
                {"seeds", options.seeds},
                {"data", config.data},
                {"bucket", bucketSpec(config.bucket).name},
                {"steps", config.train.steps},
                {"part", "validation"},
                {"threads", torch::get_num_threads()},
                {"results", std::move(results)}});
    return 0;
}

} // namespace

void addBenchAblate(CLI::App& bench, Action& action)
{
    CLI::App* command = bench.add_subcommand(
        "ablate", "What a mechanism of the agent is worth: runs with and without it, paired by seed, judged on the validation part");
    const auto options = std::make_shared<AblateOptions>();
    command->add_option("--mechanism", options->mechanisms, mechanismNames() + ", some with commas between, or all")
        ->capture_default_str();
    command->add_option("--seeds", options->seeds, "Seeds, from 1 on")->check(CLI::Range(2, 1000))->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON");
    addFieldOptions(*command, options->fields);
    command->callback([&action, options] { action = [options](const LogOptions&) { return runBenchAblate(*options); }; });
}

} // namespace btcai::cli
