#pragma once

#include <torch/torch.h>

#include "models/HeadPass.h"
#include "models/MarketEncoder.h"

namespace btcai {

struct AgentNetworkOptions {
    bool hasMarket = true;           ///< false: a task without a market (CartPole); the heads then read the private state only
    MarketEncoderOptions encoder;    ///< read when hasMarket
    std::int64_t privateSize = 0;    ///< S: floats of an account's private state
    std::int64_t actions = 2;        ///< A
    std::int64_t headWidth = 64;     ///< hidden units per head and layer
    std::int64_t headLayers = 1;     ///< hidden layers (tanh)
    std::int64_t horizons = 0;       ///< H of the forecast
    /// Initial preference for the action that keeps the present target: added to logit a when private[a] is 1 (the
    /// one-hot target that a trading state starts with). 0 where the state starts with something else.
    double holdBias = 0.0;
};

struct HeadOutput {
    torch::Tensor logits; ///< [G, T, M, A]
    torch::Tensor value;  ///< [G, T, M]
};

struct ForecastOutput {
    torch::Tensor mean;         ///< [G, T, H], in units of the target's training deviation
    torch::Tensor logDeviation; ///< [G, T, H], within [-5, 3]
};

/// z[t] = encoder(market up to t), then policy(z, s), value(z, s) and forecast(z), where s is the private state of an account.
/// The parts are called apart, since z is computed once per bar and weight version and shared by all accounts and steps.
class AgentNetworkImpl : public torch::nn::Module {
public:
    explicit AgentNetworkImpl(AgentNetworkOptions options);

    const AgentNetworkOptions& options() const { return m_options; }
    MarketEncoder& encoder() { return m_encoder; }

    /// z: [G, T, D] (undefined without a market); state: [G, T, M, S].
    HeadOutput heads(const torch::Tensor& z, const torch::Tensor& state);
    /// What heads() makes of z before it looks at an account: [G, T, 2 * headWidth].
    torch::Tensor marketShare(const torch::Tensor& z) { return m_marketIn(z); }
    /// For HeadPass, on the CPU: the parameters of the heads, and their gradients, where they lie now.
    HeadShape headShape() const;
    HeadViews<const float> headParameters();
    HeadViews<float> headGradients();
    ForecastOutput forecast(const torch::Tensor& z);

private:
    template <typename Float, typename PointerOf> HeadViews<Float> headViews(PointerOf pointerOf);

    AgentNetworkOptions m_options;
    MarketEncoder m_encoder{nullptr};
    torch::nn::Linear m_marketIn{nullptr}; ///< D -> 2 * headWidth: policy half, value half
    torch::nn::Linear m_stateIn{nullptr};  ///< S -> 2 * headWidth
    std::vector<torch::nn::Linear> m_policyHidden, m_valueHidden;
    torch::nn::Linear m_policyOut{nullptr};
    torch::nn::Linear m_valueOut{nullptr};
    torch::Tensor m_holdBias;
    torch::nn::Linear m_forecastHidden{nullptr};
    torch::nn::Linear m_forecastOut{nullptr};
};
TORCH_MODULE(AgentNetwork);

} // namespace btcai
