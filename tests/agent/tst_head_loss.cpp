// The heads' pass written by hand against libtorch's autograd over the same network and loss.
#include <cmath>
#include <limits>

#include <QTest>

#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/HeadLoss.h"
#include "agent/ppo/PpoLoss.h"
#include "base/Error.h"

using namespace btcai;
using torch::Tensor;

namespace {

struct Sizes {
    std::int64_t state, width, layers, actions, stretches, steps, accounts;
    bool market, holdBias;
    std::int64_t maskAt = -1;
};

/// A network with its optimiser's flat buffers, and samples drawn at random, some of them beyond the clip range.
struct Case {
    explicit Case(const Sizes& s)
        : network(AgentNetworkOptions{.hasMarket = s.market,
                                      .encoder = {.features = 3, .width = 8, .patch = 2, .tokens = 2, .layers = 1, .heads = 2},
                                      .privateSize = s.state, .actions = s.actions, .maskAt = s.maskAt, .headWidth = s.width, .headLayers = s.layers,
                                      .holdBias = s.holdBias ? 1.5 : 0.0}),
          optimizer(*network)
    {
        torch::NoGradGuard guard;
        optimizer.parameters().normal_(0.0, 0.3);
        const std::vector<std::int64_t> shape{s.stretches, s.steps, s.accounts};
        if (s.market)
            z = torch::randn({s.stretches, s.steps, 8});
        samples.state = torch::randn({s.stretches, s.steps, s.accounts, s.state});
        samples.action = torch::randint(s.actions, shape, torch::kInt64);
        if (s.maskAt >= 0) { // what was done was possible
            const Tensor possible = torch::randint(2, {s.stretches, s.steps, s.accounts, s.actions - 1});
            samples.state.narrow(3, s.maskAt, s.actions - 1).copy_(possible);
            samples.action *= torch::cat({torch::ones({s.stretches, s.steps, s.accounts, 1}), possible}, 3).gather(3, samples.action.unsqueeze(3)).squeeze(3).to(torch::kInt64);
        }
        samples.logProbability = torch::log_softmax(network->heads(z, samples.state).logits, -1)
                                     .gather(-1, samples.action.unsqueeze(-1))
                                     .squeeze(-1)
                                     + 0.3 * torch::randn(shape);
        samples.advantage = torch::randn(shape);
        samples.returns = torch::randn(shape);
        samples.minibatch = 2.0 * static_cast<double>(samples.action.numel()); // as if another thread had the other half
    }

    AgentNetwork network;
    FlatAdam optimizer;
    Tensor z;
    HeadSamples samples;
    PpoLossOptions options{.clipRange = 0.2, .valueCoefficient = 0.7, .entropyCoefficient = 0.05, .valueClipRange = 0.0};

    struct Result {
        LossSums sums;
        Tensor gradients, marketGradient, stateGradient;
    };
    Result byHand()
    {
        optimizer.zeroGradients();
        if (z.defined())
            samples.marketShare = network->marketShare(z).detach();
        Result result;
        result.sums = headLoss(network, samples, options, result.marketGradient, &result.stateGradient);
        result.gradients = optimizer.gradients().clone();
        return result;
    }
    /// The market's share is a leaf here, as it is for the pass by hand: the layers below have no gradient in either.
    Result byAutograd()
    {
        optimizer.zeroGradients();
        const Tensor zLeaf = z.defined() ? z.clone().requires_grad_() : z;
        const Tensor stateLeaf = samples.state.clone().requires_grad_();
        const HeadOutput heads = network->heads(zLeaf, stateLeaf);
        const Tensor logits = samples.temperature.defined() ? heads.logits / samples.temperature.unsqueeze(2).unsqueeze(3) : heads.logits;
        const PpoLoss loss = ppoLoss(logits, heads.value, samples.action, samples.logProbability, samples.advantage, samples.returns, options, samples.oldValue,
                                     samples.entropyScale.defined() ? samples.entropyScale.unsqueeze(2) : Tensor());
        const double share = 0.5;
        (loss.total * share).backward();
        Result result;
        result.sums = {.total = share * loss.total.item<double>(), .policy = share * loss.policy.item<double>(),
                       .value = share * loss.value.item<double>(), .entropy = share * loss.entropy.item<double>(),
                       .approxKl = share * loss.approxKl.item<double>(), .clipFraction = share * loss.clipFraction.item<double>()};
        result.gradients = optimizer.gradients().clone();
        if (z.defined())
            result.marketGradient = zLeaf.grad();
        result.stateGradient = stateLeaf.grad();
        return result;
    }
};

double distance(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>() / std::max(1e-12, b.abs().max().item<double>()); }

} // namespace

class HeadLossTest : public QObject {
    Q_OBJECT

private slots:
    void equalsAutograd_data()
    {
        QTest::addColumn<QVector<int>>("s");
        QTest::newRow("trading") << QVector<int>{10, 64, 1, 2, 2, 32, 16, 1, 1};
        QTest::newRow("cartpole") << QVector<int>{4, 64, 2, 2, 64, 1, 1, 0, 0};
        QTest::newRow("short selling, one account") << QVector<int>{10, 32, 1, 3, 1, 77, 1, 1, 1};
        QTest::newRow("more accounts than a block") << QVector<int>{10, 16, 1, 3, 2, 3, 150, 1, 0};
        QTest::newRow("accounts that do not divide a block") << QVector<int>{10, 48, 2, 2, 1, 50, 7, 1, 1};
        QTest::newRow("widths off the vector size") << QVector<int>{19, 9, 3, 5, 1, 40, 3, 1, 0};
        QTest::newRow("wide state") << QVector<int>{40, 24, 1, 17, 3, 5, 4, 0, 0};
    }
    void equalsAutograd()
    {
        QFETCH(QVector<int>, s);
        torch::manual_seed(7);
        Case c({s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] != 0, s[8] != 0});
        const Case::Result hand = c.byHand();
        const Case::Result autograd = c.byAutograd();
        QVERIFY(autograd.sums.clipFraction > 0.05);
        for (const auto& [a, b] : {std::pair(hand.sums.total, autograd.sums.total), {hand.sums.policy, autograd.sums.policy},
                                  {hand.sums.value, autograd.sums.value}, {hand.sums.entropy, autograd.sums.entropy},
                                  {hand.sums.approxKl, autograd.sums.approxKl}, {hand.sums.clipFraction, autograd.sums.clipFraction}})
            QVERIFY2(std::abs(a - b) < 1e-5 * std::max(1.0, std::abs(b)), qPrintable(QString("%1 where autograd gives %2").arg(a).arg(b)));
        // Each parameter apart, so that a small one cannot hide behind a large one.
        c.optimizer.gradients().copy_(autograd.gradients);
        std::vector<Tensor> expected;
        for (const Tensor& parameter : c.network->parameters())
            expected.push_back(parameter.grad().clone());
        c.optimizer.gradients().copy_(hand.gradients);
        std::size_t i = 0;
        for (const auto& item : c.network->named_parameters()) {
            const Tensor& reference = expected[i++];
            if (item.key().rfind("heads_market", 0) == 0) // below the cut
                continue;
            if (reference.abs().max().item<double>() == 0.0) {
                QVERIFY2(item.value().grad().abs().max().item<double>() == 0.0, item.key().c_str());
                continue;
            }
            QVERIFY2(distance(item.value().grad(), reference) < 2e-4, item.key().c_str());
        }
        QVERIFY(distance(hand.stateGradient, autograd.stateGradient) < 2e-4);
        if (c.z.defined()) { // through the layer below the cut, by the chain rule
            const Tensor weight = c.network->named_parameters()["heads_market.weight"];
            QVERIFY(distance(torch::matmul(hand.marketGradient, weight), autograd.marketGradient) < 2e-4);
        }
    }

    // What is impossible has no probability and no gradient, and the rest is as autograd has it.
    /// What a rollout asks of them: any number of samples, and no gradient.
    void outputsAloneEqualLibtorch_data() { equalsAutograd_data(); }
    void outputsAloneEqualLibtorch()
    {
        QFETCH(QVector<int>, s);
        torch::manual_seed(8);
        torch::NoGradGuard guard;
        Case c({s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] != 0, s[8] != 0});
        const HeadOutput expected = c.network->heads(c.z, c.samples.state);
        HeadOutput found{torch::zeros_like(expected.logits), torch::zeros_like(expected.value)};
        const Tensor share = c.z.defined() ? c.network->marketShare(c.z) : Tensor();
        HeadPass(c.network->headShape(), c.network->headParameters())
            .infer(found.value.numel(), c.samples.state.data_ptr<float>(), share.defined() ? share.data_ptr<float>() : nullptr, s[6],
                   found.logits.data_ptr<float>(), found.value.data_ptr<float>());
        QVERIFY((found.logits - expected.logits).abs().max().item<double>() < 1e-5);
        QVERIFY((found.value - expected.value).abs().max().item<double>() < 1e-5);
    }

    void impossibleActionsEqualAutograd()
    {
        torch::manual_seed(12);
        Case c({10, 32, 1, 3, 2, 30, 7, true, true, 6});
        const Tensor logits = c.network->heads(c.z, c.samples.state).logits, possible = c.samples.state.narrow(3, 6, 2);
        const Tensor probability = torch::softmax(logits, 3).narrow(3, 1, 2);
        QVERIFY(torch::equal(probability > 0.0, possible > 0.0));
        const Case::Result hand = c.byHand(), autograd = c.byAutograd();
        QVERIFY(std::abs(hand.sums.total - autograd.sums.total) < 1e-5 && std::abs(hand.sums.entropy - autograd.sums.entropy) < 1e-5);
        QVERIFY(distance(torch::matmul(hand.marketGradient, c.network->named_parameters()["heads_market.weight"]), autograd.marketGradient) < 2e-4);
        c.samples.state.narrow(3, 6, 2).zero_(); // there is but one thing to do, and nothing to learn of it
        c.samples.action.zero_();
        c.options.valueCoefficient = 0.0;
        QVERIFY(std::abs(c.byHand().sums.entropy) < 1e-6);
        QVERIFY(c.optimizer.gradients().abs().max().item<double>() < 1e-6);
    }

    void clippedValuesEqualAutograd()
    {
        torch::manual_seed(13);
        Case c({10, 32, 1, 2, 2, 30, 7, true, true});
        const double free = c.byHand().sums.total;
        c.options.valueClipRange = 0.3;
        c.samples.oldValue = c.network->heads(c.z, c.samples.state).value.detach() + 0.4 * torch::randn({2, 30, 7});
        const Case::Result hand = c.byHand(), autograd = c.byAutograd();
        QVERIFY(std::abs(hand.sums.total - free) > 1e-3);
        QVERIFY(std::abs(hand.sums.total - autograd.sums.total) < 1e-5);
        QVERIFY(distance(torch::matmul(hand.marketGradient, c.network->named_parameters()["heads_market.weight"]), autograd.marketGradient) < 2e-4);
    }

    // With a temperature and a weight of the entropy that differ from bar to bar.
    void exploringEqualsAutograd()
    {
        torch::manual_seed(11);
        Case c({10, 32, 1, 3, 2, 30, 7, true, true});
        c.samples.temperature = 1.0 + torch::rand({2, 30});
        c.samples.entropyScale = 2.0 * torch::rand({2, 30});
        c.options.entropyCoefficient = 0.5;
        const Case::Result hand = c.byHand(), autograd = c.byAutograd();
        QVERIFY(std::abs(hand.sums.total - autograd.sums.total) < 1e-5);
        QVERIFY(distance(torch::matmul(hand.marketGradient, c.network->named_parameters()["heads_market.weight"]), autograd.marketGradient) < 2e-4);
        c.samples.temperature = Tensor();
        QVERIFY(std::abs(c.byHand().sums.total - hand.sums.total) > 1e-3);
        c.samples.entropyScale = Tensor();
        const double plain = c.byHand().sums.total;
        c.samples.entropyScale = torch::ones({2, 30});
        QVERIFY(c.byHand().sums.total == plain);
    }

    // What is not a number must reach the gradient, where the updater looks for it.
    void aNanComesThrough()
    {
        for (const char* where : {"state", "market", "advantage", "returns", "weight"}) {
            torch::manual_seed(3);
            Case c({10, 16, 1, 2, 1, 8, 4, true, true});
            const float nan = std::numeric_limits<float>::quiet_NaN();
            const std::string name = where;
            if (name == "state")
                c.samples.state[0][3][2][5] = nan;
            else if (name == "market")
                c.z[0][2][1] = nan;
            else if (name == "advantage")
                c.samples.advantage[0][1][1] = nan;
            else if (name == "returns")
                c.samples.returns[0][1][1] = nan;
            else
                torch::Tensor(c.network->named_parameters()["policy_out.weight"]).data().view(-1)[3] = nan;
            c.byHand();
            QVERIFY2(!std::isfinite(c.optimizer.gradientNorm()), where);
        }
    }
};

QTEST_APPLESS_MAIN(HeadLossTest)
#include "tst_head_loss.moc"
