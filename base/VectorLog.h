#pragma once

#include <bit>
#include <cstdint>

namespace btcai {

/// The natural logarithm of a normal number above 0, to two units in the last place; that of 1 is 0 exactly. Without branch or call, so that loops
/// over it run several numbers at a time, with the same bits on every processor.
///
/// x = 2^k m with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s), s = (m - 1) / (m + 1), by its series: |s| < 0.1716.
inline double vectorLog(double x)
{
    constexpr std::uint64_t rootHalf = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000, mantissa = 0x000fffffffffffff;
    const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) + (one - rootHalf); // its exponent is that of x / sqrt(1/2)
    const double m = std::bit_cast<double>((shifted & mantissa) + rootHalf);
    // An integer below 2^52 in the mantissa of 2^52 is that number more.
    const double k = std::bit_cast<double>((shifted >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0);
    const double s = (m - 1.0) / (m + 1.0);
    const double z = s * s;
    double series = 1.0 / 21.0;
    for (const double term : {1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0})
        series = series * z + term;
    const double logM = 2.0 * s + 2.0 * s * z * series;
    constexpr double ln2High = 6.93147180369123816490e-01, ln2Low = 1.90821492927058770002e-10; // their sum is ln 2; k * ln2High is exact
    return k * ln2High + (logM + k * ln2Low);
}

} // namespace btcai
