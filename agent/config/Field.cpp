#include "agent/config/Field.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "agent/config/EnvironmentOptions.h"
#include "agent/config/MessageText.h"
#include "base/Error.h"
#include "data/features/FeatureKernel.h"
#include "env/events/MarketEvents.h"

namespace btcai {

namespace {

constexpr std::array<std::string_view, 4> kBucketChoices{"scalping", "short", "medium", "long"};
constexpr std::array<std::string_view, 3> kDeviceChoices{"cpu", "cuda", "auto"};
constexpr std::array<std::string_view, 4> kNormalizerChoices{"z-score", "robust", "quantile-uniform", "quantile-normal"};
constexpr std::array<std::string_view, 4> kSplitChoices{"time", "walk-forward-anchored", "walk-forward-rolling", "purged-k-fold"};
constexpr std::array<std::string_view, 2> kActionChoices{"target", "orders"};
constexpr std::array<std::string_view, 2> kFeeCurrencyChoices{"quote", "received"};
constexpr std::array<std::string_view, 2> kSpreadChoices{"fixed", "estimated"};
constexpr std::array<std::string_view, 2> kTimingChoices{"next-open", "optimistic-decision-close"};
constexpr std::array<std::string_view, 2> kRestChoices{"carry", "cancel"};
constexpr std::array<std::string_view, 3> kEntryChoices{"market", "limit", "stop"};
constexpr std::array<std::string_view, 2> kProductChoices{"spot", "perpetual"};
constexpr std::array<std::string_view, 4> kSizingChoices{"fixed", "confidence", "uncertainty", "full-distribution"};
constexpr std::array<std::string_view, 2> kPrecisionChoices{"float32", "bfloat16"};
constexpr std::array<std::string_view, 3> kDistributionChoices{"gaussian", "student-t", "quantiles"};
constexpr std::array<std::string_view, 4> kGoalChoices{"none", "month", "year", "holding"};
constexpr std::array<std::string_view, 3> kDecayChoices{"time", "performance", "adaptive"};
constexpr std::array<std::string_view, 6> kAugmentChoices{"none", "jitter", "magnitude-warp", "time-warp", "bootstrap", "sign-flip"};

#define BTCAI_AT(member) [](RunConfig& c) -> FieldPointer { return &c.member; }

const std::array kFields{
    Field{"bucket", "bucket", "Bucket", "", 0, 0, kBucketChoices, false, false,
          "The timeframe bucket; it sets the defaults of lookback, episode length, horizons and discount.", BTCAI_AT(bucket)},
    Field{"data", "data", "Market data", "", 0, 0, {}, false, false,
          "The bars to learn from: any file that import reads, a stored series (STORE.h5, of several STORE.h5#BTCUSD/300), or a made-up market such as "
          "synthetic:garch,bars=50000,seed=3.", BTCAI_AT(data)},
    Field{"seed", "seed", "Seed", "", 0, 9e15, {}, false, false,
          "Names all random streams: the same seed, data and build give the same run.", BTCAI_AT(seed)},
    Field{"device", "device", "Device", "", 0, 0, kDeviceChoices, false, false,
          "Where the network runs; auto takes CUDA when there is one.", BTCAI_AT(device)},
    Field{"threads", "threads", "Threads", "", 0, 1024, {}, false, true,
          "CPU threads of this run; 0 takes all cores, or, in a window where other runs go on, an equal share. Written down resolved, since the last bits of a sum depend on it.", BTCAI_AT(threads)},

    Field{"train.steps", "steps", "Account steps", "steps", 1, 1e13, {}, true, false,
          "The run ends after this many account steps (bars times accounts), with the iteration that reaches them.", BTCAI_AT(train.steps)},
    Field{"train.minutes", "minutes", "Time limit", "min", 0, 1e6, {}, true, false,
          "The run ends after this much training time, evaluation aside; 0 for no limit.", BTCAI_AT(train.minutes)},
    Field{"train.stretches", "", "Stretches", "", 1, 4096, {}, false, true,
          "Stretches of market rolled out at once; each is encoded once for all its accounts.", BTCAI_AT(train.stretches)},
    Field{"train.accounts", "", "Accounts per stretch", "", 1, 4096, {}, false, true,
          "Accounts that trade the same stretch with draws of their own.", BTCAI_AT(train.accounts)},
    Field{"train.rollout_bars", "", "Rollout length", "bars", 8, 65536, {}, false, true,
          "Bars collected per stretch between two updates.", BTCAI_AT(train.rolloutBars)},
    Field{"train.checkpoint_every", "", "Checkpoint every", "iterations", 1, 1e6, {}, false, true,
          "A checkpoint is written after this many iterations, or seconds if they pass sooner; a crash costs at most as much.",
          BTCAI_AT(train.checkpointEvery)},
    Field{"train.checkpoint_seconds", "", "Checkpoint at least every", "s", 0.1, 1e6, {}, false, true,
          "A checkpoint is written at the end of an iteration once this much time has passed since the last one.",
          BTCAI_AT(train.checkpointSeconds)},
    Field{"train.checkpoint_keep", "", "Checkpoints kept", "", 1, 1000, {}, false, true,
          "Older checkpoints are removed, the best one by validation aside.", BTCAI_AT(train.checkpointKeep)},
    Field{"train.evaluate_every", "", "Evaluate every", "iterations", 1, 1e6, {}, false, true,
          "The validation part is traded after this many iterations, for the charts and the best checkpoint.",
          BTCAI_AT(train.evaluateEvery)},

    Field{"train.tensorboard", "", "Write for TensorBoard", "", 0, 0, {}, false, true,
          "Figures are also written to the folder tensorboard of the run, as they come, for TensorBoard to show.", BTCAI_AT(train.tensorboard)},

    Field{"quality.allow_bad", "", "Train on bad data", "", 0, 0, {}, false, true,
          "Train even where the data check finds errors. Without it such data are refused.", BTCAI_AT(quality.allowBad)},

    Field{"features.select", "features", "Features", "", 0, 0, {}, false, false,
          "What the network sees: names, groups (momentum, volatility, ...), default or all, with commas between. btcai features --list shows them.",
          BTCAI_AT(features.select)},
    Field{"features.funding", "", "Funding rates", "", 0, 0, {}, false, true,
          "A file or stored series of funding rates for the features of the funding group; empty for none.", BTCAI_AT(features.funding)},
    Field{"features.normalizer", "", "Normaliser", "", 0, 0, kNormalizerChoices, false, true,
          "How features are brought to one scale; fitted on the training part alone.", BTCAI_AT(features.normalizer)},
    Field{"features.cache", "", "Keep features on disk", "", 0, 0, {}, false, true,
          "Computed features are kept on disk, and workers share them in memory.", BTCAI_AT(features.cache)},

    Field{"augment.kind", "", "Augmentation", "", 0, 0, kAugmentChoices, false, true,
          "Altered copies of the training part to learn from besides the original.", BTCAI_AT(augment.kind)},
    Field{"augment.copies", "", "Altered copies", "", 1, 32, {}, false, true,
          "How many; each takes as much memory as the training part.", BTCAI_AT(augment.copies)},

    Field{"events.kinds", "", "Market events", "", 0, 0, {}, false, true,
          "Events put into the altered copies of the training part (copies without other changes where augment.kind is none): none, all, or of "
          "news-shock, volatility-spike, flash-crash, liquidity-drought, exchange-outage, gap, funding-spike some with commas between.",
          BTCAI_AT(events.kinds)},
    Field{"events.rate_per_year", "", "Events a year", "", 0, 10000, {}, false, true,
          "How many of each kind come in a year, on average.", BTCAI_AT(events.ratePerYear)},
    Field{"events.seed", "", "Seed of events", "", 0, 9e15, {}, false, true,
          "Names the draws of times and sizes; each copy has draws of its own.", BTCAI_AT(events.seed)},

    Field{"split.scheme", "", "Split", "", 0, 0, kSplitChoices, false, true,
          "How the data are cut into training, validation and test part: once by time, or as one fold of several.", BTCAI_AT(split.scheme)},
    Field{"split.folds", "", "Folds", "", 2, 100, {}, false, true,
          "Of a walk-forward or k-fold split.", BTCAI_AT(split.folds)},
    Field{"split.fold", "", "Fold", "", 1, 100, {}, false, true,
          "The one that this run learns and tests, from 1.", BTCAI_AT(split.fold)},
    Field{"split.train_share", "", "Training share", "", 0.05, 0.95, {}, false, true,
          "The first part by time, to learn from.", BTCAI_AT(split.trainShare)},
    Field{"split.validation_share", "", "Validation share", "", 0.02, 0.9, {}, false, true,
          "The next part, to choose by; the rest is the test part.", BTCAI_AT(split.validationShare)},

    Field{"account.initial_cash", "", "Initial cash", "quote", 1e-6, 1e12, {}, false, false,
          "Cash of an account at the start of an episode, in the quote currency.", BTCAI_AT(account.initialCash)},
    Field{"account.exposure", "", "Exposure", "", 0.01, 1.0, {}, false, false,
          "The share of equity that a long or short position takes when it is opened.", BTCAI_AT(account.exposure)},
    Field{"account.allow_short", "", "Allow short", "", 0, 0, {}, false, false,
          "Whether the agent may sell short; else it is long or flat.", BTCAI_AT(account.allowShort)},
    Field{"account.ruin_share", "", "Ruin at", "", 0.0, 0.99, {}, false, true,
          "An episode ends in ruin when equity falls below this share of the initial cash.", BTCAI_AT(account.ruinShare)},
    Field{"account.episode_bars", "", "Episode length", "bars", 16, 1e7, {}, false, true,
          "An episode is cut (not ended) after this many bars, rounded up to whole rollouts.", BTCAI_AT(account.episodeBars)},
    Field{"account.actions", "", "Actions", "", 0, 0, kActionChoices, false, true,
          "What the agent decides: a target (flat, long, short), or orders (hold, buy, sell) of which several positions come.",
          BTCAI_AT(account.actions)},
    Field{"account.max_positions", "", "Open positions", "", 1, 255, {}, false, true,
          "With orders: so many positions may be open at once; each takes an equal share of the exposure.", BTCAI_AT(account.maxPositions)},
    Field{"account.stop_loss", "", "Stop-loss", "", 0.0, 0.99, {}, false, true,
          "With orders: a position is closed this share below its entry price (above, for a short one); 0 for none.", BTCAI_AT(account.stopLoss)},
    Field{"account.take_profit", "", "Take-profit", "", 0.0, 0.99, {}, false, true,
          "With orders: a position is closed with a gain of this share of its entry price; 0 for none.", BTCAI_AT(account.takeProfit)},

    Field{"costs.taker_fee_bps", "", "Taker fee", "bps", 0, 1000, {}, false, false,
          "Fee on the value of each fill.", BTCAI_AT(costs.takerFeeBps)},
    Field{"costs.half_spread_bps", "", "Half spread", "bps", 0, 1000, {}, false, false,
          "Half the distance between bid and ask, paid on each fill.", BTCAI_AT(costs.halfSpreadBps)},
    Field{"costs.impact_bps", "", "Impact", "bps", 0, 10000, {}, false, true,
          "Price impact of an order as large as the bar's volume; grows with the square root of the share.",
          BTCAI_AT(costs.impactBps)},
    Field{"costs.max_participation", "", "Volume share", "", 1e-6, 1.0, {}, false, true,
          "At most this share of a bar's volume fills.", BTCAI_AT(costs.maxParticipation)},
    Field{"costs.maker_fee_bps", "", "Maker fee", "bps", 0, 1000, {}, false, true,
          "Fee on fills of orders that rested in the book: limit and take-profit orders.", BTCAI_AT(costs.makerFeeBps)},
    Field{"costs.fee_currency", "", "Fee taken from", "", 0, 0, kFeeCurrencyChoices, false, true,
          "The quote currency on top of the price, or what the trade brings (coins when buying).", BTCAI_AT(costs.feeCurrency)},
    Field{"costs.fee_tiers", "", "Fee tiers", "", 0, 0, {}, false, true,
          "Fees of accounts that traded more in 30 days: VOLUME:TAKER:MAKER in quote currency and bps, with commas between; empty for none.",
          BTCAI_AT(costs.feeTiers)},
    Field{"costs.spread", "", "Spread", "", 0, 0, kSpreadChoices, false, true,
          "Fixed, or estimated from the bars before the fill (Abdi and Ranaldo 2017), then never less than the fixed one.", BTCAI_AT(costs.spread)},
    Field{"costs.spread_window", "", "Spread window", "bars", 1, 100000, {}, false, true,
          "An estimated spread is a mean over so many bars.", BTCAI_AT(costs.spreadWindow)},

    Field{"execution.timing", "", "Fill timing", "", 0, 0, kTimingChoices, false, true,
          "When a decision fills: at the open of the next bar, or at the close it was taken at, which nobody gets and which only serves to "
          "reproduce other programs.", BTCAI_AT(execution.timing)},
    Field{"execution.rest", "", "Unfilled rest", "", 0, 0, kRestChoices, false, true,
          "What becomes of the part of an order that the volume share left over.", BTCAI_AT(execution.rest)},
    Field{"execution.latency_bars", "", "Latency", "bars", 0, 1000, {}, false, true,
          "Bars that an order needs beyond the next open.", BTCAI_AT(execution.latencyBars)},
    Field{"execution.entry", "", "Entry orders", "", 0, 0, kEntryChoices, false, true,
          "With orders: the kind that opens a position.", BTCAI_AT(execution.entry)},
    Field{"execution.entry_offset_bps", "", "Entry offset", "bps", 0, 5000, {}, false, true,
          "How far better than the close a limit, or worse a stop order to open stands.", BTCAI_AT(execution.entryOffsetBps)},
    Field{"execution.lifetime_bars", "", "Order lifetime", "bars", 0, 1e6, {}, false, true,
          "With orders: one that is not filled by then is cancelled; 0 for never.", BTCAI_AT(execution.lifetimeBars)},
    Field{"execution.finer_bars", "", "Finer bars", "", 0, 0, {}, false, true,
          "A file or stored series of shorter bars, of a minute say, that tell what came first within a bar; empty: the worse did.",
          BTCAI_AT(execution.finerBars)},

    Field{"margin.product", "", "Product", "", 0, 0, kProductChoices, false, true,
          "What is traded: coins, or a perpetual swap with margin, funding and liquidation.", BTCAI_AT(margin.product)},
    Field{"margin.leverage", "", "Leverage", "", 1, 125, {}, false, true,
          "A position of a perpetual swap is worth at most this times equity when it is opened.", BTCAI_AT(margin.leverage)},
    Field{"margin.maintenance", "", "Maintenance margin", "", 0, 0.5, {}, false, true,
          "A position is liquidated when equity falls to this share of its value.", BTCAI_AT(margin.maintenance)},
    Field{"margin.liquidation_fee_bps", "", "Liquidation fee", "bps", 0, 1000, {}, false, true,
          "Fee on the value of what is liquidated, beside the taker fee.", BTCAI_AT(margin.liquidationFeeBps)},
    Field{"margin.funding_rate_bps", "", "Funding rate", "bps", -100, 100, {}, false, true,
          "What longs pay shorts every eight hours where no settlement is known.", BTCAI_AT(margin.fundingRateBps)},
    Field{"margin.funding", "", "Funding settlements", "", 0, 0, {}, false, true,
          "A file or stored series of the swap's funding rates; empty: the constant rate.", BTCAI_AT(margin.funding)},

    Field{"risk.max_exposure", "", "Exposure limit", "", 0, 1000, {}, false, true,
          "The guard refuses an order after which the open positions, its costs paid, would be worth more than this times equity; 0 for no limit.",
          BTCAI_AT(risk.maxExposure)},
    Field{"risk.max_daily_loss", "", "Daily loss limit", "", 0, 1, {}, false, true,
          "No entry once this share of equity was lost since midnight UTC; 0 for no limit.", BTCAI_AT(risk.maxDailyLoss)},
    Field{"risk.max_total_loss", "", "Total loss limit", "", 0, 1, {}, false, true,
          "No entry once this share was lost since the start of the episode, payments aside; 0 for no limit.", BTCAI_AT(risk.maxTotalLoss)},
    Field{"risk.max_drawdown", "", "Drawdown limit", "", 0, 1, {}, false, true,
          "No entry once equity is this share below its peak; 0 for no limit. Without a position there is no way back within the episode.",
          BTCAI_AT(risk.maxDrawdown)},
    Field{"risk.cool_down_bars", "", "Cool-down", "bars", 0, 1e6, {}, false, true,
          "No entry for so many bars after a position was closed without a profit.", BTCAI_AT(risk.coolDownBars)},
    Field{"risk.max_correlation", "", "Correlation limit", "", -1, 1, {}, false, true,
          "No position whose returns correlate more than this with those of an open one; 1 for no limit. Positions of one side in one market correlate "
          "by 1: below it they are opened one at a time.", BTCAI_AT(risk.maxCorrelation)},
    Field{"risk.max_historical_var", "", "VaR limit, historical", "", 0, 1, {}, false, true,
          "The guard refuses an order after which the value at risk of one bar, by the latest returns, exceeds this share of equity; 0 for no limit.",
          BTCAI_AT(risk.maxHistoricalVar)},
    Field{"risk.max_parametric_var", "", "VaR limit, parametric", "", 0, 1, {}, false, true,
          "The same by a normal distribution with the deviation of the latest returns.", BTCAI_AT(risk.maxParametricVar)},
    Field{"risk.var_confidence", "", "VaR confidence", "", 0.5, 0.9999, {}, false, true,
          "The probability with which a value at risk is not exceeded.", BTCAI_AT(risk.varConfidence)},
    Field{"risk.var_bars", "", "VaR window", "bars", 100, 100000, {}, false, true,
          "Latest returns that a value at risk is told from; before there are 100 no order can be judged, and none is allowed.", BTCAI_AT(risk.varBars)},

    Field{"sizing.method", "", "Position size", "", 0, 0, kSizingChoices, false, true,
          "How large an entry is: always the full size, times the probability of the action, less for an uncertain forecast, or fractional Kelly on the "
          "whole forecast. Never more than the full size.", BTCAI_AT(sizing.method)},
    Field{"sizing.max_uncertainty", "", "Uncertainty limit", "", 0, 10, {}, false, true,
          "No entry while the forecast's standard deviation (of the log return) is above this; 0 for no limit.", BTCAI_AT(sizing.maxUncertainty)},
    Field{"sizing.uncertainty_penalty", "", "Uncertainty penalty", "", 0, 1, {}, false, true,
          "The share of the size that is taken away at the uncertainty limit; less in proportion below it.", BTCAI_AT(sizing.uncertaintyPenalty)},
    Field{"sizing.kelly_fraction", "", "Kelly fraction", "", 0.01, 1, {}, false, true,
          "The share of the growth-optimal size that full-distribution takes.", BTCAI_AT(sizing.kellyFraction)},
    Field{"sizing.horizon_bars", "", "Sizing horizon", "bars", 0, 1e6, {}, false, true,
          "The forecast horizon, one of model.horizons, that sizes follow; 0 for the longest.", BTCAI_AT(sizing.horizonBars)},

    Field{"flows.every_days", "", "Flow every", "days", 0, 36500, {}, false, true,
          "Money is paid in or out this often, from the start of an episode on; 0 for never.", BTCAI_AT(flows.everyDays)},
    Field{"flows.amount", "", "Amount", "quote", -1e12, 1e12, {}, false, true,
          "What is paid in each time; below 0 it is paid out. Never part of a return.", BTCAI_AT(flows.amount)},
    Field{"flows.script", "", "Dated flows", "", 0, 0, {}, false, true,
          "Payments at given times (UTC): TIME AMOUNT, with commas between, such as 2018-03-01 500, 2018-04-01T12:00 -200.", BTCAI_AT(flows.script)},

    Field{"goal.period", "", "Goal per", "", 0, 0, kGoalChoices, false, true,
          "What the goal is a return of: a calendar month or year, or a position that is held.", BTCAI_AT(goal.period)},
    Field{"goal.least", "", "Goal, lower end", "", 0.001, 100, {}, false, true,
          "The return that reaches the goal, as a share; progress is measured against it.", BTCAI_AT(goal.least)},
    Field{"goal.most", "", "Goal, upper end", "", 0.001, 1000, {}, false, true,
          "The return that the goal hopes for, as a share.", BTCAI_AT(goal.most)},
    Field{"goal.in_state", "", "Show the goal", "", 0, 0, {}, false, true,
          "Whether the agent sees its progress to the goal.", BTCAI_AT(goal.inState)},

    Field{"reward.scale", "", "Reward scale", "", 1e-3, 1e6, {}, false, true,
          "Multiplies the change of log equity; 100 makes it per cent.", BTCAI_AT(reward.scale)},
    Field{"reward.drawdown_penalty", "", "Drawdown penalty", "", 0, 100, {}, false, true,
          "Weight of new drawdown in the reward; above 0 it changes what is optimal.", BTCAI_AT(reward.drawdownPenalty)},
    Field{"reward.win_bonus", "", "Win bonus", "", 0, 10, {}, false, true,
          "Added for each position closed with a profit, taken off for each other; above 0 it changes what is optimal.", BTCAI_AT(reward.winBonus)},
    Field{"reward.bonus_multiplier", "", "Bonus multiplier", "", 0, 100, {}, false, true,
          "Times the gain of a closed position that reached its goal (of any with a gain, without a goal per holding); above 0 it changes what is optimal.",
          BTCAI_AT(reward.bonusMultiplier)},
    Field{"reward.goal_shaping", "", "Goal shaping", "", 0, 100, {}, false, true,
          "Weight of progress to the goal as a potential, which leaves the optimal policy as it is (Ng et al. 1999).", BTCAI_AT(reward.goalShaping)},
    Field{"reward.drawdown_shaping", "", "Drawdown shaping", "", 0, 100, {}, false, true,
          "Weight of drawdown as a potential, which leaves the optimal policy as it is.", BTCAI_AT(reward.drawdownShaping)},

    Field{"model.lookback_bars", "", "Lookback", "bars", 2, 100000, {}, false, true,
          "Bars that the LSTM and the Transformer see; a multiple of the patch.", BTCAI_AT(model.lookbackBars)},
    Field{"model.patch_bars", "", "Patch", "bars", 1, 1024, {}, false, true,
          "Bars that make one token.", BTCAI_AT(model.patchBars)},
    Field{"model.width", "", "Width", "", 8, 2048, {}, false, true,
          "Size of a token and of the market embedding.", BTCAI_AT(model.width)},
    Field{"model.layers", "", "Attention layers", "", 1, 16, {}, false, true,
          "Layers of the Transformer.", BTCAI_AT(model.layers)},
    Field{"model.heads", "", "Attention heads", "", 1, 64, {}, false, true,
          "Heads per attention layer; divides the width.", BTCAI_AT(model.heads)},
    Field{"model.head_width", "", "Head width", "", 4, 4096, {}, false, true,
          "Hidden units of the policy and of the value head.", BTCAI_AT(model.headWidth)},
    Field{"model.recurrent_width", "", "Recurrence", "", 0, 1024, {}, false, true,
          "Units of an LSTM over each account's private state, by which policy and value know what the account went through; 0 for none.",
          BTCAI_AT(model.recurrentWidth)},
    Field{"model.use_cnn", "", "CNN branch", "", 0, 0, {}, false, true,
          "The causal convolution over the latest bars.", BTCAI_AT(model.useCnn)},
    Field{"model.use_lstm", "", "LSTM branch", "", 0, 0, {}, false, true,
          "The LSTM over the window of tokens.", BTCAI_AT(model.useLstm)},
    Field{"model.use_transformer", "", "Transformer branch", "", 0, 0, {}, false, true,
          "The Transformer over the window of tokens.", BTCAI_AT(model.useTransformer)},
    Field{"model.select_features", "", "Feature gates", "", 0, 0, {}, false, true,
          "Learned weights of the features, anew for each bar, that tell what the network looks at.", BTCAI_AT(model.selectFeatures)},
    Field{"model.precision", "", "Arithmetic", "", 0, 0, kPrecisionChoices, false, true,
          "Of the encoder's matrix products; bfloat16 is faster on GPUs, a little so on CPUs with AMX, slower on others, and right to two or three digits.",
          BTCAI_AT(model.precision)},
    Field{"model.hold_bias", "", "Hold bias", "", 0, 20, {}, false, true,
          "Initial preference for the position already held, so that exploration does not drown in costs.",
          BTCAI_AT(model.holdBias)},
    Field{"model.horizons", "", "Forecast horizons", "bars", 0, 0, {}, false, true,
          "Horizons of the return forecast, ascending, separated by commas.", BTCAI_AT(model.horizons)},

    Field{"forecast.distribution", "", "Forecast distribution", "", 0, 0, kDistributionChoices, false, true,
          "What a return is thought to be distributed like: normally, with heavier tails that are learned, or by quantiles that are learned one by one.",
          BTCAI_AT(forecast.distribution)},
    Field{"forecast.members", "", "Forecast heads", "", 1, 32, {}, false, true,
          "An ensemble of so many forecasts, each learned from its own draw of the bars; how far they differ says what the agent does not know. 1 for none.",
          BTCAI_AT(forecast.members)},
    Field{"forecast.adapt", "", "Adapt horizons", "", 0, 0, {}, false, true,
          "Horizons move, one rung of a ladder at an evaluation, to where forecasts of the validation part are better by more than chance; each move is told.",
          BTCAI_AT(forecast.adapt)},
    Field{"forecast.least_bars", "", "Shortest horizon", "bars", 0, 100000, {}, false, true,
          "No horizon becomes shorter by adapting; 0 for half of the shortest at the beginning.", BTCAI_AT(forecast.leastBars)},
    Field{"forecast.most_bars", "", "Longest horizon", "bars", 0, 100000, {}, false, true,
          "No horizon becomes longer by adapting; 0 for twice the longest at the beginning.", BTCAI_AT(forecast.mostBars)},

    Field{"ppo.learning_rate", "", "Learning rate", "", 1e-8, 1.0, {}, true, false,
          "Step size of Adam.", BTCAI_AT(ppo.learningRate)},
    Field{"ppo.anneal_learning_rate", "", "Anneal learning rate", "", 0, 0, {}, false, true,
          "Falls linearly to zero at the last step.", BTCAI_AT(ppo.annealLearningRate)},
    Field{"ppo.gamma", "", "Discount", "", 0.0, 1.0, {}, false, true,
          "Discount of the reward per bar.", BTCAI_AT(ppo.gamma)},
    Field{"ppo.gae_lambda", "", "GAE lambda", "", 0.0, 1.0, {}, false, true,
          "Weight of longer returns in the advantage (Schulman et al. 2016).", BTCAI_AT(ppo.gaeLambda)},
    Field{"ppo.clip_range", "", "Clip range", "", 1e-4, 1.0, {}, true, false,
          "How far the probability ratio may leave 1 (Schulman et al. 2017).", BTCAI_AT(ppo.clipRange)},
    Field{"ppo.epochs", "", "Epochs", "", 1, 100, {}, false, false,
          "Passes over a rollout.", BTCAI_AT(ppo.epochs)},
    Field{"ppo.stretches_per_minibatch", "", "Stretches per minibatch", "", 1, 4096, {}, false, true,
          "A minibatch is this many stretches with all their bars and accounts.", BTCAI_AT(ppo.stretchesPerMinibatch)},
    Field{"ppo.entropy_coefficient", "", "Entropy coefficient", "", 0, 1, {}, true, false,
          "Weight of the policy's entropy.", BTCAI_AT(ppo.entropyCoefficient)},
    Field{"ppo.entropy_share", "", "Entropy until", "", 0, 1, {}, false, true,
          "The coefficient falls linearly to zero at this share of the run, so that what follows trains away actions the "
          "entropy alone kept alive; 0 keeps it constant.", BTCAI_AT(ppo.entropyShare)},
    Field{"ppo.value_coefficient", "", "Value coefficient", "", 0, 10, {}, true, true,
          "Weight of the value loss.", BTCAI_AT(ppo.valueCoefficient)},
    Field{"ppo.value_clip_range", "", "Value clip range", "reward", 0, 1e6, {}, true, true,
          "How far a value may leave that of the rollout before its loss is held, discounted rewards; 0 for no limit.", BTCAI_AT(ppo.valueClipRange)},
    Field{"ppo.forecast_coefficient", "", "Forecast coefficient", "", 0, 10, {}, true, true,
          "Weight of the forecast's loss, its negative log likelihood or, of quantiles, the pinball loss.", BTCAI_AT(ppo.forecastCoefficient)},
    Field{"ppo.gate_coefficient", "", "Gate coefficient", "", 0, 10, {}, true, true,
          "Weight of a penalty on gates that close: the log of the number of branches less the entropy of their gates, a mean over bars. A branch that is "
          "shut out early learns no more. 0 for none.",
          BTCAI_AT(ppo.gateCoefficient)},
    Field{"ppo.target_kl", "", "KL limit", "", 0, 10, {}, true, true,
          "An update stops when the policy has moved this far; 0 for no limit.", BTCAI_AT(ppo.targetKl)},
    Field{"ppo.max_grad_norm", "", "Gradient norm", "", 1e-6, 1e6, {}, true, true,
          "Gradients are scaled down to this norm.", BTCAI_AT(ppo.maxGradNorm)},
    Field{"ppo.group_baseline", "", "Group baseline", "", 0, 0, {}, false, true,
          "Compares each account with those at the same bar and target, which takes the market's luck out of the advantage.",
          BTCAI_AT(ppo.groupBaseline)},
    Field{"ppo.normalize_advantages", "", "Normalise advantages", "", 0, 0, {}, false, true,
          "Zero mean and unit deviation within a minibatch.", BTCAI_AT(ppo.normalizeAdvantages)},

    Field{"replay.segments", "", "Replayed segments", "", 0, 1024, {}, false, true,
          "Segments of earlier rollouts that each minibatch learns from besides its own, drawn by how much they surprised (Schaul et al. 2016); 0 for none.",
          BTCAI_AT(replay.segments)},
    Field{"replay.bars", "", "Segment", "bars", 1, 65536, {}, false, true,
          "Length of a replayed segment: a part of train.rollout_bars, in whole tokens.", BTCAI_AT(replay.bars)},
    Field{"replay.accounts", "", "Accounts of a segment", "", 1, 4096, {}, false, true,
          "How many accounts of a stretch are kept with a segment.", BTCAI_AT(replay.accounts)},
    Field{"replay.capacity", "", "Segments kept", "", 1, 1e6, {}, false, true,
          "The oldest make room.", BTCAI_AT(replay.capacity)},
    Field{"replay.alpha", "", "Prioritisation", "", 0, 1, {}, false, true,
          "0 draws all alike, 1 in proportion to their surprise.", BTCAI_AT(replay.alpha)},
    Field{"replay.beta", "", "Correction of the bias", "", 0, 1, {}, true, true,
          "How far importance weights undo the prioritisation at first; wholly (1) at the end of the run.", BTCAI_AT(replay.beta)},
    Field{"replay.coefficient", "", "Weight of the replay", "", 0, 10, {}, true, true,
          "Weight of the losses of replayed segments beside those of the minibatch.", BTCAI_AT(replay.coefficient)},
    Field{"replay.staleness", "", "Stale after", "iterations", 0, 1e6, {}, true, true,
          "Policy and value learn from a segment until it is so old, the policy by its clipped ratio; older ones serve the forecast alone.",
          BTCAI_AT(replay.staleness)},

    Field{"explore.decay", "", "Exploration falls with", "", 0, 0, kDecayChoices, false, true,
          "What lowers the entropy coefficient: time (to zero at ppo.entropy_share), performance (while the run earns more), or adaptive (so that the "
          "policy's entropy falls linearly).", BTCAI_AT(explore.decay)},
    Field{"explore.familiarity", "", "Exploration by familiarity", "", 0, 1, {}, false, true,
          "How much more entropy counts where the market looks unlike what was seen lately, and less where it looks familiar; 0 for alike.",
          BTCAI_AT(explore.familiarity)},
    Field{"explore.temperature", "", "Temperature where unfamiliar", "", 0, 4, {}, false, true,
          "Up to so much above 1 is the temperature that training draws actions with where the market is unfamiliar; it goes as the entropy coefficient does.",
          BTCAI_AT(explore.temperature)},

    Field{"memory.capacity", "", "Situations remembered", "", 0, 1e7, {}, false, true,
          "Situations in which positions were opened, with what followed, that confidence in an entry also goes by; 0 for none. Needs a sizing.method other "
          "than fixed.", BTCAI_AT(memory.capacity)},
    Field{"memory.neighbours", "", "Situations recalled", "", 1, 1024, {}, false, true,
          "The most similar ones whose outcome was known by then.", BTCAI_AT(memory.neighbours)},
    Field{"memory.similarity", "", "Least similarity", "", -1, 1, {}, false, true,
          "Cosine of the embeddings below which a situation is not the same.", BTCAI_AT(memory.similarity)},
    Field{"memory.prior", "", "Weight of the forecast", "situations", 0.1, 1e6, {}, false, true,
          "The confidence without memory counts as much as so many recalled situations.", BTCAI_AT(memory.prior)},

    Field{"evaluation.sampled_accounts", "", "Sampled accounts", "", 1, 4096, {}, false, true,
          "Accounts that trade with sampled actions when a part is evaluated.", BTCAI_AT(evaluation.sampledAccounts)},
};

#undef BTCAI_AT

[[noreturn]] void refuse(const Field& field, std::string_view text, std::string_view wanted)
{
    throw Error(ErrorKind::BadInput, "{} = {}: must be {}{}{}", field.key, messageText(text), wanted, field.unit.empty() ? "" : " in ",
                field.unit);
}

void checkRange(const Field& field, double value, std::string_view text)
{
    if (!(value >= field.minimum && value <= field.maximum))
        refuse(field, text, fmt::format("between {} and {}", field.minimum, field.maximum));
}

/// Whether a TOML file can hold the text (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF).
bool isUtf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
        if (length == 0 || i + length > text.size())
            return false;
        std::uint32_t code = length == 1 ? lead : lead & (0xffU >> (length + 1));
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xc0) != 0x80)
                return false;
            code = code << 6 | (next & 0x3fU);
        }
        if ((length == 3 && code < 0x800) || (length == 4 && (code < 0x10000 || code > 0x10ffff)) || (code >= 0xd800 && code < 0xe000))
            return false;
        i += length;
    }
    return true;
}

template <typename Number>
Number parseNumber(const Field& field, std::string_view text, std::string_view wanted)
{
    Number value{};
    const char* const end = text.data() + text.size();
    const auto [rest, code] = std::from_chars(text.data(), end, value);
    if (code != std::errc{} || rest != end)
        refuse(field, text, wanted);
    checkRange(field, static_cast<double>(value), text);
    return value;
}

struct TextSetter {
    const Field& field;
    std::string_view text;

    void operator()(bool* target) const
    {
        if (text != "true" && text != "false")
            refuse(field, text, "true or false");
        *target = text == "true";
    }
    void operator()(std::int64_t* target) const { *target = parseNumber<std::int64_t>(field, text, "a whole number"); }
    void operator()(double* target) const { *target = parseNumber<double>(field, text, "a number"); }
    void operator()(std::string* target) const
    {
        if (!field.choices.empty() && std::ranges::find(field.choices, text) == field.choices.end())
            refuse(field, text, fmt::format("one of {}", fmt::join(field.choices, ", ")));
        if (text.size() > 4096 || !isUtf8(text) || std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
            refuse(field, text, "at most 4096 printable characters in UTF-8");
        *target = text;
    }
    void operator()(Bucket* target) const
    {
        const auto bucket = bucketFromName(text);
        if (!bucket)
            refuse(field, text, fmt::format("one of {}", fmt::join(field.choices, ", ")));
        *target = *bucket;
    }
};

struct TextGetter {
    std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
    std::string operator()(const std::int64_t* value) const { return fmt::format("{}", *value); }
    std::string operator()(const double* value) const { return fmt::format("{}", *value); }
    std::string operator()(const std::string* value) const { return *value; }
    std::string operator()(const Bucket* value) const { return std::string(bucketSpec(*value).name); }
};

void require(bool condition, std::string_view message)
{
    if (!condition)
        throw Error(ErrorKind::BadInput, std::string(message));
}

} // namespace

std::span<const Field> runConfigFields() { return kFields; }

const Field* findField(std::string_view key)
{
    const auto found = std::ranges::find(kFields, key, &Field::key);
    return found == kFields.end() ? nullptr : &*found;
}

std::string fieldText(const RunConfig& config, const Field& field)
{
    return std::visit(TextGetter{}, field.locate(const_cast<RunConfig&>(config))); // only read
}

void setFieldText(RunConfig& config, const Field& field, std::string_view text)
{
    std::visit(TextSetter{field, text}, field.locate(config));
}

void validate(const RunConfig& config)
{
    RunConfig copy = config;
    for (const Field& field : kFields)
        setFieldText(copy, field, fieldText(config, field));
    const auto& model = config.model;
    require(model.lookbackBars % model.patchBars == 0, "model.lookback_bars: must be a multiple of model.patch_bars");
    require(config.train.rolloutBars % model.patchBars == 0, "train.rollout_bars: must be a multiple of model.patch_bars");
    require(model.width % model.heads == 0, "model.width: must be a multiple of model.heads");
    require(model.useCnn || model.useLstm || model.useTransformer,
            "model.use_cnn, model.use_lstm, model.use_transformer: at least one branch must be on");
    require(config.split.trainShare + config.split.validationShare <= 0.98,
            "split.train_share and split.validation_share: together at most 0.98, so that a test part is left");
    require(config.split.fold <= config.split.folds, "split.fold: must not exceed split.folds");
    try {
        resolveFeatureSelection(config.features.select);
    } catch (const Error& error) {
        throw Error(ErrorKind::BadInput, "features.select = {}: {}", messageText(config.features.select), error.what());
    }
    try {
        parseEventKinds(config.events.kinds);
    } catch (const Error& error) {
        throw Error(ErrorKind::BadInput, "events.kinds = {}: {}", messageText(config.events.kinds), error.what());
    }
    require(config.ppo.stretchesPerMinibatch <= config.train.stretches,
            "ppo.stretches_per_minibatch: must not exceed train.stretches");
    require(config.train.stretches % config.ppo.stretchesPerMinibatch == 0,
            "train.stretches: must be a multiple of ppo.stretches_per_minibatch");
    require(config.replay.segments == 0
                || (config.replay.bars % config.model.patchBars == 0 && config.train.rolloutBars % config.replay.bars == 0),
            "replay.bars: must be a multiple of model.patch_bars and a part of train.rollout_bars");
    require(model.recurrentWidth == 0 || config.replay.segments == 0 || config.replay.staleness == 0,
            "replay.staleness: must be 0 with model.recurrent_width, so that replayed segments serve the forecast alone: what an account remembered at the "
            "beginning of one is not kept");
    require(config.memory.capacity == 0 || config.sizing.method != "fixed",
            "memory.capacity: what is remembered bears on the confidence that entries are sized by; set a sizing.method other than fixed, or 0");
    forecastHorizons(config);
    require(config.goal.least <= config.goal.most, "goal.least: must not exceed goal.most");
    checkOptions(environmentOptions(config));
    const auto& sizing = config.sizing;
    require(sizing.method != "uncertainty" || sizing.maxUncertainty > 0.0,
            "sizing.method = uncertainty: needs a sizing.max_uncertainty above 0, at which nothing is left of the size");
    require(sizing.horizonBars == 0 || std::ranges::count(chosenHorizons(config), sizing.horizonBars) == 1,
            "sizing.horizon_bars: must be one of model.horizons, or 0");
}

} // namespace btcai
