#pragma once

#include "data/features/KernelSupport.h"

namespace btcai {

/// Cores that several groups use: on the bars as they come and on bars of a higher timeframe.

template <std::size_t lag>
class LogReturnCore {
public:
    double next(const Bar& bar)
    {
        m_close.push(bar.close);
        return m_close.full() ? std::log(bar.close / m_close.oldest()) : kNotYet;
    }

private:
    Delay<lag> m_close;
};

/// One-bar log returns of the close, from the second bar on.
class ReturnStep {
public:
    /// Whether there is a return; it is then in value().
    bool push(double close)
    {
        const bool known = m_previous.known();
        if (known)
            m_value = std::log(close / m_previous.value());
        m_previous.set(close);
        return known;
    }
    double value() const { return m_value; }

private:
    PreviousClose m_previous;
    double m_value = 0.0;
};

template <std::size_t period>
class EmaRatioCore {
public:
    double next(const Bar& bar)
    {
        m_ema.push(bar.close);
        return m_ema.full() ? std::log(bar.close / m_ema.value()) : kNotYet;
    }

private:
    Ema<period> m_ema;
};

enum class StrengthLine { Rsi, Cmo };

template <std::size_t period, StrengthLine line>
class StrengthCore {
public:
    double next(const Bar& bar)
    {
        if (m_previous.known()) {
            const double change = bar.close - m_previous.value();
            m_gain.push(0.5 * (std::abs(change) + change)); // exact, and no branch: which of the two is zero is a matter of chance
            m_loss.push(0.5 * (std::abs(change) - change));
        }
        m_previous.set(bar.close);
        if (!m_gain.full())
            return kNotYet;
        const double gain = m_gain.value();
        const double loss = m_loss.value();
        return 100.0 * ratioOr(line == StrengthLine::Rsi ? gain : gain - loss, gain + loss, 0.0);
    }

private:
    WilderAverage<period> m_gain, m_loss;
    PreviousClose m_previous;
};

enum class AtrUnit { Price, PercentOfClose };

template <std::size_t period, AtrUnit unit>
class AtrCore {
public:
    double next(const Bar& bar)
    {
        if (m_previous.known())
            m_average.push(trueRange(bar, m_previous));
        m_previous.set(bar.close);
        if (!m_average.full())
            return kNotYet;
        return unit == AtrUnit::Price ? m_average.value() : 100.0 * ratioOr(m_average.value(), bar.close, 0.0);
    }

private:
    WilderAverage<period> m_average;
    PreviousClose m_previous;
};

enum class BandLine { Upper, Middle, Lower, Percent, Width };

/// A line of Bollinger's bands from the moments of a window that ends with this close.
template <std::size_t period, int deviations>
double bandValue(BandLine line, const Moments& moments, double close)
{
    const double reach = deviations * std::sqrt(moments.squares * (1.0 / static_cast<double>(period)));
    switch (line) {
    case BandLine::Upper: return moments.mean + reach;
    case BandLine::Middle: return moments.mean;
    case BandLine::Lower: return moments.mean - reach;
    case BandLine::Percent: return 0.5 + 0.5 * ratioOr(close - moments.mean, reach, 0.0);
    case BandLine::Width: return 2.0 * ratioOr(reach, moments.mean, 0.0);
    }
    return kNotYet;
}

template <std::size_t period, int deviations, BandLine line>
class BollingerCore {
public:
    double next(const Bar& bar)
    {
        m_moments.push(bar.close);
        return m_moments.full() ? bandValue<period, deviations>(line, m_moments.value(), bar.close) : kNotYet;
    }

private:
    RollingMoments<period> m_moments;
};

template <std::size_t period>
class RealisedVolatility {
public:
    void push(double logReturn) { m_squares.push(logReturn * logReturn); }
    bool full() const { return m_squares.full(); }
    double value() const { return std::sqrt(variance()); }
    double variance() const { return m_squares.value() / static_cast<double>(period); }

private:
    RollingSum<period> m_squares;
};

/// Kaufman's efficiency ratio: the way from the first to the last of period + 1 closes as a share of the way walked;
/// 1 where the price did not move at all.
template <std::size_t period>
class Efficiency {
public:
    void push(double close)
    {
        if (m_previous.known())
            m_walked.push(std::abs(close - m_previous.value()));
        m_previous.set(close);
        m_close.push(close);
    }
    bool full() const { return m_walked.full(); }
    bool moved() const { return m_walked.value() > 0.0; }
    double value() const
    {
        return std::min(1.0, ratioOr(std::abs(m_previous.value() - m_close.oldest()), m_walked.value(), 1.0));
    }

private:
    RollingSum<period> m_walked;
    Delay<period> m_close;
    PreviousClose m_previous;
};

inline constexpr const char* kWilder = "Wilder, New Concepts in Technical Trading Systems (1978)";
inline constexpr const char* kReturns = "Campbell, Lo, MacKinlay, The Econometrics of Financial Markets (1997), 1.4";
inline constexpr const char* kAppel = "Appel, Technical Analysis: Power Tools for Active Investors (2005)";
inline constexpr const char* kBollinger = "Bollinger, Bollinger on Bollinger Bands (2001)";
inline constexpr const char* kKaufman = "Kaufman, Smarter Trading (1995)";
inline constexpr const char* kMurphy = "Murphy, Technical Analysis of the Financial Markets (1999)";

} // namespace btcai
