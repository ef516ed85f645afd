#include "app/gui/training/LogView.h"

#include <QComboBox>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QShortcut>
#include <QToolButton>
#include <QVBoxLayout>

#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/Run.h"

namespace btcai::gui {

namespace {
constexpr int kLinesPerRefresh = 400; ///< a flood of lines must not stall a tick
}

LogView::LogView(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent)
    : QWidget(parent), m_selection(std::move(selection)), m_theme(context.theme), m_timer(context.timer)
{
    setObjectName(QStringLiteral("logView"));
    m_text = new QPlainTextEdit(this);
    m_text->setObjectName(QStringLiteral("logText"));
    m_text->setReadOnly(true);
    m_text->setMaximumBlockCount(static_cast<int>(LogBuffer::kMaxLines));
    m_text->setWordWrapMode(QTextOption::NoWrap);
    m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_text->setPlaceholderText(tr("What the worker logs appears here."));

    m_search = new QLineEdit(this);
    m_search->setObjectName(QStringLiteral("logSearch"));
    m_search->setPlaceholderText(tr("Find in log"));
    m_search->setClearButtonEnabled(true);
    m_level = new QComboBox(this);
    m_level->setObjectName(QStringLiteral("logLevel"));
    m_level->addItem(tr("All levels"), static_cast<int>(LogLevel::Debug));
    m_level->addItem(tr("Info and above"), static_cast<int>(LogLevel::Info));
    m_level->addItem(tr("Warnings and errors"), static_cast<int>(LogLevel::Warning));

    auto* const top = new QHBoxLayout;
    top->addWidget(m_level);
    top->addWidget(m_search, 1);
    for (const bool backward : {true, false}) {
        auto* const button = new QToolButton(this);
        button->setText(backward ? QStringLiteral("↑") : QStringLiteral("↓"));
        button->setToolTip(backward ? tr("Find the line before") : tr("Find the next line"));
        connect(button, &QToolButton::clicked, this, [this, backward] { find(backward); });
        top->addWidget(button);
    }
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addLayout(top);
    layout->addWidget(m_text, 1);

    connect(m_search, &QLineEdit::returnPressed, this, [this] { find(false); });
    connect(m_level, &QComboBox::currentIndexChanged, this, [this] { rewrite(); });
    connect(&m_theme, &Theme::changed, this, [this] { rewrite(); });
    auto* const shortcut = new QShortcut(QKeySequence::Find, this);
    shortcut->setContext(Qt::WidgetWithChildrenShortcut);
    connect(shortcut, &QShortcut::activated, m_search, qOverload<>(&QWidget::setFocus));
    m_timer.add(this, [this] { return refresh(); });
}

void LogView::rewrite()
{
    m_text->clear();
    m_next = 0;
    m_timer.wake();
}

bool LogView::refresh()
{
    if (!isVisible())
        return false;
    if (m_selection->identity() != m_identity) {
        m_identity = m_selection->identity();
        rewrite();
    }
    const Run* const run = m_selection->run;
    if (!run || run->log().nextNumber() == m_next)
        return false;
    QScrollBar* const bar = m_text->verticalScrollBar();
    const bool atEnd = bar->value() == bar->maximum();
    const auto& lines = run->log().lines();
    const std::uint64_t first = lines.empty() ? run->log().nextNumber() : lines.front().number;
    const std::uint64_t begin = std::max(m_next, first);
    const std::uint64_t end = std::min(run->log().nextNumber(), begin + kLinesPerRefresh);
    for (std::uint64_t number = begin; number < end; ++number)
        append(lines[static_cast<std::size_t>(number - first)]);
    m_next = end;
    if (atEnd)
        bar->setValue(bar->maximum());
    return true;
}

void LogView::append(const LogLine& line)
{
    if (static_cast<int>(line.level) < m_level->currentData().toInt())
        return;
    const Theme::Colors& colors = m_theme.colors();
    QTextCharFormat format;
    format.setForeground(line.level == LogLevel::Error     ? colors.negative
                         : line.level == LogLevel::Warning ? colors.warning
                         : line.level == LogLevel::Debug   ? colors.muted
                                                           : colors.text);
    QTextCursor cursor(m_text->document());
    cursor.movePosition(QTextCursor::End);
    if (!m_text->document()->isEmpty())
        cursor.insertBlock();
    cursor.insertText(line.text, format);
}

void LogView::find(bool backward)
{
    const auto flags = backward ? QTextDocument::FindBackward : QTextDocument::FindFlags();
    if (m_text->find(m_search->text(), flags))
        return;
    m_text->moveCursor(backward ? QTextCursor::End : QTextCursor::Start); // once around
    m_text->find(m_search->text(), flags);
}

} // namespace btcai::gui
