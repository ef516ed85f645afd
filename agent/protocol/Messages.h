#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace btcai::protocol {

/// Raised when a message changes so that an older listener would misread it.
inline constexpr int kProtocolVersion = 1;

/// No line, newline included, may be longer; a longer one is a protocol error before anything is parsed.
inline constexpr std::size_t kMaxLineBytes = 1 << 20;

/// What a worker is doing. Ready: waits for `start`. Finished, Stopped and Failed are final.
enum class WorkerState { Ready, Preparing, Running, Paused, Stopping, Finished, Stopped, Failed };

std::string_view workerStateName(WorkerState state);

// ---- Events: from the worker, on stdout, and the same lines in events.jsonl ----

/// The first line of every session.
struct Hello {
    int protocol = kProtocolVersion;
    std::string version;
    std::string revision;
    std::int64_t pid = 0;
    std::string device;  ///< "cpu", "cuda:0 NVIDIA ..."
    std::string libtorch;
    std::int64_t threads = 0;
    bool operator==(const Hello&) const = default;
};

/// The worker entered a state. `step` counts account steps.
struct StateChanged {
    WorkerState state = WorkerState::Ready;
    std::int64_t step = 0;
    std::string detail; ///< "computing features", for people
    bool operator==(const StateChanged&) const = default;
};

/// What the run is, once it is known: sent after Preparing, before the first metrics.
struct RunInfo {
    std::string runFolder;
    std::string bucket;
    std::string dataName;
    std::string dataHash;
    std::int64_t bars = 0;
    std::int64_t features = 0;
    std::int64_t parameters = 0;
    std::int64_t totalSteps = 0;
    std::int64_t trainFrom = 0, trainTo = 0;           ///< UTC seconds, half open
    std::int64_t validationFrom = 0, validationTo = 0;
    std::int64_t testFrom = 0, testTo = 0;
    bool operator==(const RunInfo&) const = default;
};

/// The run goes on from a checkpoint: events with a step beyond `step` recorded before this line are superseded.
struct Resumed {
    std::int64_t step = 0;
    std::string checkpoint;
    bool operator==(const Resumed&) const = default;
};

/// One iteration (rollout and update). The names of `values` are listed in agent/README.md; a name that has no value
/// in this iteration is absent, never 0.
struct Metrics {
    std::int64_t iteration = 0;
    std::int64_t step = 0;
    std::int64_t totalSteps = 0;
    double elapsedSeconds = 0.0;   ///< training time of the whole run so far
    double remainingSeconds = 0.0; ///< estimate; negative when unknown
    std::vector<std::pair<std::string, double>> values;
    bool operator==(const Metrics&) const = default;
};

/// A position that was closed, of the account that is shown.
struct Trade {
    std::int64_t step = 0;
    std::int64_t entryTime = 0; ///< UTC seconds, of the bars that filled
    std::int64_t exitTime = 0;
    std::string side;           ///< "long" or "short"
    double entryPrice = 0.0;    ///< average, costs in the price included, fees not
    double exitPrice = 0.0;
    double quantity = 0.0;      ///< largest, in the base coin
    double profit = 0.0;        ///< net of all costs, in the quote currency
    double fees = 0.0;
    std::string part;           ///< "train" or "validation"
    bool operator==(const Trade&) const = default;
};

/// Forecast log returns against what came, on the validation part. All vectors have one length; time is that of the
/// decision, the outcome is known `horizonBars` later.
struct Forecast {
    std::int64_t step = 0;
    std::int64_t horizonBars = 0;
    std::vector<std::int64_t> time;
    std::vector<double> mean, deviation, outcome;
    std::vector<double> epistemic{}; ///< the part of the deviation that stands for what the network does not know; empty without an ensemble
    std::vector<double> lower{}, upper{}; ///< the ends of the central 68.27 %; empty for a Gaussian, whose they are mean -+ deviation
    bool operator==(const Forecast&) const = default;
};

/// How often outcomes lay within intervals of a level: the network's own, the calibrated ones, and those that are steered by what came.
struct IntervalCoverage {
    double level = 0.0, raw = 0.0, calibrated = 0.0, running = 0.0;
    bool operator==(const IntervalCoverage&) const = default;
};

/// Forecast probabilities of going up that lie in one tenth, against how often it went up.
struct ReliabilityBin {
    std::int64_t count = 0;
    double probability = 0.0, frequency = 0.0;
    bool operator==(const ReliabilityBin&) const = default;
};

/// The coverage of calibrated intervals while the market was in one regime.
struct RegimeCoverage {
    std::string regime; ///< "range", "trend" or "volatile"
    std::int64_t count = 0;
    double level = 0.0, covered = 0.0;
    bool operator==(const RegimeCoverage&) const = default;
};

/// How far the forecasts over one horizon can be believed (models/Calibration.h says what each figure is). The calibration was fitted on the validation part;
/// where `part` is "validation", on its first half, and judged on the second.
struct Calibration {
    std::int64_t step = 0;
    std::string part;
    std::int64_t horizonBars = 0, count = 0;
    double deviationFactor = 1.0, deviationRatio = 1.0, crps = 0.0, crpsSkill = 0.0, ece = 0.0, calibratedEce = 0.0;
    std::vector<IntervalCoverage> coverage;
    std::vector<ReliabilityBin> reliability;
    std::vector<RegimeCoverage> regimes;
    double epistemic = 0.0, aleatoric = 0.0; ///< root mean squares of the two parts of the deviation, log returns; without an ensemble 0 and the whole
    bool operator==(const Calibration&) const = default;
};

/// One line of the evaluation table. Returns are shares (0.05 is 5 %); `standardError` is that of totalReturn over
/// sampled accounts, negative when there is only one.
struct EvaluationRow {
    std::string name; ///< "agent (sampled)", "agent (argmax)", "buy and hold", "cash"
    double totalReturn = 0.0, standardError = -1.0;
    double sharpe = 0.0, sortino = 0.0, maxDrawdown = 0.0, calmar = 0.0, profitFactor = 0.0, winRate = 0.0;
    double turnover = 0.0, exposure = 0.0, costShare = 0.0;
    std::int64_t trades = 0;
    bool operator==(const EvaluationRow&) const = default;
};

/// A named equity curve, relative to 1 at the start.
struct EquityCurve {
    std::string name;
    std::vector<double> equity;
    bool operator==(const EquityCurve&) const = default;
};

/// How the agent trades a part it does not learn from.
struct Evaluation {
    std::int64_t step = 0;
    std::string part; ///< "validation" or "test"
    std::vector<EvaluationRow> rows;
    std::vector<std::int64_t> time; ///< decimated; every curve has as many points
    std::vector<EquityCurve> curves;
    bool optimisticFills = false; ///< fills were better than anybody gets (execution.timing)
    std::vector<std::pair<std::string, double>> refusedOrders{}; ///< of the agents, by the risk guard's reason; none where it refused nothing
    bool operator==(const Evaluation&) const = default;
};

struct CheckpointSaved {
    std::int64_t step = 0;
    std::string path; ///< relative to the run folder
    bool best = false;
    bool operator==(const CheckpointSaved&) const = default;
};

/// Sent at least every two seconds, also during long computations. `dropped`: lines that a slow listener missed so far
/// (they stand in events.jsonl).
struct Heartbeat {
    std::int64_t step = 0;
    double uptimeSeconds = 0.0;
    std::int64_t residentBytes = 0;
    std::int64_t dropped = 0;
    bool operator==(const Heartbeat&) const = default;
};

/// Something a person should see. `level` is "info", "warning" or "error"; an error that ends the run is followed by
/// StateChanged(Failed).
struct Notice {
    std::string level;
    std::string kind; ///< errorKindName, or a name of the event such as "nan-caught"
    std::string message;
    bool operator==(const Notice&) const = default;
};

using Event = std::variant<Hello, StateChanged, RunInfo, Resumed, Metrics, Trade, Forecast, Calibration, Evaluation, CheckpointSaved,
                           Heartbeat, Notice>;

// ---- Commands: to the worker, on stdin ----

/// Start a run in `runFolder`: a new one with the given configuration (TOML), or, with `resume`, the one that is there.
struct Start {
    std::string runFolder;
    std::string configToml;
    bool resume = false;
    bool operator==(const Start&) const = default;
};
struct Pause { bool operator==(const Pause&) const = default; };
struct Resume { bool operator==(const Resume&) const = default; };
/// Write a checkpoint at the end of this iteration.
struct SaveCheckpoint { bool operator==(const SaveCheckpoint&) const = default; };
/// Checkpoint and leave.
struct Stop { bool operator==(const Stop&) const = default; };
/// Change a field that is `live`; takes effect with the next iteration and is recorded in the run's configuration.
struct SetField {
    std::string key;
    std::string value;
    bool operator==(const SetField&) const = default;
};

using Command = std::variant<Start, Pause, Resume, SaveCheckpoint, Stop, SetField>;

} // namespace btcai::protocol
