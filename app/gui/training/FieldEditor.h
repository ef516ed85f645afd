#pragma once

#include <functional>

#include <QObject>
#include <QString>

#include "agent/config/Field.h"

class QCheckBox;
class QComboBox;
class QGridLayout;
class QLabel;
class QLineEdit;
class QWidget;

namespace btcai::gui {

/// The widgets of one field in a grid: label, editor of the kind that fits its type, unit, and a line for what is wrong with
/// the text. The editor's objectName is the field's key, that of the message "<key>.error".
class FieldEditor : public QObject {
    Q_OBJECT
public:
    /// Takes up two rows of the grid from `row` on. `browse`, where given, is what a button beside the text calls.
    FieldEditor(const Field& field, QGridLayout& grid, int row, std::function<QString()> browse = {});

    const Field& field() const { return m_field; }
    /// As in a file: "0.2", "true", "scalping".
    QString text() const;
    /// Does not emit edited().
    void setText(const QString& text);
    /// Empty: nothing is wrong.
    void setError(const QString& message);
    QString error() const;
    void setVisible(bool visible);
    bool isVisible() const { return m_visible; }

signals:
    void edited();

private:
    QWidget* makeEditor(QWidget* parent);
    void addBrowse(QGridLayout& grid, int row, std::function<QString()> browse);
    QString toolTip() const;

    const Field& m_field;
    QLabel* m_label;
    QWidget* m_editor = nullptr;
    QWidget* m_side = nullptr; ///< unit or browse button
    QLineEdit* m_line = nullptr;
    QComboBox* m_combo = nullptr;
    QCheckBox* m_check = nullptr;
    QLabel* m_error;
    bool m_visible = true;
};

/// What an Error says about a field, without the "key = text: " before it.
QString messageWithoutKey(const QString& message);

} // namespace btcai::gui
