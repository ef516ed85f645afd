#pragma once

#include <memory>

#include <QMainWindow>

#include "app/gui/charts/TimeSeriesChart.h"
#include "app/gui/training/RunRegistry.h"

class QApplication;
class QLabel;
class QSettings;
class QTabWidget;

namespace btcai::gui {

class TrainingTab;

/// What the window is given; all of it outlives the window.
struct WindowContext {
    QApplication& application;
    Theme& theme;
    QSettings& settings;
    Dialogs& dialogs;
    WorkspaceOptions workspace;
    QString dataFile; ///< put into the form when not empty
};

/// Only wires: menus, tabs, what is remembered, and how the program ends. While runs go on, closing asks, stops them all
/// with a checkpoint and closes once they have ended; closing again meanwhile offers to end them without one.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    explicit MainWindow(WindowContext context);
    ~MainWindow() override;

    RunRegistry& registry() { return *m_registry; }

protected:
    void closeEvent(QCloseEvent* event) override;

private:
    void buildMenus();
    void buildThemeMenu(QMenu& view);
    void setTheme(ThemeChoice choice);
    void openRunFolder();
    void updateSummary();
    bool mayClose();
    void saveState();
    void restoreState();

    WindowContext m_context;
    RefreshTimer* m_timer;
    std::unique_ptr<RunRegistry> m_registry;
    QTabWidget* m_tabs;
    TrainingTab* m_training;
    QLabel* m_summary;
    bool m_closing = false;
};

} // namespace btcai::gui
