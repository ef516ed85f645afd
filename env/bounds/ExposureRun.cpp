#include "env/bounds/ExposureRun.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"
#include "env/TradingEnv.h"
#include "env/execution/Fill.h"

namespace btcai {

namespace {

/// What is left of an account without equity: a curve must stay positive to be measured.
constexpr double kRuinedEquity = 1e-9;

void check(const Market& market, RowRange rows, std::span<const double> exposures, const ExposureAccount& account)
{
    if (rows.last > market.rows() || rows.first + 3 > rows.last)
        throw Error(ErrorKind::BadInput, "rows {} to {}: a run needs three rows or more of the {} that are there", rows.first, rows.last, market.rows());
    if (exposures.size() != rows.size())
        throw Error(ErrorKind::BadInput, "{} exposures for {} rows: give one a row", exposures.size(), rows.size());
    for (std::size_t i = 0; i < exposures.size(); ++i)
        if (!(exposures[i] >= (account.allowShort ? -1.0 : 0.0) && exposures[i] <= 1.0))
            throw Error(ErrorKind::BadInput, "exposure {} of the list is {}; it must be within [{}, 1]", i, exposures[i], account.allowShort ? -1 : 0);
}

/// The curve of one account, close by close.
class Curve {
public:
    explicit Curve(double initialCash) : m_initialCash(initialCash) { m_run.equity.push_back(1.0); }

    void add(double equity, double positionValue)
    {
        m_run.ruined = m_run.ruined || !(equity > 0.0);
        m_run.equity.push_back(m_run.ruined ? kRuinedEquity : std::max(equity / m_initialCash, kRuinedEquity));
        if (!m_run.ruined)
            m_exposureSum += std::abs(positionValue / equity);
    }
    bool ruined() const { return m_run.ruined; }
    ExposureRun finish(double traded, double costs, std::vector<double> profits)
    {
        m_run.traded = traded;
        m_run.costs = costs;
        m_run.profits = std::move(profits);
        m_run.meanExposure = m_exposureSum / static_cast<double>(m_run.equity.size());
        return std::move(m_run);
    }

private:
    double m_initialCash;
    double m_exposureSum = 0.0;
    ExposureRun m_run;
};

ExposureRun runThroughEnvironment(const std::shared_ptr<const Market>& market, RowRange rows, std::span<const double> exposures,
                                  const ExposureAccount& account)
{
    TradingEnvOptions options;
    options.rows = {rows};
    options.stretches = options.accounts = 1;
    options.episodeBars = rows.size() - 1; // never reached: the loop ends one step before the next episode would begin
    options.randomStarts = false;
    options.initialCash = account.initialCash;
    options.exposure = account.exposure;
    options.allowShort = account.allowShort;
    options.ruinShare = 0.0;
    options.costs = account.costs;
    TradingEnv env(market, options);
    env.recordTrades(1);
    Curve curve(account.initialCash);
    StepResult result;
    double traded = 0.0, costs = 0.0;
    for (std::size_t i = 0; i + 2 < rows.size(); ++i) {
        const auto target = exposures[i] == 0.0 ? TargetPosition::Flat : exposures[i] > 0.0 ? TargetPosition::Long : TargetPosition::Short;
        const auto action = static_cast<std::uint8_t>(target);
        env.step(std::span(&action, 1), result);
        const std::size_t row = rows.first + i + 1;
        curve.add(result.terminated[0] ? 0.0 : env.equity(0), env.quantity(0) * market->mark[row]);
        if (curve.ruined())
            continue; // the environment has opened another account
        traded = env.tradedValue(0);
        costs = env.costsPaid(0);
    }
    std::vector<double> profits;
    if (!curve.ruined())
        for (const ClosedTrade& trade : env.takeTrades())
            profits.push_back(trade.profit);
    return curve.finish(traded, costs, std::move(profits));
}

/// One account that aims at exposures of any size, by the rules of TradingEnv.
class ExposureTrader {
public:
    ExposureTrader(const Market& market, const ExposureAccount& account) : m_market(market), m_account(account), m_cash(account.initialCash), m_equity(m_cash) {}

    /// Decides at the close of the row before and fills at the open of `row`.
    void step(double exposure, std::size_t row)
    {
        if (exposure != m_exposure) {
            m_exposure = exposure;
            m_goal = exposure * m_account.exposure * m_equity / m_market.mark[row - 1];
        }
        if (m_market.present[row])
            fill(row);
        m_equity = m_cash + m_quantity * m_market.mark[row];
    }

    double equity() const { return m_equity; }
    double quantity() const { return m_quantity; }
    double traded() const { return m_traded; }
    double costs() const { return m_costs; }
    std::vector<double> takeProfits() { return std::move(m_profits); }

private:
    void fill(std::size_t row)
    {
        const double open = m_market.open[row];
        const double volume = m_market.volume[row];
        const double missing = m_goal - m_quantity;
        const double order = missing > 0.0 ? affordableQuantity(m_account.costs, missing, m_cash, open, volume) : missing;
        const Fill fill = fillMarketOrder(m_account.costs, order, open, volume);
        if (fill.quantity == 0.0)
            return;
        if (order > 0.0 && order < missing && order < m_account.costs.maxParticipation * volume)
            m_goal = m_quantity + fill.quantity; // cash does not reach for more
        m_costs += fill.quantity * (fill.price - open) + fill.fee;
        m_traded += std::abs(fill.quantity) * fill.price;
        const bool turnsOver = m_quantity * fill.quantity < 0.0 && std::abs(fill.quantity) > std::abs(m_quantity);
        const double first = turnsOver ? -m_quantity : fill.quantity;
        book(first, fill.price, fill.fee * std::abs(first / fill.quantity));
        if (turnsOver)
            book(fill.quantity - first, fill.price, fill.fee * (1.0 - std::abs(first / fill.quantity)));
    }

    void book(double quantity, double price, double fee)
    {
        constexpr double kDust = 1e-12; // what rounding leaves of a closed position
        if (m_quantity == 0.0)
            m_tradeCashFlow = 0.0;
        const double after = m_quantity + quantity;
        const bool closes = std::abs(after) <= kDust * std::abs(m_quantity);
        m_quantity = closes ? 0.0 : after;
        m_cash -= quantity * price + fee;
        m_tradeCashFlow -= quantity * price + fee;
        if (closes)
            m_profits.push_back(m_tradeCashFlow);
    }

    const Market& m_market;
    const ExposureAccount& m_account;
    double m_cash, m_equity;
    double m_exposure = 0.0, m_goal = 0.0, m_quantity = 0.0;
    double m_traded = 0.0, m_costs = 0.0, m_tradeCashFlow = 0.0;
    std::vector<double> m_profits;
};

ExposureRun runContinuous(const Market& market, RowRange rows, std::span<const double> exposures, const ExposureAccount& account)
{
    ExposureTrader trader(market, account);
    Curve curve(account.initialCash);
    for (std::size_t i = 0; i + 2 < rows.size(); ++i) {
        const std::size_t row = rows.first + i + 1;
        if (!curve.ruined())
            trader.step(exposures[i], row);
        curve.add(trader.equity(), trader.quantity() * market.mark[row]);
    }
    return curve.finish(trader.traded(), trader.costs(), trader.takeProfits());
}

} // namespace

ExposureRun runExposures(std::shared_ptr<const Market> market, RowRange rows, std::span<const double> exposures, const ExposureAccount& account)
{
    check(*market, rows, exposures, account);
    const bool isDiscrete = std::ranges::all_of(exposures, [](double e) { return e == 0.0 || std::abs(e) == 1.0; });
    return isDiscrete ? runThroughEnvironment(market, rows, exposures, account) : runContinuous(*market, rows, exposures, account);
}

} // namespace btcai
