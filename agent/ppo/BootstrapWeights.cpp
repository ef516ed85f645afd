#include "agent/ppo/BootstrapWeights.h"

#include <algorithm>
#include <cmath>

#include "base/Rng.h"

namespace btcai {

namespace {

/// A Poisson number of mean 1, by inversion. The chance of a larger one than 16 is 1e-15.
float poisson(double uniform)
{
    int count = 0;
    double chance = std::exp(-1.0);
    for (double below = chance; uniform >= below && count < 16; below += chance)
        chance /= ++count;
    return static_cast<float>(count);
}

} // namespace

torch::Tensor bootstrapWeights(std::uint64_t seed, std::int64_t members, std::int64_t blockBars, const std::vector<std::int64_t>& starts,
                               std::int64_t rows)
{
    torch::Tensor weights = torch::empty({static_cast<std::int64_t>(starts.size()), rows, members});
    auto* at = weights.data_ptr<float>();
    std::vector<float> ofBlock(static_cast<std::size_t>(members));
    for (const std::int64_t start : starts)
        for (std::int64_t row = start; row < start + rows; ++row) {
            if (row == start || row % blockBars == 0)
                for (std::size_t k = 0; k < ofBlock.size(); ++k)
                    ofBlock[k] = poisson(Rng(seed, "forecast-member", k, static_cast<std::uint64_t>(row / blockBars)).uniform());
            at = std::ranges::copy(ofBlock, at).out;
        }
    return weights;
}

} // namespace btcai
