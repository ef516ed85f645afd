#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <QWidget>

#include "agent/config/RunConfig.h"
#include "app/gui/training/FieldEditor.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QToolButton;
class QVBoxLayout;

namespace btcai::gui {

class Dialogs;

/// The settings of a new run, generated from the field table. What is typed is checked at once; what is wrong stands
/// beside its field, and only a valid form can start a run.
class RunForm : public QWidget {
    Q_OBJECT
public:
    /// `nameProblem` tells why a run can't have a name; `freshName` proposes one.
    RunForm(Dialogs& dialogs, std::function<QString(const QString&)> nameProblem,
            std::function<QString(const RunConfig&)> freshName, QWidget* parent = nullptr);

    const RunConfig& config() const { return m_config; }
    void setConfig(const RunConfig& config);
    bool isValid() const;
    /// Empty: a fresh name is taken.
    QString runName() const;
    void setDataFile(const QString& path);

    /// The form's content for the next start of the program; restore() ignores what no longer reads.
    QString saved() const;
    void restore(const QString& saved);

signals:
    void startRequested(const btcai::RunConfig& config, const QString& name);

private:
    struct Section {
        QString key;
        QToolButton* more = nullptr;
        std::vector<FieldEditor*> advanced;
    };

    QWidget* buildFooter();
    void buildSections(QVBoxLayout& layout);
    QWidget* buildSection(const QString& key, const std::vector<const Field*>& fields);
    void showAdvanced(Section& section, bool show);
    FieldEditor* editorOf(std::string_view key) const;
    void onEdited(FieldEditor* editor);
    void applyBucket();
    void showConfig();
    void check();
    void checkTogether();
    void showProblem(FieldEditor* editor, const QString& message);
    QString dataProblem() const;
    void start();

    Dialogs& m_dialogs;
    std::function<QString(const QString&)> m_nameProblem;
    std::function<QString(const RunConfig&)> m_freshName;
    RunConfig m_config;
    std::vector<FieldEditor*> m_editors;
    std::vector<std::unique_ptr<Section>> m_sections;
    QLineEdit* m_name = nullptr;
    QLabel* m_nameError = nullptr;
    QLabel* m_summary = nullptr;
    QPushButton* m_start = nullptr;
    int m_problems = 0;
};

} // namespace btcai::gui
