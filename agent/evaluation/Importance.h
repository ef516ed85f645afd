#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/ppo/MarketTensors.h"
#include "models/AgentNetwork.h"

namespace btcai {

struct ImportanceOptions {
    std::int64_t shifts = 5;    ///< by which each group is put out of step
    std::int64_t decisions = 32; ///< that are taken apart, evenly spread over the rows
    std::int64_t steps = 64;    ///< of the path from the average market to the one that was decided in
    std::uint64_t seed = 1;
};

/// A mean and its standard error.
struct MeanError {
    double mean = 0.0, error = 0.0;
};

/// What the network owes to the features of one group of the catalogue.
struct GroupImportance {
    std::string group;
    std::int64_t features = 0;
    MeanError decisions;        ///< nats by which the policy moves, mean KL divergence, when the group tells of another time
    /// By which the forecasts' loss rises then, mean over targets: nats of the negative log likelihood, or, of quantiles, twice the pinball loss in deviations of
    /// the target. Below 0 the group misleads.
    MeanError forecasts;
    double attribution = 0.0;   ///< share of the absolute integrated gradients
    double gate = 0.0;          ///< summed weight that the network gives its features, mean over the bars; with feature gates alone
};

struct FeatureAttribution {
    std::string name;
    double share = 0.0; ///< of the absolute integrated gradients
    double gate = 0.0;  ///< weight that the network gives it, mean over the bars; with feature gates alone
};

struct ImportanceReport {
    std::int64_t rows = 0;
    std::vector<GroupImportance> groups;      ///< the most important for decisions first
    std::vector<FeatureAttribution> features; ///< the largest share first
    /// Mean of |sum - difference| over the mean |difference|, over the decisions: what the attributions leave unexplained.
    double unexplained = 0.0;
    bool hasGates = false; ///< model.select_features
    /// What the Transformer looks at (MarketEncoder::attention), mean over the bars: the share of each token of the window, oldest first; empty without the branch.
    std::vector<double> attention;
    std::int64_t barsPerToken = 0;
    // Rank correlations over the groups; nothing where there are too few, or all are alike.
    std::optional<double> decisionsAndAttribution, forecastsAndAttribution, decisionsAndForecasts;
    std::optional<double> gatesAndDecisions, gatesAndForecasts, gatesAndAttribution; ///< with feature gates alone
};

/// How much decisions and forecasts depend on each group of features, by two ways that know nothing of each other, for an account without a
/// position; and, where it has feature gates (MarketEncoder::featureWeights), what the network itself says it looks at.
///
/// Permutation by group (Breiman, "Random Forests", 2001; grouped as in Gregorutti et al. 2015): the group's columns are shifted in time, in a ring, by more than a
/// window, all by one shift. So they keep their values, their order and their relation to each other, and lose that to the rest and to what comes.
/// Integrated gradients (models/FeatureImportance.h) of the log probability of the most likely action, over all bars of its window, from an average
/// market (all normalised features 0).
/// A gate is no proof: what it makes small the next layer can make large again. So it is told how far gates agree with the two.
///
/// `rows` begin on the token grid with their context before them; choose the validation part, since whoever chooses features by the test part has seen it.
/// On the CPU. Throws Error(BadInput) for fewer rows than one window.
ImportanceReport measureImportance(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors, const RowRange& rows,
                                   const ImportanceOptions& options = {}, const std::function<void()>& poll = {});

} // namespace btcai
