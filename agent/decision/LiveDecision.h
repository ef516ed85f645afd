#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/ppo/EntrySizer.h"
#include "data/bars/FundingSeries.h"
#include "data/dataset/Normalizer.h"
#include "data/features/FeatureStream.h"
#include "models/AgentNetwork.h"
#include "models/EncoderStream.h"

namespace btcai {

/// What a network says at the close of the newest row of the grid.
struct Decision {
    std::int64_t closeTime = 0;  ///< when it could first be known, UTC seconds
    bool barMissing = false;     ///< the row has no bar: its features are those of the one before it
    std::uint8_t action = 0;     ///< the most likely; sampleAction() draws from the logits
    std::vector<float> logits;   ///< [A]
    float value = 0.0F;
    torch::Tensor z;             ///< [1, 1, D]
    torch::Tensor gates;         ///< [1, 1, branches]
    ForecastOutput forecast;     ///< [1, 1, H]; undefined tensors without horizons
    torch::Tensor memory{};      ///< [1, 1, 2 R], what the account remembers from now on; undefined without recurrence
    double size = 1.0;           ///< of what the action may open, a share of the full size within [0, 1]
};

/// Decides bar by bar: the kernels, the normaliser and the network of training, fed with one bar at a time. The same bars give what the
/// features' matrix and the encoder's stretches give, up to rounding.
///
/// Rows stand on a grid of `intervalSeconds` from `startTime` on, which is the first row of the data: tokens belong to it. As in the batch, rows of the
/// warm-up are not encoded, and a row without a bar shows the features of the bar before it.
/// Order of calls for a bar: settle() what fell due by its close, push(), decide(). One thread; CPU only.
class LiveDecision {
public:
    /// Entries are sized by `sizer`, calibrated as the checkpoint says; where none is given they have the full size.
    /// Throws Error(BadInput) when the network was made for another number of features than the normaliser was fitted on, or reads no market.
    LiveDecision(AgentNetwork network, Normalizer normalizer, std::int64_t startTime, std::int64_t intervalSeconds,
                 std::optional<EntrySizer> sizer = std::nullopt);

    /// A funding settlement, before the first bar that closes at its stamp or later.
    void settle(const FundingRate& rate) { m_features.settle(rate); }
    /// The next bar that is there. Rows between it and the last one have none. Throws Error(BadInput), and has taken nothing, for a bar off the grid,
    /// of an earlier row, too far ahead, or with a field that is no price or volume. Throws Error(Numeric) for a feature that is not finite; the
    /// kernels have seen the bar then, and this object is of no more use.
    void push(const Bar& bar);
    /// The next row of the grid has no bar.
    void pushMissing();

    /// Rows that are still needed before the first decision, if none of them is missing; 0 when it can be taken.
    std::int64_t rowsUntilReady() const;
    /// At the newest row's close, for an account in this private state [S] (TradingEnv says what it holds). With recurrence an account is asked for at every
    /// row and brings the memory of its last decision; without one it begins an episode. Changes nothing, so many accounts may
    /// ask. Throws Error(BadInput) before rowsUntilReady() is 0 or for a state or a memory of another size, and Error(Numeric) when an output is not finite:
    /// an error is no decision.
    Decision decide(std::span<const float> state, const torch::Tensor& memory = {});

private:
    void closeRow(bool barMissing);

    AgentNetwork m_network;
    Normalizer m_normalizer;
    std::optional<EntrySizer> m_sizer;
    std::int64_t m_startTime, m_interval;
    std::int64_t m_patch, m_contextRows; ///< of the encoder
    FeatureStream m_features;
    EncoderStream m_encoder;
    std::int64_t m_rows = 0;        ///< of the grid, so far
    std::int64_t m_encoderRows = 0; ///< of them, those the encoder has seen
    std::int64_t m_bars = 0;        ///< present ones
    std::int64_t m_warmUpBars;
    bool m_barMissing = false;      ///< in the newest row
    std::vector<double> m_values;
    std::vector<float> m_raw, m_normalized;
};

} // namespace btcai
