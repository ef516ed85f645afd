#include "app/gui/training/TrainingTab.h"

#include <QHeaderView>
#include <QLabel>
#include <QSettings>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QTabBar>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

#include "app/gui/charts/EquityPanel.h"
#include "app/gui/charts/ForecastPanel.h"
#include "app/gui/charts/LearningPanel.h"
#include "app/gui/shell/Dialogs.h"
#include "app/gui/shell/Theme.h"
#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/LiveSettings.h"
#include "app/gui/training/LogView.h"
#include "app/gui/training/RunForm.h"
#include "app/gui/training/RunHeader.h"
#include "app/gui/training/RunModel.h"
#include "app/gui/training/RunTable.h"
#include "app/gui/training/TradesModel.h"

namespace btcai::gui {

namespace {
constexpr int kFormWidth = 330;
constexpr int kListHeight = 150;
}

TrainingTab::TrainingTab(RunRegistry& registry, const ChartContext& context, QWidget* parent)
    : QWidget(parent), m_registry(registry), m_context(context), m_model(new RunModel(registry, context.theme, this))
{
    setObjectName(QStringLiteral("trainingTab"));
    m_form = new RunForm(
        context.dialogs, [&registry](const QString& name) { return registry.nameProblem(name); },
        [&registry](const RunConfig& config) { return registry.freshName(config); }, this);
    m_table = new RunTable(*m_model, context.theme, context.timer, this);

    m_rows = new QSplitter(Qt::Vertical, this);
    m_rows->setObjectName(QStringLiteral("rowSplitter"));
    m_rows->addWidget(m_table);
    m_rows->addWidget(buildDetails(context));
    m_rows->setStretchFactor(1, 1);
    m_rows->setSizes({kListHeight, 600});
    m_columns = new QSplitter(Qt::Horizontal, this);
    m_columns->setObjectName(QStringLiteral("columnSplitter"));
    m_columns->addWidget(m_form);
    m_columns->addWidget(m_rows);
    m_columns->setStretchFactor(1, 1);
    m_columns->setSizes({kFormWidth, 1280 - kFormWidth});
    for (QSplitter* splitter : {m_rows, m_columns})
        splitter->setChildrenCollapsible(false);
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 8, 10, 10);
    layout->addWidget(m_columns);

    connect(m_form, &RunForm::startRequested, this, &TrainingTab::start);
    connect(m_table, &RunTable::runSelected, this, &TrainingTab::onSelected);
    connect(&registry, &RunRegistry::touched, &context.timer, &RefreshTimer::wake);
    connect(&registry, &RunRegistry::statusChanged, this, &TrainingTab::onStatusChanged);
    connect(&registry, &RunRegistry::scanned, this, &TrainingTab::selectFirst);
}

TrainingTab::~TrainingTab() = default;

QWidget* TrainingTab::buildDetails(const ChartContext& context)
{
    auto* const page = new QWidget(this);
    m_header = new RunHeader(m_registry, m_selection, context, page);
    m_settings = new LiveSettings(m_selection, context, page);
    m_details = new QTabWidget(page);
    m_details->setObjectName(QStringLiteral("detailTabs"));
    m_details->setDocumentMode(true);
    m_details->tabBar()->setDrawBase(false);
    m_details->addTab(new LearningPanel(m_selection, context, m_details), tr("Learning"));
    m_details->addTab(new EquityPanel(m_selection, context, m_details), tr("Equity"));
    m_details->addTab(new ForecastPanel(m_selection, context, m_details), tr("Forecast"));
    m_details->addTab(buildTrades(context), tr("Trades"));
    m_details->addTab(m_settings, tr("Settings"));
    m_details->addTab(new LogView(m_selection, context, m_details), tr("Log"));
    connect(m_details, &QTabWidget::currentChanged, &context.timer, &RefreshTimer::wake); // what is hidden is not kept up to date
    auto* const layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 8, 0, 0);
    layout->setSpacing(8);
    layout->addWidget(m_header);
    layout->addWidget(m_details, 1);
    return page;
}

QWidget* TrainingTab::buildTrades(const ChartContext& context)
{
    auto* const page = new QWidget(m_details);
    auto* const model = new TradesModel(context.theme, page);
    auto* const proxy = new QSortFilterProxyModel(page);
    proxy->setSourceModel(model);
    proxy->setSortRole(TradesModel::SortRole);
    auto* const table = new QTableView(page);
    table->setObjectName(QStringLiteral("tradesTable"));
    makeDense(*table);
    table->setModel(proxy);
    table->setSortingEnabled(true);
    table->sortByColumn(TradesModel::AtStep, Qt::DescendingOrder);
    table->setShowGrid(false);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->verticalHeader()->hide();
    table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 8);
    table->horizontalHeader()->setStretchLastSection(true);
    const int em = table->fontMetrics().horizontalAdvance(QLatin1Char('m'));
    const double widths[TradesModel::ColumnCount] = {6.3, 4.2, 11.2, 11.2, 6.9, 6.8, 6.8, 6.3, 6.8, 6.3, 4.6, 4};
    for (int column = 0; column < TradesModel::ColumnCount; ++column)
        table->setColumnWidth(column, static_cast<int>(widths[column] * em));
    auto* const summary = new QLabel(page);
    summary->setObjectName(QStringLiteral("tradesSummary"));
    summary->setProperty("muted", true);
    auto* const layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(summary);
    layout->addWidget(table, 1);
    context.timer.add(page, [this, page, model, summary] {
        if (!page->isVisible() || !model->follow(m_selection->store(), m_selection->identity()))
            return false;
        summary->setText(model->summary());
        return true;
    });
    summary->setText(model->summary());
    return page;
}

void TrainingTab::onSelected(Run* run)
{
    m_selected = run;
    m_selection->select(run);
    if (run)
        m_registry.open(run);
    for (TimeSeriesChart* chart : findChildren<TimeSeriesChart*>())
        chart->fit();
    m_header->setRun(run);
    m_settings->setRun(run);
    m_context.timer.wake();
}

void TrainingTab::onStatusChanged(Run* run)
{
    m_context.timer.wake();
    if (run != m_selected)
        return;
    if (!run->store()) // what was shown has grown on disk meanwhile
        m_registry.open(run);
    m_settings->reload();
}

void TrainingTab::start(const RunConfig& config, const QString& name)
{
    try {
        select(m_registry.startNew(config, name));
    } catch (const std::exception& error) {
        m_context.dialogs.showError(this, tr("The run was not started"), QString::fromUtf8(error.what()));
    }
}

void TrainingTab::openFolder(const std::filesystem::path& folder)
{
    try {
        select(m_registry.addFolder(folder));
    } catch (const std::exception& error) {
        m_context.dialogs.showError(this, tr("The run was not opened"), QString::fromUtf8(error.what()));
    }
}

void TrainingTab::select(Run* run)
{
    m_table->select(run);
}

void TrainingTab::selectFirst()
{
    if (!m_selected && m_registry.size() > 0)
        select(m_registry.at(0));
}

void TrainingTab::saveState(QSettings& settings) const
{
    settings.setValue(QStringLiteral("training/columns"), m_columns->saveState());
    settings.setValue(QStringLiteral("training/rows"), m_rows->saveState());
    settings.setValue(QStringLiteral("training/runTable"), m_table->saveColumns());
    settings.setValue(QStringLiteral("training/detail"), m_details->currentIndex());
    settings.setValue(QStringLiteral("training/form"), m_form->saved());
}

void TrainingTab::restoreState(const QSettings& settings)
{
    m_columns->restoreState(settings.value(QStringLiteral("training/columns")).toByteArray());
    m_rows->restoreState(settings.value(QStringLiteral("training/rows")).toByteArray());
    m_table->restoreColumns(settings.value(QStringLiteral("training/runTable")).toByteArray());
    m_details->setCurrentIndex(settings.value(QStringLiteral("training/detail"), 0).toInt());
    m_form->restore(settings.value(QStringLiteral("training/form")).toString());
}

} // namespace btcai::gui
