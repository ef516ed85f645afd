#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/bucket/Bucket.h"
#include "env/reward/RewardOptions.h"

namespace btcai {

/// Everything that decides a run. Each field is described once, in Field.cpp: name in the file, unit, range, help.
/// The defaults below are those of the scalping bucket; `defaultConfig(bucket)` gives those of the others.
struct RunConfig {
    Bucket bucket = Bucket::Scalping;
    std::string data;
    std::int64_t seed = 1;
    std::string device = "cpu";
    std::int64_t threads = 0;

    struct Train {
        std::int64_t steps = 2'000'000;
        double minutes = 0.0;
        std::int64_t stretches = 8;
        std::int64_t accounts = 16;
        std::int64_t rolloutBars = 256;
        std::int64_t checkpointEvery = 5;
        double checkpointSeconds = 5.0;
        std::int64_t checkpointKeep = 3;
        std::int64_t evaluateEvery = 10;
        bool tensorboard = false;
        bool operator==(const Train&) const = default;
    } train;

    struct Quality {
        bool allowBad = false;
        bool operator==(const Quality&) const = default;
    } quality;

    struct Features {
        std::string select = "default";
        std::string funding;
        std::string normalizer = "z-score";
        bool cache = true;
        bool operator==(const Features&) const = default;
    } features;

    struct Augment {
        std::string kind = "none";
        std::int64_t copies = 1;
        bool operator==(const Augment&) const = default;
    } augment;

    struct Events {
        std::string kinds = "none";
        double ratePerYear = 12.0;
        std::int64_t seed = 1;
        bool operator==(const Events&) const = default;
    } events;

    struct Split {
        std::string scheme = "time";
        std::int64_t folds = 5;
        std::int64_t fold = 1;
        double trainShare = 0.7;
        double validationShare = 0.15;
        bool operator==(const Split&) const = default;
    } split;

    struct Account {
        double initialCash = 10'000.0;
        double exposure = 1.0;
        bool allowShort = false;
        double ruinShare = 0.2;
        std::int64_t episodeBars = 2048;
        std::string actions = "target";
        std::int64_t maxPositions = 25;
        double stopLoss = 0.0;
        double takeProfit = 0.0;
        bool operator==(const Account&) const = default;
    } account;

    struct Costs {
        double takerFeeBps = 10.0;
        double halfSpreadBps = 1.0;
        double impactBps = 20.0;
        double maxParticipation = 0.1;
        double makerFeeBps = 10.0;
        std::string feeCurrency = "quote";
        std::string feeTiers{};
        std::string spread = "fixed";
        std::int64_t spreadWindow = 288;
        bool operator==(const Costs&) const = default;
    } costs;

    struct Execution {
        std::string timing = "next-open";
        std::string rest = "carry";
        std::int64_t latencyBars = 0;
        std::string entry = "market";
        double entryOffsetBps = 10.0;
        std::int64_t lifetimeBars = 12;
        std::string finerBars{};
        bool operator==(const Execution&) const = default;
    } execution;

    struct Margin {
        std::string product = "spot";
        double leverage = 1.0;
        double maintenance = 0.005;
        double liquidationFeeBps = 50.0;
        double fundingRateBps = 1.0;
        std::string funding{};
        bool operator==(const Margin&) const = default;
    } margin;

    struct Risk {
        double maxExposure = 0.0;
        double maxDailyLoss = 0.0;
        double maxTotalLoss = 0.0;
        double maxDrawdown = 0.0;
        std::int64_t coolDownBars = 0;
        double maxCorrelation = 1.0;
        double maxHistoricalVar = 0.0;
        double maxParametricVar = 0.0;
        double varConfidence = 0.99;
        std::int64_t varBars = 500;
        bool operator==(const Risk&) const = default;
    } risk;

    struct Sizing {
        std::string method = "fixed";
        double maxUncertainty = 0.0;
        double uncertaintyPenalty = 1.0;
        double kellyFraction = 0.5;
        std::int64_t horizonBars = 0;
        bool operator==(const Sizing&) const = default;
    } sizing;

    struct Flows {
        double everyDays = 0.0;
        double amount = 0.0;
        std::string script{};
        bool operator==(const Flows&) const = default;
    } flows;

    struct Goal {
        std::string period = "month";
        double least = 0.15;
        double most = 0.3;
        bool inState = false;
        bool operator==(const Goal&) const = default;
    } goal;

    RewardOptions reward;

    struct Model {
        std::int64_t lookbackBars = 144;
        std::int64_t patchBars = 8;
        std::int64_t width = 128;
        std::int64_t layers = 2;
        std::int64_t heads = 4;
        std::int64_t headWidth = 64;
        std::int64_t recurrentWidth = 0;
        bool useCnn = true;
        bool useLstm = true;
        bool useTransformer = true;
        bool selectFeatures = false;
        std::string precision = "float32";
        double holdBias = 4.0;
        std::string horizons = "1,12,48";
        bool operator==(const Model&) const = default;
    } model;

    struct Forecast {
        std::string distribution = "student-t";
        std::int64_t members = 1;
        bool adapt = false;
        std::int64_t leastBars = 0;
        std::int64_t mostBars = 0;
        bool operator==(const Forecast&) const = default;
    } forecast;

    struct Ppo {
        double learningRate = 5e-4;
        bool annealLearningRate = true;
        double gamma = 0.99;
        double gaeLambda = 0.95;
        double clipRange = 0.2;
        std::int64_t epochs = 4;
        std::int64_t stretchesPerMinibatch = 2;
        double entropyCoefficient = 0.005;
        double entropyShare = 0.8;
        double valueCoefficient = 0.5;
        double valueClipRange = 0.0;
        double forecastCoefficient = 0.1;
        double gateCoefficient = 0.0;
        double targetKl = 0.03;
        double maxGradNorm = 0.5;
        bool groupBaseline = true;
        bool normalizeAdvantages = true;
        bool operator==(const Ppo&) const = default;
    } ppo;

    struct Replay {
        std::int64_t segments = 0;
        std::int64_t bars = 64;
        std::int64_t accounts = 4;
        std::int64_t capacity = 256;
        double alpha = 0.6;
        double beta = 0.4;
        double coefficient = 0.5;
        std::int64_t staleness = 0;
        bool operator==(const Replay&) const = default;
    } replay;

    struct Explore {
        std::string decay = "time";
        double familiarity = 0.0;
        double temperature = 0.0;
        bool operator==(const Explore&) const = default;
    } explore;

    struct Memory {
        std::int64_t capacity = 0;
        std::int64_t neighbours = 32;
        double similarity = 0.9;
        double prior = 32.0;
        bool operator==(const Memory&) const = default;
    } memory;

    struct Evaluation {
        std::int64_t sampledAccounts = 16;
        bool operator==(const Evaluation&) const = default;
    } evaluation;

    bool operator==(const RunConfig&) const = default;
};

/// The defaults of a bucket (REQUIREMENTS: lookback, episode length, forecast horizons, discount).
RunConfig defaultConfig(Bucket bucket);

/// The horizons of `model.horizons`, ascending, in bars: those that a run uses, with forecast.adapt at its beginning. Throws Error(BadInput) naming the field.
std::vector<std::int64_t> chosenHorizons(const RunConfig& config);
/// What the network forecasts, ascending, in bars: chosenHorizons, and with forecast.adapt the rungs of the ladder that they may move on as well, powers of two and
/// three times those, from forecast.least_bars (0: half of the shortest) to forecast.most_bars (0: twice the longest). Throws Error(BadInput) naming the field.
std::vector<std::int64_t> forecastHorizons(const RunConfig& config);

} // namespace btcai
