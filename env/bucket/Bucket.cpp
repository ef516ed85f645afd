#include "env/bucket/Bucket.h"

#include <cstddef>

namespace btcai {

const BucketSpec& bucketSpec(Bucket bucket)
{
    static constexpr std::array<BucketSpec, kBuckets.size()> specs{{
        {"scalping", "minutes to hours", 144, 8, 2048, "1,12,48", 0.99, 0.0, 25, GoalPeriod::Month, 0.15, 0.3, "monthly profit of 15 to 30 %"},
        {"short", "hours to days", 288, 16, 4096, "12,48,144", 0.995, 0.05, 15, GoalPeriod::Year, 1.0, 2.0, "yearly profit of 100 to 200 %"},
        {"medium", "days to weeks", 1440, 32, 8192, "48,288,1440", 0.999, 0.0, 8, GoalPeriod::Holding, 0.25, 0.5, "gain per holding of 25 to 50 %"},
        {"long", "weeks to months", 4032, 64, 16384, "288,1440,4032", 0.9995, 0.05, 4, GoalPeriod::Holding, 0.5, 1.0, "gain per holding of 50 to 100 %"},
    }};
    return specs[static_cast<std::size_t>(bucket)];
}

std::optional<Bucket> bucketFromName(std::string_view name)
{
    for (const Bucket bucket : kBuckets)
        if (bucketSpec(bucket).name == name)
            return bucket;
    return std::nullopt;
}

} // namespace btcai
