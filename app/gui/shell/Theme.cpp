#include "app/gui/shell/Theme.h"

#include <QApplication>
#include <QFile>
#include <QHeaderView>
#include <QPalette>
#include <QStyleFactory>
#include <QStyleHints>
#include <QTableView>

#include "app/gui/training/Run.h"

namespace btcai::gui {

namespace {

const Theme::Colors kLight{
    .window = QColor(0xf1f3f6), .surface = QColor(0xffffff), .raised = QColor(0xf8f9fb), .border = QColor(0xd5dae1),
    .text = QColor(0x18202b), .muted = QColor(0x5a6675), .accent = QColor(0x1d5fd1), .accentText = QColor(0xffffff),
    .selection = QColor(0xdbe7fb), .grid = QColor(0xe6e9ee), .positive = QColor(0x0b7a4b), .negative = QColor(0xc02b2b),
    .warning = QColor(0x9a5b00)};

const Theme::Colors kDark{
    .window = QColor(0x12161d), .surface = QColor(0x1a1f28), .raised = QColor(0x212834), .border = QColor(0x323b49),
    .text = QColor(0xe4e9f0), .muted = QColor(0x98a4b3), .accent = QColor(0x5a9bff), .accentText = QColor(0x0b1220),
    .selection = QColor(0x26395a), .grid = QColor(0x29313d), .positive = QColor(0x3fca8b), .negative = QColor(0xff7a76),
    .warning = QColor(0xf2b23e)};

QColor pick(bool dark, QRgb light, QRgb night) { return QColor(dark ? night : light); }

QPalette paletteOf(const Theme::Colors& c)
{
    QPalette palette;
    palette.setColor(QPalette::Window, c.window);
    palette.setColor(QPalette::WindowText, c.text);
    palette.setColor(QPalette::Base, c.surface);
    palette.setColor(QPalette::AlternateBase, c.raised);
    palette.setColor(QPalette::Text, c.text);
    palette.setColor(QPalette::Button, c.raised);
    palette.setColor(QPalette::ButtonText, c.text);
    palette.setColor(QPalette::BrightText, c.negative);
    palette.setColor(QPalette::ToolTipBase, c.raised);
    palette.setColor(QPalette::ToolTipText, c.text);
    palette.setColor(QPalette::PlaceholderText, c.muted);
    palette.setColor(QPalette::Highlight, c.selection);
    palette.setColor(QPalette::HighlightedText, c.text);
    palette.setColor(QPalette::Link, c.accent);
    palette.setColor(QPalette::LinkVisited, c.accent);
    palette.setColor(QPalette::Mid, c.border);
    palette.setColor(QPalette::Midlight, c.border);
    palette.setColor(QPalette::Dark, c.border);
    palette.setColor(QPalette::Light, c.raised);
    palette.setColor(QPalette::Shadow, c.border);
    for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
        QColor faded = c.muted;
        faded.setAlphaF(0.6F);
        palette.setColor(QPalette::Disabled, role, faded);
    }
    return palette;
}

} // namespace

Theme::Theme(QObject* parent) : QObject(parent)
{
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    m_systemDark = QGuiApplication::styleHints()->colorScheme() == Qt::ColorScheme::Dark;
#else
    const QPalette system = QGuiApplication::palette(); // before we put ours on it
    m_systemDark = system.color(QPalette::WindowText).lightness() > system.color(QPalette::Window).lightness();
#endif
}

void Theme::apply(QApplication& application, ThemeChoice choice)
{
    m_choice = choice;
    m_dark = choice == ThemeChoice::Dark || (choice == ThemeChoice::System && m_systemDark);
    application.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    application.setPalette(paletteOf(colors()));
    application.setStyleSheet(styleSheet());
    emit changed();
}

const Theme::Colors& Theme::colors() const { return m_dark ? kDark : kLight; }

QColor Theme::series(SeriesRole role) const
{
    switch (role) {
    case SeriesRole::Agent: return pick(m_dark, 0x1d5fd1, 0x5a9bff);
    case SeriesRole::AgentArgmax: return pick(m_dark, 0x7b3fc4, 0xb68cff);
    case SeriesRole::BuyAndHold: return pick(m_dark, 0xc26a00, 0xf5a742);
    case SeriesRole::Cash: return pick(m_dark, 0x7a8594, 0x8a96a6);
    case SeriesRole::Hold: return pick(m_dark, 0x9aa4b1, 0x5b6778);
    case SeriesRole::Buy: return pick(m_dark, 0x12905a, 0x35b57c);
    case SeriesRole::Sell: return pick(m_dark, 0xd04a43, 0xe2655f);
    case SeriesRole::First: return pick(m_dark, 0x1d5fd1, 0x5a9bff);
    case SeriesRole::Second: return pick(m_dark, 0xc26a00, 0xf5a742);
    case SeriesRole::Third: return pick(m_dark, 0x0e8a7d, 0x3cc9b9);
    case SeriesRole::Fourth: return pick(m_dark, 0x7b3fc4, 0xb68cff);
    case SeriesRole::Outcome: return pick(m_dark, 0x18202b, 0xe4e9f0);
    }
    return colors().text;
}

QColor Theme::statusColor(RunStatus status) const
{
    switch (status) {
    case RunStatus::Running:
    case RunStatus::Finished: return colors().positive;
    case RunStatus::Starting:
    case RunStatus::Preparing:
    case RunStatus::ActiveElsewhere: return colors().accent;
    case RunStatus::Paused:
    case RunStatus::Stopping:
    case RunStatus::Interrupted: return colors().warning;
    case RunStatus::Failed:
    case RunStatus::Crashed: return colors().negative;
    case RunStatus::Stopped: break;
    }
    return colors().muted;
}

QString Theme::styleSheet() const
{
    QFile file(QStringLiteral(":/themes/workbench.qss"));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    QString sheet = QString::fromUtf8(file.readAll());
    const Colors& c = colors();
    const std::pair<const char*, QColor> names[] = {
        {"@window", c.window},   {"@surface", c.surface},       {"@raised", c.raised},       {"@border", c.border},
        {"@text", c.text},       {"@muted", c.muted},           {"@accentText", c.accentText}, {"@accent", c.accent},
        {"@selection", c.selection}, {"@negative", c.negative}, {"@positive", c.positive},   {"@warning", c.warning}};
    for (const auto& [name, color] : names)
        sheet.replace(QLatin1String(name), color.name());
    sheet.replace(QLatin1String("@variant"), m_dark ? QLatin1String("dark") : QLatin1String("light"));
    return sheet;
}

void makeDense(QTableView& table)
{
    constexpr double kDense = 0.9;
    QFont font = table.font();
    font.setPointSizeF(kDense * font.pointSizeF());
    table.setFont(font);
    // a style sheet of the application overrides the font of a header's sections
    table.horizontalHeader()->setStyleSheet(QStringLiteral("QHeaderView::section { font-size: %1pt; }").arg(font.pointSizeF()));
}

QString themeName(ThemeChoice choice)
{
    switch (choice) {
    case ThemeChoice::Light: return QStringLiteral("light");
    case ThemeChoice::Dark: return QStringLiteral("dark");
    case ThemeChoice::System: break;
    }
    return QStringLiteral("system");
}

ThemeChoice themeFromName(const QString& name)
{
    if (name == QLatin1String("light"))
        return ThemeChoice::Light;
    return name == QLatin1String("dark") ? ThemeChoice::Dark : ThemeChoice::System;
}

} // namespace btcai::gui
