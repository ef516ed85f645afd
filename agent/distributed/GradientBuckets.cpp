#include "agent/distributed/GradientBuckets.h"

#include <unordered_map>
#include <unordered_set>

#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace btcai {

using torch::Tensor;
using torch::autograd::Node;

/// The nodes that add to the gradients of a part's parameters, with a hook each.
struct GradientBuckets::Watched {
    std::vector<std::shared_ptr<Node>> accumulators;
    std::vector<std::uintptr_t> hooks;
    std::unordered_map<const Node*, std::size_t> parameterOf;
    std::vector<bool> done;   ///< parameters, in this minibatch
    bool inLastPass = false;  ///< hooks count from then on; set by the thread that runs the passes
};

GradientBuckets::GradientBuckets(std::vector<Part> parts, std::int64_t size, Send send) : m_parts(std::move(parts)), m_send(std::move(send))
{
    const std::vector<Tensor> parameters = m_parts.front().network->parameters();
    m_bucketOf.resize(parameters.size());
    std::int64_t end = m_parts.front().gradient.numel();
    for (std::size_t i = parameters.size(); i-- > 0;) {
        if (m_buckets.empty() || m_buckets.back().count >= size)
            m_buckets.push_back({.first = end});
        Bucket& bucket = m_buckets.back();
        end -= parameters[i].numel();
        bucket.first = end;
        bucket.count += parameters[i].numel();
        ++bucket.parameters;
        m_bucketOf[i] = m_buckets.size() - 1;
    }
    for (std::size_t part = 0; part < m_parts.size(); ++part) {
        auto watched = std::make_unique<Watched>();
        const std::vector<Tensor> own = m_parts[part].network->parameters();
        watched->done.resize(own.size());
        for (std::size_t i = 0; i < own.size(); ++i) {
            auto accumulator = torch::autograd::impl::grad_accumulator(own[i]);
            watched->parameterOf[accumulator.get()] = i;
            watched->hooks.push_back(accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
                [this, part, i, of = watched.get()](const std::vector<Tensor>& outputs, const std::vector<Tensor>&) {
                    if (of->inLastPass)
                        finished(part, i);
                    return outputs;
                })));
            watched->accumulators.push_back(std::move(accumulator));
        }
        m_watched.push_back(std::move(watched));
    }
}

/// The parameters may live on: the hooks must not.
GradientBuckets::~GradientBuckets()
{
    for (const auto& watched : m_watched)
        for (std::size_t i = 0; i < watched->hooks.size(); ++i)
            watched->accumulators[i]->del_post_hook(watched->hooks[i]);
}

void GradientBuckets::begin(std::size_t parts)
{
    m_active = parts;
    m_next = 0;
    for (Bucket& bucket : m_buckets)
        bucket.left = bucket.parameters * static_cast<std::int64_t>(parts);
    for (const auto& watched : m_watched) {
        watched->done.assign(watched->done.size(), false);
        watched->inLastPass = false;
    }
}

void GradientBuckets::lastPass(std::size_t part, const std::vector<Tensor>& ends)
{
    Watched& watched = *m_watched[part];
    std::vector<bool> reached(watched.done.size());
    std::vector<const Node*> open;
    std::unordered_set<const Node*> seen;
    const auto visit = [&](const Node* node) {
        if (node && seen.insert(node).second)
            open.push_back(node);
    };
    for (const Tensor& end : ends)
        visit(end.grad_fn().get());
    while (!open.empty()) {
        const Node* const node = open.back();
        open.pop_back();
        if (const auto found = watched.parameterOf.find(node); found != watched.parameterOf.end())
            reached[found->second] = true;
        for (const auto& edge : node->next_edges())
            visit(edge.function.get());
    }
    watched.inLastPass = true;
    for (std::size_t i = 0; i < reached.size(); ++i)
        if (!reached[i])
            finished(part, i);
}

void GradientBuckets::finish(std::size_t part)
{
    for (std::size_t i = 0; i < m_bucketOf.size(); ++i)
        finished(part, i);
}

void GradientBuckets::finished(std::size_t part, std::size_t parameter)
{
    const std::lock_guard lock(m_mutex);
    if (m_watched[part]->done[parameter])
        return;
    m_watched[part]->done[parameter] = true;
    if (--m_buckets[m_bucketOf[parameter]].left == 0)
        sendWhatIsReady();
}

void GradientBuckets::sendWhatIsReady()
{
    const torch::NoGradGuard guard;
    for (; m_next < m_buckets.size() && m_buckets[m_next].left == 0; ++m_next) {
        const auto slice = [&](std::size_t part) { return m_parts[part].gradient.narrow(0, m_buckets[m_next].first, m_buckets[m_next].count); };
        Tensor sum = slice(0);
        for (std::size_t part = 1; part < m_active; ++part)
            sum.add_(slice(part));
        m_send(sum);
    }
}

} // namespace btcai
