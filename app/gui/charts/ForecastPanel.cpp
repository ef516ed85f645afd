#include "app/gui/charts/ForecastPanel.h"

#include <algorithm>
#include <cmath>

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "app/gui/shell/RefreshTimer.h"
#include "app/gui/training/Run.h"

namespace btcai::gui {

namespace {

constexpr int kMean = 0;
constexpr int kOutcome = 1;
constexpr int kBand = 0;
constexpr int kEpistemicBand = 1;
constexpr int kMiddleBand = 2; ///< of forecasts that are not Gaussian, in place of the first

ChartOptions forecastOptions()
{
    ChartOptions options;
    options.name = QStringLiteral("forecastChart");
    options.title = ForecastPanel::tr("Forecast against outcome");
    options.help = ForecastPanel::tr("Log return over the horizon as forecast at each decision, its deviation, and what came");
    options.emptyText = ForecastPanel::tr("waits for the first evaluation of the forecasts");
    options.x = ChartOptions::XAxis::Utc;
    options.xLabel = ForecastPanel::tr("time of the decision, UTC");
    options.quantity = Quantity::Return;
    options.withZero = true;
    options.compact = false;
    return options;
}

QString horizonText(std::int64_t bars)
{
    return bars == 1 ? ForecastPanel::tr("1 bar ahead") : ForecastPanel::tr("%1 bars ahead").arg(bars);
}

QString qualityText(const ForecastQuality& q, std::int64_t step, bool isGaussian)
{
    return ForecastPanel::tr("%1 decisions at step %2  ·  correlation %3  ·  skill against 'no change' %4  ·  within %5 %6 (68.3 % if calibrated)")
        .arg(formatCount(static_cast<double>(q.count)), formatCount(static_cast<double>(step)),
             formatValue(q.correlation, Quantity::Price), formatValue(q.skill, Quantity::Return),
             isGaussian ? ForecastPanel::tr("one deviation") : ForecastPanel::tr("the middle 68.3 %"), formatValue(q.coverage, Quantity::Share));
}

/// Of intervals that should hold 90 %, and of the probability of going up.
QString calibrationText(const protocol::Calibration& c)
{
    const auto at = std::ranges::find(c.coverage, 0.9, &protocol::IntervalCoverage::level);
    if (at == c.coverage.end())
        return {};
    const QString unknown = c.epistemic > 0.0 ? ForecastPanel::tr("  ·  deviation: %1 noise of the market, %2 unknown to the agent")
                                                    .arg(formatValue(c.aleatoric, Quantity::Return), formatValue(c.epistemic, Quantity::Return))
                                              : QString();
    const QString part = c.part == "test" ? ForecastPanel::tr("test part, calibrated on the validation part")
                                          : ForecastPanel::tr("validation part, calibrated on its first half");
    return ForecastPanel::tr("90 % intervals held %1 as forecast, %2 calibrated, %3 steered  ·  error of the probability of going up %4, calibrated %5  ·  CRPS skill %6  ·  %7")
        .arg(formatValue(at->raw, Quantity::Share), formatValue(at->calibrated, Quantity::Share), formatValue(at->running, Quantity::Share),
             formatValue(c.ece, Quantity::Share), formatValue(c.calibratedEce, Quantity::Share), formatValue(c.crpsSkill, Quantity::Return), part)
        + unknown;
}

} // namespace

ForecastQuality measure(const protocol::Forecast& forecast)
{
    ForecastQuality quality;
    double sumM = 0, sumO = 0, sumMM = 0, sumOO = 0, sumMO = 0, squaredError = 0;
    std::size_t within = 0;
    for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
        const double m = forecast.mean[i];
        const double o = forecast.outcome[i];
        if (!std::isfinite(m) || !std::isfinite(o) || !std::isfinite(forecast.deviation[i]))
            continue;
        ++quality.count;
        sumM += m, sumO += o, sumMM += m * m, sumOO += o * o, sumMO += m * o;
        squaredError += (m - o) * (m - o);
        const bool isWithin = forecast.lower.empty() ? std::abs(o - m) <= forecast.deviation[i] : o >= forecast.lower[i] && o <= forecast.upper[i];
        within += isWithin ? 1 : 0;
    }
    const auto n = static_cast<double>(quality.count);
    const double variances = (sumMM - sumM * sumM / n) * (sumOO - sumO * sumO / n);
    quality.correlation = (sumMO - sumM * sumO / n) / std::sqrt(variances); // NaN for no spread or no sample
    quality.coverage = static_cast<double>(within) / n;
    quality.skill = 1.0 - squaredError / sumOO;
    return quality;
}

ForecastPanel::ForecastPanel(std::shared_ptr<const RunSelection> selection, const ChartContext& context, QWidget* parent)
    : QWidget(parent), m_selection(std::move(selection))
{
    setObjectName(QStringLiteral("forecastPanel"));
    m_horizon = new QComboBox(this);
    m_horizon->setObjectName(QStringLiteral("horizonSelector"));
    m_horizon->setMinimumContentsLength(16);
    m_horizon->setEnabled(false);
    m_quality = new QLabel(this);
    m_quality->setObjectName(QStringLiteral("forecastQuality"));
    m_quality->setProperty("muted", true);
    m_quality->setWordWrap(true);

    m_calibration = new QLabel(this);
    m_calibration->setObjectName(QStringLiteral("forecastCalibration"));
    m_calibration->setProperty("muted", true);
    m_calibration->setWordWrap(true);
    m_calibration->setToolTip(tr("Share of outcomes within intervals that should hold 90 %: of the network's own deviation, of conformal intervals, and of "
                                 "intervals steered by what came. Then how far the probability of going up is off, and how much better the forecast is than "
                                 "the same distribution every time. With an ensemble of forecasts: the part of the deviation that is noise, and the part that "
                                 "more data would take away."));
    m_calibration->hide();

    m_chart = new TimeSeriesChart(forecastOptions(), context, this);
    m_chart->addSeries(tr("forecast"), SeriesRole::Agent);
    m_chart->addSeries(tr("outcome"), SeriesRole::BuyAndHold);
    m_chart->addBand(kMean, tr("forecast ± deviation"));
    m_chart->addBand(kMean, tr("of it unknown to the agent"));
    m_chart->addBand(kMean, tr("middle 68.3 % of the forecast"));
    m_chart->setFeed({[this] { return m_selection->revision() + (m_horizonEpoch << 56U); },
                      [this](TimeSeriesChart& chart) { fill(chart); }});

    auto* const top = new QHBoxLayout;
    top->addWidget(m_horizon);
    top->addWidget(m_quality, 1);
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addLayout(top);
    layout->addWidget(m_calibration);
    layout->addWidget(m_chart, 1);

    connect(m_horizon, &QComboBox::currentIndexChanged, this, [this, &timer = context.timer] {
        ++m_horizonEpoch;
        m_chart->fit();
        timer.wake();
    });
}

void ForecastPanel::offerHorizons()
{
    const RunStore* const store = m_selection->store();
    std::vector<std::int64_t> horizons;
    if (store)
        for (const auto& [bars, forecast] : store->forecasts())
            horizons.push_back(bars);
    std::vector<std::int64_t> offered;
    for (int i = 0; i < m_horizon->count(); ++i)
        offered.push_back(m_horizon->itemData(i).toLongLong());
    if (horizons == offered)
        return;
    const QSignalBlocker blocker(m_horizon);
    const QVariant before = m_horizon->currentData();
    m_horizon->clear();
    for (const std::int64_t bars : horizons)
        m_horizon->addItem(horizonText(bars), QVariant::fromValue<qlonglong>(bars));
    m_horizon->setCurrentIndex(std::max(0, m_horizon->findData(before)));
    m_horizon->setEnabled(!horizons.empty());
}

const protocol::Forecast* ForecastPanel::selected() const
{
    const RunStore* const store = m_selection->store();
    if (!store)
        return nullptr;
    const auto found = store->forecasts().find(m_horizon->currentData().toLongLong());
    return found == store->forecasts().end() ? nullptr : &found->second;
}

const protocol::Calibration* ForecastPanel::calibration() const
{
    const RunStore* const store = m_selection->store();
    if (!store)
        return nullptr;
    const auto found = store->calibrations().find(m_horizon->currentData().toLongLong());
    return found == store->calibrations().end() ? nullptr : &found->second;
}

void ForecastPanel::fill(TimeSeriesChart& chart)
{
    offerHorizons();
    chart.clearSeries();
    const protocol::Forecast* const forecast = selected();
    m_quality->setText(forecast ? qualityText(measure(*forecast), forecast->step, forecast->lower.empty()) : QString());
    const protocol::Calibration* const judged = calibration();
    m_calibration->setText(judged ? calibrationText(*judged) : QString());
    m_calibration->setVisible(judged != nullptr);
    if (!forecast)
        return;
    const std::vector<double> time(forecast->time.begin(), forecast->time.end());
    chart.setPoints(kMean, time, forecast->mean);
    chart.setPoints(kOutcome, time, forecast->outcome);
    const auto setBandAbout = [&](int band, const std::vector<double>& half) {
        std::vector<double> lower, upper;
        for (std::size_t i = 0; i < half.size(); ++i) {
            lower.push_back(forecast->mean[i] - half[i]);
            upper.push_back(forecast->mean[i] + half[i]);
        }
        chart.setBand(band, time, lower, upper);
    };
    if (forecast->lower.empty())
        setBandAbout(kBand, forecast->deviation);
    else
        chart.setBand(kMiddleBand, time, forecast->lower, forecast->upper);
    if (!forecast->epistemic.empty())
        setBandAbout(kEpistemicBand, forecast->epistemic);
}

} // namespace btcai::gui
