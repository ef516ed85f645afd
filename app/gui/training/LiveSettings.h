#pragma once

#include <memory>
#include <vector>

#include <QWidget>

#include "agent/config/RunConfig.h"
#include "app/gui/charts/StoreFeed.h"
#include "app/gui/training/FieldEditor.h"

class QLabel;
class QPushButton;
class QTreeWidget;

namespace btcai::gui {

class Run;

/// The settings of the selected run as its folder has them; those that may be changed while it goes on can be edited and
/// are sent to the worker.
class LiveSettings : public QWidget {
    Q_OBJECT
public:
    LiveSettings(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent = nullptr);

    void setRun(Run* run);
    /// Reads the run's settings again.
    void reload();

private:
    QWidget* buildLivePart();
    void showConfig();
    void check();
    void apply();

    std::shared_ptr<const RunSelection> m_selection;
    Run* m_run = nullptr;
    const Run* m_shown = nullptr; ///< whose settings stand in the widgets
    RunConfig m_config;
    bool m_known = false;
    QLabel* m_problem;
    QWidget* m_livePart = nullptr;
    QPushButton* m_apply = nullptr;
    QTreeWidget* m_all;
    std::vector<FieldEditor*> m_editors;
};

} // namespace btcai::gui
