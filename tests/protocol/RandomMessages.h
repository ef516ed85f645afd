#pragma once

#include <cmath>
#include <limits>

#include "agent/protocol/Messages.h"
#include "base/Rng.h"

namespace btcai::test {

/// Messages with any content that their types can hold.
class RandomMessages {
public:
    /// With `finite` no number is NaN or infinite.
    RandomMessages(std::uint64_t seed, bool finite) : m_rng(seed, "test-messages"), m_finite(finite) {}

    protocol::Event event(std::size_t index)
    {
        using namespace protocol;
        switch (index) {
        case 0: return Hello{kProtocolVersion, text(), text(), whole(), text(), text(), whole()};
        case 1: return StateChanged{static_cast<WorkerState>(m_rng.below(8)), whole(), text()};
        case 2:
            return RunInfo{text(), text(), text(), text(), whole(), whole(), whole(), whole(), whole(), whole(), whole(), whole(), whole(), whole()};
        case 3: return Resumed{whole(), text()};
        case 4: return metrics();
        case 5: return Trade{whole(), whole(), whole(), text(), real(), real(), real(), real(), real(), text()};
        case 6: return forecast();
        case 7: return calibration();
        case 8: return evaluation();
        case 9: return CheckpointSaved{whole(), text(), m_rng.below(2) == 0};
        case 10: return Heartbeat{whole(), real(), whole(), whole()};
        default: return Notice{text(), text(), text()};
        }
    }

    protocol::Command command(std::size_t index)
    {
        using namespace protocol;
        switch (index) {
        case 0: return Start{text(), text(), m_rng.below(2) == 0};
        case 1: return Pause{};
        case 2: return Resume{};
        case 3: return SaveCheckpoint{};
        case 4: return Stop{};
        default: return SetField{text(), text()};
        }
    }

private:
    std::string text()
    {
        static const char* const pieces[] = {"a", " ", "\"", "\\", "\n", "\r", "\t", "\x01", "\x7f", "/", "ä", "价", "😀", "{", "}", "null", "\xef\xbb\xbf", "\xe2\x80\xa8"};
        std::string made;
        for (std::size_t i = m_rng.below(9); i > 0; --i)
            made += pieces[m_rng.below(std::size(pieces))];
        if (m_rng.below(9) == 0)
            made += std::string(1, '\0') + "x";
        return made;
    }

    std::int64_t whole()
    {
        switch (m_rng.below(6)) {
        case 0: return 0;
        case 1: return std::numeric_limits<std::int64_t>::max();
        case 2: return std::numeric_limits<std::int64_t>::min();
        default: return static_cast<std::int64_t>(m_rng.nextUint64()) >> m_rng.below(63);
        }
    }

    double real()
    {
        switch (m_rng.below(8)) {
        case 0: return 0.0;
        case 1: return std::numeric_limits<double>::denorm_min();
        case 2: return -std::numeric_limits<double>::max();
        case 3: return m_finite ? 1.0 : std::numeric_limits<double>::quiet_NaN();
        case 4: return m_finite ? 0.1 : -std::numeric_limits<double>::infinity();
        default: return m_rng.normal() * std::exp(20.0 * m_rng.normal());
        }
    }

    std::vector<double> reals(std::size_t count)
    {
        std::vector<double> values(count);
        for (double& value : values)
            value = real();
        return values;
    }

    std::vector<std::int64_t> times(std::size_t count)
    {
        std::vector<std::int64_t> values(count);
        for (std::int64_t& value : values)
            value = whole();
        return values;
    }

    protocol::Metrics metrics()
    {
        protocol::Metrics m{whole(), whole(), whole(), real(), real(), {}};
        for (std::size_t i = m_rng.below(5); i > 0; --i)
            m.values.emplace_back(text() + std::to_string(i), real());
        return m;
    }

    protocol::Forecast forecast()
    {
        const std::size_t points = m_rng.below(4);
        const std::size_t ends = m_rng.below(2) == 0 ? points : 0;
        return {whole(), whole(), times(points), reals(points), reals(points), reals(points), reals(m_rng.below(2) == 0 ? points : 0), reals(ends), reals(ends)};
    }

    protocol::Calibration calibration()
    {
        protocol::Calibration c{whole(), text(), whole(), whole(), real(), real(), real(), real(), real(), real(), {}, {}, {}, real(), real()};
        for (std::size_t i = m_rng.below(3); i > 0; --i)
            c.coverage.push_back({real(), real(), real(), real()});
        for (std::size_t i = m_rng.below(3); i > 0; --i)
            c.reliability.push_back({whole(), real(), real()});
        for (std::size_t i = m_rng.below(3); i > 0; --i)
            c.regimes.push_back({text(), whole(), real(), real()});
        return c;
    }

    protocol::Evaluation evaluation()
    {
        const std::size_t points = m_rng.below(4);
        protocol::Evaluation e{whole(), text(), {}, times(points), {}, m_rng.below(2) == 0, {}};
        for (std::uint64_t i = m_rng.below(3); i > 0; --i)
            e.refusedOrders.emplace_back("reason-" + std::to_string(i), static_cast<double>(m_rng.below(1000)));
        for (std::size_t i = m_rng.below(3); i > 0; --i) {
            protocol::EvaluationRow row;
            row.name = text();
            for (double* value : {&row.totalReturn, &row.standardError, &row.sharpe, &row.sortino, &row.maxDrawdown, &row.calmar,
                                  &row.profitFactor, &row.winRate, &row.turnover, &row.exposure, &row.costShare})
                *value = real();
            row.trades = whole();
            e.rows.push_back(row);
        }
        for (std::size_t i = m_rng.below(3); i > 0; --i)
            e.curves.push_back({text(), reals(points)});
        return e;
    }

    Rng m_rng;
    bool m_finite;
};

inline constexpr std::size_t kEventTypes = std::variant_size_v<protocol::Event>;
inline constexpr std::size_t kCommandTypes = std::variant_size_v<protocol::Command>;

} // namespace btcai::test
