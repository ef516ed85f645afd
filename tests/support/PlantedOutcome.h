#pragma once

#include <cmath>

#include "agent/evaluation/PlantedTask.h"
#include "tests/support/TrainingRun.h"

namespace btcai::test {

/// What a run has earned on the test part of a market whose right answer is known.
struct PlantedOutcome {
    double sampled = 0.0; ///< log return on the test part
    double argmax = 0.0;
    double attainable = 0.0; ///< log return of one who knows each block's sign before it begins
    protocol::EvaluationRow argmaxRow, sampledRow;
};

/// Trains to the end, and says what came of it.
inline PlantedOutcome learnPlanted(const SyntheticMarketOptions& options, const RunConfig& config)
{
    const SyntheticMarket market = makeSyntheticMarket(options);
    QTemporaryDir dir;
    RunFolder folder = RunFolder::create((dir.path() + "/run").toStdString(), config);
    CollectingSink sink;
    RunControl control;
    Trainer trainer(folder, config, sink, control, [&](const RunConfig&) { return market.series; });
    const TrainingResult result = trainer.run(false);
    const auto& rows = result.test->rows;
    PlantedOutcome outcome{.sampled = std::log1p(rows[0].totalReturn),
                           .argmax = std::log1p(rows[1].totalReturn),
                           .attainable = attainableLogReturn(config, market, "test"),
                           .argmaxRow = rows[1],
                           .sampledRow = rows[0]};
    qInfo("seed %lld: sampled %.3f, argmax %.3f, attainable %.3f (log returns); argmax: %lld trades, exposure %.3f, "
          "turnover %.2f (sampled %.2f)",
          static_cast<long long>(config.seed), outcome.sampled, outcome.argmax, outcome.attainable,
          static_cast<long long>(outcome.argmaxRow.trades), outcome.argmaxRow.exposure, outcome.argmaxRow.turnover,
          outcome.sampledRow.turnover);
    return outcome;
}

} // namespace btcai::test
