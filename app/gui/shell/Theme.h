#pragma once

#include <QColor>
#include <QObject>
#include <QString>

class QApplication;
class QTableView;

namespace btcai::gui {

enum class RunStatus;

enum class ThemeChoice { System, Light, Dark };

/// What a line or an area stands for; the same thing has the same colour in every chart.
enum class SeriesRole { Agent, AgentArgmax, BuyAndHold, Cash, Hold, Buy, Sell, First, Second, Third, Fourth, Outcome };

/// The colours of the window, one set for light and one for dark, and the style sheet made of them.
class Theme : public QObject {
    Q_OBJECT
public:
    struct Colors {
        QColor window, surface, raised, border, text, muted, accent, accentText, selection, grid, positive, negative, warning;
    };

    explicit Theme(QObject* parent = nullptr);

    /// Puts style, palette and style sheet on the application.
    void apply(QApplication& application, ThemeChoice choice);

    ThemeChoice choice() const { return m_choice; }
    bool isDark() const { return m_dark; }
    const Colors& colors() const;
    QColor series(SeriesRole role) const;
    QColor statusColor(RunStatus status) const;

signals:
    void changed();

private:
    QString styleSheet() const;

    ThemeChoice m_choice = ThemeChoice::System;
    bool m_dark = false;
    bool m_systemDark = false;
};

/// A little smaller, for tables of many columns; their header too.
void makeDense(QTableView& table);

QString themeName(ThemeChoice choice);
ThemeChoice themeFromName(const QString& name);

} // namespace btcai::gui
