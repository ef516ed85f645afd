#pragma once

#include <atomic>
#include <cstdint>

namespace btcai {

/// A latch that stops all orders for good. Thread-safe and without a lock that a sender could keep from the one who throws it.
///
/// Whoever sends an order holds a Permit from before the order is judged until it is sent. After `throwSwitch()` no further permit is
/// given; after `throwAndWait()` returned, those given before have ended too: no order is sent from then on, in any thread.
class KillSwitch {
public:
    KillSwitch() = default;
    KillSwitch(const KillSwitch&) = delete;
    KillSwitch& operator=(const KillSwitch&) = delete;

    /// The right to send one order; false when the switch has been thrown.
    class Permit {
    public:
        explicit Permit(KillSwitch& kill) noexcept : m_switch(kill.enter() ? &kill : nullptr) {}
        ~Permit()
        {
            if (m_switch)
                m_switch->leave();
        }
        Permit(const Permit&) = delete;
        Permit& operator=(const Permit&) = delete;
        explicit operator bool() const noexcept { return m_switch != nullptr; }

    private:
        KillSwitch* m_switch;
    };

    bool isThrown() const noexcept { return (m_state.load(std::memory_order_seq_cst) & kThrown) != 0; }
    /// Never blocks, so a signal handler or an order's own sender may call it.
    void throwSwitch() noexcept { m_state.fetch_or(kThrown, std::memory_order_seq_cst); }
    /// Throws the switch and waits until every permit has ended. Must not be called by a thread that holds one.
    void throwAndWait() noexcept
    {
        throwSwitch();
        for (std::uint64_t state = m_state.load(std::memory_order_seq_cst); state != kThrown;
             state = m_state.load(std::memory_order_seq_cst))
            m_state.wait(state, std::memory_order_seq_cst);
    }

private:
    // The lowest bit: thrown. The others: twice the number of permits. One word, so that "not thrown" and "one more" are one step.
    static constexpr std::uint64_t kThrown = 1;
    static constexpr std::uint64_t kOnePermit = 2;

    bool enter() noexcept
    {
        std::uint64_t state = m_state.load(std::memory_order_seq_cst);
        while ((state & kThrown) == 0)
            if (m_state.compare_exchange_weak(state, state + kOnePermit, std::memory_order_seq_cst))
                return true;
        return false;
    }
    void leave() noexcept
    {
        if (m_state.fetch_sub(kOnePermit, std::memory_order_seq_cst) == kThrown + kOnePermit)
            m_state.notify_all();
    }

    std::atomic<std::uint64_t> m_state{0};
};

} // namespace btcai
