#include "agent/ppo/MinibatchOrder.h"

#include <numeric>
#include <utility>

#include "base/Rng.h"

namespace btcai {

/// Fisher and Yates.
std::vector<std::int64_t> minibatchOrder(std::int64_t count, std::uint64_t seed, std::int64_t iteration, std::int64_t epoch)
{
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    Rng rng(seed, "minibatch", static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(iteration));
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[rng.below(i)]);
    return order;
}

} // namespace btcai
