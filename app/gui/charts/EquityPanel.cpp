#include "app/gui/charts/EquityPanel.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QVBoxLayout>

#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/EvaluationModel.h"
#include "app/gui/training/Run.h"
#include "app/gui/training/RunNames.h"

namespace btcai::gui {

namespace {

struct CurveSpec {
    std::string_view name;
    const char* label;
    SeriesRole role;
    Qt::PenStyle style;
};

const CurveSpec kCurves[] = {{kSampledRow, "agent (sampled)", SeriesRole::Agent, Qt::SolidLine},
                             {kArgmaxRow, "agent (argmax)", SeriesRole::AgentArgmax, Qt::SolidLine},
                             {kBuyAndHoldRow, "buy & hold", SeriesRole::BuyAndHold, Qt::DashLine},
                             {kCashRow, "cash", SeriesRole::Cash, Qt::DotLine}};

const SeriesRole kOtherRoles[] = {SeriesRole::Third, SeriesRole::Fourth, SeriesRole::Sell, SeriesRole::Buy};

ChartOptions equityOptions()
{
    ChartOptions options;
    options.name = QStringLiteral("equityChart");
    options.title = EquityPanel::tr("Equity");
    options.help = EquityPanel::tr("Gain since the start of the part, all costs paid, marked at each close");
    options.emptyText = EquityPanel::tr("waits for the first evaluation");
    options.x = ChartOptions::XAxis::Utc;
    options.xLabel = EquityPanel::tr("time, UTC");
    options.quantity = Quantity::Growth;
    options.compact = false;
    return options;
}

} // namespace

EquityPanel::EquityPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent)
    : QWidget(parent), m_selection(std::move(selection))
{
    setObjectName(QStringLiteral("equityPanel"));
    m_part = new QComboBox(this);
    m_part->setObjectName(QStringLiteral("partSelector"));
    m_part->addItem(tr("Validation part"), toQString(kValidationPart));
    m_part->addItem(tr("Test part"), toQString(kTestPart));
    m_caption = new QLabel(this);
    m_caption->setObjectName(QStringLiteral("equityCaption"));
    m_caption->setProperty("muted", true);

    m_chart = new TimeSeriesChart(equityOptions(), context, this);
    for (const CurveSpec& curve : kCurves)
        m_chart->addSeries(tr(curve.label), curve.role, curve.style);
    for (const SeriesRole role : kOtherRoles)
        m_chart->addSeries({}, role);
    m_chart->setFeed({[this] { return m_selection->revision() + (m_partEpoch << 56U); },
                      [this](TimeSeriesChart& chart) { fill(chart); }});

    m_model = new EvaluationModel(this);
    m_table = new QTableView(this);
    m_table->setObjectName(QStringLiteral("evaluationTable"));
    m_table->setModel(m_model);
    makeDense(*m_table);
    m_table->verticalHeader()->hide();
    m_table->setSelectionMode(QAbstractItemView::NoSelection);
    m_table->setFocusPolicy(Qt::NoFocus);
    m_table->setShowGrid(false);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
    m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 10);

    auto* const top = new QHBoxLayout;
    top->addWidget(m_part);
    top->addWidget(m_caption, 1);
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addLayout(top);
    layout->addWidget(m_chart, 1);
    layout->addWidget(m_table);
    m_table->setFixedHeight(6 * (fontMetrics().height() + 10) + 8);

    connect(m_part, &QComboBox::currentIndexChanged, this, [this, &timer = context.timer] {
        ++m_partEpoch;
        m_seen = ~std::uint64_t{0};
        m_chart->fit();
        timer.wake();
    });
    context.timer.add(this, [this] { return refreshTable(); });
}

std::string EquityPanel::part() const { return m_part->currentData().toString().toStdString(); }

void EquityPanel::fill(TimeSeriesChart& chart)
{
    chart.clearSeries();
    const RunStore* const store = m_selection->store();
    const protocol::Evaluation* const evaluation = store ? store->evaluation(part()) : nullptr;
    chart.setEmptyText(part() == kTestPart ? tr("the test part is traded once, when the run ends") : tr("waits for the first evaluation"));
    if (!evaluation)
        return;
    const std::vector<double> time(evaluation->time.begin(), evaluation->time.end());
    int other = static_cast<int>(std::size(kCurves));
    for (const protocol::EquityCurve& curve : evaluation->curves) {
        const auto known = std::ranges::find(kCurves, std::string_view(curve.name), &CurveSpec::name);
        if (known != std::end(kCurves)) {
            chart.setPoints(static_cast<int>(known - std::begin(kCurves)), time, curve.equity);
        } else if (other < chart.seriesCount()) {
            chart.setSeriesName(other, toQString(curve.name));
            chart.setPoints(other++, time, curve.equity);
        }
    }
}

bool EquityPanel::refreshTable()
{
    if (!isVisible() || m_seen == m_selection->revision())
        return false;
    m_seen = m_selection->revision();
    const RunStore* const store = m_selection->store();
    const protocol::Evaluation* const evaluation = store ? store->evaluation(part()) : nullptr;
    const bool changed = m_model->setRows(evaluation ? evaluation->rows : std::vector<protocol::EvaluationRow>{});
    QString caption;
    if (evaluation && !evaluation->time.empty())
        caption = tr("%1 to %2, at step %3; all costs paid, ± is one standard error over sampled accounts")
                      .arg(formatUtc(evaluation->time.front()), formatUtc(evaluation->time.back()),
                           formatCount(static_cast<double>(evaluation->step)));
    if (evaluation && evaluation->optimisticFills)
        caption += tr("; optimistic fills: at the close of the decision, which nobody gets");
    double refused = 0.0;
    for (const auto& [reason, count] : evaluation ? evaluation->refusedOrders : decltype(evaluation->refusedOrders){})
        refused += count;
    if (refused > 0.0)
        caption += tr("; %1 orders refused by the risk guard").arg(formatCount(refused));
    m_caption->setText(caption);
    return changed;
}

} // namespace btcai::gui
