#include "env/bounds/ExposureRun.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"
#include "env/TradingEnv.h"

namespace btcai {

namespace {

/// What is left of an account without equity: a curve must stay positive to be measured.
constexpr double kRuinedEquity = 1e-9;

void check(const Market& market, RowRange rows, std::span<const double> exposures, const TradingEnvOptions& terms)
{
    if (rows.last > market.rows() || rows.first + 3 > rows.last)
        throw Error(ErrorKind::BadInput, "rows {} to {}: a run needs three rows or more of the {} that are there", rows.first, rows.last, market.rows());
    if (exposures.size() != rows.size())
        throw Error(ErrorKind::BadInput, "{} exposures for {} rows: give one a row", exposures.size(), rows.size());
    for (std::size_t i = 0; i < exposures.size(); ++i)
        if (!(exposures[i] >= (terms.allowShort ? -1.0 : 0.0) && exposures[i] <= 1.0))
            throw Error(ErrorKind::BadInput, "exposure {} of the list is {}; it must be within [{}, 1]", i, exposures[i], terms.allowShort ? -1 : 0);
}

/// The curve of one account, close by close.
class Curve {
public:
    Curve() { m_run.equity.push_back(1.0); }

    void add(double growth, double exposure)
    {
        m_run.ruined = m_run.ruined || !(growth > 0.0);
        m_run.equity.push_back(m_run.ruined ? kRuinedEquity : std::max(growth, kRuinedEquity));
        if (!m_run.ruined)
            m_exposureSum += std::abs(exposure);
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
    double m_exposureSum = 0.0;
    ExposureRun m_run;
};

} // namespace

TradingEnvOptions exposureTerms(const TradingEnvOptions& terms, RowRange rows, std::size_t lanes)
{
    TradingEnvOptions options = terms;
    options.rows = {rows};
    options.stretches = options.startGrid = options.threads = 1;
    options.accounts = lanes;
    options.episodeBars = rows.size() - 1;
    options.randomStarts = false;
    options.ruinShare = 0.0;
    options.actionMode = ActionMode::Target;
    options.stopLoss = options.takeProfit = 0.0;
    options.execution.entry = OrderType::Market;
    options.guardedAccounts = 0;
    return options;
}

ExposureRun runExposures(std::shared_ptr<const Market> market, RowRange rows, std::span<const double> exposures, const TradingEnvOptions& terms)
{
    check(*market, rows, exposures, terms);
    TradingEnv env(market, exposureTerms(terms, rows, 1)); // ends one step before the next episode would begin
    env.recordTrades(1);
    // Flat, long and short are traded as an agent's actions are: its own accounts beside these differ in nothing else.
    const bool isDiscrete = std::ranges::all_of(exposures, [](double e) { return e == 0.0 || std::abs(e) == 1.0; });
    Curve curve;
    StepResult result;
    double traded = 0.0, costs = 0.0;
    for (std::size_t i = 0; i + 2 < rows.size(); ++i) {
        if (isDiscrete) {
            const auto target = exposures[i] == 0.0 ? TargetPosition::Flat : exposures[i] > 0.0 ? TargetPosition::Long : TargetPosition::Short;
            const auto action = static_cast<std::uint8_t>(target);
            env.step(std::span(&action, 1), result);
        } else {
            const double exposure = exposures[i] * terms.exposure * terms.margin.leverage;
            env.stepExposures(std::span(&exposure, 1), result);
        }
        const std::size_t row = rows.first + i + 1;
        curve.add(result.terminated[0] ? 0.0 : env.growth(0), env.quantity(0) * market->mark[row] / env.equity(0));
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

} // namespace btcai
