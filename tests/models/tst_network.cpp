#include <QTest>

#include "agent/config/RunConfig.h"
#include "base/Error.h"
#include "models/ModelFactory.h"

using namespace btcai;
using torch::Tensor;

class NetworkTest : public QObject {
    Q_OBJECT
private slots:
    void defaultNetworkHasTheStatedSize()
    {
        for (const Bucket bucket : kBuckets) {
            AgentNetwork network = makeAgentNetwork(agentNetworkOptions(defaultConfig(bucket), 26, 10, 2), 1);
            QVERIFY(parameterCount(*network) >= 600'000);
        }
    }

    void sameSeedSameWeights()
    {
        const auto options = agentNetworkOptions(defaultConfig(Bucket::Scalping), 4, 10, 2);
        AgentNetwork a = makeAgentNetwork(options, 7), b = makeAgentNetwork(options, 7), c = makeAgentNetwork(options, 8);
        const auto pa = a->parameters(), pb = b->parameters(), pc = c->parameters();
        bool differs = false;
        for (std::size_t i = 0; i < pa.size(); ++i) {
            QVERIFY(torch::equal(pa[i], pb[i]));
            differs = differs || !torch::equal(pa[i], pc[i]);
        }
        QVERIFY(differs);
    }

    /// Hidden tanh layer over W_z z + W_s s, computed here by hand from the named parameters.
    void headsAreWhatTheDocumentationSays()
    {
        torch::manual_seed(2);
        AgentNetworkOptions options;
        options.encoder = {.features = 2, .width = 8, .patch = 2, .tokens = 2, .layers = 1, .heads = 1};
        options.privateSize = 4;
        options.actions = 2;
        options.headWidth = 3;
        options.holdBias = 1.5;
        AgentNetwork network(options);
        const auto p = network->named_parameters();
        const Tensor z = torch::randn({2, 5, 8});
        const Tensor s = torch::randn({2, 5, 6, 4});
        const HeadOutput output = network->heads(z, s);
        QCOMPARE(output.logits.sizes().vec(), (std::vector<std::int64_t>{2, 5, 6, 2}));
        QCOMPARE(output.value.sizes().vec(), (std::vector<std::int64_t>{2, 5, 6}));
        const Tensor hidden = torch::tanh(p["heads_market.weight"].matmul(z[1][2]) + p["heads_market.bias"]
                                          + p["heads_state.weight"].matmul(s[1][2][3]) + p["heads_state.bias"]);
        const Tensor logits = p["policy_out.weight"].matmul(hidden.narrow(0, 0, 3)) + p["policy_out.bias"]
                              + 1.5 * s[1][2][3].narrow(0, 0, 2);
        const Tensor value = p["value_out.weight"].matmul(hidden.narrow(0, 3, 3)) + p["value_out.bias"];
        QVERIFY(torch::allclose(output.logits[1][2][3], logits, 1e-5, 1e-6));
        QVERIFY(torch::allclose(output.value[1][2][3], value[0], 1e-5, 1e-6));
    }

    void cudaIsRefusedWhereThereIsNone()
    {
        if (!torch::cuda::is_available())
            QVERIFY_EXCEPTION_THROWN(selectDevice("cuda"), Error);
        QVERIFY(selectDevice("cpu").is_cpu());
        QCOMPARE(selectDevice("auto").is_cuda(), torch::cuda::is_available());
    }
};

QTEST_GUILESS_MAIN(NetworkTest)
#include "tst_network.moc"
