#include "data/features/CausalityCheck.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/Clock.h"
#include "base/Error.h"
#include "base/Rng.h"
#include "data/features/FeatureStream.h"

namespace btcai {

namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kLeastHistory = 600; // rows before a cut

std::vector<double> streamKernel(const FeatureInfo& info, const BarSeries& series, const FundingSeries& funding)
{
    BarTable bars;
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < series.size(); ++i)
        if (const auto bar = series.bar(i)) {
            bars.push_back(*bar);
            rows.push_back(i);
        }
    std::vector<double> streamed(rows.size());
    const auto kernel = info.make(series.intervalSeconds());
    const std::size_t settled = rows.empty() ? 0 : funding.countUntil(series.timestamp(rows.back()) + series.intervalSeconds());
    runKernel(*kernel, series.intervalSeconds(), bars.block(), funding.rates().first(settled), streamed);
    std::vector<double> values(series.size(), kNothing);
    for (std::size_t k = 0; k < rows.size(); ++k)
        values[rows[k]] = streamed[k];
    return values;
}

/// What a feature is shown: bars and settlements.
struct History {
    BarSeries series;
    FundingSeries funding;
};

FundingSeries funded(const FundingSeries& given, const BarSeries& series)
{
    if (!given.empty())
        return given;
    constexpr std::int64_t kEightHours = 8 * 3600;
    std::vector<FundingRate> rates;
    const std::int64_t first = (series.startTime() / kEightHours + 1) * kEightHours;
    for (std::int64_t time = first; time <= series.timestamp(series.size()); time += kEightHours)
        rates.push_back({time, 0.0001 * std::sin(static_cast<double>(rates.size()))});
    return {series.instrument(), std::move(rates)};
}

BarColumns columnsOf(const BarSeries& series)
{
    const auto copy = [](const auto& values) { return std::vector(values.begin(), values.end()); };
    return {copy(series.open()), copy(series.high()), copy(series.low()), copy(series.close()), copy(series.volume()), copy(series.mask())};
}

BarSeries withColumns(const BarSeries& series, BarColumns columns)
{
    return BarSeries::fromColumns(series.instrument(), series.intervalSeconds(), series.startTime(), std::move(columns));
}

/// Other prices and volumes, a third of them missing, whatever was there.
BarSeries changedAfter(const BarSeries& series, std::size_t cut, Rng& rng)
{
    BarColumns columns = columnsOf(series);
    for (std::size_t i = cut + 1; i < series.size(); ++i) {
        const double low = std::exp(8.0 * rng.uniform());
        const double high = low * (1.0 + rng.uniform());
        const auto within = [&] { return low + (high - low) * rng.uniform(); };
        columns.mask[i] = rng.below(3) > 0 ? 1 : 0;
        columns.low[i] = low;
        columns.high[i] = high;
        columns.open[i] = within();
        columns.close[i] = within();
        columns.volume[i] = 1000.0 * rng.uniform();
    }
    return withColumns(series, std::move(columns));
}

BarSeries missingAfter(const BarSeries& series, std::size_t cut)
{
    BarColumns columns = columnsOf(series);
    std::fill(columns.mask.begin() + static_cast<std::ptrdiff_t>(cut) + 1, columns.mask.end(), std::uint8_t{0});
    return withColumns(series, std::move(columns));
}

FundingSeries knownFunding(const FundingSeries& funding, std::int64_t time)
{
    const auto known = funding.rates().first(funding.countUntil(time));
    return {funding.instrument(), {known.begin(), known.end()}};
}

FundingSeries changedFunding(const FundingSeries& funding, std::int64_t time, Rng& rng)
{
    std::vector<FundingRate> rates(funding.rates().begin(), funding.rates().end());
    for (std::size_t i = funding.countUntil(time); i < rates.size(); ++i)
        rates[i].rate = rng.uniform() - 0.5;
    return {funding.instrument(), std::move(rates)};
}

struct Change {
    const char* name;
    History history;
};

std::vector<Change> changesAfter(const History& history, std::size_t cut, Rng& rng)
{
    const std::int64_t known = history.series.timestamp(cut) + history.series.intervalSeconds(); // the close of the last bar left alone
    return {{"changed", {changedAfter(history.series, cut, rng), changedFunding(history.funding, known, rng)}},
            {"deleted", {history.series.slice(0, cut + 1), knownFunding(history.funding, known)}},
            {"missing", {missingAfter(history.series, cut), history.funding}}};
}

/// The stretch of the series around a cut, and the cut's row in it.
struct Stretch {
    History history;
    std::size_t cut;
};

Stretch stretchAround(const History& whole, std::size_t cut, std::size_t before, std::size_t after)
{
    const std::size_t first = cut > before ? cut - before : 0;
    const std::size_t last = std::min(whole.series.size(), cut + 1 + after);
    return {{whole.series.slice(first, last), whole.funding}, cut - first};
}

bool sameBits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

class Checker {
public:
    Checker(std::span<const CheckedFeature> features, const CausalityOptions& options) : m_features(features), m_options(options) {}

    void checkCut(const Stretch& stretch, Rng& rng)
    {
        ++m_report.cuts;
        std::vector<std::vector<double>> originals;
        for (const CheckedFeature& feature : m_features) {
            m_options.stop.throwIfStopped();
            originals.push_back(feature.values(stretch.history.series, stretch.history.funding));
        }
        for (const Change& change : changesAfter(stretch.history, stretch.cut, rng))
            for (std::size_t f = 0; f < m_features.size(); ++f) {
                m_options.stop.throwIfStopped();
                compare(m_features[f], change, originals[f], stretch);
            }
    }

    CausalityReport takeReport()
    {
        m_report.features = m_features.size();
        return std::move(m_report);
    }

private:
    void compare(const CheckedFeature& feature, const Change& change, const std::vector<double>& original, const Stretch& stretch)
    {
        const std::vector<double> values = feature.values(change.history.series, change.history.funding);
        if (values.size() <= stretch.cut || original.size() <= stretch.cut)
            throw Error(ErrorKind::BadInput, "feature {} gives {} values for {} rows", feature.name, values.size(), change.history.series.size());
        const BarSeries& series = stretch.history.series;
        for (std::size_t i = 0; i <= stretch.cut; ++i) {
            if (!series.present(i))
                continue;
            ++m_report.values;
            if (!sameBits(original[i], values[i])) {
                add({feature.name, change.name, series.timestamp(stretch.cut), series.timestamp(i), original[i], values[i]});
                return;
            }
        }
    }

    void add(CausalityFinding finding)
    {
        const bool known = std::ranges::any_of(
            m_report.findings, [&](const CausalityFinding& f) { return f.feature == finding.feature && f.change == finding.change; });
        if (!known)
            m_report.findings.push_back(std::move(finding));
    }

    std::span<const CheckedFeature> m_features;
    const CausalityOptions& m_options;
    CausalityReport m_report;
};

} // namespace

std::vector<CheckedFeature> catalogueFeatures(std::span<const std::string> names, std::int64_t intervalSeconds)
{
    std::vector<CheckedFeature> features;
    for (const std::string& name : names) {
        const FeatureInfo* info = &findFeature(name);
        features.push_back({info->name, [info](const BarSeries& series, const FundingSeries& funding) { return streamKernel(*info, series, funding); },
                            static_cast<std::size_t>(info->warmUpBars(intervalSeconds))});
    }
    return features;
}

CausalityReport checkCausality(std::span<const CheckedFeature> features, const BarSeries& series, const FundingSeries& funding,
                               const CausalityOptions& options)
{
    if (series.size() < 2)
        throw Error(ErrorKind::BadInput, "{}: a series of {} rows has no future to change", series.instrument(), series.size());
    const History whole{series, funded(funding, series)};
    std::size_t before = kLeastHistory;
    for (const CheckedFeature& feature : features)
        before = std::max(before, 2 * feature.warmUpBars);

    Checker checker(features, options);
    for (std::size_t c = 0; c < options.cuts; ++c) {
        Rng rng(options.seed, "causality", c);
        const auto cut = static_cast<std::size_t>(rng.below(series.size() - 1));
        checker.checkCut(stretchAround(whole, cut, before, std::max<std::size_t>(options.barsAfter, 1)), rng);
    }
    return checker.takeReport();
}

Json CausalityReport::toJson() const
{
    Json list = Json::array();
    for (const CausalityFinding& f : findings)
        list.push_back({{"feature", f.feature}, {"change", f.change}, {"cut_time", f.cutTime}, {"value_time", f.valueTime},
                        {"before", f.before}, {"after", f.after}});
    return {{"passed", passed()}, {"features", features}, {"cuts", cuts}, {"values", values}, {"findings", std::move(list)}};
}

std::string CausalityReport::toText() const
{
    std::string text = fmt::format("{} features, {} cuts, {} values compared: {}\n", features, cuts, values,
                                   passed() ? "none depends on what comes after its bar" : "some see the future");
    for (const CausalityFinding& f : findings)
        text += fmt::format("  {}: with the bars after {} UTC {}, its value at {} UTC is {} instead of {}\n", f.feature, formatUtc(f.cutTime),
                            f.change, formatUtc(f.valueTime), f.after, f.before);
    return text;
}

} // namespace btcai
