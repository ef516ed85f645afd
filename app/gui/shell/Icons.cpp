#include "app/gui/shell/Icons.h"

#include <QDir>
#include <QFile>
#include <QPainter>
#include <QSvgRenderer>

#include "app/gui/shell/Theme.h"

static void initResources() { Q_INIT_RESOURCE(workbench); } // the macro must stand outside every namespace

namespace btcai::gui {

namespace {

constexpr int kSizes[] = {16, 20, 24, 32, 40, 48};

QPixmap render(const QByteArray& svg, const QColor& color, int size)
{
    QByteArray tinted = svg;
    tinted.replace("currentColor", color.name().toLatin1());
    QSvgRenderer renderer(tinted);
    QPixmap pixmap(size, size);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setOpacity(color.alphaF());
    renderer.render(&painter);
    return pixmap;
}

} // namespace

void loadResources() { initResources(); }

QIcon tintedIcon(const char* name, const QColor& color, const QColor& disabled)
{
    QFile file(QStringLiteral(":/icons/%1.svg").arg(QLatin1String(name)));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    const QByteArray svg = file.readAll();
    QIcon icon;
    for (const int size : kSizes) {
        icon.addPixmap(render(svg, color, size), QIcon::Normal);
        icon.addPixmap(render(svg, disabled, size), QIcon::Disabled);
    }
    return icon;
}

QIcon themedIcon(const char* name, const Theme& theme)
{
    QColor disabled = theme.colors().muted;
    disabled.setAlphaF(0.45F);
    return tintedIcon(name, theme.colors().text, disabled);
}

QIcon applicationIcon()
{
    QIcon icon;
    for (const int size : {16, 32, 48, 64, 128, 256})
        icon.addFile(QStringLiteral(":/icons/workbench-%1.png").arg(size), QSize(size, size));
    return icon;
}

} // namespace btcai::gui
