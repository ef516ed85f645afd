#include "agent/evaluation/Evaluator.h"

#include <algorithm>
#include <cmath>

#include "agent/config/EnvironmentOptions.h"
#include "agent/evaluation/AccountRow.h"
#include "agent/evaluation/ForecastSamples.h"
#include "agent/ppo/Collector.h"
#include "base/Error.h"
#include "base/Rng.h"
#include "env/TradingEnv.h"

namespace btcai {

namespace {

using torch::Tensor;

constexpr std::size_t kCurvePoints = 400;
constexpr std::size_t kTradesShown = 200;

/// Plays the accounts over the part: lane 0 takes the most likely action, lanes 1 ... N sample, then buy-and-hold and cash.
class Play {
public:
    Play(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors, const RunConfig& config,
         const RowRange& rows, const std::string& part)
        : m_network(std::move(network)), m_dataset(dataset), m_tensors(tensors), m_config(config), m_part(part),
          m_rows(rows), m_env(dataset.market, envOptions()), m_accounts(m_env.lanes()),
          m_actions(m_env.lanes()), m_sizes(m_env.lanes(), 1.0), m_sizer(config, tensors), m_recorder(tensors, m_network->options().distribution)
    {
        m_inUse = chosenHorizons(config);
        m_env.reset(0);
        m_env.recordTrades(m_env.lanes());
        for (TradedAccount& account : m_accounts)
            account.equity.push_back(1.0);
    }

    void run(std::int64_t step, const RunCalibration* calibration, const std::function<void()>& poll, const ContextMemory* memory)
    {
        m_sizer.remember(memory);
        m_step = step;
        m_poll = poll;
        if (calibration && !calibration->inUse.empty())
            m_inUse = calibration->inUse;
        torch::InferenceMode guard;
        if (isValidation() && m_sizer.isOn())
            calibration = &m_fitted.emplace(fit(forecastRows(m_network, m_tensors, m_rows, poll)));
        if (calibration)
            m_sizer.calibrate(*calibration);
        // One step short of the episode's end, at which the environment would start the next one.
        const auto steps = static_cast<std::int64_t>(m_env.options().episodeBars) - 1;
        for (std::int64_t begin = 0; begin < steps; begin += kChunkRows) {
            if (poll)
                poll();
            const std::int64_t rows = std::min(kChunkRows, steps - begin);
            const std::int64_t start = static_cast<std::int64_t>(m_rows.first) + begin;
            auto& encoder = m_network->encoder();
            const Tensor z = encoder(m_tensors.stretches({start}, encoder->contextRows(), rows)).embedding;
            if (!m_tensors.horizons().empty()) {
                const ForecastOutput forecasts = m_network->forecast(z);
                m_recorder.add(forecasts, start);
                if (m_sizer.isOn()) {
                    m_sizer.setForecasts(forecasts);
                    const Market& market = *m_dataset.market;
                    m_sizer.setSituations(z, {market.timestamp(static_cast<std::size_t>(start)) + market.intervalSeconds}, market.intervalSeconds);
                }
            }
            for (std::int64_t i = 0; i < rows; ++i)
                stepOnce(z.narrow(1, i, 1), begin + i, i);
        }
    }

    EvaluationResult result()
    {
        closeBooks();
        EvaluationResult result;
        const double cash = m_config.account.initialCash;
        const std::int64_t interval = m_dataset.market->intervalSeconds;
        std::vector<protocol::EvaluationRow> sampled;
        for (std::size_t lane = 1; lane <= sampledCount(); ++lane)
            sampled.push_back(accountRow("", m_accounts[lane], cash, interval));
        auto& evaluation = result.evaluation;
        evaluation.step = m_step;
        evaluation.part = m_part;
        evaluation.optimisticFills = m_env.hasOptimisticFills();
        evaluation.refusedOrders = refusedOrders(m_env);
        evaluation.rows = {meanRow("agent (sampled)", sampled), accountRow("agent (argmax)", m_accounts[0], cash, interval),
                           accountRow("buy and hold", m_accounts[holdLane()], cash, interval),
                           accountRow("cash", m_accounts[cashLane()], cash, interval)};
        fillCurves(evaluation);
        judgeForecasts(result);
        fillTrades(result.trades);
        return result;
    }

private:
    bool isValidation() const { return m_rows == m_dataset.split.validation; }
    RunCalibration fit(const std::vector<HorizonSamples>& samples) const
    {
        RunCalibration fitted = fitCalibration(samples, m_tensors, m_dataset.dataHash, m_step);
        if (m_config.forecast.adapt)
            fitted.inUse = m_inUse;
        return fitted;
    }
    bool isInUse(const HorizonSamples& samples) const { return std::ranges::find(m_inUse, samples.horizonBars) != m_inUse.end(); }

    std::size_t sampledCount() const { return static_cast<std::size_t>(m_config.evaluation.sampledAccounts); }
    std::size_t holdLane() const { return sampledCount() + 1; }
    std::size_t cashLane() const { return sampledCount() + 2; }

    TradingEnvOptions envOptions() const
    {
        TradingEnvOptions options = environmentOptions(m_config);
        options.rows = {m_rows};
        options.stretches = 1;
        options.accounts = sampledCount() + 3;
        options.episodeBars = m_rows.size() - 1;
        options.startGrid = static_cast<std::size_t>(m_config.model.patchBars);
        options.randomStarts = false;
        options.ruinShare = 0.0; // only a debt ends an account here
        options.guardedAccounts = holdLane();
        return options;
    }

    void chooseActions(const Tensor& z, std::int64_t step, std::int64_t chunkRow)
    {
        const auto size = static_cast<std::int64_t>(m_env.observationSize());
        const Tensor state
            = torch::from_blob(const_cast<float*>(m_env.observation().data()), {1, 1, static_cast<std::int64_t>(m_env.lanes()), size});
        const AccountInput account = m_network->recall(state.to(m_tensors.device()), m_memory);
        m_memory = account.memory;
        const Tensor logits = m_network->heads(z, account.state).logits.to(torch::kCPU).contiguous();
        const auto actions = static_cast<std::size_t>(logits.size(3));
        const float* const logit = logits.data_ptr<float>();
        for (std::size_t lane = 0; lane < holdLane(); ++lane) {
            const std::span<const float> ofLane{logit + lane * actions, actions};
            Rng rng(static_cast<std::uint64_t>(m_config.seed), "evaluation", lane, static_cast<std::uint64_t>(step));
            m_actions[lane] = lane == 0 ? argmaxAction(ofLane) : sampleAction(ofLane, rng.uniform()).action;
            m_sizes[lane] = m_sizer.size(ofLane, m_actions[lane], 0, chunkRow);
        }
        m_actions[holdLane()] = static_cast<std::uint8_t>(TargetPosition::Long);
        m_actions[cashLane()] = static_cast<std::uint8_t>(TargetPosition::Flat);
    }

    void stepOnce(const Tensor& z, std::int64_t step, std::int64_t chunkRow)
    {
        chooseActions(z, step, chunkRow);
        m_env.step(m_actions, m_sizes, m_stepResult);
        for (std::size_t lane = 0; lane < m_accounts.size(); ++lane) {
            TradedAccount& account = m_accounts[lane];
            account.ruined = account.ruined || m_stepResult.terminated[lane];
            // A ruined account stays at (next to) nothing; the environment has dealt that lane a new one.
            account.equity.push_back(account.ruined ? 1e-9 : m_env.growth(lane));
            if (!account.ruined)
                account.exposureSum += std::abs(m_env.observation()[lane * m_env.observationSize() + 3]);
        }
    }

    void closeBooks()
    {
        for (std::size_t lane = 0; lane < m_accounts.size(); ++lane) {
            m_accounts[lane].traded = m_env.tradedValue(lane);
            m_accounts[lane].costs = m_env.costsPaid(lane);
        }
        for (ClosedTrade& trade : m_env.takeTrades()) {
            m_accounts[trade.lane].profits.push_back(trade.profit);
            if (trade.lane == 0)
                m_argmaxTrades.push_back(trade);
        }
    }

    void judgeForecasts(EvaluationResult& result)
    {
        const std::vector<HorizonSamples> judged = m_recorder.take();
        for (const HorizonSamples& samples : judged)
            if (isInUse(samples))
                result.forecasts.push_back(forecastMessage(samples, m_dataset, m_step));
        const bool sameRows = isValidation();
        if (sameRows)
            result.fitted = m_fitted ? std::move(m_fitted) : fit(judged);
        if (sameRows && m_config.forecast.adapt) {
            result.moves = horizonMoves(m_inUse, judged, m_dataset.regimes);
            for (const HorizonMove& move : result.moves)
                result.fitted->inUse[move.index] = move.to;
        }
        const std::vector<HorizonSamples> fitted = sameRows ? judged : forecastRows(m_network, m_tensors, m_dataset.split.validation, m_poll);
        for (std::size_t h = 0; h < judged.size(); ++h) {
            if (!isInUse(judged[h]))
                continue;
            const auto [fit, judge] = sameRows ? halves(judged[h]) : std::pair(fitted[h], judged[h]);
            if (fit.samples.size() >= kLeastFitted && !judge.samples.empty())
                result.calibrations.push_back(calibrationMessage(fit, judge, m_dataset, m_part, m_step));
        }
    }

    void fillCurves(protocol::Evaluation& evaluation) const
    {
        const std::size_t points = m_accounts[0].equity.size();
        const std::size_t stride = std::max<std::size_t>(1, (points + kCurvePoints - 1) / kCurvePoints);
        evaluation.curves = {{"agent (sampled)", {}}, {"agent (argmax)", {}}, {"buy and hold", {}}};
        for (std::size_t i = 0; i < points; i = i + 1 < points ? std::min(i + stride, points - 1) : points) {
            // Point i is the close of row first + i.
            evaluation.time.push_back(m_dataset.market->timestamp(m_rows.first + i) + m_dataset.market->intervalSeconds);
            double mean = 0.0;
            for (std::size_t lane = 1; lane <= sampledCount(); ++lane)
                mean += m_accounts[lane].equity[i] / static_cast<double>(sampledCount());
            evaluation.curves[0].equity.push_back(mean);
            evaluation.curves[1].equity.push_back(m_accounts[0].equity[i]);
            evaluation.curves[2].equity.push_back(m_accounts[holdLane()].equity[i]);
        }
    }

    void fillTrades(std::vector<protocol::Trade>& trades) const
    {
        const std::size_t begin = m_argmaxTrades.size() > kTradesShown ? m_argmaxTrades.size() - kTradesShown : 0;
        for (std::size_t i = begin; i < m_argmaxTrades.size(); ++i) {
            const ClosedTrade& t = m_argmaxTrades[i];
            trades.push_back({.step = m_step, .entryTime = m_dataset.market->timestamp(t.entryRow),
                              .exitTime = m_dataset.market->timestamp(t.exitRow),
                              .side = t.side == TargetPosition::Long ? "long" : "short", .entryPrice = t.entryPrice,
                              .exitPrice = t.exitPrice, .quantity = t.quantity, .profit = t.profit, .fees = t.fees,
                              .part = m_part});
        }
    }

    AgentNetwork m_network;
    const MarketDataset& m_dataset;
    const MarketTensors& m_tensors;
    const RunConfig& m_config;
    std::string m_part;
    RowRange m_rows;
    TradingEnv m_env;
    std::vector<TradedAccount> m_accounts;
    std::vector<std::uint8_t> m_actions;
    std::vector<double> m_sizes;
    Tensor m_memory; ///< of the accounts, with recurrence
    EntrySizer m_sizer;
    StepResult m_stepResult;
    ForecastRecorder m_recorder;
    std::int64_t m_step = 0;
    std::optional<RunCalibration> m_fitted;
    std::vector<std::int64_t> m_inUse; ///< horizons
    std::function<void()> m_poll;
    std::vector<ClosedTrade> m_argmaxTrades;
};

} // namespace

RowRange partRows(const RunSplit& split, const std::string& part)
{
    if (part == "train")
        return split.longestTraining();
    if (part == "validation")
        return split.validation;
    if (part == "test")
        return split.test;
    throw Error(ErrorKind::BadInput, "part '{}': write train, validation or test", part);
}

EvaluationResult evaluatePart(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors,
                              const RunConfig& config, const std::string& part, std::int64_t step, const RunCalibration* calibration,
                              const std::function<void()>& poll, const ContextMemory* memory)
{
    return evaluateRows(std::move(network), dataset, tensors, config, partRows(dataset.split, part), part, step, calibration, poll, memory);
}

EvaluationResult evaluateRows(AgentNetwork network, const MarketDataset& dataset, const MarketTensors& tensors, const RunConfig& config,
                              const RowRange& rows, const std::string& name, std::int64_t step, const RunCalibration* calibration,
                              const std::function<void()>& poll, const ContextMemory* memory)
{
    Play play(std::move(network), dataset, tensors, config, rows, name);
    play.run(step, calibration, poll, memory);
    return play.result();
}

} // namespace btcai
