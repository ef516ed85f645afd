#include "RecordedRun.h"

#include <cmath>
#include <fstream>
#include <random>

#include "agent/config/ConfigFile.h"
#include "agent/protocol/Codec.h"

namespace btcai::gui::test {

namespace {

using namespace protocol;

constexpr std::int64_t kValidationFrom = 1'514'764'800; // 2018-01-01 UTC
constexpr int kCurvePoints = 400;

struct Source {
    std::mt19937 engine{7};
    double noise() { return std::normal_distribution<double>()(engine); }
};

Metrics metricsOf(int iteration, const RecordedRunOptions& options, Source& source)
{
    const double progress = double(iteration) / 60.0;
    Metrics m;
    m.iteration = iteration;
    m.step = iteration * options.stepsPerIteration;
    m.totalSteps = 60 * options.stepsPerIteration;
    m.elapsedSeconds = 0.7 * iteration;
    m.remainingSeconds = 0.7 * (60 - iteration);
    const double hold = 0.35 + 0.4 * progress + 0.02 * source.noise();
    m.values = {{"episode_return", -9.0 + 10.0 * (1 - std::exp(-3 * progress)) + 0.6 * source.noise()},
                {"mean_reward", 0.001 * source.noise()},
                {"policy_loss", -0.012 + 0.002 * source.noise()},
                {"value_loss", 0.8 * std::exp(-4 * progress) + 0.05 + 0.01 * std::abs(source.noise())},
                {"forecast_loss", 0.9 - 0.5 * (1 - std::exp(-2 * progress)) + 0.02 * source.noise()},
                {"entropy", 1.09 - 0.55 * progress + 0.01 * source.noise()},
                {"approx_kl", 0.012 + 0.003 * std::abs(source.noise())},
                {"clip_fraction", 0.09 + 0.02 * std::abs(source.noise())},
                {"explained_variance", 0.8 * (1 - std::exp(-3 * progress)) + 0.02 * source.noise()},
                {"grad_norm", 0.4 + 0.1 * std::abs(source.noise())},
                {"learning_rate", 5e-4 * (1 - progress)},
                {"account_steps_per_s", 48'000 + 1'500 * source.noise()},
                {"bars_per_s", 3'000 + 90 * source.noise()},
                {"share_hold", hold},
                {"share_buy", (1 - hold) / 2},
                {"share_sell", (1 - hold) / 2},
                {"exposure", 0.4 + 0.02 * source.noise()},
                {"turnover", 30 * std::exp(-2 * progress) + 4},
                {"gate_cnn", 0.33 + 0.1 * progress},
                {"gate_lstm", 0.34 - 0.06 * progress},
                {"gate_transformer", 0.33 - 0.04 * progress},
                {"time_rollout", 0.18},
                {"time_encode", 0.24},
                {"time_update", 0.53},
                {"time_other", 0.05},
                {"entropy_coefficient", 0.005 * (1 - progress)}};
    if (options.withMechanisms)
        m.values.insert(m.values.end(), {{"replay_priority", 1.9 - 0.4 * progress + 0.02 * source.noise()},
                                         {"familiarity", 0.4 + 0.2 * progress + 0.02 * source.noise()},
                                         {"memory_size", std::floor(4096 * progress)},
                                         {"memory_recalled", 6 * progress}});
    return m;
}

Evaluation evaluationOf(std::int64_t step, const std::string& part, double drift, Source& source)
{
    Evaluation e;
    e.step = step;
    e.part = part;
    EquityCurve sampled{"agent (sampled)", {}}, argmax{"agent (argmax)", {}}, hold{"buy and hold", {}}, cash{"cash", {}};
    double a = 1, b = 1, h = 1;
    for (int i = 0; i < kCurvePoints; ++i) {
        const double market = 0.012 * source.noise() - 0.001;
        e.time.push_back(kValidationFrom + (part == "test" ? 200 * 86'400 : 0) + i * 43'200);
        h *= 1 + market;
        a *= 1 + 0.35 * market + drift;
        b *= 1 + 0.45 * market + 1.2 * drift;
        sampled.equity.push_back(a);
        argmax.equity.push_back(b);
        hold.equity.push_back(h);
        cash.equity.push_back(1);
    }
    e.rows = {{"agent (sampled)", a - 1, 0.011, 0.62, 0.91, 0.083, 0.74, 1.12, 0.47, 38.2, 0.41, 0.049, 512},
              {"agent (argmax)", b - 1, -1.0, 0.81, 1.10, 0.101, 0.83, 1.19, 0.49, 22.6, 0.45, 0.031, 301},
              {"buy and hold", h - 1, -1.0, -0.70, -0.92, 0.412, -0.6, 0.0, 0.0, 1.0, 1.0, 0.0012, 1},
              {"cash", 0.0, -1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
    e.curves = {sampled, argmax, hold, cash};
    return e;
}

Forecast forecastOf(std::int64_t step, std::int64_t horizon, Source& source)
{
    Forecast f;
    f.step = step;
    f.horizonBars = horizon;
    const double scale = 0.002 * std::sqrt(double(horizon));
    for (int i = 0; i < 300; ++i) {
        const double signal = 0.3 * scale * std::sin(i / 17.0);
        f.time.push_back(kValidationFrom + i * 3'600);
        f.mean.push_back(signal);
        f.deviation.push_back(scale * (1.0 + 0.3 * std::sin(i / 40.0)));
        f.outcome.push_back(signal + scale * source.noise());
        f.epistemic.push_back(0.3 * scale);
    }
    return f;
}

Trade tradeOf(std::int64_t step, int index, Source& source)
{
    Trade t;
    t.step = step;
    t.entryTime = kValidationFrom + index * 7'200;
    t.exitTime = t.entryTime + 300 * (3 + index % 40);
    t.side = "long";
    t.entryPrice = 13'500 + 40 * source.noise();
    t.exitPrice = t.entryPrice * (1 + 0.004 * source.noise());
    t.quantity = 10'000 / t.entryPrice;
    t.fees = 10.0;
    t.profit = t.quantity * (t.exitPrice - t.entryPrice) - t.fees;
    t.part = "validation";
    return t;
}

Hello helloOf()
{
    Hello hello;
    hello.version = "0.1.0";
    hello.revision = "0123abc";
    hello.pid = 1; // no worker has it
    hello.device = "cpu";
    hello.libtorch = "1.13.1";
    hello.threads = 2;
    return hello;
}

RunInfo infoOf(const RecordedRunOptions& options)
{
    RunInfo info;
    info.runFolder = "run";
    info.bucket = options.bucket;
    info.dataName = "btcusd-5m.csv.gz";
    info.dataHash = "0011";
    info.bars = 200'000;
    info.features = 26;
    info.parameters = 612'345;
    info.totalSteps = 60 * options.stepsPerIteration;
    return info;
}

} // namespace

std::vector<Event> recordedEvents(const RecordedRunOptions& options)
{
    Source source;
    std::vector<Event> events{helloOf(), StateChanged{WorkerState::Preparing, 0, "computing features"}, infoOf(options),
                              StateChanged{WorkerState::Running, 0, ""}};
    std::int64_t step = 0;
    for (int i = 1; i <= options.iterations; ++i) {
        const Metrics metrics = metricsOf(i, options, source);
        step = metrics.step;
        events.push_back(metrics);
        if (i % 10 != 0)
            continue;
        events.push_back(evaluationOf(step, "validation", 0.0002 * (i / 10) - 0.0004, source));
        for (const std::int64_t horizon : {1, 12, 48}) {
            events.push_back(forecastOf(step, horizon, source));
            events.push_back(Calibration{.step = step, .part = "validation", .horizonBars = horizon, .count = 300, .deviationFactor = 1.4,
                                         .deviationRatio = 1.4, .crps = 0.001, .crpsSkill = 0.02, .ece = 0.08, .calibratedEce = 0.02,
                                         .coverage = {{0.5, 0.36, 0.51, 0.5}, {0.9, 0.76, 0.905, 0.9}}, .reliability = {}, .regimes = {},
                                         .epistemic = 0.0006, .aleatoric = 0.0019});
        }
        for (int t = 0; t < options.trades; ++t)
            events.push_back(tradeOf(step, t, source));
        events.push_back(CheckpointSaved{step, "checkpoints/step-" + std::to_string(step), i == 60});
    }
    if (options.last == WorkerState::Running)
        return events;
    if (options.last == WorkerState::Stopped)
        events.push_back(StateChanged{WorkerState::Stopping, step, ""});
    if (options.last == WorkerState::Finished)
        events.push_back(evaluationOf(step, "test", 0.0005, source));
    if (options.last == WorkerState::Failed)
        events.push_back(Notice{"error", "numeric", "a loss was NaN three times in a row"});
    events.push_back(StateChanged{options.last, step, ""});
    return events;
}

void writeRunFolder(const std::filesystem::path& folder, const RecordedRunOptions& options)
{
    std::filesystem::create_directories(folder / "checkpoints");
    if (options.withCheckpoint)
        std::filesystem::create_directories(folder / "checkpoints" / "step-1966080");
    std::ofstream record(folder / "events.jsonl", std::ios::binary);
    for (const Event& event : recordedEvents(options))
        record << encode(event) << '\n';
    RunConfig config = defaultConfig(*bucketFromName(options.bucket));
    config.data = "btcusd-5m.csv.gz";
    std::ofstream(folder / "run.toml") << toToml(config);
    std::ofstream(folder / "worker.log") << "2026-01-05T10:00:00.000Z info     [9:9] Trainer.cpp:12 f: read 200000 bars\n"
                                            "2026-01-05T10:00:01.200Z warning  [9:9] Trainer.cpp:13 f: 12 gaps in the market data\n"
                                            "2026-01-05T10:00:02.000Z info     [9:9] Trainer.cpp:14 f: training starts\n";
}

} // namespace btcai::gui::test
