#include "env/TradingEnv.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/Error.h"
#include "base/Rng.h"
#include "env/ByteArchive.h"
#include "env/execution/Fill.h"

namespace btcai {

namespace {

constexpr std::uint32_t kSnapshotVersion = 2;

/// A position below this share of the wanted one counts as closed: what is left is rounding of the volume cap.
constexpr double kDust = 1e-12;

/// Below this share of the initial cash, equity is shown as this: what is gone has no logarithm.
constexpr double kLeastShare = 1e-12;

double direction(TargetPosition target)
{
    return target == TargetPosition::Long ? 1.0 : target == TargetPosition::Short ? -1.0 : 0.0;
}

} // namespace

TradeAction tradeAction(TargetPosition before, TargetPosition after)
{
    const double change = direction(after) - direction(before);
    return change > 0.0 ? TradeAction::Buy : change < 0.0 ? TradeAction::Sell : TradeAction::Hold;
}

TradingEnv::TradingEnv(std::shared_ptr<const Market> market, TradingEnvOptions options)
    : m_market(std::move(market)), m_options(std::move(options))
{
    findStarts();
    m_missingBefore.resize(m_market->rows() + 1);
    for (std::size_t row = 0; row < m_market->rows(); ++row)
        m_missingBefore[row + 1] = m_missingBefore[row] + (m_market->present[row] ? 0 : 1);

    const std::size_t count = lanes();
    for (auto* column : {&m_row, &m_endRow, &m_episode})
        column->resize(m_options.stretches);
    for (auto* column : {&m_cash, &m_quantity, &m_equity, &m_peak, &m_goal, &m_fees, &m_traded, &m_costs, &m_entryPrice,
                         &m_tradeFees, &m_tradeCashFlow, &m_tradePeak, &m_tradeOpened, &m_tradeOpenedValue})
        column->resize(count);
    for (auto* column : {&m_entryRow, &m_changeRow})
        column->resize(count);
    m_target.resize(count);
    m_observation.resize(count * kObservationSize);
    m_endedReturns.reserve(count);
    reset(0);
}

void TradingEnv::findStarts()
{
    const std::size_t grid = m_options.startGrid;
    std::size_t longest = 0;
    for (const RowRange& rows : m_options.rows) {
        if (rows.first > rows.last || rows.last > m_market->rows())
            throw Error(ErrorKind::BadInput, "rows {} to {} are not there: the market has {}", rows.first, rows.last, m_market->rows());
        longest = std::max(longest, rows.size());
        const std::size_t first = (rows.first + grid - 1) / grid * grid;
        if (first + m_options.episodeBars + 1 > rows.last)
            continue;
        m_starts.push_back({first, (rows.last - 1 - m_options.episodeBars - first) / grid + 1});
        m_startCount += m_starts.back().count;
    }
    if (m_starts.empty())
        throw Error(ErrorKind::BadInput,
                    "account.episode_bars = {}: an episode does not fit into the {} bars of this part of the data; use more "
                    "data or a shorter episode",
                    m_options.episodeBars, longest);
}

std::size_t TradingEnv::startRow(std::size_t choice) const
{
    std::size_t range = 0;
    for (; choice >= m_starts[range].count; ++range)
        choice -= m_starts[range].count;
    return m_starts[range].first + choice * m_options.startGrid;
}

void TradingEnv::reset(std::uint64_t seed)
{
    m_seed = seed;
    std::ranges::fill(m_episode, 0);
    m_endedReturns.clear();
    m_trades.clear();
    for (std::size_t stretch = 0; stretch < m_options.stretches; ++stretch)
        startStretch(stretch);
}

void TradingEnv::startStretch(std::size_t stretch)
{
    std::size_t start = m_starts.front().first;
    if (m_options.randomStarts) {
        Rng rng(m_seed, "episode-start", stretch, m_episode[stretch]);
        const auto allowed = static_cast<std::uint32_t>(m_options.maxMissingShare * static_cast<double>(m_options.episodeBars));
        // Data that is mostly holes would never give a start: after some draws any is taken.
        for (int attempt = 0; attempt < 64; ++attempt) {
            start = startRow(rng.below(m_startCount));
            if (m_missingBefore[start + m_options.episodeBars] - m_missingBefore[start] <= allowed)
                break;
        }
    }
    ++m_episode[stretch];
    m_row[stretch] = start;
    m_endRow[stretch] = start + m_options.episodeBars;
    for (std::size_t account = 0; account < m_options.accounts; ++account) {
        const std::size_t lane = stretch * m_options.accounts + account;
        m_changeRow[lane] = start;
        openAccount(lane);
        observe(lane, start);
    }
}

void TradingEnv::openAccount(std::size_t lane)
{
    m_cash[lane] = m_equity[lane] = m_peak[lane] = m_options.initialCash;
    for (auto* column : {&m_quantity, &m_goal, &m_fees, &m_traded, &m_costs, &m_entryPrice, &m_tradeFees, &m_tradeCashFlow,
                         &m_tradePeak, &m_tradeOpened, &m_tradeOpenedValue})
        (*column)[lane] = 0.0;
    m_entryRow[lane] = 0;
    m_target[lane] = TargetPosition::Flat;
}

void TradingEnv::step(std::span<const std::uint8_t> actions, StepResult& result)
{
    assert(actions.size() == lanes());
    result.fit(lanes(), kObservationSize);
    m_endedReturns.clear();
    for (std::size_t stretch = 0; stretch < m_options.stretches; ++stretch) {
        const std::size_t row = ++m_row[stretch];
        const bool cut = row == m_endRow[stretch];
        for (std::size_t account = 0; account < m_options.accounts; ++account) {
            const std::size_t lane = stretch * m_options.accounts + account;
            assert(actions[lane] < actionCount());
            trade(lane, static_cast<TargetPosition>(actions[lane]), row);
            result.reward[lane] = settle(lane, row);
            const double equity = m_equity[lane];
            const bool ruined = equity < m_options.ruinShare * m_options.initialCash || !(equity > 0.0);
            result.terminated[lane] = ruined;
            result.truncated[lane] = cut && !ruined;
            observe(lane, row);
            if (ruined || cut) {
                m_endedReturns.push_back(std::log(std::max(equity / m_options.initialCash, kLeastShare)));
                storeFinal(lane, result);
            }
            if (ruined && !cut) {
                m_changeRow[lane] = row;
                openAccount(lane);
                observe(lane, row);
            }
        }
        if (cut)
            startStretch(stretch);
    }
}

void TradingEnv::trade(std::size_t lane, TargetPosition wanted, std::size_t row)
{
    if (wanted != m_target[lane]) {
        m_target[lane] = wanted;
        m_changeRow[lane] = row - 1;
        // Sized with what is known at the decision: equity and last close.
        m_goal[lane] = direction(wanted) * m_options.exposure * m_equity[lane] / m_market->mark[row - 1];
    }
    const double missing = m_goal[lane] - m_quantity[lane];
    if (missing == 0.0 || !m_market->present[row])
        return;
    const double open = m_market->open[row];
    const double volume = m_market->volume[row];
    double order = missing;
    if (order > 0.0)
        order = affordableQuantity(m_options.costs, order, m_cash[lane], open, volume);
    const Fill fill = fillMarketOrder(m_options.costs, order, open, volume);
    if (fill.quantity == 0.0)
        return;
    // Cash that does not reach for the whole goal is no reason to go on buying later.
    if (order > 0.0 && order < missing && order < m_options.costs.maxParticipation * volume)
        m_goal[lane] = m_quantity[lane] + fill.quantity;
    m_costs[lane] += fill.quantity * (fill.price - open) + fill.fee;
    // One order can close a position and open the opposite one: book the two parts apart, the fee in proportion.
    const double held = m_quantity[lane];
    if (held * fill.quantity < 0.0 && std::abs(fill.quantity) > std::abs(held)) {
        const double closingShare = std::abs(held / fill.quantity);
        book(lane, -held, fill.price, fill.fee * closingShare, row);
        book(lane, fill.quantity + held, fill.price, fill.fee * (1.0 - closingShare), row);
    } else {
        book(lane, fill.quantity, fill.price, fill.fee, row);
    }
}

void TradingEnv::book(std::size_t lane, double quantity, double price, double fee, std::size_t row)
{
    const double held = m_quantity[lane];
    const bool opening = held * quantity >= 0.0;
    if (held == 0.0) {
        m_entryRow[lane] = row;
        for (auto* column : {&m_tradeFees, &m_tradeCashFlow, &m_tradePeak, &m_tradeOpened, &m_tradeOpenedValue})
            (*column)[lane] = 0.0;
    }
    if (opening) {
        m_entryPrice[lane] = (m_entryPrice[lane] * std::abs(held) + price * std::abs(quantity)) / std::abs(held + quantity);
        m_tradeOpened[lane] += std::abs(quantity);
        m_tradeOpenedValue[lane] += price * std::abs(quantity);
    }
    double after = held + quantity;
    if (std::abs(after) <= kDust * std::abs(held))
        after = 0.0;
    m_cash[lane] -= quantity * price + fee;
    m_quantity[lane] = after;
    m_fees[lane] += fee;
    m_traded[lane] += std::abs(quantity) * price;
    m_tradeFees[lane] += fee;
    m_tradeCashFlow[lane] -= quantity * price + fee;
    m_tradePeak[lane] = std::max(m_tradePeak[lane], std::abs(after));
    if (after != 0.0)
        return;
    if (lane < m_recordLanes) {
        const double side = held > 0.0 ? 1.0 : -1.0;
        const double gross = m_tradeCashFlow[lane] + m_tradeFees[lane];
        const double entry = m_tradeOpenedValue[lane] / m_tradeOpened[lane];
        // The average exit price follows from the cash flow: as much was closed as was opened, so gross = side * opened * (exit - entry).
        m_trades.push_back({.lane = lane, .entryRow = m_entryRow[lane], .exitRow = row,
                            .side = held > 0.0 ? TargetPosition::Long : TargetPosition::Short,
                            .entryPrice = entry,
                            .exitPrice = entry + side * gross / m_tradeOpened[lane],
                            .quantity = m_tradePeak[lane], .fees = m_tradeFees[lane], .profit = m_tradeCashFlow[lane]});
    }
    m_entryPrice[lane] = 0.0;
}

float TradingEnv::settle(std::size_t lane, std::size_t row)
{
    const double before = m_equity[lane];
    const double after = m_cash[lane] + m_quantity[lane] * m_market->mark[row];
    const double drawdownBefore = 1.0 - before / m_peak[lane];
    m_equity[lane] = after;
    m_peak[lane] = std::max(m_peak[lane], after);
    const double drawdownAfter = 1.0 - after / m_peak[lane];
    // Equity at or below nothing has no logarithm; the account is ruined then, and this is its last reward.
    const double logReturn = std::log(std::max(after, 1e-3 * before) / before);
    const double penalty = m_options.reward.drawdownPenalty * std::max(0.0, drawdownAfter - drawdownBefore);
    return static_cast<float>(m_options.reward.scale * (logReturn - penalty));
}

void TradingEnv::observe(std::size_t lane, std::size_t row)
{
    float* const out = m_observation.data() + lane * kObservationSize;
    const double mark = m_market->mark[row];
    const double equity = std::max(m_equity[lane], kLeastShare * m_options.initialCash);
    const double held = m_quantity[lane];
    for (std::size_t i = 0; i < 3; ++i)
        out[i] = static_cast<std::size_t>(m_target[lane]) == i ? 1.0F : 0.0F;
    out[3] = static_cast<float>(std::clamp(held * mark / equity, -5.0, 5.0));
    const double gain = held == 0.0 ? 0.0 : (held > 0.0 ? 1.0 : -1.0) * std::log(mark / m_entryPrice[lane]);
    out[4] = static_cast<float>(std::clamp(20.0 * gain, -5.0, 5.0));
    out[5] = static_cast<float>(std::log1p(static_cast<double>(row - m_changeRow[lane])) / 8.0);
    out[6] = static_cast<float>(10.0 * (1.0 - equity / m_peak[lane]));
    out[7] = static_cast<float>(std::clamp(5.0 * std::log(equity / m_options.initialCash), -5.0, 5.0));
    out[8] = m_market->present[row] ? 0.0F : 1.0F;
    const double goal = std::abs(m_goal[lane]);
    out[9] = goal == 0.0 ? (held == 0.0 ? 0.0F : 1.0F)
                         : static_cast<float>(std::min(1.0, std::abs(m_goal[lane] - held) / goal));
}

void TradingEnv::storeFinal(std::size_t lane, StepResult& result)
{
    const auto* from = m_observation.data() + lane * kObservationSize;
    std::copy_n(from, kObservationSize, result.finalObservation.data() + lane * kObservationSize);
}

std::vector<std::uint8_t> TradingEnv::snapshot() const
{
    ByteWriter out;
    out.write(kSnapshotVersion);
    out.write(m_seed);
    for (const auto* column : {&m_row, &m_endRow, &m_episode})
        out.write(*column);
    for (const auto* column : {&m_cash, &m_quantity, &m_equity, &m_peak, &m_goal, &m_fees, &m_traded, &m_costs, &m_entryPrice,
                               &m_tradeFees, &m_tradeCashFlow, &m_tradePeak, &m_tradeOpened, &m_tradeOpenedValue})
        out.write(*column);
    for (const auto* column : {&m_entryRow, &m_changeRow})
        out.write(*column);
    out.write(m_target);
    out.write(m_observation);
    return out.take();
}

void TradingEnv::restore(std::span<const std::uint8_t> bytes)
{
    TradingEnv copy = *this; // so that a bad snapshot leaves this one as it was
    ByteReader in(bytes, "environment snapshot");
    std::uint32_t version = 0;
    in.read(version);
    if (version != kSnapshotVersion)
        throw Error(ErrorKind::Corrupt, "environment snapshot: version {} is unknown to this build", version);
    in.read(copy.m_seed);
    for (auto* column : {&copy.m_row, &copy.m_endRow, &copy.m_episode})
        in.read(*column);
    for (auto* column : {&copy.m_cash, &copy.m_quantity, &copy.m_equity, &copy.m_peak, &copy.m_goal, &copy.m_fees,
                         &copy.m_traded, &copy.m_costs, &copy.m_entryPrice, &copy.m_tradeFees, &copy.m_tradeCashFlow,
                         &copy.m_tradePeak, &copy.m_tradeOpened, &copy.m_tradeOpenedValue})
        in.read(*column);
    for (auto* column : {&copy.m_entryRow, &copy.m_changeRow})
        in.read(*column);
    in.read(copy.m_target);
    in.read(copy.m_observation);
    in.expectEnd();
    for (std::size_t stretch = 0; stretch < m_options.stretches; ++stretch)
        if (copy.m_row[stretch] >= copy.m_endRow[stretch] || copy.m_endRow[stretch] >= m_market->rows())
            throw Error(ErrorKind::Corrupt, "environment snapshot: row out of range");
    *this = std::move(copy);
}

} // namespace btcai
