#pragma once

#include <vector>

#include <QColor>
#include <QRect>
#include <QString>
#include <QWidget>

namespace btcai::gui {

/// One line above a chart: its title, a swatch, name and value of each series, and, under the crosshair, where it
/// stands. A click on a series hides or shows it.
class LegendBar : public QWidget {
    Q_OBJECT
public:
    struct Entry {
        QString name;
        QString value;
        QColor color;
        bool dashed = false;
        bool shown = true;
    };

    explicit LegendBar(QString title, QWidget* parent = nullptr);

    void setEntries(std::vector<Entry> entries);
    /// Empty: the values are the latest ones.
    void setPosition(const QString& position);
    const std::vector<Entry>& entries() const { return m_entries; }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

signals:
    void clicked(int entry);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void layOut();
    QFont titleFont() const;

    QString m_title;
    QString m_position;
    std::vector<Entry> m_entries;
    std::vector<QRect> m_places; ///< one per entry; empty when it found no room
};

} // namespace btcai::gui
