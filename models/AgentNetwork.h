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
    std::int64_t members = 1;        ///< K: forecast heads on the same z, each with initial weights of its own
    /// Initial preference for the action that keeps the present target: added to logit a when private[a] is 1 (the
    /// one-hot target that a trading state starts with). 0 where the state starts with something else.
    double holdBias = 0.0;
};

struct HeadOutput {
    torch::Tensor logits; ///< [G, T, M, A]
    torch::Tensor value;  ///< [G, T, M]
};

/// What each head of the ensemble forecasts, in units of the target's training deviation.
struct ForecastMembers {
    torch::Tensor mean;         ///< [G, T, K, H]
    torch::Tensor logDeviation; ///< [G, T, K, H], within [-5, 3]; the aleatoric part
};

/// A forecast with its uncertainty, in units of the target's training deviation.
struct ForecastOutput {
    torch::Tensor mean;         ///< [G, T, H]
    torch::Tensor logDeviation; ///< [G, T, H], of the total: what the market leaves open and what the network does not know
    torch::Tensor epistemic;    ///< [G, T, H], the deviation of the members' means, a part of the total; 0 with one member
};

/// The ensemble as one forecast, by the mean and the variance of an equal mixture (Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable
/// Predictive Uncertainty Estimation using Deep Ensembles", 2017, section 2.4). By the law of total variance that is the mean of the
/// members' variances (aleatoric) and the variance of their means (epistemic).
ForecastOutput combined(const ForecastMembers& members);

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
    ForecastMembers forecastMembers(const torch::Tensor& z);
    ForecastOutput forecast(const torch::Tensor& z) { return combined(forecastMembers(z)); }

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
    torch::nn::Linear m_forecastHidden{nullptr}; ///< D -> K * headWidth, member by member
    torch::nn::Linear m_forecastOut{nullptr};    ///< headWidth -> K * 2 H; member k reads its own part of the hidden units
};
TORCH_MODULE(AgentNetwork);

} // namespace btcai
