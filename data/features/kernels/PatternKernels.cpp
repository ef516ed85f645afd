#include <concepts>

#include "data/features/KernelSupport.h"

namespace btcai {

namespace {

/// A bar and what the bars before it make of its parts: the averages that "long", "short" and "near" are measured by, in the default
/// settings of TA-Lib. None counts the bar itself.
struct Candle {
    double open = 0.0, high = 0.0, low = 0.0, close = 0.0;
    double usualBody = 0.0;   ///< mean body of the 10 bars before
    double usualRange = 0.0;  ///< mean high - low of the 10 bars before
    double recentRange = 0.0; ///< mean high - low of the 5 bars before

    double colour() const { return close >= open ? 1.0 : -1.0; }
    bool white() const { return close >= open; }
    bool black() const { return close < open; }
    double body() const { return std::abs(close - open); }
    double top() const { return std::max(open, close); }
    double bottom() const { return std::min(open, close); }
    double upperShadow() const { return high - top(); }
    double lowerShadow() const { return bottom() - low; }

    bool longBody() const { return body() > usualBody; }
    bool shortBody() const { return body() < usualBody; }
    bool doji() const { return body() <= 0.1 * usualRange; }
    bool longUpperShadow() const { return upperShadow() > body(); }
    bool longLowerShadow() const { return lowerShadow() > body(); }
    bool tinyUpperShadow() const { return upperShadow() < 0.1 * usualRange; }
    bool tinyLowerShadow() const { return lowerShadow() < 0.1 * usualRange; }
    double near() const { return 0.2 * recentRange; }
    double far() const { return 0.6 * recentRange; }

    bool gapsAbove(const Candle& other) const { return bottom() > other.top(); }
    bool gapsBelow(const Candle& other) const { return top() < other.bottom(); }
};

/// Looks at all conditions: what chance decides no processor foresees, and a wrong guess costs more than a comparison.
template <std::same_as<bool>... Conditions>
bool allOf(Conditions... conditions)
{
    return (conditions & ...);
}

/// The averages a pattern needs: those it doesn't are not kept.
enum Averages : unsigned { kNone = 0, kBody = 1, kRange = 2, kRecent = 4 }; // in the order of Candle's fields

/// A pattern: its averages, how many bars back it looks, the bars it needs, and a value of 100 (bullish), -100 (bearish), 80 in size
/// for its weaker form, or 0.
template <typename Pattern>
class PatternCore {
public:
    void run(const BarBlock& bars, std::span<double> values)
    {
        const std::size_t count = bars.size();
        Columns columns;
        for (std::size_t k = 0; k < columns.size(); ++k)
            if (used(k))
                std::ranges::copy(m_past[k], columns[k].begin());
        const std::array<std::span<const double>, 4> given{bars.open, bars.high, bars.low, bars.close};
        for (std::size_t k = 0; k < given.size(); ++k)
            if (used(k))
                std::ranges::copy(given[k], columns[k].begin() + kBack);
        const auto body = [&](std::size_t i) { return std::abs(bars.close[i] - bars.open[i]); };
        const auto range = [&](std::size_t i) { return bars.high[i] - bars.low[i]; };
        average<kBody>(m_bodies, columns[kUsualBody], count, body, 10.0);
        average<kRange>(m_ranges, columns[kUsualRange], count, range, 10.0);
        average<kRecent>(m_recent, columns[kRecentRange], count, range, 5.0);
        for (std::size_t i = 0; i < count; ++i)
            values[i] = Pattern::value(Window{bars, columns, i});
        for (std::size_t k = 0; k < columns.size(); ++k)
            if (used(k))
                std::copy_n(columns[k].begin() + count, kBack, m_past[k].begin());
        const std::size_t early = std::min(count, Pattern::kBars - 1 - m_early);
        leaveOut(values, early);
        m_early += early;
    }

private:
    static constexpr std::size_t kBack = Pattern::kBack;
    enum Column : std::size_t { kOpen, kHigh, kLow, kClose, kUsualBody, kUsualRange, kRecentRange, kColumns };
    /// Each begins with the kBack candles before the piece.
    using Columns = std::array<Piece, kColumns>;

    /// Prices are copied only to look back at them.
    static constexpr bool used(std::size_t column)
    {
        return column <= kClose ? kBack > 0 : (Pattern::kAverages & (1U << (column - kUsualBody))) != 0;
    }

    /// The candle a pattern looks at, and those before it.
    struct Window {
        const BarBlock& bars;
        const Columns& columns;
        std::size_t i;

        /// 0: the newest.
        Candle operator[](std::size_t before) const
        {
            const auto at = [&](std::size_t column) { return used(column) ? columns[column][kBack + i - before] : 0.0; };
            if constexpr (kBack == 0)
                return {bars.open[i], bars.high[i], bars.low[i], bars.close[i], at(kUsualBody), at(kUsualRange), at(kRecentRange)};
            else
                return {at(kOpen), at(kHigh), at(kLow), at(kClose), at(kUsualBody), at(kUsualRange), at(kRecentRange)};
        }
    };

    /// The mean of the bars before each.
    template <Averages kind, typename Sum, typename Read>
    static void average(Sum& sum, Piece& column, std::size_t count, Read read, double period)
    {
        if constexpr ((Pattern::kAverages & kind) != 0) {
            column[kBack] = sum.value() / period;
            sum.run(count, read, [&](std::size_t i, double value) { column[kBack + i + 1] = value / period; });
        }
    }

    RollingSum<10> m_bodies, m_ranges;
    RollingSum<5> m_recent;
    std::array<std::array<double, kBack>, kColumns> m_past{};
    std::size_t m_early = 0; ///< bars that were left out
};

struct Doji {
    static constexpr unsigned kAverages = kRange;
    static constexpr std::size_t kBack = 0;
    static constexpr std::size_t kBars = 11;
    static double value(const auto& bars) { return bars[0].doji() ? 100.0 : 0.0; }
};

struct Marubozu {
    static constexpr unsigned kAverages = kBody | kRange;
    static constexpr std::size_t kBack = 0;
    static constexpr std::size_t kBars = 11;
    static double value(const auto& bars)
    {
        const Candle c = bars[0];
        return allOf(c.longBody(), c.tinyUpperShadow(), c.tinyLowerShadow()) ? 100.0 * c.colour() : 0.0;
    }
};

struct SpinningTop {
    static constexpr unsigned kAverages = kBody;
    static constexpr std::size_t kBack = 0;
    static constexpr std::size_t kBars = 11;
    static double value(const auto& bars)
    {
        const Candle c = bars[0];
        return allOf(c.shortBody(), c.longUpperShadow(), c.longLowerShadow()) ? 100.0 * c.colour() : 0.0;
    }
};

struct Engulfing {
    static constexpr unsigned kAverages = kNone;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 3; // TA-Lib waits for one bar more than it looks at
    static double value(const auto& bars)
    {
        const Candle now = bars[0];
        const Candle before = bars[1];
        const bool topBeyond = now.top() > before.top(), bottomBeyond = now.bottom() < before.bottom();
        const bool engulfs = allOf(now.white() != before.white(), now.top() >= before.top(), now.bottom() <= before.bottom(),
                                   !allOf(!topBeyond, !bottomBeyond));
        const double strength = allOf(topBeyond, bottomBeyond) ? 100.0 : 80.0;
        return engulfs ? strength * now.colour() : 0.0;
    }
};

struct Harami {
    static constexpr unsigned kAverages = kBody;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 12;
    static double value(const auto& bars)
    {
        const Candle now = bars[0];
        const Candle before = bars[1];
        const bool inside = allOf(before.longBody(), now.body() <= now.usualBody, now.top() <= before.top(), now.bottom() >= before.bottom());
        const double strength = allOf(now.top() < before.top(), now.bottom() > before.bottom()) ? -100.0 : -80.0;
        return inside ? strength * before.colour() : 0.0;
    }
};

/// A short body on top of a long shadow; what stands before it makes it a hammer or a hanging man.
bool hangsOnAShadow(const Candle& c) { return allOf(c.shortBody(), c.longLowerShadow(), c.tinyUpperShadow()); }

struct Hammer {
    static constexpr unsigned kAverages = kBody | kRange | kRecent;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 12;
    static double value(const auto& bars)
    {
        return allOf(hangsOnAShadow(bars[0]), bars[0].bottom() <= bars[1].low + bars[1].near()) ? 100.0 : 0.0;
    }
};

struct HangingMan {
    static constexpr unsigned kAverages = kBody | kRange | kRecent;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 12;
    static double value(const auto& bars)
    {
        return allOf(hangsOnAShadow(bars[0]), bars[0].bottom() >= bars[1].high - bars[1].near()) ? -100.0 : 0.0;
    }
};

struct ShootingStar {
    static constexpr unsigned kAverages = kBody | kRange;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 12;
    static double value(const auto& bars)
    {
        const Candle c = bars[0];
        return allOf(c.shortBody(), c.longUpperShadow(), c.tinyLowerShadow(), c.gapsAbove(bars[1])) ? -100.0 : 0.0;
    }
};

struct Piercing {
    static constexpr unsigned kAverages = kBody;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 12;
    static double value(const auto& bars)
    {
        const Candle now = bars[0];
        const Candle before = bars[1];
        const bool pierces = allOf(now.open < before.low, now.close < before.open, now.close > before.close + 0.5 * before.body());
        return allOf(before.black(), before.longBody(), now.white(), now.longBody(), pierces) ? 100.0 : 0.0;
    }
};

struct DarkCloudCover {
    static constexpr unsigned kAverages = kBody;
    static constexpr std::size_t kBack = 1;
    static constexpr std::size_t kBars = 12;
    static double value(const auto& bars)
    {
        const Candle now = bars[0];
        const Candle before = bars[1];
        const bool covers = allOf(now.open > before.high, now.close > before.open, now.close < before.close - 0.5 * before.body());
        return allOf(before.white(), before.longBody(), now.black(), covers) ? -100.0 : 0.0;
    }
};

struct MorningStar {
    static constexpr unsigned kAverages = kBody;
    static constexpr std::size_t kBack = 2;
    static constexpr std::size_t kBars = 13;
    static double value(const auto& bars)
    {
        const Candle first = bars[2];
        const Candle star = bars[1];
        const Candle third = bars[0];
        return allOf(first.black(), first.longBody(), star.body() <= star.usualBody, star.gapsBelow(first), third.white(), third.longBody(),
                     third.close > first.close + 0.3 * first.body())
                   ? 100.0
                   : 0.0;
    }
};

struct EveningStar {
    static constexpr unsigned kAverages = kBody;
    static constexpr std::size_t kBack = 2;
    static constexpr std::size_t kBars = 13;
    static double value(const auto& bars)
    {
        const Candle first = bars[2];
        const Candle star = bars[1];
        const Candle third = bars[0];
        return allOf(first.white(), first.longBody(), star.body() <= star.usualBody, star.gapsAbove(first), third.black(), third.longBody(),
                     third.close < first.close - 0.3 * first.body())
                   ? -100.0
                   : 0.0;
    }
};

struct ThreeWhiteSoldiers {
    static constexpr unsigned kAverages = kBody | kRange | kRecent;
    static constexpr std::size_t kBack = 2;
    static constexpr std::size_t kBars = 13;

    /// The next soldier opens in or near the body of the one before, closes higher and is not far shorter.
    static bool follows(const Candle& now, const Candle& before)
    {
        return allOf(now.close > before.close, now.open > before.open, now.open <= before.close + before.near(),
                     now.body() > before.body() - before.far());
    }
    static double value(const auto& bars)
    {
        const auto soldier = [](const Candle& c) { return allOf(c.white(), c.tinyUpperShadow()); };
        return allOf(soldier(bars[0]), soldier(bars[1]), soldier(bars[2]), follows(bars[1], bars[2]), follows(bars[0], bars[1]), bars[0].longBody())
                   ? 100.0
                   : 0.0;
    }
};

struct ThreeBlackCrows {
    static constexpr unsigned kAverages = kRange;
    static constexpr std::size_t kBack = 3;
    static constexpr std::size_t kBars = 14;

    /// The next crow opens within the body of the one before and closes lower.
    static bool follows(const Candle& now, const Candle& before)
    {
        return allOf(now.open < before.open, now.open > before.close, now.close < before.close);
    }
    static double value(const auto& bars)
    {
        const auto crow = [](const Candle& c) { return allOf(c.black(), c.tinyLowerShadow()); };
        return allOf(crow(bars[0]), crow(bars[1]), crow(bars[2]), follows(bars[1], bars[2]), follows(bars[0], bars[1]), bars[3].white(),
                     bars[3].high > bars[2].close)
                   ? -100.0
                   : 0.0;
    }
};

constexpr FeatureRange kBullish{0.0, 100.0};
constexpr FeatureRange kBearish{-100.0, 0.0};

template <typename Pattern>
FeatureInfo pattern(const char* name, const char* formula, FeatureRange range, const char* reference, const char* parameters = "")
{
    return {name, FeatureGroup::Candle, formula, "Morris, Candlestick Charting Explained (1992); thresholds of TA-Lib", parameters,
            static_cast<int>(Pattern::kBars), range, FeatureScale::Stationary, reference, makeKernel<PatternCore<Pattern>>};
}

} // namespace

// In the formulas: long and short, against the mean body of the 10 bars before; tiny, a tenth of their mean range; near and far, 0.2 and
// 0.6 of the mean range of the 5 bars before the one they are near to.
std::vector<FeatureInfo> patternFeatures()
{
    return {
        pattern<Doji>("CDLDOJI", "100 where the body is at most a tenth of the mean range of the 10 bars before", kBullish, "CDLDOJI"),
        pattern<Engulfing>("CDLENGULFING", "100 (-100) where a white (black) body engulfs a black (white) one; 80 where one end is equal",
                           kSignedPercent, "CDLENGULFING"),
        pattern<Hammer>("CDLHAMMER", "100: short body, lower shadow longer than it, tiny upper shadow, near or under the low before", kBullish,
                        "CDLHAMMER"),
        pattern<HangingMan>("CDLHANGINGMAN", "-100: as CDLHAMMER, but near or over the high before", kBearish, "CDLHANGINGMAN"),
        pattern<ShootingStar>("CDLSHOOTINGSTAR", "-100: short body gapping above the last, upper shadow longer than it, tiny lower shadow",
                              kBearish, "CDLSHOOTINGSTAR"),
        pattern<MorningStar>("CDLMORNINGSTAR_0.3", "100: long black, a star gapping below, long white closing at least 0.3 into the first body",
                             kBullish, "CDLMORNINGSTAR", "penetration 0.3"),
        pattern<EveningStar>("CDLEVENINGSTAR_0.3", "-100: long white, a star gapping above, long black closing at least 0.3 into the first body",
                             kBearish, "CDLEVENINGSTAR", "penetration 0.3"),
        pattern<ThreeWhiteSoldiers>("CDL3WHITESOLDIERS",
                                    "100: three white bars with tiny upper shadows, each opening in or near the last body and closing higher",
                                    kBullish, "CDL3WHITESOLDIERS"),
        pattern<ThreeBlackCrows>("CDL3BLACKCROWS",
                                 "-100: after a white bar, three black ones with tiny lower shadows, each opening in the last body and closing lower",
                                 kBearish, "CDL3BLACKCROWS"),
        pattern<Harami>("CDLHARAMI", "100 (-100) where a short body lies within the long black (white) one before; 80 where one end is equal",
                        kSignedPercent, "CDLHARAMI"),
        pattern<Piercing>("CDLPIERCING", "100: long white opening under the low of a long black and closing in the upper half of its body",
                          kBullish, "CDLPIERCING"),
        pattern<DarkCloudCover>("CDLDARKCLOUDCOVER_0.5", "-100: black opening over the high of a long white and closing in the lower half of its body",
                                kBearish, "CDLDARKCLOUDCOVER", "penetration 0.5"),
        pattern<Marubozu>("CDLMARUBOZU", "100 (-100): long white (black) body with tiny shadows", kSignedPercent, "CDLMARUBOZU"),
        pattern<SpinningTop>("CDLSPINNINGTOP", "100 (-100): short white (black) body with both shadows longer than it", kSignedPercent,
                             "CDLSPINNINGTOP"),
    };
}

} // namespace btcai
