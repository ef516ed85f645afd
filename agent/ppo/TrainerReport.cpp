// What a Trainer tells of its run.
#include <cmath>
#include <numeric>

#include "agent/distributed/RankGroup.h"
#include "agent/ppo/TrainerSession.h"
#include "base/BuildInfo.h"
#include "models/ModelFactory.h"

namespace btcai {

namespace {

double meanOf(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Shares of hold, buy and sell, and of time in the market, that follow from the targets chosen in a rollout.
struct ActionShares {
    double hold = 0.0, buy = 0.0, sell = 0.0, exposure = 0.0;
};

ActionShares actionShares(const RolloutBuffer& buffer)
{
    const auto size = buffer.state.size(3);
    const float* const state = buffer.state.data_ptr<float>();
    const auto* const action = buffer.action.data_ptr<std::int64_t>();
    const std::int64_t count = buffer.action.numel();
    ActionShares shares;
    for (std::int64_t i = 0; i < count; ++i) {
        const float* const oneHot = state + i * size;
        const auto before = static_cast<TargetPosition>(oneHot[1] > 0.5F ? 1 : oneHot[2] > 0.5F ? 2 : 0);
        const TradeAction taken = tradeAction(before, static_cast<TargetPosition>(action[i]));
        (taken == TradeAction::Hold ? shares.hold : taken == TradeAction::Buy ? shares.buy : shares.sell) += 1.0;
        shares.exposure += std::abs(static_cast<double>(oneHot[3]));
    }
    for (double* share : {&shares.hold, &shares.buy, &shares.sell, &shares.exposure})
        *share /= static_cast<double>(count);
    return shares;
}

double explainedVariance(const RolloutBuffer& buffer)
{
    const torch::Tensor returns = buffer.returns.to(torch::kFloat64);
    const double variance = returns.var().item<double>();
    if (!(variance > 0.0))
        return std::numeric_limits<double>::quiet_NaN();
    return 1.0 - (returns - buffer.value.to(torch::kFloat64)).var().item<double>() / variance;
}

void addTimes(protocol::Metrics& metrics, const RolloutTimes& rollout, const UpdateTimes& update, double rolloutSeconds, double updateSeconds)
{
    const double seconds = rolloutSeconds + updateSeconds;
    metrics.values.insert(metrics.values.end(), {{"time_encode", rollout.encode / seconds},
                                                 {"time_rollout", (rolloutSeconds - rollout.encode) / seconds},
                                                 {"time_update", updateSeconds / seconds},
                                                 {"time_policy", rollout.policy / seconds},
                                                 {"time_env", rollout.environment / seconds},
                                                 {"time_data", update.data / seconds},
                                                 {"time_forward", update.encode / seconds},
                                                 {"time_heads", update.heads / seconds},
                                                 {"time_backward", update.backward / seconds},
                                                 {"time_optimizer", update.optimizer / seconds}});
}

} // namespace

void Trainer::Session::announce()
{
    const auto time = [this](std::size_t row) { return dataset.market->timestamp(row); };
    const RunSplit& split = dataset.split;
    const RowRange training = split.longestTraining();
    const protocol::RunInfo info{.runFolder = folder->path().string(),
                                 .bucket = std::string(bucketSpec(config.bucket).name),
                                 .dataName = dataset.dataName,
                                 .dataHash = dataset.dataHash,
                                 .bars = static_cast<std::int64_t>(dataset.presentBars),
                                 .features = static_cast<std::int64_t>(dataset.features.columns()),
                                 .parameters = parameterCount(*network),
                                 .totalSteps = config.train.steps,
                                 .trainFrom = time(training.first),
                                 .trainTo = time(training.last),
                                 .validationFrom = time(split.validation.first),
                                 .validationTo = time(split.validation.last),
                                 .testFrom = time(split.test.first),
                                 .testTo = time(split.test.last)};
    logInfo("{} bucket, {} bars of {}, {} features, {} parameters, {} on {} threads", info.bucket, info.bars, info.dataName,
            info.features, info.parameters, tensors->device().str(), torch::get_num_threads());
    sink.send(info);
    Json manifest = {{"format", 1},
                          {"version", buildInfo().version},
                          {"revision", buildInfo().revision},
                          {"libtorch", TORCH_VERSION},
                          {"device", tensors->device().str()},
                          {"threads", torch::get_num_threads()},
                          {"bucket", info.bucket},
                          {"seed", config.seed},
                          {"data", config.data},
                          {"data_hash", info.dataHash},
                          {"quality", quality},
                          {"features", dataset.features.names()},
                          {"feature_catalogue_version", dataset.identity.catalogVersion},
                          {"feature_set_hash", dataset.identity.setHash},
                          {"funding_hash", dataset.identity.fundingHash},
                          {"normalizer", normalizerKindName(dataset.normalizer.kind())},
                          {"normalizer_hash", dataset.normalizer.hash()},
                          {"split", split.plan.toJson({dataset.market->startTime, dataset.market->intervalSeconds})},
                          {"parameters", info.parameters}};
    if (group)
        manifest["ranks"] = group->size();
    folder->writeManifest(manifest);
}

void Trainer::Session::reportIteration(const UpdateStatistics& update, UpdateSchedule used, double rolloutSeconds,
                                       double updateSeconds)
{
    const double seconds = rolloutSeconds + updateSeconds;
    const auto iterationSteps = static_cast<double>(buffer->action.numel());
    const double rate = iterationSteps / seconds;
    protocol::Metrics metrics{.iteration = progress.iteration, .step = progress.step, .totalSteps = config.train.steps,
                              .elapsedSeconds = progress.elapsedSeconds, .remainingSeconds = 0.0, .values = {}};
    const double averageRate = static_cast<double>(sessionSteps) / sessionSeconds;
    metrics.remainingSeconds = static_cast<double>(std::max<std::int64_t>(0, config.train.steps - progress.step)) / averageRate;
    if (config.train.minutes > 0.0)
        metrics.remainingSeconds
            = std::min(metrics.remainingSeconds, std::max(0.0, config.train.minutes * 60.0 - progress.elapsedSeconds));

    auto& values = metrics.values;
    if (rolloutIsWhole && !endedReturns.empty())
        values.emplace_back("episode_return", 100.0 * std::expm1(meanOf(endedReturns)));
    if (rolloutIsWhole)
        values.emplace_back("mean_reward", buffer->reward.mean().item<double>());
    if (update.minibatches > 0) {
        values.insert(values.end(), {{"policy_loss", update.policyLoss},
                                     {"value_loss", update.valueLoss},
                                     {"forecast_loss", update.forecastLoss},
                                     {"entropy", update.entropy},
                                     {"approx_kl", update.approxKl},
                                     {"clip_fraction", update.clipFraction},
                                     {"grad_norm", update.gradNorm}});
    }
    if (replay)
        values.emplace_back("replay_priority", replay->meanPriority());
    if (const auto familiar = collector->meanFamiliarity())
        values.emplace_back("familiarity", *familiar);
    if (memory)
        values.emplace_back("memory_size", static_cast<double>(memory->size()));
    if (const auto recalled = collector->meanRecalled())
        values.emplace_back("memory_recalled", *recalled);
    if (rolloutIsWhole)
        values.emplace_back("explained_variance", explainedVariance(*buffer));
    values.insert(values.end(), {{"learning_rate", used.learningRate},
                                 {"entropy_coefficient", used.entropyCoefficient},
                                 {"account_steps_per_s", rate},
                                 {"bars_per_s", rate / static_cast<double>(config.train.accounts)}});
    if (rolloutIsWhole) {
        const ActionShares shares = actionShares(*buffer);
        values.insert(values.end(), {{"share_hold", shares.hold},
                                     {"share_buy", shares.buy},
                                     {"share_sell", shares.sell},
                                     {"exposure", shares.exposure}});
    }
    for (std::size_t i = 0; i < gates.size(); ++i)
        values.emplace_back("gate_" + network->encoder()->branchNames()[i], gates[i]);
    addTimes(metrics, collector->times(), update.times, rolloutSeconds, updateSeconds);
    if (group)
        values.emplace_back("time_exchange", update.times.exchange / seconds);
    values.emplace_back("time_checkpoint", std::exchange(checkpointSeconds, 0.0) / seconds);
    sink.send(metrics);
}

} // namespace btcai
