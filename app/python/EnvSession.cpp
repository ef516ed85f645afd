#include "app/python/EnvSession.h"

#include <algorithm>
#include <cmath>

#include "agent/config/EnvironmentOptions.h"
#include "base/Error.h"

namespace btcai {

namespace {

RunConfig configOf(const EnvSessionOptions& options)
{
    return options.configFile.empty() ? parseRunConfig("", "defaults", options.overrides)
                                      : readRunConfig(options.configFile, options.overrides);
}

std::vector<RowRange> rowsOf(const MarketDataset& dataset, const std::string& part)
{
    if (part == "train")
        return dataset.trainingRows();
    if (part == "validation")
        return {dataset.split.validation};
    if (part == "test")
        return {dataset.split.test};
    throw Error(ErrorKind::BadInput, "part = {}: must be train, validation or test", part);
}

TradingEnvOptions envOptions(const EnvSessionOptions& asked, const RunConfig& config, const MarketDataset& dataset)
{
    TradingEnvOptions options = environmentOptions(config);
    options.rows = rowsOf(dataset, asked.part);
    if (asked.envs == 0 || asked.accountsPerStretch == 0 || asked.envs % asked.accountsPerStretch != 0)
        throw Error(ErrorKind::BadInput, "num_envs = {}: must be a multiple of accounts_per_stretch = {}, and neither may be 0", asked.envs,
                    asked.accountsPerStretch);
    options.accounts = asked.accountsPerStretch;
    options.stretches = asked.envs / asked.accountsPerStretch;
    options.episodeBars = static_cast<std::size_t>(config.account.episodeBars);
    options.threads = asked.threads;
    if (asked.wholePart) {
        if (options.rows.size() != 1)
            throw Error(ErrorKind::BadInput, "whole_part: the part {} consists of {} ranges of bars; choose another part or split.scheme",
                        asked.part, options.rows.size());
        options.episodeBars = options.rows.front().size() - 1;
    }
    return options;
}

std::vector<ObservationBounds> boundsOf(const MarketDataset& dataset, const TradingEnv& env)
{
    const auto clip = static_cast<float>(NormalizerOptions{}.clip);
    std::vector<ObservationBounds> bounds(dataset.features.columns(), {-clip, clip});
    const auto own = env.observationBounds();
    bounds.insert(bounds.end(), own.begin(), own.end());
    return bounds;
}

} // namespace

EnvSession::EnvSession(const EnvSessionOptions& options) : EnvSession(options, configOf(options)) {}

EnvSession::EnvSession(const EnvSessionOptions& options, const RunConfig& config)
    : m_dataset(makeMarketDataset(config, loadMarketData(config), 0)), m_env(m_dataset.market, envOptions(options, config, m_dataset)),
      m_bounds(boundsOf(m_dataset, m_env)), m_actions(m_env.lanes()), m_endRow(m_env.options().stretches)
{
    m_result.resize(m_env.lanes(), m_env.observationSize());
    m_ended.reserve(m_env.lanes());
}

void EnvSession::reset(std::uint64_t seed)
{
    m_ended.clear();
    m_env.reset(seed);
}

void EnvSession::step(std::span<const std::int64_t> actions)
{
    if (actions.size() != envs())
        throw Error(ErrorKind::BadInput, "{} actions were given for {} environments", actions.size(), envs());
    for (std::size_t lane = 0; lane < actions.size(); ++lane) {
        if (actions[lane] < 0 || actions[lane] >= static_cast<std::int64_t>(actionCount()))
            throw Error(ErrorKind::BadInput, "action {} of environment {}: must be 0 to {}", actions[lane], lane, actionCount() - 1);
        m_actions[lane] = static_cast<std::uint8_t>(actions[lane]);
    }
    for (std::size_t stretch = 0; stretch < m_endRow.size(); ++stretch)
        m_endRow[stretch] = m_env.row(stretch) + 1;
    m_env.step(m_actions, m_result);
    m_ended.clear();
    for (std::size_t lane = 0; lane < envs(); ++lane)
        if (m_result.terminated[lane] || m_result.truncated[lane])
            m_ended.push_back(lane);
}

void EnvSession::writeFeatures(std::size_t row, std::span<float> out) const
{
    m_dataset.normalizer.applyRow(m_dataset.features.row(row), out.first(m_dataset.features.columns()));
}

void EnvSession::observe(std::span<float> out) const
{
    const std::size_t size = observationSize(), features = m_dataset.features.columns(), own = m_env.observationSize();
    for (std::size_t lane = 0; lane < envs(); ++lane) {
        const std::span<float> to = out.subspan(lane * size, size);
        if (lane % m_env.options().accounts == 0)
            writeFeatures(row(lane), to);
        else
            std::ranges::copy(out.subspan((lane - 1) * size, features), to.begin());
        std::ranges::copy(m_env.observation().subspan(lane * own, own), to.subspan(features).begin());
    }
}

void EnvSession::observeEnd(std::size_t i, std::span<float> out) const
{
    const std::size_t own = m_env.observationSize();
    writeFeatures(endedRow(i), out);
    const auto state = std::span(m_result.finalObservation).subspan(m_ended[i] * own, own);
    std::ranges::copy(state, out.subspan(m_dataset.features.columns()).begin());
}

double EnvSession::episodeReturn(std::size_t lane) const { return std::log(m_env.growth(lane)); }

} // namespace btcai
