#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/Json.h"
#include "data/dataset/Split.h"
#include "data/features/FeatureMatrix.h"

namespace btcai {

enum class NormalizerKind {
    /// (x - mean) / population deviation.
    ZScore,
    /// (x - median) / (interquartile range / 1.349), so that a normal feature gets deviation 1 and outliers move nothing (Huber and
    /// Ronchetti, "Robust Statistics", 2nd ed. 2009, section 5.1). The range rather than the median absolute deviation, since that is
    /// 0 once half of the values are equal, as in pattern features. Where the range is 0 too, the deviation takes its place.
    Robust,
    /// The share of fitted values below x, spread over -1 to 1: 2 p - 1.
    QuantileUniform,
    /// The normal score of that share, the inverse of the normal distribution at p, from -4 to 4.
    QuantileNormal,
};

/// "z-score", "robust", "quantile-uniform", "quantile-normal": stable, as in JSON and configurations.
std::string_view normalizerKindName(NormalizerKind kind);
/// Throws Error(BadInput) naming the kinds there are.
NormalizerKind normalizerKindFrom(std::string_view name);

struct NormalizerOptions {
    NormalizerKind kind = NormalizerKind::ZScore;
    double clip = 5.0; ///< results lie in [-clip, clip]
};

/// Brings each feature to a common scale. Fitted once on rows of the training part, then frozen: the hash goes into
/// every checkpoint, and evaluation refuses features it was not fitted for.
///
/// The quantile kinds interpolate linearly between 129 fitted quantiles (Hyndman and Fan 1996, type 7), evenly spaced in the
/// score; a value that many rows share gets the score of the middle of their ranks; beyond the fitted values the score is that
/// of the end. A constant column is only shifted, whatever the kind.
class Normalizer {
public:
    Normalizer() = default;
    /// Fits on rows [first, last) of the matrix, in double. Throws Error(BadInput) for an empty range and Error(Numeric) for a
    /// value that is not finite.
    static Normalizer fit(const FeatureMatrix& matrix, std::size_t first, std::size_t last, double clip = 5.0);
    static Normalizer fit(const FeatureMatrix& matrix, std::size_t first, std::size_t last, const NormalizerOptions& options);
    /// The same on several ranges, as a cross-validation learns from.
    static Normalizer fit(const FeatureMatrix& matrix, std::span<const RowRange> rows, const NormalizerOptions& options);
    /// Throws Error(Corrupt) when the JSON is not one of ours or its hash does not match.
    static Normalizer fromJson(const Json& json);

    Json toJson() const;
    /// SHA-256 over all that was fitted, names and clip among it.
    std::string hash() const;
    /// Normalises in place, from the end of the warm-up on. Throws Error(BadInput) when the columns are not those it was fitted on.
    void apply(FeatureMatrix& matrix) const;
    /// Normalises rows that lie one after another, each with a value per name, to the bits apply gives. `in` and `out` are of equal length,
    /// a multiple of names().size(), and may be the same; rows of the warm-up must not be given. Throws Error(BadInput) otherwise.
    void applyRow(std::span<const float> in, std::span<float> out) const;

    NormalizerKind kind() const { return m_kind; }
    const std::vector<std::string>& names() const { return m_names; }
    /// A value a feature: the mean, or of Robust the median; none of the quantile kinds.
    std::span<const double> mean() const { return m_center; }
    /// A value a feature: what is divided by; none of the quantile kinds.
    std::span<const double> deviation() const { return m_scale; }
    /// The fitted quantiles of feature j, ascending; none of the other kinds.
    std::span<const double> quantiles(std::size_t j) const;

private:
    bool isQuantile() const { return m_kind == NormalizerKind::QuantileUniform || m_kind == NormalizerKind::QuantileNormal; }
    void fitMoments(const FeatureMatrix& matrix, std::span<const RowRange> rows);
    void fitOrder(const FeatureMatrix& matrix, std::span<const RowRange> rows);
    void checkFitted() const;
    void scoreTies();
    double score(std::size_t j, double value) const;
    double quantileScore(std::size_t j, double value) const;

    NormalizerKind m_kind = NormalizerKind::ZScore;
    std::vector<std::string> m_names;
    std::vector<double> m_center, m_scale; ///< empty for the quantile kinds
    std::vector<double> m_quantiles;       ///< [names, knots]; empty for the others
    std::vector<double> m_tieScores;       ///< like them, at the first of equal quantiles: follows from them
    double m_clip = 5.0;
};

} // namespace btcai
