#pragma once

#include <cstdio>
#include <mutex>

#include "agent/run/EventSink.h"

namespace btcai::cli {

/// Shows a run on a terminal: one line that is rewritten (or, where stderr is no terminal, a line every ten seconds), and
/// notices as they come. Passes every event on to `next`.
class TerminalProgress final : public EventSink {
public:
    /// With `quiet` nothing but warnings and errors is shown.
    TerminalProgress(EventSink& next, bool quiet);
    ~TerminalProgress() override;
    void send(const protocol::Event& event) override;

private:
    void show(const protocol::Metrics& metrics);
    void line(const std::string& text);

    EventSink& m_next;
    bool m_quiet;
    bool m_terminal;
    bool m_open = false; ///< a rewritten line stands without its newline
    double m_lastShown = -1e9;
    std::mutex m_mutex;
};

} // namespace btcai::cli
