#pragma once

#include <QString>

class QWidget;

namespace btcai::gui {

/// Every question that the window asks a person. Tests answer in its place.
class Dialogs {
public:
    virtual ~Dialogs() = default;
    /// Empty when the person gave up.
    virtual QString openFile(QWidget* parent, const QString& title, const QString& folder, const QString& filter) = 0;
    virtual QString openFolder(QWidget* parent, const QString& title, const QString& folder) = 0;
    virtual QString saveFile(QWidget* parent, const QString& title, const QString& suggestion, const QString& filter) = 0;
    /// True when the person presses the button `action`.
    virtual bool confirm(QWidget* parent, const QString& title, const QString& question, const QString& action) = 0;
    virtual void showError(QWidget* parent, const QString& title, const QString& text) = 0;
};

/// The real ones.
class QtDialogs : public Dialogs {
public:
    QString openFile(QWidget* parent, const QString& title, const QString& folder, const QString& filter) override;
    QString openFolder(QWidget* parent, const QString& title, const QString& folder) override;
    QString saveFile(QWidget* parent, const QString& title, const QString& suggestion, const QString& filter) override;
    bool confirm(QWidget* parent, const QString& title, const QString& question, const QString& action) override;
    void showError(QWidget* parent, const QString& title, const QString& text) override;
};

} // namespace btcai::gui
