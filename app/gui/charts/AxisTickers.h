#pragma once

#include <QSharedPointer>

#include <qcustomplot.h>

#include "app/gui/shell/Format.h"

namespace btcai::gui {

/// Ticks written as the quantity demands: 1.5M, 12.5 (of per cent), 0.002.
class QuantityTicker : public QCPAxisTicker {
public:
    explicit QuantityTicker(Quantity quantity);

protected:
    double getTickStep(const QCPRange& range) override;
    QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;

private:
    Quantity m_quantity;
    double m_step = 1.0;
};

/// Powers of ten, written as the quantity demands.
class LogQuantityTicker : public QCPAxisTickerLog {
public:
    explicit LogQuantityTicker(Quantity quantity);

protected:
    QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;

private:
    Quantity m_quantity;
};

/// Dates in UTC, as coarse or fine as the visible range needs.
class UtcTicker : public QCPAxisTickerDateTime {
public:
    UtcTicker();
    void generate(const QCPRange& range, const QLocale& locale, QChar formatChar, int precision, QVector<double>& ticks,
                  QVector<double>* subTicks, QVector<QString>* tickLabels) override;
};

} // namespace btcai::gui
