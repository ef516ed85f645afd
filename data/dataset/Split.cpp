#include "data/dataset/Split.h"

#include <cmath>

#include "base/Error.h"

namespace btcai {

namespace {

void checkShares(const TimeSplitOptions& options)
{
    const double train = options.trainShare;
    const double validation = options.validationShare;
    // Negated comparisons, so that NaN is refused too.
    if (!(train > 0.0 && train < 1.0))
        throw Error(ErrorKind::BadInput, "the training share is {}; it must lie between 0 and 1", train);
    if (!(validation > 0.0 && validation < 1.0))
        throw Error(ErrorKind::BadInput, "the validation share is {}; it must lie between 0 and 1", validation);
    if (!(train + validation < 1.0))
        throw Error(ErrorKind::BadInput, "training share {} and validation share {} leave nothing to test on", train, validation);
}

RowRange afterEmbargo(const char* part, std::size_t first, std::size_t last, std::size_t embargo)
{
    if (last - first <= embargo)
        throw Error(ErrorKind::BadInput,
                    "the {} part has {} rows, all of which the embargo of {} rows takes; use more bars, a larger share or a shorter look-back",
                    part, last - first, embargo);
    return {first + embargo, last};
}

} // namespace

TimeSplit splitByTime(std::size_t firstUsable, std::size_t rows, const TimeSplitOptions& options)
{
    checkShares(options);
    if (firstUsable >= rows)
        throw Error(ErrorKind::BadInput, "none of {} rows is usable: the warm-up takes {}", rows, firstUsable);
    const std::size_t usable = rows - firstUsable;
    const auto rowAt = [&](double share) {
        return firstUsable + static_cast<std::size_t>(std::llround(share * static_cast<double>(usable)));
    };
    const std::size_t trainEnd = rowAt(options.trainShare);
    const std::size_t validationEnd = rowAt(options.trainShare + options.validationShare);

    TimeSplit split;
    split.train = afterEmbargo("training", firstUsable, trainEnd, 0);
    split.validation = afterEmbargo("validation", trainEnd, validationEnd, options.embargoRows);
    split.test = afterEmbargo("test", validationEnd, rows, options.embargoRows);
    return split;
}

} // namespace btcai
