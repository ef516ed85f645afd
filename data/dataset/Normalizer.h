#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/Json.h"
#include "data/features/FeatureMatrix.h"

namespace btcai {

/// Per-feature z-score, clipped to [-clip, clip]. Fitted once on rows of the training part, then frozen: the
/// hash goes into every checkpoint, and evaluation refuses features it was not fitted for.
class Normalizer {
public:
    Normalizer() = default;
    /// Mean and population standard deviation over rows [first, last) of the matrix (two passes, in double).
    /// A constant column gets deviation 1. Throws Error(BadInput) for an empty range.
    static Normalizer fit(const FeatureMatrix& matrix, std::size_t first, std::size_t last, double clip = 5.0);
    /// Throws Error(Corrupt) when the JSON is not one of ours or its hash does not match.
    static Normalizer fromJson(const Json& json);

    Json toJson() const;
    /// SHA-256 over names, means, deviations and clip.
    std::string hash() const;
    /// Normalises in place. Throws Error(BadInput) when the columns are not those it was fitted on.
    void apply(FeatureMatrix& matrix) const;

    const std::vector<std::string>& names() const { return m_names; }
    std::span<const double> mean() const { return m_mean; }
    std::span<const double> deviation() const { return m_deviation; }

private:
    std::vector<std::string> m_names;
    std::vector<double> m_mean, m_deviation;
    double m_clip = 5.0;
};

} // namespace btcai
