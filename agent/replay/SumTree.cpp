#include "agent/replay/SumTree.h"

#include <bit>
#include <cmath>

#include "base/Error.h"

namespace btcai {

SumTree::SumTree(std::size_t items) : m_items(items), m_leaves(std::bit_ceil(std::max<std::size_t>(items, 1))), m_nodes(2 * m_leaves) {}

void SumTree::set(std::size_t item, double weight)
{
    if (!(weight >= 0.0) || !std::isfinite(weight))
        throw Error(ErrorKind::Internal, "a weight of {} cannot be drawn by", weight);
    std::size_t node = m_leaves + item;
    m_nodes[node] = weight;
    for (node /= 2; node > 0; node /= 2)
        m_nodes[node] = m_nodes[2 * node] + m_nodes[2 * node + 1];
}

std::size_t SumTree::find(double mass) const
{
    std::size_t node = 1;
    while (node < m_leaves) {
        const double left = m_nodes[2 * node];
        node *= 2;
        // Rounding may leave more mass than there is on the right, but nothing lies where the weight is 0.
        if (mass >= left && m_nodes[node + 1] > 0.0) {
            mass -= left;
            ++node;
        }
    }
    return node - m_leaves;
}

} // namespace btcai
