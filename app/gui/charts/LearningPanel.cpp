#include "app/gui/charts/LearningPanel.h"

#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/RunNames.h"
#include "app/gui/training/RunStore.h"

namespace btcai::gui {

namespace {

constexpr const char* kWaits = "waits for the first iteration";

struct LineSpec {
    const char* name;
    std::string metric;
    SeriesRole role;
    Qt::PenStyle style = Qt::SolidLine;
    std::string error{};
};

struct ChartSpec {
    const char* objectName;
    const char* title;
    const char* help;
    Quantity quantity;
    std::vector<LineSpec> lines;
    bool stacked = false;
    bool withZero = false;
    const char* emptyText = kWaits;
    bool isOptional = false; ///< there for runs alone that tell its first line
};

std::vector<ChartSpec> specs()
{
    using enum SeriesRole;
    const std::string sampled = RunStore::evaluationSeries(kValidationPart, kSampledRow);
    return {
        {"episodeReturnChart", "Episode return", "Mean total log return of the training episodes that ended in an iteration, costs paid",
         Quantity::Percent, {{"agent", "episode_return", Agent}}, false, true, "waits for the first finished episode"},
        {"validationChart", "Return on validation",
         "Total return on the part that is not learned from, costs paid: the agent with sampled actions (the band is one standard error over "
         "accounts), with the likeliest action (argmax), and buy and hold (B&H)", Quantity::Return,
         {{"agent", sampled, Agent, Qt::SolidLine, sampled + "/error"},
          {"argmax", RunStore::evaluationSeries(kValidationPart, kArgmaxRow), AgentArgmax},
          {"B&H", RunStore::evaluationSeries(kValidationPart, kBuyAndHoldRow), BuyAndHold, Qt::DashLine}},
         false, true, "waits for the first evaluation"},
        {"actionChart", "Action shares", "How often the agent holds, buys and sells while it explores", Quantity::Share,
         {{"hold", "share_hold", Hold}, {"buy", "share_buy", Buy}, {"sell", "share_sell", Sell}}, true},
        {"policyLossChart", "Policy loss", "The clipped surrogate objective, negated", Quantity::Plain, {{"policy", "policy_loss", First}}},
        {"valueLossChart", "Value loss", "Squared error of the value head against the returns", Quantity::Plain,
         {{"value", "value_loss", Second}}},
        {"forecastLossChart", "Forecast loss", "Negative log likelihood of the outcomes under the forecast; lower is better", Quantity::Plain,
         {{"forecast", "forecast_loss", Third}}},
        {"entropyChart", "Entropy", "Of the policy, in nats; ln 3 ≈ 1.10 is a fair die of three. Near 0 the agent has stopped exploring",
         Quantity::Plain, {{"policy", "entropy", First}}, false, true},
        {"klChart", "KL and clip fraction", "How far an update moved the policy, and how many samples the clipping stopped", Quantity::Plain,
         {{"KL", "approx_kl", First}, {"clipped", "clip_fraction", Second}}, false, true},
        {"speedChart", "Speed", "Account steps and market bars per second, updates included", Quantity::Rate,
         {{"steps", "account_steps_per_s", First}, {"bars", "bars_per_s", Second}}, false, true},
        {"explainedChart", "Explained variance", "The share of the returns' variance that the value head explains; 1 is perfect, below 0 is worse than a constant",
         Quantity::Plain, {{"value head", "explained_variance", First}}, false, true},
        {"gateChart", "Branch gates", "The weight of each branch of the encoder in the fusion", Quantity::Share,
         {{"CNN", "gate_cnn", First}, {"LSTM", "gate_lstm", Second}, {"Transformer", "gate_transformer", Third}}},
        {"timeChart", "What limits this run", "Where the time of an iteration goes", Quantity::Share,
         {{"rollout", "time_rollout", First}, {"encode", "time_encode", Third}, {"update", "time_update", Second}, {"other", "time_other", Hold}},
         true},
        {"exposureChart", "Exposure", "The share of bars with a position, while it explores", Quantity::Share,
         {{"in the market", "exposure", First}}, false, true},
        {"turnoverChart", "Turnover", "Value traded over equity; a collapse to 0 means the agent no longer trades", Quantity::Plain,
         {{"turnover", "turnover", First}}, false, true},
        {"gradientChart", "Gradient norm", "Before it is clipped", Quantity::Plain, {{"norm", "grad_norm", First}}},
        {"learningRateChart", "Learning rate", "Step size of Adam in each iteration", Quantity::Plain, {{"rate", "learning_rate", First}},
         false, true},
        {"entropyCoefficientChart", "Entropy coefficient", "What entropy is worth in the loss, as its schedule makes it", Quantity::Plain,
         {{"coefficient", "entropy_coefficient", First}}, false, true},
        {"replayChart", "Replay priority",
         "Mean over the segments kept: 2 is a forecast as wrong as it says and values that explain nothing; the higher, the more surprise is left to learn from",
         Quantity::Plain, {{"priority", "replay_priority", First}}, false, true, kWaits, true},
        {"familiarityChart", "Familiarity", "How well the network knows the bars of the rollout: the rank of their density among the latest embeddings, mean",
         Quantity::Share, {{"familiarity", "familiarity", First}}, false, true, kWaits, true},
        {"memoryChart", "Contextual memory", "Situations that can be recalled", Quantity::Plain, {{"situations", "memory_size", First}}, false, true, kWaits, true},
        {"recalledChart", "Recalled for an entry", "Similar situations whose outcome was known, mean over the entries of the latest rollout", Quantity::Plain,
         {{"situations", "memory_recalled", First}}, false, true, kWaits, true},
    };
}

} // namespace

LearningPanel::LearningPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent)
    : ChartGrid(parent), m_selection(selection)
{
    setObjectName(QStringLiteral("learningPanel"));
    for (const ChartSpec& spec : specs()) {
        ChartOptions options;
        options.name = QLatin1String(spec.objectName);
        options.title = tr(spec.title);
        options.help = tr(spec.help);
        options.emptyText = tr(spec.emptyText);
        options.xLabel = tr("account steps");
        options.quantity = spec.quantity;
        options.stacked = spec.stacked;
        options.withZero = spec.withZero;
        auto* const chart = new TimeSeriesChart(options, context);
        std::vector<std::string> metrics, errors;
        for (const LineSpec& line : spec.lines) {
            const int index = chart->addSeries(tr(line.name), line.role, line.style);
            metrics.push_back(line.metric);
            errors.push_back(line.error);
            if (!line.error.empty())
                chart->addBand(index, tr("%1 ± standard error").arg(tr(line.name)));
        }
        ChartFeed feed = makeStoreFeed(selection, std::move(metrics), std::move(errors));
        const bool everyIteration = std::string_view(spec.emptyText) == kWaits;
        feed.fill = [fill = std::move(feed.fill), selection, everyIteration](TimeSeriesChart& filled) {
            fill(filled);
            const bool told = everyIteration && selection->store() && selection->store()->metrics();
            filled.setEmptyText(told ? tr("this run does not tell it") : filled.options().emptyText);
        };
        chart->setFeed(std::move(feed));
        add(chart);
        if (spec.isOptional) {
            m_optional.emplace_back(chart, spec.lines[0].metric);
            setShown(chart, false);
        }
    }
    context.timer.add(this, [this] { return showWhatIsTold(); });
}

bool LearningPanel::showWhatIsTold()
{
    if (!isVisible() || m_seen == m_selection->revision())
        return false;
    m_seen = m_selection->revision();
    const RunStore* const store = m_selection->store();
    bool changed = false;
    for (const auto& [chart, metric] : m_optional)
        changed |= setShown(chart, store && store->series(metric));
    return changed;
}

} // namespace btcai::gui
