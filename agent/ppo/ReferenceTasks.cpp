#include "agent/ppo/ReferenceTasks.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/Error.h"
#include "env/ObservationHistory.h"
#include "env/reference/Acrobot.h"
#include "env/reference/CartPole.h"
#include "env/reference/TMaze.h"

namespace btcai {

namespace {

template <typename Task> std::unique_ptr<VectorEnvironment> make(std::size_t lanes) { return std::make_unique<Task>(lanes); }

constexpr std::size_t kCorridor = 5;

std::unique_ptr<VectorEnvironment> makeTMaze(std::size_t lanes) { return std::make_unique<TMaze>(lanes, kCorridor); }

/// Just long enough to hold the cue for who goes straight on.
std::unique_ptr<VectorEnvironment> makeTMazeHistory(std::size_t lanes)
{
    return std::make_unique<ObservationHistory>(makeTMaze(lanes), kCorridor + 1);
}

const std::array kTasks{
    ReferenceTask{"cartpole", "CartPole-v1", make<CartPole>, 475.0, 300'000, 8, {}},
    ReferenceTask{"acrobot", "Acrobot-v1", make<Acrobot>, -100.0, 300'000, 8, {}},
    ReferenceTask{"tmaze", "T-maze of length 5, seen through its latest 6 observations", makeTMazeHistory, 3.9, 300'000, 8, {}},
    ReferenceTask{"tmaze-memoryless", "T-maze of length 5, seen one observation at a time: not solvable", makeTMaze, 3.9, 50'000, 8, {}},
};

} // namespace

std::span<const ReferenceTask> referenceTasks() { return kTasks; }

const ReferenceTask& findReferenceTask(std::string_view name)
{
    const auto found = std::ranges::find(kTasks, name, &ReferenceTask::name);
    if (found != kTasks.end())
        return *found;
    std::string names;
    for (const ReferenceTask& task : kTasks)
        names += (names.empty() ? "" : ", ") + std::string(task.name);
    throw Error(ErrorKind::BadInput, "unknown task '{}'; there are {}", name, names);
}

} // namespace btcai
