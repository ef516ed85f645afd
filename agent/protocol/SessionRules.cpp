#include "agent/protocol/SessionRules.h"

#include <algorithm>
#include <span>

#include "agent/protocol/Codec.h"
#include "base/Error.h"

namespace btcai::protocol {

namespace {

using enum WorkerState;

struct Transition {
    WorkerState from;
    WorkerState to;
};

constexpr Transition kTransitions[] = {
    {Ready, Preparing},    {Ready, Stopped},    {Ready, Failed},     {Preparing, Running},  {Preparing, Stopping},
    {Preparing, Failed},   {Preparing, Paused}, {Running, Paused},   {Running, Stopping},   {Running, Finished},
    {Running, Failed},     {Paused, Running},   {Paused, Stopping},  {Paused, Failed},      {Stopping, Stopped},
    {Stopping, Finished},  {Stopping, Failed},
};

/// Which events a worker may send in which state; those of no row may come in any state after hello.
struct EventRule {
    std::string_view type;
    std::span<const WorkerState> states;
};

constexpr WorkerState kPreparingOnly[] = {Preparing};
constexpr WorkerState kWorking[] = {Running, Paused, Stopping};
constexpr EventRule kEventRules[] = {
    {"run", kPreparingOnly}, {"resumed", kPreparingOnly}, {"metrics", kWorking}, {"trade", kWorking},
    {"forecast", kWorking},  {"calibration", kWorking}, {"evaluation", kWorking},    {"checkpoint", kWorking},
};

struct CommandRule {
    std::string_view type;
    std::span<const WorkerState> states;
};

constexpr WorkerState kReadyOnly[] = {Ready};
constexpr WorkerState kCanPause[] = {Preparing, Running, Paused};
constexpr WorkerState kCanSave[] = {Running, Paused};
constexpr WorkerState kCanStop[] = {Ready, Preparing, Running, Paused, Stopping};
constexpr CommandRule kCommandRules[] = {
    {"start", kReadyOnly},     {"pause", kCanPause}, {"resume", kCanPause},
    {"checkpoint", kCanSave},  {"stop", kCanStop},   {"set", kCanSave},
};

bool contains(std::span<const WorkerState> states, WorkerState state)
{
    return std::ranges::find(states, state) != states.end();
}

bool mayMove(WorkerState from, WorkerState to)
{
    return from == to || std::ranges::any_of(kTransitions, [&](Transition t) { return t.from == from && t.to == to; });
}

} // namespace

bool isFinal(WorkerState state) { return state == Finished || state == Stopped || state == Failed; }

bool SessionRules::ended() const { return m_helloSeen && isFinal(m_state); }

void SessionRules::onEvent(const Event& event, std::string_view where)
{
    const std::string_view type = typeName(event);
    const auto refuse = [&](std::string_view problem) {
        throw Error(ErrorKind::Protocol, "{}: {} {} (state {})", where, type, problem, workerStateName(m_state));
    };
    if (std::holds_alternative<Hello>(event)) {
        if (m_helloSeen && !m_recorded && !ended())
            refuse("came twice");
        m_helloSeen = true;
        m_state = Ready;
        return;
    }
    if (!m_helloSeen)
        refuse("came before hello");
    if (const auto* change = std::get_if<StateChanged>(&event)) {
        if (!mayMove(m_state, change->state))
            refuse(fmt::format("tells an illegal move to {}", workerStateName(change->state)));
        m_state = change->state;
        return;
    }
    for (const EventRule& rule : kEventRules)
        if (rule.type == type && !contains(rule.states, m_state))
            refuse("is illegal now");
}

bool isLegal(const Command& command, WorkerState state)
{
    const std::string_view type = typeName(command);
    return std::ranges::any_of(kCommandRules,
                               [&](const CommandRule& rule) { return rule.type == type && contains(rule.states, state); });
}

} // namespace btcai::protocol
