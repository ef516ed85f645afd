#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "models/Torch.h"

namespace btcai {

/// The gradient of a minibatch in buckets, each of which is handed on as soon as the backward pass is done with it, while it goes on below: so sums over ranks
/// travel meanwhile (Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", VLDB 2020, section 3.2).
///
/// The gradient is the sum of those of some parts, networks over the same weights with a flat gradient each, whose backward passes may run in threads of
/// their own. Buckets are handed on in one order, from the last parameters of the network, which a backward pass reaches first, to the first.
class GradientBuckets {
public:
    /// A network and its flat gradient [P], of which the gradients of its parameters are views in the order of parameters().
    struct Part {
        std::shared_ptr<torch::nn::Module> network;
        torch::Tensor gradient;
    };
    /// Called with a slice of the first part's gradient that holds the sum of all parts, by the thread that finished it, one call at a time.
    using Send = std::function<void(const torch::Tensor& sum)>;

    /// Buckets have `size` elements at least, but for the last.
    GradientBuckets(std::vector<Part> parts, std::int64_t size, Send send);
    ~GradientBuckets();
    GradientBuckets(const GradientBuckets&) = delete;
    GradientBuckets& operator=(const GradientBuckets&) = delete;

    /// Before the backward passes of a minibatch, of which the first `parts` parts compute a share.
    void begin(std::size_t parts);
    /// Before the last backward pass of a part: what it does not reach from `ends` is done with.
    void lastPass(std::size_t part, const std::vector<torch::Tensor>& ends);
    /// After the last backward pass of a part. Once it was called for all parts, all buckets were handed on.
    void finish(std::size_t part);

private:
    struct Bucket {
        std::int64_t first = 0, count = 0; ///< elements
        std::int64_t parameters = 0;
        std::int64_t left = 0; ///< gradients of parameters that are awaited, of all parts together
    };
    struct Watched;

    void finished(std::size_t part, std::size_t parameter);
    void sendWhatIsReady();

    std::vector<Part> m_parts;
    Send m_send;
    std::vector<Bucket> m_buckets; ///< in the order in which they are handed on
    std::vector<std::size_t> m_bucketOf; ///< of each parameter
    std::vector<std::unique_ptr<Watched>> m_watched; ///< of each part
    std::mutex m_mutex;
    std::size_t m_active = 0; ///< parts of this minibatch
    std::size_t m_next = 0;   ///< bucket to hand on
};

} // namespace btcai
