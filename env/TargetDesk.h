#pragma once

#include <cstdint>
#include <vector>

#include "env/AccountGuard.h"
#include "env/Venue.h"

namespace btcai {

/// Trades an account towards one target position: flat, long, short, or any exposure. The size is fixed when the target changes; while it
/// stays, only what the volume cap left unfilled is sought again.
class TargetDesk {
public:
    TargetDesk() = default;
    TargetDesk(std::size_t lanes, const ExecutionOptions& execution);

    void open(std::size_t lane);

    TargetPosition target(std::size_t lane) const { return m_target[lane]; }
    /// Coins aimed at, signed.
    double goal(std::size_t lane) const { return m_goal[lane]; }

    /// Decides at the close of row - 1 what to aim at: `size` times the exposure of the options; a size of 0 is no entry. Both return whether that
    /// is something else than before. `guard` may be null.
    bool aim(const Venue& venue, const Accounts& accounts, std::size_t lane, TargetPosition target, double size, std::size_t row, AccountGuard* guard);
    /// An exposure of 0.5 aims at coins worth half of the equity; where fees are taken from what is received, half of what the fee leaves of it.
    bool aimAt(const Venue& venue, const Accounts& accounts, std::size_t lane, double exposure, std::size_t row, AccountGuard* guard);
    /// Seeks nothing any more and forgets what is underway.
    void cancel(const Accounts& accounts, std::size_t lane);
    /// Trades in the bar of a row.
    void trade(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books);

    void save(ByteWriter& out) const;
    void load(ByteReader& in);

private:
    /// Returns the coins that changed hands in the bar of the row.
    double fill(const Venue& venue, Accounts& accounts, std::size_t lane, std::size_t row, BarBooks& books);
    bool decide(const Venue& venue, const Accounts& accounts, std::size_t lane, TargetPosition target, double exposure, double goal, std::size_t row,
                AccountGuard* guard);
    void send(std::size_t lane, double goal, std::size_t row, bool changed);
    double latestGoal(std::size_t lane, std::size_t row) const;

    std::size_t m_latency = 0;
    std::vector<double> m_goal, m_exposure;
    std::vector<TargetPosition> m_target;
    std::vector<double> m_underway; ///< [lanes, latency] goals that have not arrived yet; NaN for no change
};

} // namespace btcai
