#include "data/dataset/Normalizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/Error.h"
#include "data/bars/FieldHash.h"
#include "data/dataset/QuantileScore.h"

namespace btcai {

namespace {

using quantile::kKnots;

constexpr const char* kFormat = "btcai-normalizer";
constexpr int kZScoreVersion = 1; ///< without a kind: a z-score
constexpr int kKindVersion = 2;   ///< the other kinds
constexpr std::size_t kMaxFeatures = 4096;
constexpr double kNormalInterquartileRange = 1.3489795003921634; ///< of the standard normal distribution
constexpr std::array kKinds{NormalizerKind::ZScore, NormalizerKind::Robust, NormalizerKind::QuantileUniform, NormalizerKind::QuantileNormal};

template <typename T>
T field(const Json& json, const char* name)
{
    const auto found = json.find(name);
    if (found == json.end())
        throw Error(ErrorKind::Corrupt, "normaliser: field \"{}\" is missing", name);
    try {
        return found->get<T>();
    } catch (const Json::exception&) {
        throw Error(ErrorKind::Corrupt, "normaliser: field \"{}\" is of the wrong type", name);
    }
}

void checkRange(const FeatureMatrix& matrix, const RowRange& range)
{
    if (range.first >= range.last || range.last > matrix.rows())
        throw Error(ErrorKind::BadInput, "a normaliser cannot be fitted on rows {} to {} of {}", range.first, range.last, matrix.rows());
    const std::size_t columns = matrix.columns();
    for (std::size_t i = range.first; i < range.last; ++i)
        for (std::size_t j = 0; j < columns; ++j)
            if (!std::isfinite(matrix.values()[i * columns + j]))
                throw Error(ErrorKind::Numeric, "feature {} is not finite at row {}", matrix.names()[j], i);
}

/// Calls `use` with each row of the ranges, in order.
template <typename Use>
void forEachRow(const FeatureMatrix& matrix, std::span<const RowRange> rows, Use&& use)
{
    for (const RowRange& range : rows)
        for (std::size_t i = range.first; i < range.last; ++i)
            use(matrix.values().subspan(i * matrix.columns(), matrix.columns()));
}

/// The value below which a share of the sorted values lies: Hyndman and Fan's type 7.
double quantileOf(std::span<const float> sorted, double share)
{
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(place), sorted.size() - 1);
    const auto above = std::min(below + 1, sorted.size() - 1);
    const auto low = static_cast<double>(sorted[below]);
    return low + (place - static_cast<double>(below)) * (static_cast<double>(sorted[above]) - low);
}

bool allFinite(std::span<const double> values)
{
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

} // namespace

std::string_view normalizerKindName(NormalizerKind kind)
{
    switch (kind) {
    case NormalizerKind::Robust: return "robust";
    case NormalizerKind::QuantileUniform: return "quantile-uniform";
    case NormalizerKind::QuantileNormal: return "quantile-normal";
    case NormalizerKind::ZScore: break;
    }
    return "z-score";
}

NormalizerKind normalizerKindFrom(std::string_view name)
{
    const auto found = std::ranges::find(kKinds, name, normalizerKindName);
    if (found == kKinds.end())
        throw Error(ErrorKind::BadInput, "\"{}\" is no kind of normaliser; use z-score, robust, quantile-uniform or quantile-normal", name);
    return *found;
}

Normalizer Normalizer::fit(const FeatureMatrix& matrix, std::size_t first, std::size_t last, double clip)
{
    return fit(matrix, first, last, NormalizerOptions{.clip = clip});
}

Normalizer Normalizer::fit(const FeatureMatrix& matrix, std::size_t first, std::size_t last, const NormalizerOptions& options)
{
    const RowRange range{first, last};
    return fit(matrix, std::span(&range, 1), options);
}

Normalizer Normalizer::fit(const FeatureMatrix& matrix, std::span<const RowRange> rows, const NormalizerOptions& options)
{
    if (rows.empty())
        throw Error(ErrorKind::BadInput, "a normaliser cannot be fitted on no rows");
    if (!(std::isfinite(options.clip) && options.clip > 0.0))
        throw Error(ErrorKind::BadInput, "a normaliser cannot clip at {}: it must be positive", options.clip);
    for (const RowRange& range : rows)
        checkRange(matrix, range);

    Normalizer normalizer;
    normalizer.m_kind = options.kind;
    normalizer.m_names = matrix.names();
    normalizer.m_clip = options.clip;
    if (!normalizer.isQuantile())
        normalizer.fitMoments(matrix, rows);
    if (options.kind != NormalizerKind::ZScore)
        normalizer.fitOrder(matrix, rows);
    normalizer.scoreTies();
    return normalizer;
}

/// Mean and population standard deviation, in two passes.
void Normalizer::fitMoments(const FeatureMatrix& matrix, std::span<const RowRange> rows)
{
    const std::size_t columns = matrix.columns();
    std::size_t count = 0;
    const std::span<const float> firstRow = matrix.row(rows.front().first);
    std::vector<double> variance(columns, 0.0);
    std::vector<std::uint8_t> varies(columns, 0);
    m_center.assign(columns, 0.0);
    forEachRow(matrix, rows, [&](std::span<const float> row) {
        ++count;
        for (std::size_t j = 0; j < columns; ++j) {
            m_center[j] += static_cast<double>(row[j]);
            if (row[j] != firstRow[j])
                varies[j] = 1;
        }
    });
    for (double& center : m_center)
        center /= static_cast<double>(count);
    forEachRow(matrix, rows, [&](std::span<const float> row) {
        for (std::size_t j = 0; j < columns; ++j) {
            const double distance = static_cast<double>(row[j]) - m_center[j];
            variance[j] += distance * distance;
        }
    });
    for (std::size_t j = 0; j < columns; ++j) {
        const double deviation = std::sqrt(variance[j] / static_cast<double>(count));
        // Rounding gives a constant column a deviation that is tiny instead of zero, so ask the values themselves.
        m_scale.push_back(varies[j] != 0 && deviation > 0.0 ? deviation : 1.0);
    }
}

/// What needs the sorted values: quantiles, or median and interquartile range in place of mean and deviation.
void Normalizer::fitOrder(const FeatureMatrix& matrix, std::span<const RowRange> rows)
{
    std::vector<float> sorted;
    for (std::size_t j = 0; j < matrix.columns(); ++j) {
        sorted.clear();
        forEachRow(matrix, rows, [&](std::span<const float> row) { sorted.push_back(row[j]); });
        std::ranges::sort(sorted);
        if (!isQuantile()) {
            m_center[j] = quantileOf(sorted, 0.5);
            const double range = quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25);
            if (range > 0.0)
                m_scale[j] = range / kNormalInterquartileRange;
            continue;
        }
        for (std::size_t k = 0; k < kKnots; ++k)
            m_quantiles.push_back(quantileOf(sorted, quantile::knotShare(k, m_kind == NormalizerKind::QuantileNormal)));
    }
}

Normalizer Normalizer::fromJson(const Json& json)
{
    if (!json.is_object() || json.value("format", Json()) != Json(kFormat))
        throw Error(ErrorKind::Corrupt, "this JSON is not a normaliser (its \"format\" is not \"{}\")", kFormat);
    const int version = field<int>(json, "version");
    if (version != kZScoreVersion && version != kKindVersion)
        throw Error(ErrorKind::Corrupt, "normaliser: version {} is not known to this build, which reads up to {}", version, kKindVersion);

    Normalizer normalizer;
    if (version == kKindVersion) {
        const std::string kind = field<std::string>(json, "kind");
        if (std::ranges::find(kKinds, kind, normalizerKindName) == kKinds.end())
            throw Error(ErrorKind::Corrupt, "normaliser: the kind \"{}\" is not known to this build", kind);
        normalizer.m_kind = normalizerKindFrom(kind);
    }
    normalizer.m_clip = field<double>(json, "clip");
    normalizer.m_names = field<std::vector<std::string>>(json, "names");
    if (normalizer.isQuantile()) {
        normalizer.m_quantiles = field<std::vector<double>>(json, "quantiles");
    } else {
        normalizer.m_center = field<std::vector<double>>(json, "mean");
        normalizer.m_scale = field<std::vector<double>>(json, "deviation");
    }
    if (normalizer.m_names.size() > kMaxFeatures)
        throw Error(ErrorKind::Corrupt, "normaliser: {} features are too many", normalizer.m_names.size());
    if (field<std::string>(json, "hash") != normalizer.hash())
        throw Error(ErrorKind::Corrupt, "normaliser: its hash does not match its content; it was changed after it was fitted");
    normalizer.checkFitted();
    normalizer.scoreTies();
    return normalizer;
}

void Normalizer::checkFitted() const
{
    const std::size_t count = m_names.size();
    const bool fits = isQuantile() ? m_quantiles.size() == count * kKnots : m_center.size() == count && m_scale.size() == count;
    if (!fits)
        throw Error(ErrorKind::Corrupt, "normaliser: {} names, {} means, {} deviations and {} quantiles do not fit", count, m_center.size(),
                    m_scale.size(), m_quantiles.size());
    const auto isScale = [](double d) { return std::isfinite(d) && d > 0.0; };
    if (!isScale(m_clip) || !std::ranges::all_of(m_scale, isScale) || !allFinite(m_center) || !allFinite(m_quantiles))
        throw Error(ErrorKind::Corrupt, "normaliser: a fitted value or the clip is out of range");
    for (std::size_t j = 0; isQuantile() && j < count; ++j)
        if (!std::ranges::is_sorted(quantiles(j)))
            throw Error(ErrorKind::Corrupt, "normaliser: the quantiles of {} do not ascend", m_names[j]);
}

Json Normalizer::toJson() const
{
    Json json;
    json["format"] = kFormat;
    json["version"] = m_kind == NormalizerKind::ZScore ? kZScoreVersion : kKindVersion;
    if (m_kind != NormalizerKind::ZScore)
        json["kind"] = normalizerKindName(m_kind);
    json["clip"] = m_clip;
    json["names"] = m_names;
    if (isQuantile()) {
        json["quantiles"] = m_quantiles;
    } else {
        json["mean"] = m_center;
        json["deviation"] = m_scale;
    }
    json["hash"] = hash();
    return json;
}

std::string Normalizer::hash() const
{
    FieldHash sha;
    sha.addText(kFormat);
    sha.addWord(static_cast<std::uint64_t>(m_kind == NormalizerKind::ZScore ? kZScoreVersion : kKindVersion));
    if (m_kind != NormalizerKind::ZScore)
        sha.addText(normalizerKindName(m_kind));
    sha.addWord(m_names.size());
    for (const std::string& name : m_names)
        sha.addText(name);
    sha.addDoubles(m_center);
    sha.addDoubles(m_scale);
    sha.addDoubles(m_quantiles);
    sha.addDoubles({&m_clip, 1});
    return sha.hexDigest();
}

std::span<const double> Normalizer::quantiles(std::size_t j) const
{
    return isQuantile() ? std::span(m_quantiles).subspan(j * kKnots, kKnots) : std::span<const double>();
}

/// The score of a value that several quantiles share; of one alone its own.
void Normalizer::scoreTies()
{
    const bool isNormal = m_kind == NormalizerKind::QuantileNormal;
    m_tieScores.resize(m_quantiles.size());
    for (std::size_t first = 0; first < m_quantiles.size();) {
        const std::size_t end = first - first % kKnots + kKnots;
        std::size_t last = first;
        while (last + 1 < end && m_quantiles[last + 1] == m_quantiles[first])
            ++last;
        const auto share = [&](std::size_t i) { return quantile::knotShare(i % kKnots, isNormal); };
        m_tieScores[first] = first == last ? quantile::knotScore(first % kKnots, isNormal)
                                           : quantile::scoreOfShare(0.5 * (share(first) + share(last)), isNormal);
        first = last + 1;
    }
}

double Normalizer::quantileScore(std::size_t j, double value) const
{
    const bool isNormal = m_kind == NormalizerKind::QuantileNormal;
    const std::span<const double> knots = quantiles(j);
    if (knots.front() == knots.back())
        return value - knots.front();
    const auto first = static_cast<std::size_t>(std::ranges::lower_bound(knots, value) - knots.begin());
    if (first == kKnots)
        return quantile::knotScore(kKnots - 1, isNormal);
    if (knots[first] != value) {
        if (first == 0)
            return quantile::knotScore(0, isNormal);
        const double low = quantile::knotScore(first - 1, isNormal);
        const double share = (value - knots[first - 1]) / (knots[first] - knots[first - 1]);
        return low + share * (quantile::knotScore(first, isNormal) - low);
    }
    return m_tieScores[j * kKnots + first];
}

double Normalizer::score(std::size_t j, double value) const
{
    return std::clamp(isQuantile() ? quantileScore(j, value) : (value - m_center[j]) / m_scale[j], -m_clip, m_clip);
}

void Normalizer::applyRow(std::span<const float> in, std::span<float> out) const
{
    const std::size_t columns = m_names.size();
    if (in.size() != out.size() || (columns == 0 ? !in.empty() : in.size() % columns != 0))
        throw Error(ErrorKind::BadInput, "{} values cannot be normalised into {}: rows have {} features", in.size(), out.size(), columns);
    for (std::size_t i = 0; i < in.size(); i += columns)
        for (std::size_t j = 0; j < columns; ++j)
            out[i + j] = static_cast<float>(score(j, static_cast<double>(in[i + j])));
}

void Normalizer::apply(FeatureMatrix& matrix) const
{
    if (matrix.names() != m_names)
        throw Error(ErrorKind::BadInput, "the normaliser was fitted on {} features in another order or choice than these {}; compute the same features",
                    m_names.size(), matrix.columns());
    // Rows before the warm-up hold no values to normalise; their 0 already means "average".
    const std::span<float> values = matrix.mutableValues().subspan(std::min(matrix.warmUp(), matrix.rows()) * matrix.columns());
    applyRow(values, values);
}

} // namespace btcai
