#include <sstream>

#include <QtTest>

#include <torch/script.h>

#include "base/Error.h"
#include "models/ModelFactory.h"
#include "models/TorchScript.h"

using namespace btcai;

namespace {

AgentNetworkOptions smallNetwork()
{
    AgentNetworkOptions options;
    options.encoder = {.features = 3, .width = 16, .patch = 4, .tokens = 6, .layers = 2, .heads = 2};
    options.privateSize = 5;
    options.actions = 3;
    options.headWidth = 8;
    options.horizons = 2;
    return options;
}

bool close(const torch::Tensor& a, const torch::Tensor& b) { return a.sizes() == b.sizes() && torch::allclose(a, b, 1e-5, 1e-6); }

} // namespace

class TestTorchScript : public QObject {
    Q_OBJECT

private slots:
    // The module, loaded from its bytes alone, against the network itself on inputs that it was not traced with.
    void theModuleSaysWhatTheNetworkSays_data()
    {
        QTest::addColumn<bool>("cnn");
        QTest::addColumn<bool>("lstm");
        QTest::addColumn<bool>("transformer");
        QTest::addColumn<bool>("selectFeatures");
        QTest::newRow("all branches") << true << true << true << false;
        QTest::newRow("CNN") << true << false << false << false;
        QTest::newRow("LSTM") << false << true << false << false;
        QTest::newRow("Transformer") << false << false << true << false;
        QTest::newRow("feature gates") << true << true << true << true;
    }
    void theModuleSaysWhatTheNetworkSays()
    {
        QFETCH(bool, cnn);
        QFETCH(bool, lstm);
        QFETCH(bool, transformer);
        QFETCH(bool, selectFeatures);
        AgentNetworkOptions options = smallNetwork();
        options.encoder.useCnn = cnn;
        options.encoder.useLstm = lstm;
        options.encoder.useTransformer = transformer;
        options.encoder.selectFeatures = selectFeatures;
        AgentNetwork network = makeAgentNetwork(options, 7);
        if (selectFeatures) {
            const torch::NoGradGuard guard;
            network->named_parameters()["encoder.select_out.weight"].normal_(); // the initial ones leave features as they are
        }
        std::istringstream bytes(torchScriptOf(network));
        torch::jit::Module module = torch::jit::load(bytes);
        const torch::NoGradGuard noGrad;
        const std::int64_t patch = options.encoder.patch, context = network->encoder()->contextRows();
        for (int i = 0; i < 3; ++i) {
            const torch::Tensor features = torch::randn({context + patch, options.encoder.features});
            const torch::Tensor state = torch::randn({patch, options.privateSize});
            const auto out = module.forward({features, state}).toTuple()->elements();
            QCOMPARE(out.size(), std::size_t{5});
            const MarketEncoding market = network->encoder()->forward(features.unsqueeze(0));
            const HeadOutput heads = network->heads(market.embedding, state.view({1, patch, 1, -1}));
            const ForecastOutput forecast = network->forecast(market.embedding);
            QVERIFY(close(out[0].toTensor(), heads.logits.view({patch, 3})));
            QVERIFY(close(out[1].toTensor(), heads.value.view({patch})));
            QVERIFY(close(out[2].toTensor(), market.gates.view({patch, -1})));
            QVERIFY(close(out[3].toTensor(), forecast.mean.view({patch, 2})));
            QVERIFY(close(out[4].toTensor(), forecast.logDeviation.view({patch, 2}).exp()));

            // Rows of bars to come may hold anything.
            torch::Tensor unknown = features.clone();
            unknown.narrow(0, context + 1, patch - 1).fill_(100.0);
            const auto early = module.forward({unknown, state}).toTuple()->elements();
            QVERIFY(close(early[0].toTensor()[0], out[0].toTensor()[0]));
        }
    }

    // Forecasts that are not Gaussian bring the parameters of their shape.
    void theModuleTellsTheForecastsShape()
    {
        for (const auto& [distribution, parameters] : {std::pair{ForecastDistribution::StudentT, 1}, {ForecastDistribution::Quantiles, 13}}) {
            AgentNetworkOptions options = smallNetwork();
            options.distribution = distribution;
            AgentNetwork network = makeAgentNetwork(options, 7);
            std::istringstream bytes(torchScriptOf(network));
            torch::jit::Module module = torch::jit::load(bytes);
            const torch::NoGradGuard noGrad;
            const std::int64_t patch = options.encoder.patch;
            const torch::Tensor features = torch::randn({network->encoder()->contextRows() + patch, options.encoder.features});
            const auto out = module.forward({features, torch::randn({patch, options.privateSize})}).toTuple()->elements();
            QCOMPARE(out.size(), std::size_t{6});
            const ForecastOutput forecast = network->forecast(network->encoder()->forward(features.unsqueeze(0)).embedding);
            QVERIFY(close(out[3].toTensor(), forecast.mean.view({patch, 2})));
            QVERIFY(close(out[4].toTensor(), forecast.logDeviation.view({patch, 2}).exp()));
            QVERIFY(close(out[5].toTensor(), forecast.shape.view({patch, 2, parameters})));
        }
    }

    // With recurrence the memory goes in and comes out, over two tokens as over one stretch.
    void theModuleRemembers()
    {
        AgentNetworkOptions options = smallNetwork();
        options.recurrentWidth = 5;
        AgentNetwork network = makeAgentNetwork(options, 7);
        std::istringstream bytes(torchScriptOf(network));
        torch::jit::Module module = torch::jit::load(bytes);
        const torch::NoGradGuard noGrad;
        const std::int64_t patch = options.encoder.patch, context = network->encoder()->contextRows();
        const torch::Tensor features = torch::randn({context + 2 * patch, options.encoder.features}), state = torch::randn({2 * patch, options.privateSize});
        const AccountInput account = network->recall(state.view({1, 2 * patch, 1, -1}));
        const HeadOutput heads = network->heads(network->encoder()->forward(features.unsqueeze(0)).embedding, account.state);
        torch::Tensor memory = torch::zeros({10});
        for (std::int64_t i = 0; i < 2; ++i) {
            const auto out = module.forward({features.narrow(0, i * patch, context + patch), state.narrow(0, i * patch, patch), memory}).toTuple()->elements();
            QCOMPARE(out.size(), std::size_t{6});
            QVERIFY(close(out[0].toTensor(), heads.logits.narrow(1, i * patch, patch).view({patch, 3})));
            QVERIFY(close(out[1].toTensor(), heads.value.narrow(1, i * patch, patch).view({patch})));
            memory = out[5].toTensor();
        }
        QVERIFY(close(memory, account.memory.view({10})));
    }

    // Changed weights change what the module says: they are its parameters, not numbers in its code.
    void weightsAreParameters()
    {
        AgentNetwork network = makeAgentNetwork(smallNetwork(), 7);
        std::istringstream bytes(torchScriptOf(network));
        torch::jit::Module module = torch::jit::load(bytes);
        const torch::NoGradGuard noGrad;
        std::size_t count = 0;
        for (const auto& parameter : module.named_parameters()) {
            parameter.value.zero_();
            ++count;
        }
        QCOMPARE(count, network->named_parameters().size());
        const std::int64_t context = network->encoder()->contextRows();
        const auto out = module.forward({torch::randn({context + 4, 3}), torch::randn({4, 5})}).toTuple()->elements();
        QCOMPARE(out[1].toTensor().abs().max().item<float>(), 0.0F); // a value head of zeros
    }

    void aNetworkWithoutAMarketIsRefused()
    {
        AgentNetworkOptions options;
        options.hasMarket = false;
        options.privateSize = 4;
        QVERIFY_EXCEPTION_THROWN(torchScriptOf(makeAgentNetwork(options, 1)), Error);
    }
};

QTEST_APPLESS_MAIN(TestTorchScript)
#include "tst_torchscript.moc"
