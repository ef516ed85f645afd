#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "agent/ppo/MlpPpo.h"

namespace btcai {

/// A task whose right answer is known, with the settings it is learned with.
struct ReferenceTask {
    std::string_view name;
    std::string_view description;
    std::unique_ptr<VectorEnvironment> (*make)(std::size_t lanes);
    double solvedReturn;   ///< solved when the mean of 100 training episodes is this or more
    std::int64_t maxSteps; ///< given up after
    std::size_t lanes;
    MlpPpoOptions options; ///< for learning in few steps
};

std::span<const ReferenceTask> referenceTasks();
/// Throws Error(BadInput) that lists the names there are.
const ReferenceTask& findReferenceTask(std::string_view name);

} // namespace btcai
