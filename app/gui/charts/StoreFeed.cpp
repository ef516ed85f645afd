#include "app/gui/charts/StoreFeed.h"

#include <limits>
#include <utility>

#include "app/gui/training/Run.h"

namespace btcai::gui {

namespace {

struct Copied {
    std::uint64_t identity = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t generation = 0;
    std::size_t count = 0;
};

void copySeries(TimeSeriesChart& chart, int index, const Series* series, std::uint64_t identity, Copied& copied)
{
    if (!series) {
        if (copied.identity != identity || copied.count > 0)
            chart.setPoints(index, {}, {});
        copied = {identity, 0, 0};
        return;
    }
    const std::span<const double> x = series->x();
    const std::span<const double> y = series->y();
    if (copied.identity == identity && copied.generation == series->generation() && copied.count <= x.size())
        chart.appendPoints(index, x.subspan(copied.count), y.subspan(copied.count));
    else
        chart.setPoints(index, x, y);
    copied = {identity, series->generation(), x.size()};
}

void copyErrorBand(TimeSeriesChart& chart, int band, const Series* series, const Series* error)
{
    std::vector<double> x, lower, upper;
    if (series && error)
        for (std::size_t i = 0; i < series->size(); ++i) {
            const double deviation = error->at(series->x()[i]);
            x.push_back(series->x()[i]);
            lower.push_back(series->y()[i] - deviation);
            upper.push_back(series->y()[i] + deviation);
        }
    chart.setBand(band, x, lower, upper);
}

} // namespace

void RunSelection::select(const Run* selected)
{
    run = selected;
    ++epoch;
}

const RunStore* RunSelection::store() const { return run ? run->store() : nullptr; }

std::uint64_t RunSelection::revision() const { return (epoch << 40U) + (run ? run->revision() : 0); }

std::uint64_t RunSelection::identity() const { return (epoch << 40U) + (run ? run->storeGeneration() : 0); }

ChartFeed makeStoreFeed(std::shared_ptr<const RunSelection> selection, std::vector<std::string> metrics,
                        std::vector<std::string> errors)
{
    auto fill = [selection, metrics = std::move(metrics), errors = std::move(errors),
                 copied = std::make_shared<std::vector<Copied>>()](TimeSeriesChart& chart) {
        copied->resize(metrics.size());
        const RunStore* const store = selection->store();
        int band = 0;
        for (std::size_t i = 0; i < metrics.size(); ++i) {
            const Series* const series = store ? store->series(metrics[i]) : nullptr;
            copySeries(chart, static_cast<int>(i), series, selection->identity(), (*copied)[i]);
            if (i < errors.size() && !errors[i].empty())
                copyErrorBand(chart, band++, series, store ? store->series(errors[i]) : nullptr);
        }
    };
    return {[selection] { return selection->revision(); }, std::move(fill)};
}

} // namespace btcai::gui
