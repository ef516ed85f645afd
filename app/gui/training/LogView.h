#pragma once

#include <cstdint>

#include <QWidget>

#include "app/gui/charts/StoreFeed.h"
#include "app/gui/training/LogBuffer.h"

class QComboBox;
class QLineEdit;
class QPlainTextEdit;

namespace btcai::gui {

/// What the selected run logged: coloured by level, filtered by level, searchable. Follows the end unless a person
/// scrolled up.
class LogView : public QWidget {
    Q_OBJECT
public:
    LogView(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent = nullptr);

private:
    bool refresh();
    void rewrite();
    void append(const LogLine& line);
    void find(bool backward);

    std::shared_ptr<const RunSelection> m_selection;
    const Theme& m_theme;
    RefreshTimer& m_timer;
    QPlainTextEdit* m_text;
    QLineEdit* m_search;
    QComboBox* m_level;
    std::uint64_t m_identity = ~std::uint64_t{0};
    std::uint64_t m_next = 0; ///< number of the first line not shown yet
};

} // namespace btcai::gui
