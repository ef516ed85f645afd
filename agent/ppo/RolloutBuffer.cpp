#include "agent/ppo/RolloutBuffer.h"

#include "agent/ppo/Gae.h"

namespace btcai {

namespace {

template <typename T> std::span<T> stretchOf(torch::Tensor& tensor, std::int64_t stretch)
{
    const std::int64_t count = tensor.numel() / tensor.size(0);
    return {tensor.data_ptr<T>() + stretch * count, static_cast<std::size_t>(count)};
}

} // namespace

RolloutBuffer::RolloutBuffer(std::int64_t g, std::int64_t t, std::int64_t m, std::int64_t stateSize)
    : stretches(g), steps(t), accounts(m), startRow(static_cast<std::size_t>(g)),
      state(torch::zeros({g, t, m, stateSize})), action(torch::zeros({g, t, m}, torch::kInt64))
{
    for (torch::Tensor* tensor : {&logProbability, &reward, &value, &nextValue, &advantage, &returns})
        *tensor = torch::zeros({g, t, m});
    terminated = torch::zeros({g, t, m}, torch::kUInt8);
    truncated = torch::zeros({g, t, m}, torch::kUInt8);
}

void RolloutBuffer::estimateAdvantages(double gamma, double lambda)
{
    for (std::int64_t g = 0; g < stretches; ++g) {
        const GaeInput input{.steps = static_cast<std::size_t>(steps), .lanes = static_cast<std::size_t>(accounts),
                             .reward = stretchOf<float>(reward, g), .value = stretchOf<float>(value, g),
                             .nextValue = stretchOf<float>(nextValue, g), .terminated = stretchOf<std::uint8_t>(terminated, g),
                             .truncated = stretchOf<std::uint8_t>(truncated, g), .gamma = gamma, .lambda = lambda};
        computeGae(input, stretchOf<float>(advantage, g), stretchOf<float>(returns, g));
    }
}

RolloutBuffer RolloutBuffer::on(torch::Device device) const
{
    RolloutBuffer there = *this;
    if (state.device() == device)
        return there;
    for (torch::Tensor RolloutBuffer::*part :
         {&RolloutBuffer::state, &RolloutBuffer::action, &RolloutBuffer::logProbability, &RolloutBuffer::value, &RolloutBuffer::advantage,
          &RolloutBuffer::returns, &RolloutBuffer::temperature, &RolloutBuffer::entropyScale, &RolloutBuffer::memory, &RolloutBuffer::ended})
        if ((this->*part).defined())
            there.*part = (this->*part).pin_memory().to(device, /*non_blocking=*/true);
    return there;
}

} // namespace btcai
