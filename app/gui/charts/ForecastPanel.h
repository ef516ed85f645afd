#pragma once

#include <memory>

#include <QWidget>

#include "agent/protocol/Messages.h"
#include "app/gui/charts/StoreFeed.h"

class QComboBox;
class QLabel;

namespace btcai::gui {

/// How good a forecast was; nothing in it is better than the sample says.
struct ForecastQuality {
    std::size_t count = 0;    ///< decisions whose outcome is known
    double correlation = 0.0; ///< of mean and outcome; NaN when one of them is constant
    double coverage = 0.0;    ///< share of outcomes within the middle 68.3 % of the forecast (of a Gaussian, within one deviation); as much if it is calibrated
    double skill = 0.0;       ///< 1 - squared error over that of always saying 0; below 0 is worse than knowing nothing
};

ForecastQuality measure(const protocol::Forecast& forecast);

/// Forecast return and its deviation against what came, on the validation part, for one horizon at a time.
class ForecastPanel : public QWidget {
    Q_OBJECT
public:
    ForecastPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent = nullptr);

private:
    void fill(TimeSeriesChart& chart);
    void offerHorizons();
    const protocol::Forecast* selected() const;
    const protocol::Calibration* calibration() const;

    std::shared_ptr<const RunSelection> m_selection;
    QComboBox* m_horizon;
    QLabel* m_calibration;
    QLabel* m_quality;
    TimeSeriesChart* m_chart;
    std::uint64_t m_horizonEpoch = 0;
};

} // namespace btcai::gui
