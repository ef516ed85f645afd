#pragma once

#include <memory>

#include <QWidget>

#include "app/gui/charts/StoreFeed.h"

class QLabel;
class QProgressBar;
class QPushButton;

namespace btcai::gui {

class Run;
class RunRegistry;

/// The selected run at a glance: name, state, progress, time left, speed, and the buttons that act on it. A button is
/// enabled only while what it does is possible.
class RunHeader : public QWidget {
    Q_OBJECT
public:
    RunHeader(RunRegistry& registry, std::shared_ptr<const RunSelection> selection, const ChartContext& context,
              QWidget* parent = nullptr);

    void setRun(Run* run);
    /// Brings buttons and texts up to date now.
    void update();

private:
    bool refresh();
    QPushButton* addButton(const char* objectName, const char* icon, const QString& text, const QString& help);
    void buildButtons();
    void setIcons();
    QString detailText() const;

    RunRegistry& m_registry;
    std::shared_ptr<const RunSelection> m_selection;
    const Theme& m_theme;
    Run* m_run = nullptr;
    std::uint64_t m_seen = ~std::uint64_t{0};
    QLabel* m_name;
    QLabel* m_status;
    QLabel* m_detail;
    QProgressBar* m_progress;
    QPushButton *m_pause = nullptr, *m_resume = nullptr, *m_checkpoint = nullptr, *m_stop = nullptr, *m_fromDisk = nullptr;
};

} // namespace btcai::gui
