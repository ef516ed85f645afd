#pragma once

#include <memory>

#include <QWidget>

#include "app/gui/charts/StoreFeed.h"
#include "app/gui/training/RunRegistry.h"

class QSettings;
class QSplitter;
class QTabWidget;

namespace btcai::gui {

class LiveSettings;
class RunForm;
class RunHeader;
class RunModel;
class RunTable;

/// Everything about training: the form of a new run, the list of runs, and all there is to see of the selected one.
class TrainingTab : public QWidget {
    Q_OBJECT
public:
    TrainingTab(RunRegistry& registry, const ChartContext& context, QWidget* parent = nullptr);
    ~TrainingTab() override;

    RunForm& form() { return *m_form; }
    void select(Run* run);
    void openFolder(const std::filesystem::path& folder);
    void saveState(QSettings& settings) const;
    void restoreState(const QSettings& settings);

private:
    QWidget* buildDetails(const ChartContext& context);
    QWidget* buildTrades(const ChartContext& context);
    void onSelected(Run* run);
    void onStatusChanged(Run* run);
    void start(const RunConfig& config, const QString& name);
    void selectFirst();

    RunRegistry& m_registry;
    ChartContext m_context;
    std::shared_ptr<RunSelection> m_selection = std::make_shared<RunSelection>();
    Run* m_selected = nullptr;
    RunModel* m_model;
    RunForm* m_form;
    RunTable* m_table;
    RunHeader* m_header = nullptr;
    LiveSettings* m_settings = nullptr;
    QTabWidget* m_details = nullptr;
    QSplitter* m_columns;
    QSplitter* m_rows;
};

} // namespace btcai::gui
