#include <cmath>
#include <map>

#include <QtTest>

#include "agent/evaluation/Importance.h"
#include "base/Error.h"
#include "env/TradingEnv.h"
#include "models/ModelFactory.h"
#include "tests/support/Failure.h"
#include "tests/support/TrainingRun.h"

using namespace btcai;
using namespace btcai::test;
using torch::Tensor;

namespace {

/// Three groups of two or three features, and a network that may be blind to some of them.
struct Scene {
    RunConfig config = tinyConfig();
    MarketDataset dataset;
    AgentNetwork network{nullptr};

    explicit Scene(bool selectFeatures = false)
    {
        setThreads(1);
        config.features.select = "RSI_14, ROC_10, ATR_14, NATR_14, HOUR_SIN, HOUR_COS";
        const auto privateSize = static_cast<std::int64_t>(TradingEnv::kObservationSize);
        config.model.selectFeatures = selectFeatures;
        auto sizes = agentNetworkOptions(config, 1, privateSize, 2);
        sizes.holdBias = 0.0;
        dataset = makeMarketDataset(config, {smallSeries()}, static_cast<std::size_t>(MarketEncoder(sizes.encoder)->contextRows()));
        sizes.encoder.features = static_cast<std::int64_t>(dataset.features.columns());
        network = makeAgentNetwork(sizes, 3);
        const torch::NoGradGuard guard;
        network->named_parameters()["policy_out.weight"].mul_(100.0); // the initial ones leave all actions nearly equal
    }

    /// Nothing of a feature reaches the network: both of the layers that read features have them innermost.
    void blind(std::size_t column)
    {
        const torch::NoGradGuard guard;
        const std::int64_t features = network->options().encoder.features;
        for (const char* name : {"encoder.patch.weight", "encoder.cnn_0.weight"}) {
            Tensor weight = network->named_parameters()[name];
            weight.view({weight.size(0), -1, features}).select(2, static_cast<std::int64_t>(column)).zero_();
        }
    }

    ImportanceReport measure(const ImportanceOptions& options = {})
    {
        const MarketTensors tensors(dataset, forecastHorizons(config), torch::kCPU);
        return measureImportance(network, dataset, tensors, dataset.split.validation, options);
    }
};

const GroupImportance& groupOf(const ImportanceReport& report, std::string_view name)
{
    return *std::ranges::find(report.groups, name, &GroupImportance::group);
}

} // namespace

class TestImportance : public QObject {
    Q_OBJECT

private slots:
    // A network that does not read volatility owes it nothing, by either way; what it reads moves decisions and forecasts.
    void whatIsNotReadDoesNotMatter()
    {
        Scene scene;
        const auto& names = scene.dataset.features.names();
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] == "ATR_14" || names[i] == "NATR_14")
                scene.blind(i);
        const ImportanceReport report = scene.measure({.shifts = 2, .decisions = 6, .steps = 64});
        QCOMPARE(report.groups.size(), std::size_t{3});
        const GroupImportance& blind = groupOf(report, "volatility");
        QVERIFY(blind.features == 2 && std::abs(blind.decisions.mean) < 1e-7 && std::abs(blind.forecasts.mean) < 1e-7 && blind.attribution < 1e-7);
        QCOMPARE(report.groups.back().group, std::string("volatility"));
        double shares = 0.0;
        for (const GroupImportance& group : report.groups) {
            shares += group.attribution;
            if (group.group != "volatility")
                QVERIFY2(group.decisions.mean > 1e-4 && group.forecasts.mean != 0.0 && group.attribution > 0.01, group.group.c_str());
        }
        QVERIFY(std::abs(shares - 1.0) < 1e-6);
        QVERIFY2(report.unexplained < 0.02, qPrintable(QString::number(report.unexplained)));
        QVERIFY(report.decisionsAndAttribution.has_value());
        QCOMPARE(report.features.size(), names.size());
        QVERIFY(report.features.front().share >= report.features.back().share && report.features.back().share < 1e-7);
        QVERIFY(!report.hasGates && !report.gatesAndDecisions && report.groups[0].gate == 0.0);
        QCOMPARE(static_cast<std::int64_t>(report.attention.size()) * report.barsPerToken, scene.config.model.lookbackBars);
        QVERIFY(std::abs(std::accumulate(report.attention.begin(), report.attention.end(), 0.0) - 1.0) < 1e-5);
    }

    // Fixed weights are told by name and summed by group. Nothing of a feature whose weight is 0 gets through: there all three ways agree, so of three groups at
    // least the last place of the rankings is the same (a Spearman correlation of 0.5 or 1).
    void gatesAreToldAndCompared()
    {
        Scene scene(true);
        const auto& names = scene.dataset.features.names();
        const std::map<std::string, double> weightOf{{"RSI_14", 0.3}, {"ROC_10", 0.3}, {"ATR_14", 1e-12}, {"NATR_14", 1e-12}, {"HOUR_SIN", 0.25}, {"HOUR_COS", 0.15}};
        {
            const torch::NoGradGuard guard;
            Tensor bias = scene.network->named_parameters()["encoder.select_out.bias"];
            for (std::size_t i = 0; i < names.size(); ++i)
                bias[static_cast<std::int64_t>(i)] = std::log(weightOf.at(names[i]));
        }
        const ImportanceReport report = scene.measure({.shifts = 2, .decisions = 4, .steps = 32});
        QVERIFY(report.hasGates);
        for (const FeatureAttribution& feature : report.features)
            QVERIFY2(std::abs(feature.gate - weightOf.at(feature.name)) < 1e-6, feature.name.c_str());
        QVERIFY(std::abs(groupOf(report, "momentum").gate - 0.6) < 1e-6);
        const GroupImportance& closed = groupOf(report, "volatility");
        QVERIFY(closed.gate < 1e-6 && closed.attribution < 1e-6 && closed.decisions.mean < 1e-6);
        QVERIFY(report.gatesAndDecisions.value() >= 0.5 && report.gatesAndAttribution.value() >= 0.5 && report.gatesAndForecasts.has_value());
    }

    void theSameSeedGivesTheSame()
    {
        Scene scene;
        const ImportanceReport a = scene.measure({.shifts = 2, .decisions = 2, .steps = 4}), b = scene.measure({.shifts = 2, .decisions = 2, .steps = 4});
        const ImportanceReport c = scene.measure({.shifts = 2, .decisions = 2, .steps = 4, .seed = 2});
        QCOMPARE(a.groups[0].decisions.mean, b.groups[0].decisions.mean);
        QVERIFY(groupOf(a, "momentum").decisions.mean != groupOf(c, "momentum").decisions.mean);
        QCOMPARE(groupOf(a, "momentum").attribution, groupOf(c, "momentum").attribution); // the seed draws shifts only
    }

    void aPartShorterThanAWindowIsRefused()
    {
        Scene scene;
        const MarketTensors tensors(scene.dataset, forecastHorizons(scene.config), torch::kCPU);
        RowRange rows = scene.dataset.split.validation;
        rows.last = rows.first + 8;
        const auto failure = failureOf([&] { measureImportance(scene.network, scene.dataset, tensors, rows); });
        QVERIFY(failure && failure->kind == ErrorKind::BadInput && failure->says("8 bars"));
    }
};

QTEST_APPLESS_MAIN(TestImportance)
#include "tst_importance.moc"
