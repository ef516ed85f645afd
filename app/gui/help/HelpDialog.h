#pragma once

#include <QDialog>

namespace btcai::gui {

/// A page of help that can be searched; stays open beside the window.
class HelpDialog : public QDialog {
    Q_OBJECT
public:
    HelpDialog(const QString& title, const QString& html, QSize size, QWidget* parent = nullptr);
};

} // namespace btcai::gui
