#pragma once

#include <filesystem>
#include <mutex>
#include <vector>

#include <QTemporaryDir>

#include "agent/ppo/Checkpoint.h"
#include "agent/ppo/Trainer.h"
#include "base/ReadFile.h"
#include "data/dataset/SyntheticMarket.h"
#include "models/ModelFile.h"

namespace btcai::test {

/// Keeps what a run tells.
class CollectingSink final : public EventSink {
public:
    void send(const protocol::Event& event) override
    {
        const std::lock_guard lock(m_mutex);
        m_events.push_back(event);
    }
    std::vector<protocol::Event> events() const
    {
        const std::lock_guard lock(m_mutex);
        return m_events;
    }
    template <typename T> std::vector<T> all() const
    {
        std::vector<T> found;
        for (const protocol::Event& event : events())
            if (const T* one = std::get_if<T>(&event))
                found.push_back(*one);
        return found;
    }

private:
    mutable std::mutex m_mutex;
    std::vector<protocol::Event> m_events;
};

/// Asks to stop once so many iterations are told.
class StopAfter final : public EventSink {
public:
    StopAfter(RunControl& control, std::int64_t iterations) : m_control(control), m_iterations(iterations) {}
    void send(const protocol::Event& event) override
    {
        if (const auto* metrics = std::get_if<protocol::Metrics>(&event); metrics && metrics->iteration >= m_iterations)
            m_control.stop();
    }

private:
    RunControl& m_control;
    std::int64_t m_iterations;
};

/// A configuration whose iterations take milliseconds: for tests of the machinery.
inline RunConfig tinyConfig()
{
    RunConfig config = defaultConfig(Bucket::Scalping);
    config.threads = 1;
    config.model.lookbackBars = 16;
    config.model.patchBars = 4;
    config.model.width = 16;
    config.model.heads = 2;
    config.model.layers = 1;
    config.model.headWidth = 8;
    config.model.horizons = "1,4";
    config.train.stretches = 2;
    config.train.accounts = 2;
    config.train.rolloutBars = 16;
    config.account.episodeBars = 64;
    config.ppo.stretchesPerMinibatch = 1;
    config.ppo.epochs = 2;
    config.train.steps = 64 * 10;
    config.train.checkpointEvery = 2;
    config.train.evaluateEvery = 4;
    config.evaluation.sampledAccounts = 2;
    return config;
}

/// Everything that a run may learn by besides: replay, exploration by familiarity, memory (which needs sized entries) and an ensemble.
inline RunConfig withEveryMechanism(RunConfig config)
{
    config.forecast.members = 3;
    config.forecast.adapt = true;
    config.model.selectFeatures = true;
    config.sizing.method = "confidence";
    config.replay.segments = 2;
    config.replay.bars = 8;
    config.replay.accounts = 2;
    config.replay.capacity = 12;
    config.replay.staleness = 8;
    config.explore.decay = "adaptive";
    config.explore.familiarity = 0.5;
    config.explore.temperature = 0.5;
    config.memory.capacity = 64;
    config.memory.similarity = 0.0;
    config.memory.prior = 2.0;
    return config;
}

/// With recurrence replay serves the forecast alone.
inline RunConfig withRecurrence(RunConfig config)
{
    config.model.recurrentWidth = 4;
    config.replay.staleness = 0;
    return config;
}

inline BarSeries tinySeries()
{
    return makeSyntheticMarket({.bars = 2600, .seed = 5}).series;
}

/// Whose validation part is long enough to calibrate forecasts on.
inline BarSeries smallSeries()
{
    return makeSyntheticMarket({.bars = 5000, .seed = 5}).series;
}

/// A run in a folder of its own, with what it tells.
struct TrainingRun {
    QTemporaryDir dir;
    std::filesystem::path path{std::filesystem::path(dir.path().toStdString()) / "run"};
    CollectingSink sink;
    RunControl control;

    TrainingResult train(const RunConfig& config, bool resume = false,
                         TrainingHooks hooks = {}, BarSeries series = tinySeries())
    {
        RunFolder folder = resume ? RunFolder::open(path) : RunFolder::create(path, config);
        Trainer trainer(folder, config, sink, control, [&](const RunConfig&) { return series; });
        trainer.setHooks(std::move(hooks));
        return trainer.run(resume);
    }

    std::filesystem::path finalCheckpoint() const
    {
        const std::filesystem::path checkpoints = path / "checkpoints";
        return checkpoints / findCheckpoint(checkpoints, "latest").value();
    }
    std::string finalWeights() const { return readFile(finalCheckpoint() / "model.safetensors", 1 << 26); }
    torch::Tensor firstMoment() const { return readTensorFile(finalCheckpoint() / "optimizer.safetensors").tensors.at("first_moment"); }
};

} // namespace btcai::test
