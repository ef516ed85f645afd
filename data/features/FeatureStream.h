#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/bars/FundingSeries.h"
#include "data/features/FeatureKernel.h"

namespace btcai {

/// The kernels of a choice of features, fed with present bars in order of time. Live trading pushes one bar at a time; the batch runs
/// the same kernels over blocks. A value type it is not: one stream sees one history, once.
class FeatureStream {
public:
    /// Throws Error(BadInput) for an unknown or doubled name.
    FeatureStream(std::int64_t intervalSeconds, std::span<const std::string> names);

    std::size_t columns() const { return m_columns.size(); }
    const FeatureInfo& info(std::size_t column) const { return *m_columns[column].info; }
    /// Present bars after which every feature is valid for sure.
    std::size_t warmUpBars() const;

    /// A funding settlement. To come before the first bar that closes at its stamp or later, or it is known later than it might be.
    void settle(const FundingRate& rate);
    /// values[j]: column j at this bar's close; NaN while it warms up.
    void push(const Bar& bar, std::span<double> values);
    /// Runs one column over bars, with the settlements that fall due in them (those not given before, stamped at or before the
    /// last bar's close). As push() bar by bar with settle() in time, to the bit, in whatever order the columns are run.
    void runColumn(std::size_t column, const BarBlock& bars, std::span<const FundingRate> settlements, std::span<double> values);

private:
    struct Column {
        const FeatureInfo* info;
        std::unique_ptr<FeatureKernel> kernel;
    };

    std::int64_t m_interval;
    std::vector<Column> m_columns;
};

/// Hands out a funding series in the pieces that fall due with each block of bars.
class SettlementFeed {
public:
    /// `funding` may be null: nothing ever falls due. It must outlive the feed.
    explicit SettlementFeed(const FundingSeries* funding) : m_funding(funding) {}
    /// Those stamped at or before `time` that were not handed out before. Times must not decrease.
    std::span<const FundingRate> until(std::int64_t time);

private:
    const FundingSeries* m_funding;
    std::size_t m_given = 0;
};

/// Runs a kernel over bars of this interval as FeatureStream::runColumn does.
void runKernel(FeatureKernel& kernel, std::int64_t intervalSeconds, const BarBlock& bars, std::span<const FundingRate> settlements,
               std::span<double> values);

} // namespace btcai
