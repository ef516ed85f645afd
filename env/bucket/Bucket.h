#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "env/bucket/Goal.h"

namespace btcai {

/// The four timeframe buckets that an agent can trade in.
enum class Bucket { Scalping, Short, Medium, Long };

inline constexpr std::array kBuckets{Bucket::Scalping, Bucket::Short, Bucket::Medium, Bucket::Long};

/// What a bucket stands for, in 5-minute bars. Defaults that a run may override.
struct BucketSpec {
    std::string_view name;       ///< as written in files and on the command line
    std::string_view holds;      ///< "minutes to hours"
    std::int64_t lookbackBars;
    std::int64_t patchBars;      ///< bars per token of the encoder; lookback is a multiple
    std::int64_t episodeBars;    ///< length of a training episode
    std::string_view horizons;   ///< forecast horizons in bars
    double gamma;                ///< discount per bar
    double drawdownPenalty;      ///< weight of new drawdown in the reward: above 0 where drawdown counts most
    std::int64_t maxPositions;   ///< open at once
    GoalPeriod goalPeriod;
    double goalLeast, goalMost;  ///< shares
    std::string_view goal;
};

const BucketSpec& bucketSpec(Bucket bucket);
/// Nothing for a name that is no bucket.
std::optional<Bucket> bucketFromName(std::string_view name);

} // namespace btcai
