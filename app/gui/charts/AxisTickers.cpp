#include "app/gui/charts/AxisTickers.h"

namespace btcai::gui {

namespace {
constexpr double kDay = 86'400.0;
constexpr int kTicksWanted = 4;
}

QuantityTicker::QuantityTicker(Quantity quantity) : m_quantity(quantity) { setTickCount(kTicksWanted); }

double QuantityTicker::getTickStep(const QCPRange& range)
{
    m_step = QCPAxisTicker::getTickStep(range);
    return m_step;
}

QString QuantityTicker::getTickLabel(double tick, const QLocale&, QChar, int)
{
    const double clean = std::abs(tick) < 1e-9 * m_step ? 0.0 : tick; // -0 and rounding left over from the grid
    return formatTick(clean, m_step, m_quantity);
}

LogQuantityTicker::LogQuantityTicker(Quantity quantity) : m_quantity(quantity) { setSubTickCount(8); }

QString LogQuantityTicker::getTickLabel(double tick, const QLocale&, QChar, int)
{
    return formatTick(tick, tick, m_quantity);
}

UtcTicker::UtcTicker()
{
    setDateTimeSpec(Qt::UTC);
    setTickCount(kTicksWanted);
}

void UtcTicker::generate(const QCPRange& range, const QLocale& locale, QChar formatChar, int precision,
                         QVector<double>& ticks, QVector<double>* subTicks, QVector<QString>* tickLabels)
{
    const double days = range.size() / kDay;
    setDateTimeFormat(days > 1500   ? QStringLiteral("yyyy")
                      : days > 120  ? QStringLiteral("yyyy-MM")
                      : days > 4    ? QStringLiteral("MM-dd\nyyyy")
                      : days > 0.02 ? QStringLiteral("HH:mm\nMM-dd")
                                    : QStringLiteral("HH:mm:ss\nMM-dd"));
    QCPAxisTickerDateTime::generate(range, locale, formatChar, precision, ticks, subTicks, tickLabels);
}

} // namespace btcai::gui
