#pragma once

#include "models/ModelFile.h"

namespace btcai {

/// How much the market at a bar looks like what was seen lately, by density in embedding space: the mean cosine of an embedding to its nearest
/// neighbours among embeddings of the latest rollouts, ranked among what those have to each other. About uniform between 0 and 1 where the market is like that
/// of these rollouts, near 0 where it is not. 0.5, which changes nothing, until enough were seen.
class Familiarity {
public:
    static constexpr std::int64_t kKept = 512;      ///< embeddings, the latest
    static constexpr std::int64_t kLeast = 128;     ///< before anything is said
    static constexpr std::int64_t kNeighbours = 8;

    /// width: D of the embeddings.
    explicit Familiarity(std::int64_t width);

    /// z: [..., D]; returns [...], in [0, 1].
    torch::Tensor of(const torch::Tensor& z) const;
    /// z: [n, D].
    void add(const torch::Tensor& z);

    TensorFile snapshot() const;
    /// Throws Error(Corrupt) when the tensors are not those of a snapshot.
    void restore(const TensorFile& snapshot);

private:
    void keep(torch::Tensor units);
    torch::Tensor densities(const torch::Tensor& units, bool own) const;

    torch::Tensor m_kept;   ///< [count, D], of unit length, the oldest first
    torch::Tensor m_ranked; ///< [count], their densities, ascending
};

} // namespace btcai
