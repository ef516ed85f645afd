#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/config/EnvironmentOptions.h"
#include "agent/dataset/MarketData.h"
#include "agent/evaluation/AccountRow.h"
#include "agent/evaluation/PositionList.h"
#include "app/cli/CommandLine.h"
#include "app/cli/EvaluationTable.h"
#include "base/DurableFile.h"
#include "base/Error.h"
#include "env/TradingEnv.h"
#include "env/bounds/ExposureRun.h"

namespace btcai::cli {

namespace {

struct ReplayOptions {
    std::string positions;
    std::string csv;
    std::string configFile;
    bool json = false;
    std::vector<FieldOverride> fields;
};

enum Lane : std::size_t { kReplay, kHold, kCash, kLanes };

/// Runs a list of positions, beside buy-and-hold and cash, and writes down each bar of the first.
class Replay {
public:
    Replay(std::shared_ptr<const Market> market, const PositionList& list, const TradingEnvOptions& terms)
        : m_list(list), m_rows{list.rows.first, std::min(list.rows.last + 2, market->rows())},
          m_hold(terms.exposure * terms.margin.leverage), m_env(std::move(market), exposureTerms(terms, m_rows, kLanes)), m_accounts(kLanes)
    {
        m_env.recordTrades(kLanes);
        for (TradedAccount& account : m_accounts)
            account.equity.push_back(1.0);
    }

    /// Decisions that a bar follows whose close shows what became of them.
    std::size_t steps() const { return m_rows.size() - 2; }

    void run(std::ostream& out)
    {
        out << "timestamp,position,exposure,equity,growth,cash,quantity,fees,costs,funding,flows,reward\n";
        writeRow(out, 0.0, 0.0F);
        StepResult result;
        for (std::size_t i = 0; i < steps() && !m_accounts[kReplay].ruined; ++i) {
            const double exposure = m_list.exposures[i];
            const std::array<double, kLanes> aims{exposure, m_hold, 0.0};
            m_env.stepExposures(aims, result);
            for (std::size_t lane = 0; lane < kLanes; ++lane)
                keep(lane, result.terminated[lane] != 0);
            if (!m_accounts[kReplay].ruined)
                writeRow(out, exposure, result.reward[kReplay]);
        }
        for (const ClosedTrade& trade : m_env.takeTrades())
            m_accounts[trade.lane].profits.push_back(trade.profit);
    }

    protocol::Evaluation evaluation() const
    {
        const Market& market = m_env.market();
        const double cash = m_env.options().initialCash;
        protocol::Evaluation evaluation;
        evaluation.part = "replay";
        evaluation.optimisticFills = m_env.hasOptimisticFills();
        for (const auto& [lane, name] : {std::pair{kReplay, "replay"}, {kHold, "buy and hold"}, {kCash, "cash"}})
            evaluation.rows.push_back(accountRow(name, m_accounts[lane], cash, market.intervalSeconds));
        evaluation.time = {market.timestamp(m_rows.first) + market.intervalSeconds,
                           market.timestamp(m_rows.first + m_accounts[kReplay].equity.size() - 1) + market.intervalSeconds};
        return evaluation;
    }

    bool ruined() const { return m_accounts[kReplay].ruined; }

private:
    void keep(std::size_t lane, bool ended)
    {
        TradedAccount& account = m_accounts[lane];
        account.ruined = account.ruined || ended;
        account.equity.push_back(account.ruined ? 1e-9 : m_env.growth(lane));
        if (account.ruined) // the environment has dealt that lane another account
            return;
        account.exposureSum += std::abs(exposureOf(lane));
        account.traded = m_env.tradedValue(lane);
        account.costs = m_env.costsPaid(lane);
    }

    double exposureOf(std::size_t lane) const { return m_env.quantity(lane) * m_env.market().mark[m_env.row(0)] / m_env.equity(lane); }

    void writeRow(std::ostream& out, double position, float reward)
    {
        out << fmt::format("{},{},{:.12g},{:.12g},{:.12g},{:.12g},{:.12g},{:.12g},{:.12g},{:.12g},{:.12g},{}\n", m_env.market().timestamp(m_env.row(0)), position,
                           exposureOf(kReplay), m_env.equity(kReplay), m_env.growth(kReplay), m_env.cash(kReplay), m_env.quantity(kReplay),
                           m_env.feesPaid(kReplay), m_env.costsPaid(kReplay), m_env.fundingPaid(kReplay), m_env.accounts().flows[kReplay], reward);
    }

    const PositionList& m_list;
    RowRange m_rows;
    double m_hold;
    TradingEnv m_env;
    std::vector<TradedAccount> m_accounts;
};

int runReplay(const ReplayOptions& options)
{
    RunConfig config = options.configFile.empty() ? parseRunConfig("", "command line", options.fields) : readRunConfig(options.configFile, options.fields);
    config.quality.allowBad = true; // what somebody traded elsewhere is replayed on the bars that there are
    const std::filesystem::path positions = options.positions;
    for (const std::filesystem::path& input : {positions, std::filesystem::path(config.data)})
        refuseToOverwrite({&input, 1}, options.csv);
    const TradingEnvOptions terms = environmentOptions(config);
    const MarketData data = loadMarketData(config);
    const auto market = makeMarket(data.series, data);
    const double most = terms.margin.leverage;
    const PositionList list = readPositions(positions, *market, config.account.allowShort ? -most : 0.0, most);
    if (list.rows.first + 3 > market->rows())
        throw Error(ErrorKind::BadInput, "{}: the data end with the bar of the first position; a fill and its mark need two bars more", options.positions);

    Replay replay(market, list, terms);
    writeFileDurablyBy(options.csv, [&](const std::filesystem::path& temporary) {
        std::ofstream file(temporary, std::ios::binary);
        replay.run(file);
        file.close();
        if (!file)
            throw Error(ErrorKind::Io, "{}: cannot be written; is the disk full?", options.csv);
    });
    const protocol::Evaluation evaluation = replay.evaluation();
    const std::size_t left = list.rows.size() - std::min(list.rows.size(), replay.steps());
    if (options.json) {
        printJson({{"file", options.csv}, {"evaluation", evaluationJson(evaluation)}, {"ruined", replay.ruined()}, {"positions_after_the_data", left}});
        return 0;
    }
    fmt::print("{}{}{}written to {}\n", evaluationTable(evaluation), replay.ruined() ? "the account is ruined: nothing of it is left\n" : "",
               left > 0 ? fmt::format("the last {} bars listed are not traded: the data end too soon after them\n", left) : "", options.csv);
    return 0;
}

} // namespace

void addReplayCommand(CLI::App& app, Action& action)
{
    CLI::App* command = app.add_subcommand("replay", "Run a list of target exposures through the environment, with any configuration");
    const auto options = std::make_shared<ReplayOptions>();
    command->add_option("--positions", options->positions, "A table timestamp,position: exposures decided at the close of the bar that opens then")->required();
    command->add_option("--csv", options->csv, "Where each bar's account is written to")->required();
    command->add_option("--config", options->configFile, "A configuration file (TOML); other options override it");
    command->add_flag("--json", options->json, "Print the result as JSON");
    addFieldOptions(*command, options->fields);
    command->callback([&action, options] { action = [options](const LogOptions&) { return runReplay(*options); }; });
}

} // namespace btcai::cli
