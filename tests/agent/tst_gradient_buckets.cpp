// Gradients that are handed on while the backward pass goes on: each slice once, with what is its sum in the end, and not all at the end.
#include <thread>

#include <QTest>

#include "agent/distributed/GradientBuckets.h"
#include "agent/ppo/FlatAdam.h"
#include "models/AgentNetwork.h"

using namespace btcai;
using torch::Tensor;

namespace {

AgentNetworkOptions smallNetwork()
{
    return {.encoder = {.features = 3, .width = 8, .patch = 2, .tokens = 2, .layers = 1, .heads = 2}, .privateSize = 4, .actions = 2, .headWidth = 8, .horizons = 2};
}

/// A network's parts with gradients of their own, as an updater has them.
struct Parts {
    explicit Parts(std::size_t count)
    {
        torch::manual_seed(5);
        for (std::size_t i = 0; i < count; ++i) {
            networks.emplace_back(smallNetwork());
            if (i == 0)
                optimizer.emplace(*networks[0]);
            gradients.push_back(i == 0 ? optimizer->gradients() : torch::zeros_like(optimizer->gradients()));
            if (i > 0)
                bindParameters(*networks[i], optimizer->parameters(), gradients[i]);
            features.push_back(torch::randn({2, networks[0]->encoder()->contextRows() + 4, 3}));
        }
    }

    std::vector<GradientBuckets::Part> all() const
    {
        std::vector<GradientBuckets::Part> parts;
        for (std::size_t i = 0; i < networks.size(); ++i)
            parts.push_back({networks[i].ptr(), gradients[i]});
        return parts;
    }
    /// Reaches the encoder and the forecast's head, not the others.
    Tensor loss(std::size_t part) { return networks[part]->forecast(networks[part]->encoder()(features[part]).embedding).mean.square().sum(); }

    std::vector<AgentNetwork> networks;
    std::optional<FlatAdam> optimizer;
    std::vector<Tensor> gradients, features;
};

} // namespace

class GradientBucketsTest : public QObject {
    Q_OBJECT

private slots:
    void eachSliceIsHandedOnOnceItIsDone_data()
    {
        QTest::addColumn<int>("parts");
        QTest::addColumn<int>("passes"); // of each part, of which the last counts
        QTest::newRow("one part") << 1 << 1;
        QTest::newRow("two threads") << 2 << 1;
        QTest::newRow("a part that goes backward three times") << 1 << 3;
        QTest::newRow("three threads, two passes each") << 3 << 2;
    }
    void eachSliceIsHandedOnOnceItIsDone()
    {
        QFETCH(int, parts);
        QFETCH(int, passes);
        const auto count = static_cast<std::size_t>(parts);
        Parts setup(count);
        std::vector<std::pair<std::int64_t, Tensor>> sent; // where, and what
        bool over = false;
        std::size_t early = 0;
        GradientBuckets buckets(setup.all(), 100, [&](const Tensor& sum) {
            sent.emplace_back(sum.storage_offset(), sum.clone());
            early += over ? 0 : 1;
        });
        for (int round = 0; round < 3; ++round) {
            Tensor expected = torch::zeros_like(setup.gradients[0]);
            for (std::size_t i = 0; i < count; ++i) {
                setup.gradients[i].zero_();
                setup.loss(i).backward();
                expected += setup.gradients[i] * passes;
                setup.gradients[i].zero_();
            }
            QVERIFY(sent.empty()); // a pass outside of a minibatch is nobody's
            buckets.begin(count);
            over = false;
            early = 0;
            std::vector<std::thread> threads;
            for (std::size_t i = 0; i < count; ++i)
                threads.emplace_back([&, i] {
                    for (int pass = 0; pass < passes; ++pass) {
                        const Tensor loss = setup.loss(i);
                        if (pass + 1 == passes)
                            buckets.lastPass(i, {loss});
                        loss.backward();
                    }
                });
            for (std::thread& thread : threads)
                thread.join();
            over = true;
            for (std::size_t i = 0; i < count; ++i)
                buckets.finish(i);
            QVERIFY2(early > 3 && early == sent.size(), qPrintable(QString("%1 of %2").arg(early).arg(sent.size()))); // all are reached or known not to be
            std::int64_t end = expected.numel(); // from the last parameters to the first, without a gap
            for (const auto& [first, sum] : sent) {
                QCOMPARE(first + sum.numel(), end);
                QVERIFY(torch::allclose(sum, expected.narrow(0, first, sum.numel()), 1e-5, 1e-7));
                end = first;
            }
            QCOMPARE(end, std::int64_t{0});
            QVERIFY(torch::allclose(setup.gradients[0], expected, 1e-5, 1e-7));
            sent.clear();
        }
    }

    // Fewer parts than there are networks, and one without anything to go backward from.
    void partsMayHaveNothingToDo()
    {
        Parts setup(3);
        std::int64_t sent = 0;
        GradientBuckets buckets(setup.all(), 100, [&](const Tensor& sum) { sent += sum.numel(); });
        buckets.begin(2);
        const Tensor loss = setup.loss(0);
        buckets.lastPass(0, {loss});
        loss.backward();
        QCOMPARE(sent, std::int64_t{0}); // the second part may still add to it
        buckets.finish(1);
        QCOMPARE(sent, setup.gradients[0].numel());
        buckets.finish(0);
        QCOMPARE(sent, setup.gradients[0].numel());
    }

    void hooksEndWithTheBuckets()
    {
        Parts setup(1);
        {
            GradientBuckets buckets(setup.all(), 100, [](const Tensor&) { QFAIL("nothing was begun"); });
            buckets.begin(1);
        }
        setup.loss(0).backward();
    }
};

QTEST_APPLESS_MAIN(GradientBucketsTest)
#include "tst_gradient_buckets.moc"
