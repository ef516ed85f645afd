#include "env/execution/SpreadEstimator.h"

#include <algorithm>
#include <cmath>

namespace btcai {

std::vector<double> estimateHalfSpreadBps(const Market& market, std::size_t window, double floorBps)
{
    std::vector<double> halfSpread(market.rows(), floorBps);
    std::vector<double> products(window);
    std::size_t pairs = 0;
    double sum = 0.0;
    bool hasBefore = false;
    double closeBefore = 0.0;
    double middleBefore = 0.0;
    for (std::size_t row = 0; row < market.rows(); ++row) {
        // Only bars up to row - 1 have been looked at yet.
        if (pairs >= window && sum > 0.0)
            halfSpread[row] = std::max(floorBps, 1e4 * std::sqrt(sum / static_cast<double>(window)));
        if (!market.present[row])
            continue;
        const double close = std::log(market.mark[row]);
        const double middle = 0.5 * (std::log(market.high[row]) + std::log(market.low[row]));
        if (hasBefore) {
            double& slot = products[pairs++ % window];
            sum -= slot;
            slot = (closeBefore - middleBefore) * (closeBefore - middle);
            sum += slot;
        }
        hasBefore = true;
        closeBefore = close;
        middleBefore = middle;
    }
    return halfSpread;
}

} // namespace btcai
