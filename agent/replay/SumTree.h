#pragma once

#include <cstddef>
#include <vector>

namespace btcai {

/// Draws items in proportion to their weights: a binary tree whose inner nodes hold the sum of their two children (Schaul et al., "Prioritized
/// Experience Replay", 2016, appendix B.2.1). Sums are made anew on the way up, never added to, so they depend on the weights alone and not on their history.
class SumTree {
public:
    /// All weights are 0.
    explicit SumTree(std::size_t items);

    std::size_t size() const { return m_items; }
    double weight(std::size_t item) const { return m_nodes[m_leaves + item]; }
    double total() const { return m_nodes[1]; }
    /// Throws Error(Internal) for a weight that is negative or not finite.
    void set(std::size_t item, double weight);
    /// The item whose part of [0, total) holds `mass`, with the items side by side in order; never one of weight 0 unless all are.
    std::size_t find(double mass) const;

private:
    std::size_t m_items, m_leaves; ///< leaves: a power of two
    std::vector<double> m_nodes;   ///< [2 leaves], the root at 1, the children of n at 2 n and 2 n + 1
};

} // namespace btcai
