#include "app/gui/training/FieldEditor.h"

#include <utility>

#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QStyle>
#include <QToolButton>
#include <QWheelEvent>

#include "app/gui/shell/Format.h"

namespace btcai::gui {

namespace {

/// A wheel that scrolls the form must not change the boxes it passes over.
class CalmComboBox : public QComboBox {
public:
    using QComboBox::QComboBox;

protected:
    void wheelEvent(QWheelEvent* event) override { event->ignore(); }
};

bool isNumber(const Field& field)
{
    RunConfig probe;
    const FieldPointer pointer = field.locate(probe);
    return std::holds_alternative<std::int64_t*>(pointer) || std::holds_alternative<double*>(pointer);
}

} // namespace

FieldEditor::FieldEditor(const Field& field, QGridLayout& grid, int row, std::function<QString()> browse)
    : QObject(grid.parentWidget()), m_field(field)
{
    QWidget* const parent = grid.parentWidget();
    m_label = new QLabel(toQString(field.label), parent);
    m_label->setToolTip(toolTip());
    m_label->setWordWrap(true);
    m_editor = makeEditor(parent);
    m_editor->setObjectName(toQString(field.key));
    m_editor->setToolTip(toolTip());
    m_label->setBuddy(m_editor);
    m_error = new QLabel(parent);
    m_error->setObjectName(toQString(field.key) + QStringLiteral(".error"));
    m_error->setProperty("error", true);
    m_error->setWordWrap(true);
    m_error->hide();

    grid.addWidget(m_label, row, 0);
    const bool wide = !browse && field.unit.empty() && !isNumber(field);
    grid.addWidget(m_editor, row, 1, 1, wide ? 2 : 1);
    if (browse) {
        addBrowse(grid, row, std::move(browse));
    } else if (!field.unit.empty()) {
        auto* const unit = new QLabel(toQString(field.unit), parent);
        unit->setProperty("muted", true);
        m_side = unit;
        grid.addWidget(unit, row, 2);
    }
    grid.addWidget(m_error, row + 1, 0, 1, 3);
}

void FieldEditor::addBrowse(QGridLayout& grid, int row, std::function<QString()> browse)
{
    auto* const button = new QToolButton(grid.parentWidget());
    button->setObjectName(toQString(m_field.key) + QStringLiteral(".browse"));
    button->setText(QStringLiteral("…"));
    button->setToolTip(tr("Choose a file"));
    m_side = button;
    auto* const both = new QHBoxLayout;
    both->setSpacing(4);
    grid.removeWidget(m_editor);
    both->addWidget(m_editor, 1);
    both->addWidget(button);
    grid.addLayout(both, row, 1, 1, 2);
    connect(button, &QToolButton::clicked, this, [this, browse = std::move(browse)] {
        const QString chosen = browse();
        if (chosen.isEmpty())
            return;
        setText(chosen);
        emit edited();
    });
}

QWidget* FieldEditor::makeEditor(QWidget* parent)
{
    RunConfig probe;
    const FieldPointer pointer = m_field.locate(probe);
    if (std::holds_alternative<bool*>(pointer)) {
        m_check = new QCheckBox(parent);
        connect(m_check, &QCheckBox::toggled, this, &FieldEditor::edited);
        return m_check;
    }
    if (!m_field.choices.empty()) {
        m_combo = new CalmComboBox(parent);
        for (const std::string_view choice : m_field.choices)
            m_combo->addItem(toQString(choice));
        connect(m_combo, &QComboBox::currentIndexChanged, this, &FieldEditor::edited);
        return m_combo;
    }
    m_line = new QLineEdit(parent);
    m_line->setMinimumWidth(64);
    connect(m_line, &QLineEdit::textEdited, this, &FieldEditor::edited);
    return m_line;
}

QString FieldEditor::toolTip() const
{
    QString tip = QStringLiteral("<p>%1</p>").arg(toQString(m_field.help).toHtmlEscaped());
    if (m_field.choices.empty() && m_field.maximum > m_field.minimum)
        tip += tr("<p>From %1 to %2%3.</p>")
                   .arg(QString::number(m_field.minimum, 'g', 12), QString::number(m_field.maximum, 'g', 12),
                        m_field.unit.empty() ? QString() : u' ' + toQString(m_field.unit));
    if (m_field.live)
        tip += tr("<p>May be changed while the run goes on.</p>");
    return tip + QStringLiteral("<p><code>%1</code></p>").arg(toQString(m_field.key));
}

QString FieldEditor::text() const
{
    if (m_check)
        return m_check->isChecked() ? QStringLiteral("true") : QStringLiteral("false");
    return m_combo ? m_combo->currentText() : m_line->text().trimmed();
}

void FieldEditor::setText(const QString& text)
{
    const QSignalBlocker blocker(m_editor);
    if (m_check)
        m_check->setChecked(text == QLatin1String("true"));
    else if (m_combo)
        m_combo->setCurrentText(text);
    else if (m_line->text().trimmed() != text) {
        m_line->setText(text);
        m_line->setCursorPosition(static_cast<int>(text.size())); // of a path the end tells most
    }
}

void FieldEditor::setError(const QString& message)
{
    const bool wrong = !message.isEmpty();
    m_error->setText(messageWithoutKey(message));
    m_error->setToolTip(message);
    m_error->setVisible(wrong && m_visible);
    if (m_editor->property("wrong").toBool() == wrong)
        return;
    m_editor->setProperty("wrong", wrong);
    m_editor->style()->unpolish(m_editor);
    m_editor->style()->polish(m_editor);
}

QString FieldEditor::error() const { return m_error->text(); }

void FieldEditor::setVisible(bool visible)
{
    m_visible = visible;
    for (QWidget* widget : {static_cast<QWidget*>(m_label), m_editor, m_side})
        if (widget)
            widget->setVisible(visible);
    m_error->setVisible(visible && !m_error->text().isEmpty());
}

QString messageWithoutKey(const QString& message)
{
    const qsizetype colon = message.indexOf(QLatin1String(": "));
    return colon < 0 ? message : message.mid(colon + 2);
}

} // namespace btcai::gui
