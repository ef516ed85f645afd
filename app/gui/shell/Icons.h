#pragma once

#include <QIcon>

namespace btcai::gui {

class Theme;

/// One of resources/icons ("play", "pause", ...) in the theme's text colour, at every scale.
QIcon themedIcon(const char* name, const Theme& theme);
/// The same in a colour of one's own.
QIcon tintedIcon(const char* name, const QColor& color, const QColor& disabled);
QIcon applicationIcon();
/// Makes the files under :/ known; call once before anything of the window is made.
void loadResources();

} // namespace btcai::gui
