#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "agent/distributed/RankOptions.h"
#include "base/Error.h"
#include "models/Torch.h"

namespace btcai {

class SharedRows;

/// A rank died, fell silent or failed, and with it the group: no member can go on. Kind Io.
class RankLost : public Error {
public:
    using Error::Error;
};

/// The processes that train one model together, over libtorch's c10d: a TCPStore at rank 0 where they meet, Gloo
/// between all, NCCL for the gradients on GPUs where libtorch has it.
///
/// Every collective must be called by all ranks in one order, by one thread at a time. Each throws RankLost when a rank
/// died (at once, by its closed connections) or was silent for the timeout; afterwards the group is of no use. At rank
/// 0 the message says which rank, and how it ended as far as it is known.
class RankGroup {
public:
    /// What is called at rank 0 once others can come, with the port they find it at: it may start them.
    using Opened = std::function<void(std::uint16_t port)>;
    /// How the process of a rank ended ("was ended by signal 9"); empty while it runs, or where nobody knows.
    using Endings = std::function<std::string(int rank)>;

    /// Returns when all have come. Throws Error(Io) when rank 0 can't be reached, RankLost when others don't come in
    /// time, Error(Unsupported) where libtorch has no Gloo.
    explicit RankGroup(RankOptions options, const Opened& opened = {}, Endings endings = {});
    ~RankGroup();
    RankGroup(const RankGroup&) = delete;
    RankGroup& operator=(const RankGroup&) = delete;

    int rank() const { return m_options.rank; }
    int size() const { return m_options.size; }
    bool leads() const { return rank() == 0; }
    const RankOptions& options() const { return m_options; }
    /// This rank's part of the threads that the ranks of a machine share.
    std::int64_t threads(std::int64_t all) const;

    /// Replaces each tensor by its sum over the ranks, the same bits at all of them. Contiguous; shapes and types agree
    /// between ranks. Where all ranks are on one machine, the first large float32 tensor on the CPU goes through memory
    /// that they share.
    void sum(std::vector<torch::Tensor> tensors);
    /// Whether sum() takes this one through shared memory; called by all ranks, as sum() is.
    bool sharesMemory(const torch::Tensor& tensor);
    /// Begins the same sum, and returns: it travels, beside others that were begun, until finishSums() has waited for all of them. All ranks begin
    /// the same ones in the same order; meanwhile nothing else is called.
    void beginSum(const torch::Tensor& tensor);
    void finishSums();
    /// Fills `all` [size * n, ...] with every rank's `own` [n, ...], in the order of ranks. On the CPU, contiguous.
    void gather(const torch::Tensor& own, torch::Tensor& all);
    /// Every rank's values, in the order of ranks; each may have any number of them.
    std::vector<double> gather(const std::vector<double>& own);
    /// Every rank's bytes, in the order of ranks; equally many from each.
    std::vector<std::vector<std::uint8_t>> gather(const std::vector<std::uint8_t>& own);
    /// Rank 0's text, at all ranks; what the others pass is not looked at.
    std::string share(std::string_view text = {});
    /// Rank 0's numbers, in every rank's tensor.
    void share(torch::Tensor& tensor);
    /// Throws Error(kind) at all ranks, naming `what` and the rank, unless all pass the same text, of one length.
    void expectEqual(ErrorKind kind, std::string_view what, const std::string& text);

    /// Waits until all have called it with this name, each name once; for work that may take the ranks very different
    /// times.
    void meet(const std::string& name, std::chrono::seconds patience);
    /// Tells rank 0 why this rank leaves; best effort.
    void reportFailure(std::string_view message) noexcept;

    /// While one lives at rank 0, the others may wait in share() for as long as it takes: they are told that rank 0 is
    /// alive.
    class Hold {
    public:
        explicit Hold(RankGroup* group); ///< null: does nothing
        ~Hold();
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

    private:
        void loop(RankGroup& group);

        std::mutex m_mutex;
        std::condition_variable m_wake;
        bool m_leave = false;
        std::thread m_thread;
    };

private:
    struct Links;

    template <typename Call>
    void guarded(Call&& call);
    std::unique_ptr<SharedRows> makeSharedRows(std::int64_t columns);
    void meetInMemory();
    void sumThroughSockets(const std::vector<torch::Tensor>& tensors);
    void broadcast(torch::Tensor& tensor);
    bool isSet(const std::string& key);
    void throwIfEnded(int rank);
    [[noreturn]] void lost(const std::string& cause);

    RankOptions m_options;
    Endings m_endings;
    std::map<int, std::chrono::steady_clock::time_point> m_endedSince; ///< ranks whose process was seen to have ended
    std::unique_ptr<Links> m_links;
};

} // namespace btcai
