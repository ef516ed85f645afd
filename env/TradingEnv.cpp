#include "env/TradingEnv.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/Error.h"
#include "base/Rng.h"
#include "env/SnapshotShares.h"

namespace btcai {

namespace {

constexpr std::uint32_t kSnapshotVersion = 4; // 4: orders underway are smaller, and the growth is kept in target mode too

constexpr std::size_t kOrdersSize = 5;
constexpr std::size_t kGoalSize = 2;

float ageFeatureOf(std::size_t bars) { return static_cast<float>(std::log1p(static_cast<double>(bars)) / 8.0); }

/// The first of them.
const std::vector<float>& ageFeatures()
{
    static const std::vector<float> first = [] {
        std::vector<float> values;
        for (std::size_t i = 0; i < 4096; ++i)
            values.push_back(ageFeatureOf(i));
        return values;
    }();
    return first;
}

std::vector<ObservationBounds> boundsOf(const TradingEnvOptions& options)
{
    const ObservationBounds share{0.0F, 1.0F}, clipped{-5.0F, 5.0F};
    std::vector<ObservationBounds> bounds{share, share, share, clipped, clipped, {0.0F, ageFeatureOf(options.episodeBars)},
                                          {0.0F, 10.0F}, clipped, share, share};
    if (options.actionMode == ActionMode::Orders)
        bounds.insert(bounds.end(), {share, clipped, {-1.0F, 1.0F}, share, share});
    if (options.goal.inState)
        bounds.insert(bounds.end(), {{-2.0F, 2.0F}, share});
    return bounds;
}

} // namespace

std::size_t TradingEnv::observationSizeOf(const TradingEnvOptions& options)
{
    return kObservationSize + (options.actionMode == ActionMode::Orders ? kOrdersSize : 0) + (options.goal.inState ? kGoalSize : 0);
}

TradingEnv::TradingEnv(std::shared_ptr<const Market> market, const TradingEnvOptions& asked)
    : m_venue(std::move(market), asked, asked.stretches * asked.accounts), m_observationSize(observationSizeOf(asked)),
      m_bounds(boundsOf(asked)),
      m_flows(asked.flows, m_venue.market()), m_periods(m_venue.market(), asked.goal.period),
      m_accounts(lanes(), asked.actionMode == ActionMode::Orders ? asked.maxPositions : 1, asked.initialCash)
{
    findStarts();
    m_missingBefore.resize(this->market().rows() + 1);
    for (std::size_t row = 0; row < this->market().rows(); ++row)
        m_missingBefore[row + 1] = m_missingBefore[row] + (this->market().present[row] ? 0 : 1);
    setUpGoal();

    const std::size_t count = lanes();
    for (auto* column : {&m_row, &m_endRow, &m_episode})
        column->resize(asked.stretches);
    m_trades.resize(asked.stretches);
    m_elapsed.resize(asked.stretches);
    if (asked.actionMode == ActionMode::Orders)
        m_orders = OrderDesk(count, asked.execution);
    m_targets = TargetDesk(count, asked.execution);
    m_changeRow.resize(count);
    m_logGrowth.resize(count);
    m_periodStart.resize(count);
    m_potential.resize(count);
    m_episodeReturn.resize(count);
    m_endedEquity.resize(count);
    m_observation.resize(count * m_observationSize);
    m_bonus.resize(count);
    for (auto* column : {&m_seen.exposure, &m_seen.gain, &m_seen.worstGain, &m_seen.drawdown, &m_seen.growth, &m_seen.progress})
        column->resize(count);
    m_endedReturns.reserve(count);
    if (asked.killSwitch || asked.risk != RiskLimits{})
        m_guard.emplace(m_venue, count, asked.killSwitch);
    if (asked.threads > 1 && asked.stretches > 1)
        m_threads = std::make_shared<StepThreads>(std::min(asked.threads, asked.stretches));
    reset(0);
}

void TradingEnv::setUpGoal()
{
    const Goal& goal = options().goal;
    const RewardOptions& reward = options().reward;
    const bool usesProgress = goal.inState || reward.goalShaping != 0.0;
    m_tracksPeriod = usesProgress && goal.period != GoalPeriod::Holding;
    if (usesProgress)
        (m_tracksPeriod ? m_progress.perLogReturn : m_progress.perGain) = 1.0 / (m_tracksPeriod ? std::log1p(goal.least) : goal.least);
    m_leastGain = goal.period == GoalPeriod::Holding ? goal.least : 0.0;
    m_positionShare = 1.0 / static_cast<double>(m_accounts.maxLots());
    m_paysBonus = reward.winBonus != 0.0 || reward.bonusMultiplier != 0.0;
}

void TradingEnv::findStarts()
{
    const std::size_t grid = options().startGrid;
    std::size_t longest = 0;
    for (const RowRange& rows : options().rows) {
        if (rows.first > rows.last || rows.last > market().rows())
            throw Error(ErrorKind::BadInput, "rows {} to {} are not there: the market has {}", rows.first, rows.last, market().rows());
        longest = std::max(longest, rows.size());
        const std::size_t first = (rows.first + grid - 1) / grid * grid;
        if (first + options().episodeBars + 1 > rows.last)
            continue;
        m_starts.push_back({first, (rows.last - 1 - options().episodeBars - first) / grid + 1});
        m_startCount += m_starts.back().count;
    }
    if (m_starts.empty())
        throw Error(ErrorKind::BadInput,
                    "account.episode_bars = {}: an episode does not fit into the {} bars of this part of the data; use more "
                    "data or a shorter episode",
                    options().episodeBars, longest);
}

std::size_t TradingEnv::startRow(std::size_t choice) const
{
    std::size_t range = 0;
    for (; choice >= m_starts[range].count; ++range)
        choice -= m_starts[range].count;
    return m_starts[range].first + choice * options().startGrid;
}

void TradingEnv::reset(std::uint64_t seed)
{
    m_seed = seed;
    std::ranges::fill(m_episode, 0);
    m_endedReturns.clear();
    for (auto& trades : m_trades)
        trades.clear();
    for (std::size_t stretch = 0; stretch < options().stretches; ++stretch)
        startStretch(stretch);
}

void TradingEnv::startStretch(std::size_t stretch)
{
    const TradingEnvOptions& o = options();
    std::size_t start = m_starts.front().first;
    if (o.randomStarts) {
        Rng rng(m_seed, "episode-start", o.firstStretch + stretch, m_episode[stretch]);
        const auto allowed = static_cast<std::uint32_t>(o.maxMissingShare * static_cast<double>(o.episodeBars));
        // Data that is mostly holes would never give a start: after some draws any is taken.
        for (int attempt = 0; attempt < 64; ++attempt) {
            start = startRow(rng.below(m_startCount));
            if (m_missingBefore[start + o.episodeBars] - m_missingBefore[start] <= allowed)
                break;
        }
    }
    ++m_episode[stretch];
    m_row[stretch] = start;
    m_endRow[stretch] = start + o.episodeBars;
    m_elapsed[stretch] = static_cast<float>(m_periods.elapsed(start));
    for (std::size_t lane = stretch * o.accounts; lane < (stretch + 1) * o.accounts; ++lane)
        openAccount(lane, start);
}

void TradingEnv::openAccount(std::size_t lane, std::size_t row)
{
    m_accounts.open(lane);
    m_venue.fees.open(lane);
    m_targets.open(lane);
    if (options().actionMode == ActionMode::Orders)
        m_orders.open(lane);
    if (m_guard)
        m_guard->open(lane);
    m_changeRow[lane] = row;
    m_logGrowth[lane] = m_periodStart[lane] = 0.0;
    m_potential[lane] = 0.0;
    observe(lane, lane + 1, row);
}

void TradingEnv::step(std::span<const std::uint8_t> actions, StepResult& result)
{
    stepActions(actions, [](std::size_t) { return 1.0; }, result);
}

void TradingEnv::step(std::span<const std::uint8_t> actions, std::span<const double> sizes, StepResult& result)
{
    assert(sizes.size() == lanes());
    assert(std::ranges::all_of(sizes, [](double size) { return size >= 0.0 && size <= 1.0; }));
    stepActions(actions, [sizes](std::size_t lane) { return sizes[lane]; }, result);
}

template <typename SizeOf> void TradingEnv::stepActions(std::span<const std::uint8_t> actions, const SizeOf& sizeOf, StepResult& result)
{
    assert(actions.size() == lanes());
    assert(std::ranges::all_of(actions, [this](std::uint8_t action) { return action < actionCount(); }));
    AccountGuard* const guard = m_guard ? &*m_guard : nullptr;
    if (options().actionMode == ActionMode::Orders)
        stepAll(
            [this, actions, &sizeOf, guard](std::size_t lane, std::size_t row, BarBooks& books) {
                const std::size_t before = m_accounts.lots(lane);
                m_orders.decide(m_venue, m_accounts, lane, static_cast<TradeAction>(actions[lane]), sizeOf(lane), row, guard);
                m_venue.chargeFunding(m_accounts, lane, row);
                m_orders.trade(m_venue, m_accounts, lane, row, books);
                if (m_accounts.lots(lane) != before)
                    m_changeRow[lane] = row;
            },
            result);
    else
        stepAll(
            [this, actions, &sizeOf, guard](std::size_t lane, std::size_t row, BarBooks& books) {
                if (m_targets.aim(m_venue, m_accounts, lane, static_cast<TargetPosition>(actions[lane]), sizeOf(lane), row, guard))
                    m_changeRow[lane] = row - 1;
                m_venue.chargeFunding(m_accounts, lane, row);
                m_targets.trade(m_venue, m_accounts, lane, row, books);
            },
            result);
}

void TradingEnv::stepExposures(std::span<const double> exposures, StepResult& result)
{
    assert(exposures.size() == lanes() && options().actionMode == ActionMode::Target);
    const double most = options().margin.leverage;
    const double least = options().allowShort ? -most : 0.0;
    for (const double exposure : exposures)
        if (!(exposure >= least && exposure <= most))
            throw Error(ErrorKind::BadInput, "an exposure of {} is not allowed: it must lie between {} and {}", exposure, least, most);
    stepAll(
        [this, exposures](std::size_t lane, std::size_t row, BarBooks& books) {
            if (m_targets.aimAt(m_venue, m_accounts, lane, exposures[lane], row, m_guard ? &*m_guard : nullptr))
                m_changeRow[lane] = row - 1;
            m_venue.chargeFunding(m_accounts, lane, row);
            m_targets.trade(m_venue, m_accounts, lane, row, books);
        },
        result);
}

template <typename Decide> void TradingEnv::stepAll(const Decide& trade, StepResult& result)
{
    result.fit(lanes(), m_observationSize);
    m_endedReturns.clear();
    if (!m_threads) {
        for (std::size_t stretch = 0; stretch < options().stretches; ++stretch)
            stepStretch(stretch, trade, result);
    } else {
        auto part = [&](std::size_t thread) {
            const std::size_t stretches = options().stretches;
            const std::size_t last = (thread + 1) * stretches / m_threads->count();
            for (std::size_t stretch = thread * stretches / m_threads->count(); stretch < last; ++stretch)
                stepStretch(stretch, trade, result);
        };
        m_threads->run(part);
    }
    for (std::size_t lane = 0; lane < lanes(); ++lane)
        if (result.terminated[lane] | result.truncated[lane])
            m_endedReturns.push_back(m_episodeReturn[lane]);
}

template <typename Decide> void TradingEnv::stepStretch(std::size_t stretch, const Decide& trade, StepResult& result)
{
    const std::size_t row = ++m_row[stretch];
    StepFrame frame{.stretch = stretch, .row = row, .first = stretch * options().accounts, .last = (stretch + 1) * options().accounts, .cut = row == m_endRow[stretch]};
    if (!m_venue.fees.empty() || m_guard)
        frame.dayEnds = m_periods.endsDay(row);
    if (m_tracksPeriod) {
        frame.periodEnds = m_periods.endsPeriod(row);
        m_elapsed[stretch] = static_cast<float>(m_periods.elapsed(row));
    }
    if (!m_flows.empty() && !frame.cut)
        frame.flow = m_flows.due(row, m_endRow[stretch] - options().episodeBars);
    tradeAll(frame, trade);
    const bool ends = settle(frame, result);
    if (frame.dayEnds)
        endDay(frame);
    if (frame.flow != 0.0)
        for (std::size_t lane = frame.first; lane < frame.last; ++lane)
            if (!result.terminated[lane])
                applyFlow(lane, row, frame.flow);
    observe(frame.first, frame.last, row);
    if (ends)
        endEpisodes(frame, result);
    if (frame.cut)
        startStretch(stretch);
}

template <typename Decide> void TradingEnv::tradeAll(const StepFrame& frame, const Decide& trade)
{
    const RewardOptions& reward = options().reward;
    for (std::size_t lane = frame.first; lane < frame.last; ++lane) {
        if (m_guard && m_guard->isKilled())
            cancelOrders(lane);
        BarBooks books{.row = frame.row, .trades = lane < m_recordLanes ? &m_trades[frame.stretch] : nullptr, .leastGain = m_leastGain};
        trade(lane, frame.row, books);
        if (m_paysBonus)
            m_bonus[lane] = reward.winBonus * (books.wins - books.losses) + reward.bonusMultiplier * books.gained;
        if (m_guard && books.losses > 0)
            m_guard->bookLoss(lane, frame.row);
    }
}

/// Takes the books to the mark and makes the rewards. Returns whether any episode ends.
bool TradingEnv::settle(const StepFrame& frame, StepResult& result)
{
    Accounts& a = m_accounts;
    const RewardOptions& reward = options().reward;
    const double mark = market().mark[frame.row];
    const SettleTerms terms{.mark = mark,
                            .ruinShare = options().ruinShare,
                            .progress = m_progress,
                            .periodEnds = m_tracksPeriod && frame.periodEnds,
                            .reward = {.scale = reward.scale, .discount = reward.discount, .drawdownPenalty = reward.drawdownPenalty,
                                       .drawdownShaping = reward.drawdownShaping, .goalShaping = reward.goalShaping}};
    const std::size_t first = frame.first, count = frame.last - first;
    settleAccounts(terms, {.count = count, .cash = &a.cash[first], .quantity = &a.quantity[first], .base = &a.base[first],
                           .entryPrice = &a.entryPrice[first], .bonus = &m_bonus[first], .equity = &a.equity[first], .peak = &a.peak[first],
                           .logGrowth = &m_logGrowth[first], .periodStart = &m_periodStart[first], .potential = &m_potential[first],
                           .reward = &result.reward[first]});
    bool ends = frame.cut;
    for (std::size_t lane = first; lane < frame.last; ++lane) {
        assert(std::abs(a.equity[lane] - a.bookedEquity(lane, mark)) <= 1e-9 * a.bookedScale(lane, mark));
        const bool ruined = isRuined(a.equity[lane], a.base[lane], options().ruinShare);
        result.terminated[lane] = ruined;
        result.truncated[lane] = frame.cut && !ruined;
        ends |= ruined;
    }
    return ends;
}

void TradingEnv::endDay(const StepFrame& frame)
{
    for (std::size_t lane = frame.first; lane < frame.last; ++lane) {
        m_venue.fees.endDay(lane, m_accounts.traded[lane]);
        if (m_guard)
            m_guard->endDay(lane, growth(lane));
    }
}

void TradingEnv::endEpisodes(const StepFrame& frame, StepResult& result)
{
    for (std::size_t lane = frame.first; lane < frame.last; ++lane) {
        if (!frame.cut && !result.terminated[lane])
            continue;
        m_episodeReturn[lane] = std::log(std::max(m_accounts.equity[lane] / m_accounts.base[lane], kLeastShare));
        m_endedEquity[lane] = m_accounts.equity[lane];
        std::copy_n(m_observation.data() + lane * m_observationSize, m_observationSize, result.finalObservation.data() + lane * m_observationSize);
        if (!frame.cut)
            openAccount(lane, frame.row);
    }
}

void TradingEnv::cancelOrders(std::size_t lane)
{
    m_targets.cancel(m_accounts, lane);
    if (options().actionMode == ActionMode::Orders)
        m_orders.cancel(lane);
}

void TradingEnv::applyFlow(std::size_t lane, std::size_t row, double amount)
{
    Accounts& a = m_accounts;
    const double equity = a.equity[lane];
    if (amount < 0.0) {
        const double free = equity - std::abs(a.quantity[lane]) * market().mark[row] / options().margin.leverage;
        amount = -std::min({-amount, std::max(0.0, free), 0.99 * equity});
    }
    const double ratio = (equity + amount) / equity;
    a.cash[lane] += amount;
    a.flows[lane] += amount;
    a.equity[lane] = a.cash[lane] + a.quantity[lane] * market().mark[row];
    // At the peak before is at the peak after, to the bit: a drawdown of rounding would be a reward.
    a.peak[lane] = a.peak[lane] == equity ? a.equity[lane] : std::max(a.peak[lane] * ratio, a.equity[lane]);
    a.base[lane] *= ratio;
}

void TradingEnv::observe(std::size_t first, std::size_t last, std::size_t row)
{
    const Accounts& a = m_accounts;
    const double mark = market().mark[row];
    observeAccounts({.mark = mark, .progress = m_progress},
                    {.count = last - first, .quantity = &a.quantity[first], .equity = &a.equity[first], .peak = &a.peak[first],
                     .base = &a.base[first], .entryPrice = &a.entryPrice[first], .logGrowth = &m_logGrowth[first],
                     .periodStart = &m_periodStart[first], .worstEntry = a.worstEntries(first), .exposure = &m_seen.exposure[first],
                     .gain = &m_seen.gain[first], .worstGain = &m_seen.worstGain[first], .drawdown = &m_seen.drawdown[first],
                     .growth = &m_seen.growth[first], .progress = &m_seen.progress[first]});
    const std::vector<float>& ages = ageFeatures();
    const bool orders = options().actionMode == ActionMode::Orders;
    const float missing = market().present[row] ? 0.0F : 1.0F;
    for (std::size_t lane = first; lane < last; ++lane) {
        float* out = m_observation.data() + lane * m_observationSize;
        out[0] = out[1] = out[2] = 0.0F;
        out[orders ? 0 : static_cast<std::size_t>(m_targets.target(lane))] = 1.0F;
        out[3] = m_seen.exposure[lane];
        out[4] = m_seen.gain[lane];
        const std::size_t age = row - m_changeRow[lane];
        out[5] = age < ages.size() ? ages[age] : ageFeatureOf(age);
        out[6] = m_seen.drawdown[lane];
        out[7] = m_seen.growth[lane];
        out[8] = missing;
        if (orders) {
            const double working = m_orders.working(lane);
            out[9] = working != 0.0 ? 1.0F : 0.0F;
            out[10] = static_cast<float>(static_cast<double>(a.lots(lane)) * m_positionShare);
            out[11] = m_seen.worstGain[lane];
            out[12] = static_cast<float>(working);
            out[kPossibleAt] = m_orders.isPossible(m_venue, a, lane, 1.0) ? 1.0F : 0.0F;
            out[kPossibleAt + 1] = m_orders.isPossible(m_venue, a, lane, -1.0) ? 1.0F : 0.0F;
        } else {
            const double held = a.quantity[lane], goal = std::abs(m_targets.goal(lane));
            out[9] = goal == 0.0 ? (held == 0.0 ? 0.0F : 1.0F) : static_cast<float>(std::min(1.0, std::abs(m_targets.goal(lane) - held) / goal));
        }
        if (options().goal.inState) {
            out += m_observationSize - kGoalSize;
            out[0] = m_seen.progress[lane];
            out[1] = m_elapsed[lane / options().accounts];
        }
    }
}

OpenPosition TradingEnv::openPosition(std::size_t lane, std::size_t i) const
{
    const Lot& lot = m_accounts.lot(lane, i);
    const std::size_t now = m_row[lane / options().accounts];
    const double mark = market().mark[now];
    const auto [highest, lowest] = market().range(lot.entryRow, now);
    const double high = std::max(highest, mark), low = std::min(lowest, mark);
    const double side = lot.side();
    const auto share = [&](double price) { return side * (price / lot.entryPrice - 1.0); };
    return {.quantity = lot.quantity, .entryPrice = lot.entryPrice, .stop = lot.stop, .takeProfit = lot.takeProfit,
            .ageBars = now - lot.entryRow, .unrealised = share(mark),
            .bestExcursion = share(side > 0.0 ? high : low), .worstExcursion = share(side > 0.0 ? low : high)};
}

std::size_t TradingEnv::bytesPerAccount() const
{
    // What a snapshot holds per lane, beside what it holds per stretch, and the few columns that need not be kept.
    const std::size_t perStretch = 3 * sizeof(std::size_t);
    return (snapshot().size() - options().stretches * perStretch) / lanes() + sizeof(m_episodeReturn[0]) + sizeof(m_endedEquity[0]);
}

std::vector<ClosedTrade> TradingEnv::takeTrades()
{
    std::vector<ClosedTrade> all;
    for (auto& trades : m_trades) {
        all.insert(all.end(), trades.begin(), trades.end());
        trades.clear();
    }
    return all;
}

ByteWriter TradingEnv::written() const
{
    ByteWriter out;
    out.write(kSnapshotVersion);
    out.write(m_seed);
    for (const auto* column : {&m_row, &m_endRow, &m_episode})
        out.write(*column);
    m_accounts.save(out);
    m_venue.fees.save(out);
    m_targets.save(out);
    m_orders.save(out);
    if (m_guard)
        m_guard->save(out);
    out.write(m_changeRow);
    out.write(m_logGrowth);
    out.write(m_periodStart);
    out.write(m_potential);
    out.write(m_observation);
    return out;
}

std::vector<std::uint8_t> TradingEnv::snapshot() const { return written().take(); }

std::vector<std::uint8_t> TradingEnv::joinedSnapshot(std::span<const std::vector<std::uint8_t>> shares) const
{
    return joinSnapshots(written().vectors(), shares);
}

void TradingEnv::restoreShare(std::span<const std::uint8_t> whole, std::size_t index, std::size_t count)
{
    restore(shareOfSnapshot(written().vectors(), whole, index, count));
}

void TradingEnv::restore(std::span<const std::uint8_t> bytes)
{
    TradingEnv copy = *this; // so that a bad snapshot leaves this one as it was
    ByteReader in(bytes, "environment snapshot");
    std::uint32_t version = 0;
    in.read(version);
    if (version != kSnapshotVersion)
        throw Error(ErrorKind::Corrupt, "environment snapshot: version {}, but this build reads version {}: the run was made by another build and can be evaluated, not resumed", version, kSnapshotVersion);
    in.read(copy.m_seed);
    for (auto* column : {&copy.m_row, &copy.m_endRow, &copy.m_episode})
        in.read(*column);
    copy.m_accounts.load(in);
    copy.m_venue.fees.load(in);
    copy.m_targets.load(in);
    copy.m_orders.load(in);
    if (copy.m_guard)
        copy.m_guard->load(in);
    in.read(copy.m_changeRow);
    in.read(copy.m_logGrowth);
    in.read(copy.m_periodStart);
    in.read(copy.m_potential);
    in.read(copy.m_observation);
    in.expectEnd();
    for (std::size_t stretch = 0; stretch < options().stretches; ++stretch) {
        const std::size_t row = copy.m_row[stretch];
        if (row >= copy.m_endRow[stretch] || copy.m_endRow[stretch] >= market().rows())
            throw Error(ErrorKind::Corrupt, "environment snapshot: row out of range");
        for (std::size_t lane = stretch * options().accounts; lane < (stretch + 1) * options().accounts; ++lane)
            for (std::size_t i = 0; i < copy.m_accounts.lots(lane); ++i)
                if (copy.m_accounts.lot(lane, i).entryRow > row)
                    throw Error(ErrorKind::Corrupt, "environment snapshot: a position of the future");
    }
    *this = std::move(copy);
}

} // namespace btcai
