#include "app/gui/charts/LegendBar.h"

#include <utility>

#include <QMouseEvent>
#include <QPainter>

namespace btcai::gui {

namespace {
constexpr int kMargin = 10;
constexpr int kGap = 10;
constexpr int kSwatch = 10;
constexpr int kSwatchGap = 4;
constexpr double kSmall = 0.85;
}

LegendBar::LegendBar(QString title, QWidget* parent) : QWidget(parent), m_title(std::move(title))
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * kSmall);
    setFont(small);
    setCursor(Qt::ArrowCursor);
}

QFont LegendBar::titleFont() const
{
    QFont bold = font();
    bold.setBold(true);
    return bold;
}

void LegendBar::setEntries(std::vector<Entry> entries)
{
    m_entries = std::move(entries);
    layOut();
    update();
}

void LegendBar::setPosition(const QString& position)
{
    m_position = position;
    update();
}

QSize LegendBar::sizeHint() const { return {200, fontMetrics().height() * 2 + 8}; }
QSize LegendBar::minimumSizeHint() const { return {120, sizeHint().height()}; }

void LegendBar::layOut()
{
    m_places.assign(m_entries.size(), QRect());
    int x = kMargin;
    const int y = fontMetrics().height() + 5;
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        const Entry& entry = m_entries[i];
        const int wide = kSwatch + kSwatchGap
                         + fontMetrics().horizontalAdvance(entry.name + QStringLiteral(" ") + entry.value) + 2;
        if (x + wide > width() - 2 && i > 0)
            break;
        m_places[i] = QRect(x, y, wide, fontMetrics().height());
        x += wide + kGap;
    }
}

void LegendBar::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor text = palette().color(QPalette::Text);
    const QColor muted = palette().color(QPalette::PlaceholderText);
    painter.setFont(titleFont());
    painter.setPen(text);
    const int line = fontMetrics().height();
    const int positionWidth = m_position.isEmpty() ? 0 : fontMetrics().horizontalAdvance(m_position) + kGap;
    const QRect titleRect(kMargin, 4, width() - 2 * kMargin - positionWidth, line);
    painter.drawText(titleRect, Qt::AlignLeft | Qt::AlignVCenter,
                     QFontMetrics(titleFont()).elidedText(m_title, Qt::ElideRight, titleRect.width()));
    painter.setFont(font());
    painter.setPen(muted);
    painter.drawText(QRect(kMargin, 4, width() - 2 * kMargin, line), Qt::AlignRight | Qt::AlignVCenter, m_position);
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        const Entry& entry = m_entries[i];
        const QRect place = m_places[i];
        if (place.isEmpty())
            continue;
        QColor color = entry.color;
        if (!entry.shown)
            color.setAlphaF(0.25F);
        painter.setPen(QPen(color, 2.5, entry.dashed ? Qt::DotLine : Qt::SolidLine));
        painter.drawLine(place.left(), place.center().y() + 1, place.left() + kSwatch, place.center().y() + 1);
        const int nameLeft = place.left() + kSwatch + kSwatchGap;
        painter.setPen(muted);
        painter.drawText(QRect(nameLeft, place.top(), place.width(), line), Qt::AlignLeft | Qt::AlignVCenter, entry.name);
        painter.setPen(entry.shown ? text : muted);
        const int valueLeft = nameLeft + fontMetrics().horizontalAdvance(entry.name + QStringLiteral(" "));
        painter.drawText(QRect(valueLeft, place.top(), place.width(), line), Qt::AlignLeft | Qt::AlignVCenter, entry.value);
    }
}

void LegendBar::mouseReleaseEvent(QMouseEvent* event)
{
    for (std::size_t i = 0; i < m_places.size(); ++i)
        if (m_places[i].contains(event->pos()))
            emit clicked(static_cast<int>(i));
}

void LegendBar::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    layOut();
}

} // namespace btcai::gui
