#include "agent/evaluation/BaselineRows.h"

#include "agent/evaluation/AccountRow.h"
#include "env/bounds/ExposureRun.h"
#include "env/bounds/PerfectForesight.h"

namespace btcai {

namespace {

constexpr std::uint64_t kRandomDraws = 16;

protocol::EvaluationRow rowOf(Baseline baseline, const std::shared_ptr<const Market>& market, const RowRange& rows, const RunConfig& config,
                              const BaselineOptions& options)
{
    const ExposureAccount account{.initialCash = config.account.initialCash, .exposure = config.account.exposure, .allowShort = config.account.allowShort,
                                  .costs = config.costs};
    ExposureRun run = runExposures(market, rows, targetExposures(baseline, *market, rows, options), account);
    const double exposureSum = run.meanExposure * static_cast<double>(run.equity.size());
    const TradedAccount traded{.equity = std::move(run.equity), .profits = std::move(run.profits), .exposureSum = exposureSum, .traded = run.traded,
                               .costs = run.costs, .ruined = run.ruined};
    return accountRow(std::string(baselineName(baseline)), traded, account.initialCash, market->intervalSeconds);
}

} // namespace

std::vector<protocol::EvaluationRow> baselineRows(const std::shared_ptr<const Market>& market, const RowRange& rows, const RunConfig& config,
                                                  std::span<const Baseline> baselines, double turnover)
{
    std::vector<protocol::EvaluationRow> result;
    for (const Baseline baseline : baselines) {
        BaselineOptions options{.allowShort = config.account.allowShort, .turnover = turnover / config.account.exposure};
        if (baseline != Baseline::Random) {
            result.push_back(rowOf(baseline, market, rows, config, options));
            continue;
        }
        std::vector<protocol::EvaluationRow> draws;
        for (options.seed = 1; options.seed <= kRandomDraws; ++options.seed)
            draws.push_back(rowOf(baseline, market, rows, config, options));
        result.push_back(meanRow(std::string(baselineName(baseline)), draws));
    }
    return result;
}

double attainableGrowth(const Market& market, const RowRange& rows, const RunConfig& config)
{
    // An evaluation ends at the last close but one.
    return attainableLogGrowth(market, {rows.first, rows.last - 1}, config.costs, config.account.allowShort);
}

} // namespace btcai
