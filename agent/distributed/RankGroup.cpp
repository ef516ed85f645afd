#include "agent/distributed/RankGroup.h"

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "agent/distributed/SharedRows.h"
#include "base/Log.h"

namespace btcai {

using namespace std::chrono_literals;
using torch::Tensor;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr std::int64_t kHold = -1;
constexpr std::int64_t kMaxTextBytes = std::int64_t{1} << 30;
constexpr std::size_t kMaxMessageBytes = 2048;
constexpr std::int64_t kShareFrom = std::int64_t{1} << 12; ///< numbers; fewer go through a socket as fast
constexpr int kMostSharing = 8;                            ///< ranks: each reads what all wrote
constexpr auto kPollInterval = 20ms;
constexpr auto kRollCall = 3s;     ///< in which those who live say so
constexpr auto kLastWords = 300ms; ///< what a process said before it ended may still be on its way

std::string key(std::string_view kind, int rank) { return fmt::format("{}/{}", kind, rank); }

double seconds(std::chrono::milliseconds time) { return std::chrono::duration<double>(time).count(); }

/// libtorch's errors carry a stack behind the first line.
std::string firstLine(const std::exception& error)
{
    const std::string_view text = error.what();
    return std::string(text.substr(0, text.find('\n')));
}

bool isLoopback(const std::string& address)
{
    return address == "localhost" || address == "::1" || address.starts_with("127.");
}

} // namespace

struct RankGroup::Links {
#if TORCH_VERSION_MAJOR >= 2
    using Collectives = c10d::Backend;
#else
    using Collectives = c10d::ProcessGroup;
#endif
    c10::intrusive_ptr<c10d::TCPStore> store;
    c10::intrusive_ptr<Collectives> gloo;
    c10::intrusive_ptr<Collectives> nccl; ///< from the first sum on a GPU on, where libtorch has it
    std::unique_ptr<SharedRows> rows;     ///< two for each rank, used in turn
    std::int64_t turn = 0;
    bool cannotShare = false;
    /// A sum that was begun; with a copy where Gloo does not reach the tensor's device.
    struct Pending {
        c10::intrusive_ptr<c10d::Work> work;
        Tensor tensor, copy;
    };
    std::vector<Pending> pending;

    /// The store with names of its own.
    c10::intrusive_ptr<c10d::Store> part(const std::string& name) const
    {
        return c10::make_intrusive<c10d::PrefixStore>(name, store);
    }
};

RankGroup::RankGroup(RankOptions options, const Opened& opened, Endings endings)
    : m_options(std::move(options)), m_endings(std::move(endings)), m_links(std::make_unique<Links>())
{
#ifndef USE_C10D_GLOO
    throw Error(ErrorKind::Unsupported,
                "this build's libtorch has no Gloo: it cannot train one model on several ranks");
#else
    c10d::TCPStoreOptions store;
    store.port = m_options.port;
    store.isServer = leads();
    store.waitWorkers = false;
    store.timeout = m_options.timeout;
    try {
        m_links->store = c10::make_intrusive<c10d::TCPStore>(m_options.address, store);
    } catch (const std::exception& error) {
        if (leads())
            throw Error(ErrorKind::Io, "rank 0 cannot listen at {}:{} (MASTER_ADDR, MASTER_PORT): {}",
                        m_options.address, m_options.port, firstLine(error));
        throw Error(ErrorKind::Io, "rank {} did not reach rank 0 at {}:{} (MASTER_ADDR, MASTER_PORT) in {:.0f} s: {}",
                    rank(), m_options.address, m_options.port, seconds(m_options.timeout), firstLine(error));
    }
    m_options.port = m_links->store->getPort();
    if (opened)
        opened(m_options.port);
    meet("start", std::chrono::ceil<std::chrono::seconds>(m_options.timeout));
    guarded([this] {
        const char* const interface = std::getenv("GLOO_SOCKET_IFNAME"); // as in torch.distributed
        auto gloo = c10d::ProcessGroupGloo::Options::create(m_options.timeout);
        gloo->devices.push_back(isLoopback(m_options.address)
                                    ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                : interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                            : c10d::ProcessGroupGloo::createDefaultDevice());
        m_links->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(m_links->part("gloo"), rank(), size(), gloo);
    });
#endif
}

RankGroup::~RankGroup() = default;

std::int64_t RankGroup::threads(std::int64_t all) const { return std::max<std::int64_t>(1, all / m_options.localSize); }

template <typename Call>
void RankGroup::guarded(Call&& call)
{
    std::string cause;
    try {
        call();
        return;
    } catch (const std::exception& error) {
        cause = firstLine(error);
    }
    lost(cause);
}

bool RankGroup::sharesMemory(const Tensor& tensor)
{
    if (!tensor.is_cpu() || tensor.scalar_type() != torch::kFloat32 || tensor.numel() < kShareFrom ||
        m_links->cannotShare)
        return false;
    if (m_links->rows && m_links->rows->values().size(1) == tensor.numel())
        return true;
    m_links->rows = makeSharedRows(tensor.numel());
    m_links->cannotShare = !m_links->rows;
    return !m_links->cannotShare;
}

/// Null at all ranks where one of them cannot.
std::unique_ptr<SharedRows> RankGroup::makeSharedRows(std::int64_t columns)
{
    std::unique_ptr<SharedRows> rows;
    if (m_options.localSize != size() || size() < 2 || size() > kMostSharing)
        return rows;
    const auto attempt = [&](auto&&... place) {
        try {
            rows = std::make_unique<SharedRows>(place..., size(), columns);
        } catch (const Error& error) {
            logInfo("rank {}: gradients go through sockets: {}", rank(), error.what());
        }
    };
    if (leads())
        attempt();
    const std::string place = share(rows ? rows->place() : std::string());
    if (!leads() && !place.empty())
        attempt(place);
    Tensor processes = torch::empty({size()}, torch::kInt64);
    gather(torch::tensor({rows ? static_cast<std::int64_t>(::getpid()) : 0}, torch::kInt64), processes);
    if (rows && processes.min().item<std::int64_t>() > 0)
        rows->enter(rank(), {processes.data_ptr<std::int64_t>(), static_cast<std::size_t>(size())});
    else
        rows.reset();
    return rows;
}

void RankGroup::sum(std::vector<Tensor> tensors)
{
    const auto large = std::ranges::find_if(tensors, [this](const Tensor& tensor) { return sharesMemory(tensor); });
    if (large == tensors.end()) {
        sumThroughSockets(tensors);
        return;
    }
    const std::int64_t turn = size() * (m_links->turn++ % 2);
    Tensor total = large->view({-1});
    tensors.erase(large);
    const auto write = [&](const Tensor& all, const Tensor& own) {
        const Tensor rows = all.narrow(0, turn, size()).narrow(1, 0, own.numel());
        rows[rank()].copy_(own.view({-1}));
        return rows;
    };
    const auto add = [&](const Tensor& rows, Tensor sum) { // in order, so that all get the same bits
        torch::add_out(sum, rows[0], rows[1]);
        for (int r = 2; r < size(); ++r)
            sum.add_(rows[r]);
    };
    SharedRows& shared = *m_links->rows;
    const auto isNote = [](const Tensor& tensor) {
        return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat64 && tensor.numel() <= SharedRows::kNotes;
    };
    const Tensor rows = write(shared.values(), total);
    if (tensors.size() == 1 && isNote(tensors[0])) {
        const Tensor notes = write(shared.notes(), tensors[0]);
        meetInMemory();
        add(notes, tensors[0].view({-1}));
    } else if (tensors.empty()) {
        meetInMemory();
    } else {
        sumThroughSockets(tensors); // ends when all have written
    }
    add(rows, total);
    // A row is written again in the next turn but one: then all have met in the next, and before it had read this one.
}

void RankGroup::meetInMemory()
{
    guarded([this] { m_links->rows->meet(m_options.timeout); });
}

void RankGroup::sumThroughSockets(const std::vector<Tensor>& tensors)
{
    for (const Tensor& tensor : tensors)
        beginSum(tensor);
    finishSums();
}

void RankGroup::beginSum(const Tensor& tensor)
{
    guarded([&] {
        const auto start = [&](auto& collectives, const Tensor& summed) {
            std::vector<Tensor> one{summed};
            return collectives->allreduce(one, c10d::AllreduceOptions());
        };
        if (tensor.is_cpu()) {
            m_links->pending.push_back({start(m_links->gloo, tensor), tensor, {}});
            return;
        }
#ifdef USE_C10D_NCCL
        if (!m_links->nccl) {
            auto nccl = c10d::ProcessGroupNCCL::Options::create();
            nccl->timeout = m_options.timeout;
            m_links->nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(m_links->part("nccl"), rank(), size(), nccl);
        }
        m_links->pending.push_back({start(m_links->nccl, tensor), tensor, {}});
#else
        const Tensor copy = tensor.to(torch::kCPU);
        m_links->pending.push_back({start(m_links->gloo, copy), tensor, copy});
#endif
    });
}

void RankGroup::finishSums()
{
    guarded([this] {
        for (Links::Pending& sum : std::exchange(m_links->pending, {})) {
            sum.work->wait();
            if (sum.copy.defined())
                sum.tensor.copy_(sum.copy);
        }
    });
}

void RankGroup::gather(const Tensor& own, Tensor& all)
{
    guarded([&] {
        std::vector<Tensor> in{own};
        std::vector<std::vector<Tensor>> out(1);
        for (int r = 0; r < size(); ++r)
            out[0].push_back(all.narrow(0, r * own.size(0), own.size(0)));
        m_links->gloo->allgather(out, in)->wait();
    });
}

std::vector<double> RankGroup::gather(const std::vector<double>& own)
{
    Tensor counts = torch::empty({size()}, torch::kInt64);
    gather(torch::tensor({static_cast<std::int64_t>(own.size())}, torch::kInt64), counts);
    const auto most = counts.max().item<std::int64_t>();
    std::vector<double> values;
    if (most == 0)
        return values;
    Tensor padded = torch::zeros({1, most}, torch::kFloat64);
    std::ranges::copy(own, padded.data_ptr<double>());
    Tensor all = torch::empty({size(), most}, torch::kFloat64);
    gather(padded, all);
    for (int r = 0; r < size(); ++r) {
        const double* const first = all.data_ptr<double>() + r * most;
        values.insert(values.end(), first, first + counts[r].item<std::int64_t>());
    }
    return values;
}

std::vector<std::vector<std::uint8_t>> RankGroup::gather(const std::vector<std::uint8_t>& own)
{
    const auto count = static_cast<std::int64_t>(own.size());
    Tensor row = torch::empty({1, count}, torch::kUInt8);
    std::ranges::copy(own, row.data_ptr<std::uint8_t>());
    Tensor all = torch::empty({size(), count}, torch::kUInt8);
    gather(row, all);
    std::vector<std::vector<std::uint8_t>> parts;
    for (int r = 0; r < size(); ++r)
        parts.emplace_back(all.data_ptr<std::uint8_t>() + r * count, all.data_ptr<std::uint8_t>() + (r + 1) * count);
    return parts;
}

void RankGroup::broadcast(Tensor& tensor)
{
    guarded([&] {
        std::vector<Tensor> one{tensor};
        m_links->gloo->broadcast(one, c10d::BroadcastOptions())->wait();
    });
}

std::string RankGroup::share(std::string_view text)
{
    Tensor length = torch::full({1}, leads() ? static_cast<std::int64_t>(text.size()) : 0, torch::kInt64);
    do
        broadcast(length);
    while (length.item<std::int64_t>() == kHold);
    const auto count = length.item<std::int64_t>();
    if (count < 0 || count > kMaxTextBytes)
        throw Error(ErrorKind::Protocol, "rank {}: rank 0 announces {} bytes; are all ranks the same build?", rank(),
                    count);
    std::string shared(leads() ? text : std::string_view());
    shared.resize(static_cast<std::size_t>(count));
    if (count > 0) {
        Tensor bytes = torch::from_blob(shared.data(), {count}, torch::kUInt8);
        broadcast(bytes);
    }
    return shared;
}

void RankGroup::share(Tensor& tensor)
{
    if (tensor.is_cpu()) {
        broadcast(tensor);
        return;
    }
    Tensor copy = tensor.to(torch::kCPU);
    broadcast(copy);
    tensor.copy_(copy);
}

void RankGroup::expectEqual(ErrorKind kind, std::string_view what, const std::string& text)
{
    const auto all = gather(std::vector<std::uint8_t>(text.begin(), text.end()));
    for (std::size_t r = 1; r < all.size(); ++r)
        if (all[r] != all[0])
            throw Error(kind,
                        "rank {} and rank 0 differ in {}: all ranks need the same build of btcai and libtorch, the "
                        "same data and the same "
                        "kind of CPU",
                        r, what);
}

bool RankGroup::isSet(const std::string& key) { return m_links->store->check({key}); }

/// At rank 0.
void RankGroup::throwIfEnded(int other)
{
    if (isSet(key("failed", other))) {
        const std::vector<std::uint8_t> message = m_links->store->get(key("failed", other));
        throw RankLost(ErrorKind::Io, "rank {} failed: {}", other, std::string(message.begin(), message.end()));
    }
    const std::string how = m_endings ? m_endings(other) : std::string();
    if (how.empty())
        return;
    const auto now = SteadyClock::now();
    if (now - m_endedSince.try_emplace(other, now).first->second >= kLastWords)
        throw RankLost(ErrorKind::Io, "rank {} is lost: its process {}", other, how);
}

void RankGroup::meet(const std::string& name, std::chrono::seconds patience)
{
    const auto deadline = SteadyClock::now() + patience;
    const auto waitFor = [&](const std::string& awaited, int other) {
        for (; !isSet(awaited); std::this_thread::sleep_for(kPollInterval)) {
            for (int r = 1; leads() && r < size(); ++r)
                throwIfEnded(r);
            if (SteadyClock::now() > deadline)
                throw RankLost(ErrorKind::Io, "rank {} is lost: it did not come to the meeting '{}' in {} s", other,
                               name, patience.count());
        }
    };
    try {
        if (!leads()) {
            m_links->store->set(key(name, rank()), std::vector<std::uint8_t>{1});
            waitFor(name, 0);
            return;
        }
        for (int r = 1; r < size(); ++r)
            waitFor(key(name, r), r);
        m_links->store->set(name, std::vector<std::uint8_t>{1});
    } catch (const Error&) {
        throw;
    } catch (const std::exception& error) { // the store went with rank 0
        throw RankLost(ErrorKind::Io, "rank {}: rank 0 is gone ({})", rank(), firstLine(error));
    }
}

void RankGroup::reportFailure(std::string_view message) noexcept
{
    try {
        const std::string_view part = message.substr(0, kMaxMessageBytes);
        m_links->store->set(key("failed", rank()), std::vector<std::uint8_t>(part.begin(), part.end()));
    } catch (const std::exception&) { // rank 0 is gone, and needs no reason
    }
}

void RankGroup::lost(const std::string& cause)
{
    logInfo("rank {}: {}", rank(), cause);
    if (!leads()) {
        try {
            m_links->store->set(key("alive", rank()), std::vector<std::uint8_t>{1});
        } catch (const std::exception&) { // rank 0 itself is gone
        }
        throw RankLost(ErrorKind::Io,
                       "rank {} leaves: another rank is lost, and rank 0 says which, unless it is rank 0 itself ({})",
                       rank(), cause);
    }
    const auto began = SteadyClock::now();
    std::vector<int> silent;
    do {
        std::this_thread::sleep_for(kPollInterval);
        silent.clear();
        for (int r = 1; r < size(); ++r) {
            throwIfEnded(r);
            if (!isSet(key("alive", r)))
                silent.push_back(r);
        }
    } while (!silent.empty() && SteadyClock::now() < began + kRollCall);
    if (silent.empty())
        throw RankLost(ErrorKind::Io, "a connection between ranks broke: {}", cause);
    throw RankLost(ErrorKind::Io, "{} {} is lost: it was killed or cut off, or did not answer for {:.0f} s ({})",
                   silent.size() == 1 ? "rank" : "one of the ranks", fmt::join(silent, ", "),
                   seconds(m_options.timeout), cause);
}

RankGroup::Hold::Hold(RankGroup* group)
{
    if (group && group->leads())
        m_thread = std::thread([this, group] { loop(*group); });
}

RankGroup::Hold::~Hold()
{
    if (!m_thread.joinable())
        return;
    {
        const std::lock_guard lock(m_mutex);
        m_leave = true;
    }
    m_wake.notify_all();
    m_thread.join();
}

void RankGroup::Hold::loop(RankGroup& group)
{
    std::unique_lock lock(m_mutex);
    while (!m_wake.wait_for(lock, group.m_options.timeout / 4, [this] { return m_leave; })) {
        try {
            Tensor hold = torch::full({1}, kHold, torch::kInt64);
            group.broadcast(hold);
        } catch (const std::exception& error) { // the next collective ends the same way, where it can be told
            logInfo("while rank 0 was busy: {}", error.what());
            return;
        }
    }
}

} // namespace btcai
