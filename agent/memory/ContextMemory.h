#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/config/RunConfig.h"
#include "models/ModelFile.h"

namespace btcai {

/// What became of the situations that one looks like.
struct Recall {
    std::int64_t count = 0;
    std::int64_t up = 0;    ///< of them, those after which the price rose
    double mean = 0.0;      ///< log return
};

/// Situations of the training part in which positions were opened, as the embedding of the market at that bar, with the log return that followed over the
/// sizing horizon. Asked for the most similar ones it tells only what was over by then.
///
/// Nearest neighbours by cosine come from a graph (Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
/// Small World graphs", 2018; hnswlib), so one may be missed. New situations wait until index() takes them in and makes the graph anew, with the oldest
/// making room: the graph depends on the situations alone, and a resumed run recalls what an uninterrupted one does.
class ContextMemory {
public:
    /// width: D of the embeddings.
    ContextMemory(const RunConfig::Memory& options, std::int64_t width);
    ~ContextMemory();
    ContextMemory(ContextMemory&&) noexcept;

    /// keys: [n, D]; outcome i, a log return, was known at closedAt[i] (UTC seconds).
    void add(const torch::Tensor& keys, std::span<const std::int64_t> closedAt, std::span<const double> outcomes);
    void index();
    /// key: [D]; of what was known at `now`. Several threads may ask at once.
    Recall recall(const torch::Tensor& key, std::int64_t now) const;

    std::int64_t size() const { return m_kept.count(); } ///< that can be recalled

    TensorFile snapshot() const;
    /// Throws Error(Corrupt) when the tensors are not those of a snapshot.
    void restore(const TensorFile& snapshot);

private:
    struct Situations {
        torch::Tensor keys;     ///< [n, D], of unit length, the oldest first
        torch::Tensor closedAt; ///< [n] int64
        torch::Tensor outcomes; ///< [n] double
        std::int64_t count() const { return keys.size(0); }
        void append(const Situations& other, std::int64_t capacity);
    };
    struct Graph;

    Situations none() const;
    void buildGraph();

    RunConfig::Memory m_options;
    std::int64_t m_width;
    Situations m_kept, m_waiting;
    std::unique_ptr<Graph> m_graph; ///< of m_kept; null while there is none
};

} // namespace btcai
