#pragma once

namespace btcai {

/// What is traded. Spot: cash pays for what is bought. Perpetual: a position is held against margin, pays or receives funding, and is
/// liquidated when too little margin is left.
struct MarginOptions {
    bool perpetual = false;
    double leverage = 1.0;            ///< no order makes the position's value larger than this times equity
    double maintenance = 0.005;       ///< share of the position's value below which equity must not fall
    double liquidationFeeBps = 50.0;  ///< on top of the taker fee
    double fundingRate = 0.0001;      ///< a share, paid by longs every eight hours where the market has no funding series

    bool operator==(const MarginOptions&) const = default;
};

} // namespace btcai
