#pragma once

#include "models/AccountLstm.h"
#include "models/ForecastShape.h"
#include "models/HeadPass.h"
#include "models/MarketEncoder.h"
#include "models/Torch.h"

namespace btcai {

struct AgentNetworkOptions {
    bool hasMarket = true;           ///< false: a task without a market (CartPole); the heads then read the private state only
    MarketEncoderOptions encoder;    ///< read when hasMarket
    std::int64_t privateSize = 0;    ///< S: floats of an account's private state
    std::int64_t recurrentWidth = 0; ///< R: units of an LSTM over the private state, 0 for none
    std::int64_t actions = 2;        ///< A
    /// Where the private state says which actions are possible: A - 1 numbers, 1 for an action that is, of all but the first, which always is. -1: all always are.
    std::int64_t maskAt = -1;
    std::int64_t headWidth = 64;     ///< hidden units per head and layer
    std::int64_t headLayers = 1;     ///< hidden layers (tanh)
    std::int64_t horizons = 0;       ///< H of the forecast
    std::int64_t members = 1;        ///< K: forecast heads on the same z, each with initial weights of its own
    ForecastDistribution distribution = ForecastDistribution::Gaussian; ///< of each forecast
    /// Initial preference for the action that keeps the present target: added to logit a when private[a] is 1 (the
    /// one-hot target that a trading state starts with). 0 where the state starts with something else.
    double holdBias = 0.0;
};

/// What the heads read of accounts.
struct AccountInput {
    torch::Tensor state;  ///< [G, T, M, S + R]: the private state and, with recurrence, what the account remembers once it has read it
    torch::Tensor memory; ///< [G, M, 2 R], after the last step; undefined without recurrence
};

struct HeadOutput {
    torch::Tensor logits; ///< [G, T, M, A]
    torch::Tensor value;  ///< [G, T, M]
};

/// What each head of the ensemble forecasts, in units of the target's training deviation.
struct ForecastMembers {
    torch::Tensor mean;         ///< [G, T, K, H]
    torch::Tensor logDeviation; ///< [G, T, K, H]; the aleatoric part. Gaussian: within [-5, 3]; Student-t: of the deviation, the scale's log within [-5, 3]
    torch::Tensor degrees{};    ///< Student-t: degrees of freedom [H], of all members and times, above kLeastDegrees; else undefined
    torch::Tensor quantiles{};  ///< quantiles: at kForecastLevels, ascending [G, T, K, H, Q], mean and deviation are theirs; else undefined
};

/// A forecast with its uncertainty, in units of the target's training deviation.
struct ForecastOutput {
    torch::Tensor mean;         ///< [G, T, H]
    torch::Tensor logDeviation; ///< [G, T, H], of the total: what the market leaves open and what the network does not know
    torch::Tensor epistemic;    ///< [G, T, H], the deviation of the members' means, a part of the total; 0 with one member
    torch::Tensor shape{};      ///< [G, T, H, P]: parameters of ForecastShape, degrees of freedom or quantiles; undefined for a Gaussian
};

/// The ensemble as one forecast, by the mean and the variance of an equal mixture (Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable
/// Predictive Uncertainty Estimation using Deep Ensembles", 2017, section 2.4). By the law of total variance that is the mean of the
/// members' variances (aleatoric) and the variance of their means (epistemic). The mixture's shape is an approximation: of a Student-t the members'
/// degrees of freedom, of quantiles the mean of the members' quantiles level by level (Ratcliff, "Group reaction time distributions and an analysis of
/// distribution statistics", 1979), each stretched to the mixture's deviation.
ForecastOutput combined(const ForecastMembers& members);

/// z[t] = encoder(market up to t), then policy(z, s), value(z, s) and forecast(z), where s is the private state of an account and, with recurrence, what an
/// LSTM over its private states remembers of the episode.
/// The parts are called apart, since z is computed once per bar and weight version and shared by all accounts and steps.
class AgentNetworkImpl : public torch::nn::Module {
public:
    explicit AgentNetworkImpl(AgentNetworkOptions options);

    const AgentNetworkOptions& options() const { return m_options; }
    MarketEncoder& encoder() { return m_encoder; }

    /// state: [G, T, M, S]; memory and ended as in AccountLstm. Without recurrence the state is given back as it is.
    AccountInput recall(const torch::Tensor& state, const torch::Tensor& memory = {}, const torch::Tensor& ended = {});
    /// z: [G, T, D] (undefined without a market); state: [G, T, M, S + R], as recall() gives it.
    HeadOutput heads(const torch::Tensor& z, const torch::Tensor& state);
    /// What heads() makes of z before it looks at an account: [G, T, 2 * headWidth].
    torch::Tensor marketShare(const torch::Tensor& z) { return m_marketIn(z); }
    /// For HeadPass, on the CPU: the parameters of the heads, and their gradients, where they lie now.
    HeadShape headShape() const;
    HeadViews<const float> headParameters();
    HeadViews<float> headGradients();
    ForecastMembers forecastMembers(const torch::Tensor& z);
    ForecastOutput forecast(const torch::Tensor& z) { return combined(forecastMembers(z)); }
    /// Degrees of freedom of each horizon [H]; undefined unless forecasts are Student-t.
    torch::Tensor forecastDegrees() const;

private:
    std::int64_t outputsPerHorizon() const { return m_options.distribution == ForecastDistribution::Quantiles ? static_cast<std::int64_t>(kForecastQuantiles) : 2; }
    template <typename Float, typename PointerOf> HeadViews<Float> headViews(PointerOf pointerOf);

    AgentNetworkOptions m_options;
    MarketEncoder m_encoder{nullptr};
    torch::nn::Linear m_marketIn{nullptr}; ///< D -> 2 * headWidth: policy half, value half
    torch::nn::Linear m_stateIn{nullptr};  ///< S + R -> 2 * headWidth
    std::vector<torch::nn::Linear> m_policyHidden, m_valueHidden;
    torch::nn::Linear m_policyOut{nullptr};
    torch::nn::Linear m_valueOut{nullptr};
    torch::Tensor m_holdBias;
    torch::nn::Linear m_forecastHidden{nullptr}; ///< D -> K * headWidth, member by member
    torch::nn::Linear m_forecastOut{nullptr};    ///< headWidth -> K * N H, N = 2 or Q; member k reads its own part of the hidden units
    torch::Tensor m_forecastDegrees;             ///< [H], Student-t
    AccountLstm m_recurrence{nullptr};
};
TORCH_MODULE(AgentNetwork);

} // namespace btcai
