#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/Messages.h"
#include "app/gui/training/Series.h"

namespace btcai::gui {

/// All that the window knows of one run, built from its events. A live stream and a recorded one go through the same
/// `apply`, so an old run is drawn by the code that draws a live one. Memory is bounded however long a run is.
/// No signals, no threads of its own: fill it in one thread at a time.
class RunStore {
public:
    static constexpr std::size_t kMaxTrades = 5'000;
    static constexpr std::size_t kMaxNotices = 2'000;
    static constexpr std::size_t kMaxSeries = 200;

    void apply(const protocol::Event& event);

    /// Grows with every event that changed something; a view that remembers it knows whether to look again.
    std::uint64_t revision() const { return m_revision; }

    /// Null until the run has told a value of that name. Next to the names of Metrics.values there are
    /// "<part>/<row>" and "<part>/<row>/error": total return and its standard error of each evaluation so far.
    const Series* series(std::string_view name) const;
    static std::string evaluationSeries(std::string_view part, std::string_view row);

    const std::optional<protocol::Hello>& hello() const { return m_hello; }
    const std::optional<protocol::RunInfo>& info() const { return m_info; }
    /// The latest iteration; nothing before the first.
    const std::optional<protocol::Metrics>& metrics() const { return m_metrics; }
    /// A value of the latest iteration, nothing when it was absent or not finite.
    std::optional<double> latest(std::string_view name) const;
    /// The latest of a part, null when there was none.
    const protocol::Evaluation* evaluation(std::string_view part) const;
    /// The latest of each horizon, by horizon in bars.
    const std::map<std::int64_t, protocol::Forecast>& forecasts() const { return m_forecasts; }
    /// The same, of the part judged last: "test" once a run has ended.
    const std::map<std::int64_t, protocol::Calibration>& calibrations() const { return m_calibrations; }

    struct NumberedTrade {
        std::uint64_t number; ///< without holes, so that a view knows which ones are new
        protocol::Trade trade;
    };
    const std::deque<NumberedTrade>& trades() const { return m_trades; }
    /// Changes when trades were taken back (the run went on from an earlier checkpoint).
    std::uint64_t tradeGeneration() const { return m_tradeGeneration; }

    const std::deque<protocol::Notice>& notices() const { return m_notices; }
    const std::optional<protocol::CheckpointSaved>& lastCheckpoint() const { return m_checkpoint; }
    const std::optional<protocol::Heartbeat>& heartbeat() const { return m_heartbeat; }
    protocol::WorkerState state() const { return m_state; }
    const std::string& stateDetail() const { return m_stateDetail; }
    std::int64_t step() const { return m_step; }

private:
    void on(const protocol::Hello& hello);
    void on(const protocol::StateChanged& change);
    void on(const protocol::RunInfo& info);
    void on(const protocol::Resumed& resumed);
    void on(const protocol::Metrics& metrics);
    void on(const protocol::Trade& trade);
    void on(const protocol::Forecast& forecast);
    void on(const protocol::Calibration& calibration);
    void on(const protocol::Evaluation& evaluation);
    void on(const protocol::CheckpointSaved& checkpoint);
    void on(const protocol::Heartbeat& heartbeat);
    void on(const protocol::Notice& notice);
    void append(std::string_view name, double step, double value);

    std::uint64_t m_revision = 0;
    std::map<std::string, Series, std::less<>> m_series;
    std::optional<protocol::Hello> m_hello;
    std::optional<protocol::RunInfo> m_info;
    std::optional<protocol::Metrics> m_metrics;
    std::map<std::string, protocol::Evaluation, std::less<>> m_evaluations;
    std::map<std::int64_t, protocol::Forecast> m_forecasts;
    std::map<std::int64_t, protocol::Calibration> m_calibrations;
    std::deque<NumberedTrade> m_trades;
    std::uint64_t m_tradesSeen = 0;
    std::uint64_t m_tradeGeneration = 0;
    std::deque<protocol::Notice> m_notices;
    std::optional<protocol::CheckpointSaved> m_checkpoint;
    std::optional<protocol::Heartbeat> m_heartbeat;
    protocol::WorkerState m_state = protocol::WorkerState::Ready;
    std::string m_stateDetail;
    std::int64_t m_step = 0;
};

} // namespace btcai::gui
