#include "agent/protocol/Codec.h"

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/Error.h"
#include "base/Json.h"

namespace btcai::protocol {

namespace {

constexpr std::size_t kMaxText = 256 * 1024;
constexpr std::size_t kMaxItems = 20'000;

// ---- one description of each message's fields, used both to write and to read ----

template <typename V> void visitFields(V& v, Hello& m)
{
    v("protocol", m.protocol), v("version", m.version), v("revision", m.revision), v("pid", m.pid);
    v("device", m.device), v("libtorch", m.libtorch), v("threads", m.threads);
}
template <typename V> void visitFields(V& v, StateChanged& m)
{
    v("state", m.state), v("step", m.step), v("detail", m.detail);
}
template <typename V> void visitFields(V& v, RunInfo& m)
{
    v("run", m.runFolder), v("bucket", m.bucket), v("data", m.dataName), v("data_hash", m.dataHash), v("bars", m.bars);
    v("features", m.features), v("parameters", m.parameters), v("total_steps", m.totalSteps);
    v("train_from", m.trainFrom), v("train_to", m.trainTo), v("validation_from", m.validationFrom);
    v("validation_to", m.validationTo), v("test_from", m.testFrom), v("test_to", m.testTo);
}
template <typename V> void visitFields(V& v, Resumed& m) { v("step", m.step), v("checkpoint", m.checkpoint); }
template <typename V> void visitFields(V& v, Metrics& m)
{
    v("iteration", m.iteration), v("step", m.step), v("total_steps", m.totalSteps), v("elapsed_s", m.elapsedSeconds);
    v("remaining_s", m.remainingSeconds), v("values", m.values);
}
template <typename V> void visitFields(V& v, Trade& m)
{
    v("step", m.step), v("entry_time", m.entryTime), v("exit_time", m.exitTime), v("side", m.side);
    v("entry_price", m.entryPrice), v("exit_price", m.exitPrice), v("quantity", m.quantity), v("profit", m.profit);
    v("fees", m.fees), v("part", m.part);
}
template <typename V> void visitFields(V& v, Forecast& m)
{
    v("step", m.step), v("horizon_bars", m.horizonBars), v("time", m.time), v("mean", m.mean);
    v("deviation", m.deviation), v("outcome", m.outcome);
    v.unlessDefault("epistemic", m.epistemic);
    v.unlessDefault("lower", m.lower), v.unlessDefault("upper", m.upper);
}
template <typename V> void visitFields(V& v, IntervalCoverage& m)
{
    v("level", m.level), v("raw", m.raw), v("calibrated", m.calibrated), v("running", m.running);
}
template <typename V> void visitFields(V& v, ReliabilityBin& m)
{
    v("count", m.count), v("probability", m.probability), v("frequency", m.frequency);
}
template <typename V> void visitFields(V& v, RegimeCoverage& m)
{
    v("regime", m.regime), v("count", m.count), v("level", m.level), v("covered", m.covered);
}
template <typename V> void visitFields(V& v, Calibration& m)
{
    v("step", m.step), v("part", m.part), v("horizon_bars", m.horizonBars), v("count", m.count);
    v("deviation_factor", m.deviationFactor), v("deviation_ratio", m.deviationRatio), v("crps", m.crps), v("crps_skill", m.crpsSkill);
    v("ece", m.ece), v("calibrated_ece", m.calibratedEce), v("coverage", m.coverage), v("reliability", m.reliability);
    v("regimes", m.regimes);
    v.unlessDefault("epistemic", m.epistemic), v.unlessDefault("aleatoric", m.aleatoric);
}
template <typename V> void visitFields(V& v, EvaluationRow& m)
{
    v("name", m.name), v("total_return", m.totalReturn), v("standard_error", m.standardError), v("sharpe", m.sharpe);
    v("sortino", m.sortino), v("max_drawdown", m.maxDrawdown), v("calmar", m.calmar), v("profit_factor", m.profitFactor);
    v("win_rate", m.winRate), v("turnover", m.turnover), v("exposure", m.exposure), v("cost_share", m.costShare);
    v("trades", m.trades);
}
template <typename V> void visitFields(V& v, EquityCurve& m) { v("name", m.name), v("equity", m.equity); }
template <typename V> void visitFields(V& v, Evaluation& m)
{
    v("step", m.step), v("part", m.part), v("rows", m.rows), v("time", m.time), v("curves", m.curves);
    v.unlessDefault("optimistic_fills", m.optimisticFills);
    v.unlessDefault("refused_orders", m.refusedOrders);
}
template <typename V> void visitFields(V& v, CheckpointSaved& m) { v("step", m.step), v("path", m.path), v("best", m.best); }
template <typename V> void visitFields(V& v, Heartbeat& m)
{
    v("step", m.step), v("uptime_s", m.uptimeSeconds), v("resident_bytes", m.residentBytes), v("dropped", m.dropped);
}
template <typename V> void visitFields(V& v, Notice& m) { v("level", m.level), v("kind", m.kind), v("message", m.message); }
template <typename V> void visitFields(V& v, Start& m)
{
    v("run", m.runFolder), v("config", m.configToml), v("resume", m.resume);
}
template <typename V> void visitFields(V&, Pause&) {}
template <typename V> void visitFields(V&, Resume&) {}
template <typename V> void visitFields(V&, SaveCheckpoint&) {}
template <typename V> void visitFields(V&, Stop&) {}
template <typename V> void visitFields(V& v, SetField& m) { v("key", m.key), v("value", m.value); }

constexpr std::array<std::string_view, std::variant_size_v<Event>> kEventNames{
    "hello", "state", "run", "resumed", "metrics", "trade", "forecast", "calibration", "evaluation", "checkpoint", "heartbeat", "notice"};
constexpr std::array<std::string_view, std::variant_size_v<Command>> kCommandNames{
    "start", "pause", "resume", "checkpoint", "stop", "set"};

constexpr std::array kStates{WorkerState::Ready,    WorkerState::Preparing, WorkerState::Running, WorkerState::Paused,
                             WorkerState::Stopping, WorkerState::Finished,  WorkerState::Stopped, WorkerState::Failed};

// ---- writing ----

struct Writer {
    Json& out;

    template <typename T> void operator()(const char* name, T& value) { out[name] = toJson(value); }
    template <typename T> void unlessDefault(const char* name, T& value)
    {
        if (value != T{})
            (*this)(name, value);
    }

    template <typename T> static Json toJson(T& value)
    {
        if constexpr (std::is_same_v<T, WorkerState>) {
            return Json(std::string(workerStateName(value)));
        } else if constexpr (std::is_same_v<T, double>) {
            return std::isfinite(value) ? Json(value) : Json(nullptr);
        } else if constexpr (std::is_same_v<T, std::vector<std::pair<std::string, double>>>) {
            Json object = Json::object();
            for (auto& [name, number] : value)
                object[name] = toJson(number);
            return object;
        } else if constexpr (requires { value.size(), value[0]; } && !std::is_same_v<T, std::string>) {
            Json array = Json::array();
            for (auto& item : value)
                array.push_back(toJson(item));
            return array;
        } else if constexpr (std::is_class_v<T> && !std::is_same_v<T, std::string>) {
            Json object = Json::object();
            Writer inner{object};
            visitFields(inner, value);
            return object;
        } else {
            return Json(value);
        }
    }
};

template <typename Variant> std::string encodeVariant(const Variant& message, std::string_view type)
{
    Json json = Json::object();
    json["type"] = type;
    std::visit(
        [&](auto copy) {
            Writer writer{json};
            visitFields(writer, copy);
        },
        message);
    std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (line.size() >= kMaxLineBytes)
        throw Error(ErrorKind::Internal, "a {} message of {} bytes exceeds the cap of a line", type, line.size());
    return line;
}

// ---- reading ----

struct Reader {
    const Json& in;
    std::string context; ///< "worker 3, line 12: metrics"

    [[noreturn]] void refuse(std::string_view field, std::string_view problem) const
    {
        throw Error(ErrorKind::Protocol, "{}: field '{}' {}", context, field, problem);
    }

    template <typename T> void operator()(const char* name, T& value)
    {
        const auto found = in.find(name);
        if (found == in.end())
            refuse(name, "is missing");
        read(name, *found, value);
    }
    /// A field that came later: recordings without it stay readable.
    template <typename T> void unlessDefault(const char* name, T& value)
    {
        if (in.contains(name))
            (*this)(name, value);
    }

    template <typename T> void read(const char* name, const Json& json, T& value) const
    {
        if constexpr (std::is_same_v<T, std::string>) {
            if (!json.is_string())
                refuse(name, "is not text");
            value = json.get<std::string>();
            if (value.size() > kMaxText)
                refuse(name, "is too long");
        } else if constexpr (std::is_same_v<T, bool>) {
            if (!json.is_boolean())
                refuse(name, "is not true or false");
            value = json.get<bool>();
        } else if constexpr (std::is_same_v<T, double>) {
            if (!json.is_number() && !json.is_null())
                refuse(name, "is not a number");
            value = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
        } else if constexpr (std::is_integral_v<T>) {
            if (!json.is_number_integer()
                || (json.is_number_unsigned() && json.get<std::uint64_t>() > std::numeric_limits<T>::max())
                || (!json.is_number_unsigned() && json.get<std::int64_t>() < std::numeric_limits<T>::min()))
                refuse(name, "is not a whole number in range");
            value = json.get<T>();
        } else if constexpr (std::is_same_v<T, WorkerState>) {
            readState(name, json, value);
        } else if constexpr (std::is_same_v<T, std::vector<std::pair<std::string, double>>>) {
            readValues(name, json, value);
        } else if constexpr (requires { value.push_back(value[0]); }) {
            if (!json.is_array() || json.size() > kMaxItems)
                refuse(name, "is not a list of at most 20000 items");
            value.resize(json.size());
            for (std::size_t i = 0; i < json.size(); ++i)
                read(name, json[i], value[i]);
        } else {
            if (!json.is_object())
                refuse(name, "is not an object");
            Reader inner{json, context + "." + name};
            visitFields(inner, value);
        }
    }

    void readState(const char* name, const Json& json, WorkerState& value) const
    {
        std::string text;
        read(name, json, text);
        for (const WorkerState state : kStates)
            if (workerStateName(state) == text) {
                value = state;
                return;
            }
        refuse(name, "is no worker state");
    }

    void readValues(const char* name, const Json& json, std::vector<std::pair<std::string, double>>& values) const
    {
        if (!json.is_object() || json.size() > kMaxItems)
            refuse(name, "is not an object of at most 20000 numbers");
        for (const auto& [key, item] : json.items()) {
            double number = 0.0;
            read(name, item, number);
            values.emplace_back(key, number);
        }
    }
};

void checkMeaning(const Reader& reader, const Forecast& m)
{
    if (m.mean.size() != m.time.size() || m.deviation.size() != m.time.size() || m.outcome.size() != m.time.size())
        reader.refuse("mean", "and time, deviation, outcome have unequal lengths");
    if (!m.epistemic.empty() && m.epistemic.size() != m.time.size())
        reader.refuse("epistemic", "has another length than time");
    if (m.lower.size() != m.upper.size() || (!m.lower.empty() && m.lower.size() != m.time.size()))
        reader.refuse("lower", "and upper have another length than time");
}
void checkMeaning(const Reader& reader, const Evaluation& m)
{
    for (const EquityCurve& curve : m.curves)
        if (curve.equity.size() != m.time.size())
            reader.refuse("curves", "has a curve whose length is not that of time");
}
template <typename M> void checkMeaning(const Reader&, const M&) {}

/// Before the other fields of a hello are looked at, since another version may have changed them.
void checkProtocolVersion(const Reader& reader)
{
    std::int64_t protocol = 0;
    Reader copy = reader;
    copy("protocol", protocol);
    if (protocol != kProtocolVersion)
        throw Error(ErrorKind::Protocol,
                    "{}: the worker speaks protocol version {}, this program version {}; install workbench and worker of "
                    "one version",
                    reader.context, protocol, kProtocolVersion);
}

template <typename Variant, std::size_t I = 0>
Variant decodeAs(std::size_t index, const Reader& reader)
{
    if constexpr (I == std::variant_size_v<Variant>) {
        throw Error(ErrorKind::Internal, "message index out of range");
    } else {
        if (index != I)
            return decodeAs<Variant, I + 1>(index, reader);
        std::variant_alternative_t<I, Variant> message;
        if constexpr (std::is_same_v<decltype(message), Hello>)
            checkProtocolVersion(reader);
        Reader copy = reader;
        visitFields(copy, message);
        checkMeaning(reader, message);
        return message;
    }
}

template <typename Variant>
Variant decodeVariant(std::string_view line, std::string_view where, std::span<const std::string_view> names)
{
    Json json;
    try {
        json = parseJson(line, where, {.maxBytes = kMaxLineBytes, .maxDepth = 8});
    } catch (const Error& error) {
        throw Error(ErrorKind::Protocol, std::string(error.what()));
    } catch (const Json::exception&) { // a number that no double holds
        throw Error(ErrorKind::Protocol, "{}: not JSON: a number is out of range", where);
    }
    if (!json.is_object() || !json.contains("type") || !json["type"].is_string())
        throw Error(ErrorKind::Protocol, "{}: not a message: no 'type'", where);
    const std::string type = json["type"].template get<std::string>();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == type)
            return decodeAs<Variant>(i, Reader{json, fmt::format("{}: {}", where, type)});
    throw Error(ErrorKind::Protocol, "{}: unknown message type '{}'", where, type.substr(0, 64));
}

} // namespace

std::string encode(const Event& event) { return encodeVariant(event, typeName(event)); }
std::string encode(const Command& command) { return encodeVariant(command, typeName(command)); }

Event decodeEvent(std::string_view line, std::string_view where)
{
    return decodeVariant<Event>(line, where, kEventNames);
}

Command decodeCommand(std::string_view line, std::string_view where)
{
    return decodeVariant<Command>(line, where, kCommandNames);
}

std::string_view typeName(const Event& event) { return kEventNames[event.index()]; }
std::string_view typeName(const Command& command) { return kCommandNames[command.index()]; }

} // namespace btcai::protocol
