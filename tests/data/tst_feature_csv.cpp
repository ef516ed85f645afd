#include <charconv>
#include <cmath>
#include <sstream>

#include <QtTest>

#include "DataTestSupport.h"
#include "data/features/FeatureCsv.h"
#include "data/features/FeatureStream.h"

using namespace btcai;
using namespace btcai::test;

namespace {

std::string csvOf(const BarSeries& series, const std::vector<std::string>& names, const FundingSeries& funding = {})
{
    std::string text;
    writeFeatureCsv(series, names, funding, [&](std::string_view piece) { text += piece; });
    return text;
}

std::vector<std::vector<std::string>> cellsOf(const std::string& text)
{
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        auto& row = rows.emplace_back();
        std::istringstream cells(line + ",");
        for (std::string cell; std::getline(cells, cell, ',');)
            row.push_back(cell);
    }
    return rows;
}

} // namespace

class TestFeatureCsv : public QObject {
    Q_OBJECT

private slots:
    // Three bars, one of them missing between: worked by hand.
    void aSmallTable()
    {
        const BarSeries series =
            BarSeries::fromBars("X", 300, std::vector<Bar>{{0, 10, 20, 0, 15, 1}, {600, 15, 20, 0, 10, 2}, {900, 10, 10, 10, 10, 3}});
        QCOMPARE(csvOf(series, {"BOP", "MOM_10", "TRANGE", "OBV"}), std::string("timestamp,BOP,MOM_10,TRANGE,OBV\n"
                                                                                   "0,0.25,,,1\n"
                                                                                   "600,-0.25,,20,-1\n"
                                                                                   "900,0,,0,-1\n"));
        QCOMPARE(csvOf(BarSeries("X", 300), {"BOP"}), std::string("timestamp,BOP\n"));
    }

    // Every present bar once, each cell the very double that the kernel gives, whatever the blocks.
    void cellsReadBackAsTheSameNumbers()
    {
        std::vector<Bar> bars = wanderingBars(1700);
        std::erase_if(bars, [](const Bar& bar) { return (bar.timestamp / 300) % 13 == 4; });
        const std::vector<std::string> names{"RSI_14", "LOGRET_1", "FUNDING_RATE", "RSI_14_1H", "VAR_20"};
        const FundingSeries funding("X", {{bars[100].timestamp + 10, 0.1}, {bars[900].timestamp, 1.0 / 3.0}});
        const auto rows = cellsOf(csvOf(BarSeries::fromBars("X", 300, bars), names, funding));
        QCOMPARE(rows.size(), bars.size() + 1);
        FeatureStream stream(300, names);
        std::vector<double> values(names.size());
        std::size_t settled = 0;
        for (std::size_t i = 0; i < bars.size(); ++i) {
            for (; settled < 2 && funding.rates()[settled].timestamp <= bars[i].timestamp + 300; ++settled)
                stream.settle(funding.rates()[settled]);
            stream.push(bars[i], values);
            const auto& row = rows[i + 1];
            QCOMPARE(row.size(), names.size() + 1);
            QCOMPARE(row[0], std::to_string(bars[i].timestamp));
            for (std::size_t j = 0; j < names.size(); ++j) {
                QCOMPARE(row[j + 1].empty(), std::isnan(values[j]));
                double read = std::nan("");
                std::from_chars(row[j + 1].data(), row[j + 1].data() + row[j + 1].size(), read);
                QVERIFY(row[j + 1].empty() || read == values[j]);
            }
        }
    }

    void whatIsNoNumberIsAnError()
    {
        std::vector<Bar> bars = wanderingBars(60);
        for (double Bar::*field : {&Bar::open, &Bar::high, &Bar::low, &Bar::close})
            bars[40].*field = 1e308;
        const BarSeries series = BarSeries::fromBars("X", 300, bars);
        auto failure = failureOf([&] { csvOf(series, {"BOP", "SUM_VOLUME_20", "VAR_20"}); });
        QVERIFY(failure && failure->kind == ErrorKind::Numeric && failure->says("VAR_20") && failure->says(std::to_string(bars[40].timestamp)));
        failure = failureOf([&] { csvOf(series, {"BOP", "BOP"}); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput);
    }
};

QTEST_APPLESS_MAIN(TestFeatureCsv)
#include "tst_feature_csv.moc"
