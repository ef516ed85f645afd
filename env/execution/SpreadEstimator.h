#pragma once

#include <vector>

#include "env/Market.h"

namespace btcai {

/// The half spread that holds in each row of a market, in bps, by Abdi and Ranaldo, "A Simple Estimation of Bid-Ask Spreads from
/// Daily Close, High, and Low Prices" (Review of Financial Studies 30(12), 2017), equation 11: with c the log close and m the mean of
/// log high and log low of a bar,
///   spread^2 = 4 E[(c(t) - m(t)) (c(t) - m(t+1))],  so  half spread = sqrt(E[...])
/// The expectation is the mean over the last `window` pairs of neighbouring present bars that had closed when the row began: a
/// fill never knows of its own bar. Where there are fewer pairs, or the mean is negative, `floorBps` stands; no
/// estimate is below it.
std::vector<double> estimateHalfSpreadBps(const Market& market, std::size_t window, double floorBps);

} // namespace btcai
