#pragma once

#include <QString>

namespace btcai::gui {

/// Every setting of a run as HTML: name, unit, range, default of each bucket, meaning. Made from the field table.
QString settingsReferenceHtml();

/// What the program is, its version, its licence, what it is built on.
QString aboutHtml();

} // namespace btcai::gui
