#include "data/dataset/Normalizer.h"

#include <algorithm>
#include <cmath>

#include "base/Error.h"
#include "data/bars/FieldHash.h"

namespace btcai {

namespace {

constexpr const char* kFormat = "btcai-normalizer";
constexpr int kVersion = 1;
constexpr std::size_t kMaxFeatures = 4096;

void checkFinite(const FeatureMatrix& matrix, std::size_t first, std::size_t last)
{
    const std::size_t columns = matrix.columns();
    for (std::size_t i = first; i < last; ++i)
        for (std::size_t j = 0; j < columns; ++j)
            if (!std::isfinite(matrix.values()[i * columns + j]))
                throw Error(ErrorKind::Numeric, "feature {} is not finite at row {}", matrix.names()[j], i);
}

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

} // namespace

Normalizer Normalizer::fit(const FeatureMatrix& matrix, std::size_t first, std::size_t last, double clip)
{
    if (first >= last || last > matrix.rows())
        throw Error(ErrorKind::BadInput, "a normaliser cannot be fitted on rows {} to {} of {}", first, last, matrix.rows());
    if (!(std::isfinite(clip) && clip > 0.0))
        throw Error(ErrorKind::BadInput, "a normaliser cannot clip at {}: it must be positive", clip);
    checkFinite(matrix, first, last);

    const std::size_t columns = matrix.columns();
    const auto count = static_cast<double>(last - first);
    const std::span<const float> values = matrix.values();
    std::vector<double> mean(columns, 0.0);
    std::vector<double> variance(columns, 0.0);
    std::vector<std::uint8_t> varies(columns, 0);
    for (std::size_t i = first; i < last; ++i)
        for (std::size_t j = 0; j < columns; ++j) {
            mean[j] += static_cast<double>(values[i * columns + j]);
            if (values[i * columns + j] != values[first * columns + j])
                varies[j] = 1;
        }
    for (double& m : mean)
        m /= count;
    for (std::size_t i = first; i < last; ++i)
        for (std::size_t j = 0; j < columns; ++j) {
            const double distance = static_cast<double>(values[i * columns + j]) - mean[j];
            variance[j] += distance * distance;
        }

    Normalizer normalizer;
    normalizer.m_names = matrix.names();
    normalizer.m_mean = std::move(mean);
    normalizer.m_clip = clip;
    for (std::size_t j = 0; j < columns; ++j) {
        const double deviation = std::sqrt(variance[j] / count);
        // Rounding gives a constant column a deviation that is tiny instead of zero, so ask the values themselves.
        normalizer.m_deviation.push_back(varies[j] != 0 && deviation > 0.0 ? deviation : 1.0);
    }
    return normalizer;
}

Normalizer Normalizer::fromJson(const Json& json)
{
    if (!json.is_object() || json.value("format", Json()) != Json(kFormat))
        throw Error(ErrorKind::Corrupt, "this JSON is not a normaliser (its \"format\" is not \"{}\")", kFormat);
    if (const int version = field<int>(json, "version"); version != kVersion)
        throw Error(ErrorKind::Corrupt, "normaliser: version {} is not known to this build, which reads {}", version, kVersion);

    Normalizer normalizer;
    normalizer.m_clip = field<double>(json, "clip");
    normalizer.m_names = field<std::vector<std::string>>(json, "names");
    normalizer.m_mean = field<std::vector<double>>(json, "mean");
    normalizer.m_deviation = field<std::vector<double>>(json, "deviation");
    const std::size_t count = normalizer.m_names.size();
    if (count > kMaxFeatures || normalizer.m_mean.size() != count || normalizer.m_deviation.size() != count)
        throw Error(ErrorKind::Corrupt, "normaliser: {} names, {} means and {} deviations do not fit", count,
                    normalizer.m_mean.size(), normalizer.m_deviation.size());
    if (field<std::string>(json, "hash") != normalizer.hash())
        throw Error(ErrorKind::Corrupt, "normaliser: its hash does not match its content; it was changed after it was fitted");
    const auto badDeviation = [](double d) { return !(std::isfinite(d) && d > 0.0); };
    if (badDeviation(normalizer.m_clip) || std::ranges::any_of(normalizer.m_deviation, badDeviation)
        || std::ranges::any_of(normalizer.m_mean, [](double m) { return !std::isfinite(m); }))
        throw Error(ErrorKind::Corrupt, "normaliser: a mean, deviation or clip is out of range");
    return normalizer;
}

Json Normalizer::toJson() const
{
    Json json;
    json["format"] = kFormat;
    json["version"] = kVersion;
    json["clip"] = m_clip;
    json["names"] = m_names;
    json["mean"] = m_mean;
    json["deviation"] = m_deviation;
    json["hash"] = hash();
    return json;
}

std::string Normalizer::hash() const
{
    FieldHash sha;
    sha.addText(kFormat);
    sha.addWord(kVersion);
    sha.addWord(m_names.size());
    for (const std::string& name : m_names)
        sha.addText(name);
    sha.addDoubles(m_mean);
    sha.addDoubles(m_deviation);
    sha.addDoubles({&m_clip, 1});
    return sha.hexDigest();
}

void Normalizer::apply(FeatureMatrix& matrix) const
{
    if (matrix.names() != m_names)
        throw Error(ErrorKind::BadInput, "the normaliser was fitted on {} features in another order or choice than these {}; compute the same features",
                    m_names.size(), matrix.columns());
    const std::size_t columns = matrix.columns();
    const std::span<float> values = matrix.mutableValues();
    // Rows before the warm-up hold no values to normalise; their 0 already means "average".
    for (std::size_t i = matrix.warmUp(); i < matrix.rows(); ++i)
        for (std::size_t j = 0; j < columns; ++j) {
            float& value = values[i * columns + j];
            const double score = (static_cast<double>(value) - m_mean[j]) / m_deviation[j];
            value = static_cast<float>(std::clamp(score, -m_clip, m_clip));
        }
}

} // namespace btcai
