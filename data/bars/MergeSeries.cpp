#include "data/bars/MergeSeries.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/Clock.h"
#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::size_t kNamedDisagreements = 3;

struct Field {
    const char* name;
    std::span<const double> (BarSeries::*values)() const;
};

constexpr Field kFields[] = {{"open", &BarSeries::open},
                             {"high", &BarSeries::high},
                             {"low", &BarSeries::low},
                             {"close", &BarSeries::close},
                             {"volume", &BarSeries::volume}};

bool same(double a, double b) { return a == b || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

/// Volumes are sums of decimals: two programs that add the same trades differ in the last bits.
bool sameVolume(double a, double b) { return same(a, b) || std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b)); }

/// Collects what differs, to tell it all at once.
class Disagreements {
public:
    void add(std::int64_t time, const std::string& what)
    {
        if (++m_count <= kNamedDisagreements)
            m_text += fmt::format("\n  {}: {}", formatUtc(time), what);
    }

    void throwIfAny(const std::string& series, const char* unit) const
    {
        if (m_count == 0)
            return;
        const std::string more = m_count > kNamedDisagreements ? fmt::format("\n  and {} more", m_count - kNamedDisagreements) : "";
        throw Error(ErrorKind::BadInput, "{}: {} {} differ from what is stored, so nothing was added; find out which source is right:{}{}", series,
                    m_count, unit, m_text, more);
    }

private:
    std::size_t m_count = 0;
    std::string m_text;
};

/// What differs between bar i of one series and bar k of another; empty when nothing does.
std::string difference(const BarSeries& stored, std::size_t i, const BarSeries& fresh, std::size_t k)
{
    std::string text;
    for (const auto& [name, values] : kFields) {
        const double old = (stored.*values)()[i];
        const double now = (fresh.*values)()[k];
        if (!(values == &BarSeries::volume ? sameVolume(old, now) : same(old, now)))
            text += fmt::format("{}{} stored {} new {}", text.empty() ? "" : ", ", name, old, now);
    }
    return text;
}

void compare(const BarSeries& stored, const BarSeries& fresh, AppendResult& result)
{
    Disagreements disagreements;
    for (std::size_t k = 0; k < fresh.size(); ++k) {
        if (!fresh.present(k))
            continue;
        const std::int64_t time = fresh.timestamp(k);
        const std::size_t i = stored.lowerBound(time);
        if (i == stored.size() || stored.timestamp(i) != time)
            ++result.added;
        else if (!stored.present(i))
            ++result.filled;
        else if (const std::string text = difference(stored, i, fresh, k); text.empty())
            ++result.equal;
        else
            disagreements.add(time, text);
    }
    disagreements.throwIfAny(SeriesId::bars(stored.instrument(), stored.intervalSeconds()).toString(), "bars");
}

void copyPresent(const BarSeries& from, std::int64_t startTime, BarColumns& to)
{
    const auto shift = static_cast<std::size_t>((from.startTime() - startTime) / from.intervalSeconds());
    for (std::size_t i = 0; i < from.size(); ++i)
        if (const auto bar = from.bar(i))
            to.set(shift + i, *bar);
}

} // namespace

BarSeries merge(const BarSeries& stored, const BarSeries& fresh, AppendResult& result)
{
    compare(stored, fresh, result);
    if (result.added + result.filled == 0)
        return stored;
    if (stored.empty())
        return fresh;
    const std::int64_t first = std::min(stored.startTime(), fresh.startTime());
    const std::int64_t last = std::max(stored.timestamp(stored.size() - 1), fresh.timestamp(fresh.size() - 1));
    const std::size_t bars = stored.presentCount() + result.added + result.filled;
    BarColumns columns = BarColumns::missing(BarSeries::gridRows(first, last, stored.intervalSeconds(), bars));
    copyPresent(stored, first, columns);
    copyPresent(fresh, first, columns);
    return BarSeries::fromColumns(stored.instrument(), stored.intervalSeconds(), first, std::move(columns));
}

FundingSeries merge(const FundingSeries& stored, const FundingSeries& fresh, AppendResult& result)
{
    Disagreements disagreements;
    std::vector<FundingRate> rates(stored.rates().begin(), stored.rates().end());
    for (const FundingRate& rate : fresh.rates()) {
        const auto old = std::ranges::lower_bound(stored.rates(), rate.timestamp, {}, &FundingRate::timestamp);
        const bool isStored = old != stored.rates().end() && old->timestamp == rate.timestamp;
        if (isStored && same(old->rate, rate.rate)) {
            ++result.equal;
        } else if (isStored) {
            disagreements.add(rate.timestamp, fmt::format("rate stored {} new {}", old->rate, rate.rate));
        } else {
            const bool isInside = old != stored.rates().begin() && old != stored.rates().end();
            ++(isInside ? result.filled : result.added);
            rates.push_back(rate);
        }
    }
    disagreements.throwIfAny(SeriesId::funding(stored.instrument()).toString(), "settlements");
    std::ranges::sort(rates, {}, &FundingRate::timestamp);
    return FundingSeries(stored.instrument(), std::move(rates));
}

} // namespace btcai
