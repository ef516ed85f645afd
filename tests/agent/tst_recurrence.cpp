// The recurrence of private states: the LSTM against libtorch's own, its way through rollouts and updates, and a task that needs it.
#include <cmath>
#include <deque>
#include <numeric>

#include <QTest>

#include "agent/ppo/Collector.h"
#include "agent/ppo/FlatAdam.h"
#include "agent/ppo/MinibatchLoss.h"
#include "agent/ppo/PpoLoss.h"
#include "agent/ppo/PpoUpdater.h"
#include "env/reference/TMaze.h"
#include "models/AccountLstm.h"
#include "tests/support/TorchGateOrder.h"

using namespace btcai;
using test::toTorchGateOrder;
using torch::Tensor;

namespace {

constexpr std::int64_t kStretches = 2, kSteps = 7, kAccounts = 3, kInputs = 4, kWidth = 5;

/// Each account alone through libtorch's LSTM, anew from zero after each episode's end. [G, T, M, R]
Tensor reference(AccountLstm& lstm, const Tensor& state, const Tensor& memory, const Tensor& ended)
{
    auto parameters = lstm->named_parameters();
    const Tensor bias = toTorchGateOrder(parameters["input.bias"]);
    const std::vector<Tensor> weights{toTorchGateOrder(parameters["input.weight"]), toTorchGateOrder(parameters["recurrent"]), bias, torch::zeros_like(bias)};
    std::vector<Tensor> stretches;
    for (std::int64_t g = 0; g < state.size(0); ++g) {
        std::vector<Tensor> accounts;
        for (std::int64_t m = 0; m < state.size(2); ++m) {
            std::vector<Tensor> episodes;
            Tensor hidden = memory[g][m].narrow(0, 0, kWidth).view({1, 1, kWidth}), cell = memory[g][m].narrow(0, kWidth, kWidth).view({1, 1, kWidth});
            for (std::int64_t first = 0, t = 0; t < state.size(1); ++t) {
                const bool ends = ended[g][t][m].item<int>() != 0;
                if (!ends && t + 1 < state.size(1))
                    continue;
                const Tensor episode = state[g].narrow(0, first, t + 1 - first).select(1, m).unsqueeze(0);
                episodes.push_back(std::get<0>(torch::lstm(episode, {hidden, cell}, weights, true, 1, 0.0, false, false, true))[0]);
                hidden = torch::zeros_like(hidden), cell = torch::zeros_like(cell);
                first = t + 1;
            }
            accounts.push_back(torch::cat(episodes));
        }
        stretches.push_back(torch::stack(accounts, 1));
    }
    return torch::stack(stretches);
}

/// Episodes that end at once, in a row, in the last step and not at all.
Tensor someEndings()
{
    Tensor ended = torch::zeros({kStretches, kSteps, kAccounts}, torch::kUInt8);
    for (const auto& [g, t, m] : {std::array{0, 0, 0}, {0, 3, 1}, {0, 4, 1}, {1, kSteps - 1, 0}, {1, 2, 2}})
        ended[g][t][m] = 1;
    return ended;
}

AgentNetwork recurrentNetwork(std::int64_t privateSize, std::int64_t actions, std::int64_t width)
{
    torch::manual_seed(11);
    return AgentNetwork(AgentNetworkOptions{.hasMarket = false, .encoder = {}, .privateSize = privateSize, .recurrentWidth = width, .actions = actions, .headWidth = 32});
}

/// What the buffer's samples are said to be as likely as by the network now, [G, T, M].
Tensor logProbabilities(AgentNetwork& network, const RolloutBuffer& buffer)
{
    const torch::NoGradGuard guard;
    const Tensor logits = network->heads({}, network->recall(buffer.state, buffer.memory, buffer.ended).state).logits;
    return torch::log_softmax(logits, -1).gather(-1, buffer.action.unsqueeze(-1)).squeeze(-1);
}

/// The mean return of the last 100 episodes of training in the T-maze.
double trainedInTMaze(std::int64_t width, std::int64_t iterations, std::uint64_t seed)
{
    TMaze task(16, 5);
    task.reset(seed);
    AgentNetwork network = recurrentNetwork(3, 4, width);
    FlatAdam optimizer(*network);
    Collector collector(network, task, 64, seed);
    PpoUpdater updater(network, optimizer, nullptr, seed);
    RunConfig::Ppo options;
    options.stretchesPerMinibatch = 4;
    RolloutBuffer buffer = collector.makeBuffer();
    std::deque<double> returns;
    for (std::int64_t i = 0; i < iterations; ++i) {
        collector.collect(i, buffer);
        for (const double one : collector.endedEpisodeReturns())
            returns.push_back(one);
        while (returns.size() > 100)
            returns.pop_front();
        buffer.estimateAdvantages(0.98, 0.95);
        const double progress = static_cast<double>(i) / static_cast<double>(iterations);
        updater.update(buffer, options, {.learningRate = 3e-3 * (1.0 - progress), .entropyCoefficient = 0.02 * (1.0 - progress), .progress = progress}, i, 256);
    }
    return std::accumulate(returns.begin(), returns.end(), 0.0) / static_cast<double>(returns.size());
}

} // namespace

class RecurrenceTest : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { torch::set_num_threads(1); }

    void equalsALstmOfEachEpisode()
    {
        torch::manual_seed(3);
        AccountLstm lstm(kInputs, kWidth);
        lstm->to(torch::kFloat64);
        const Tensor state = torch::randn({kStretches, kSteps, kAccounts, kInputs}, torch::kFloat64).requires_grad_();
        const Tensor memory = torch::randn({kStretches, kAccounts, 2 * kWidth}, torch::kFloat64), ended = someEndings();
        const Tensor ours = lstm->forward(state, memory, ended).hidden, theirs = reference(lstm, state, memory, ended);
        QVERIFY(torch::allclose(ours, theirs, 1e-12, 1e-12));

        const Tensor weight = torch::randn_like(ours);
        std::vector<Tensor> inputs = lstm->parameters();
        inputs.push_back(state);
        const auto own = torch::autograd::grad({(ours * weight).sum()}, inputs), others = torch::autograd::grad({(theirs * weight).sum()}, inputs);
        for (std::size_t i = 0; i < inputs.size(); ++i)
            QVERIFY2(torch::allclose(own[i], others[i], 1e-10, 1e-10), qPrintable(QString("input %1").arg(i)));
    }

    void manyStepsEqualOneAfterAnother()
    {
        torch::manual_seed(4);
        const torch::NoGradGuard guard;
        AccountLstm lstm(kInputs, kWidth);
        const Tensor state = torch::randn({kStretches, kSteps, kAccounts, kInputs}), ended = someEndings();
        const AccountMemory whole = lstm->forward(state, {}, ended);
        Tensor memory;
        for (std::int64_t t = 0; t < kSteps; ++t) {
            const AccountMemory step = lstm->forward(state.narrow(1, t, 1), memory, {});
            QVERIFY(torch::allclose(step.hidden.select(1, 0), whole.hidden.select(1, t), 1e-5, 1e-6));
            memory = t + 1 < kSteps ? withoutEnded(step.memory, ended.select(1, t)) : step.memory;
        }
        QVERIFY(torch::allclose(memory, whole.memory, 1e-5, 1e-6)); // in spite of the ending in the last step
    }

    /// The pass by hand, through the heads and on through time, against autograd alone.
    void gradientsEqualThoseOfAutograd()
    {
        AgentNetwork network = recurrentNetwork(kInputs, 3, kWidth);
        FlatAdam optimizer(*network);
        {
            const torch::NoGradGuard guard;
            optimizer.parameters().normal_(0.0, 0.3);
        }
        const std::vector<std::int64_t> shape{kStretches, kSteps, kAccounts};
        Minibatch batch{.state = torch::randn({kStretches, kSteps, kAccounts, kInputs}),
                        .memory = torch::randn({kStretches, kAccounts, 2 * kWidth}),
                        .ended = someEndings(),
                        .action = torch::randint(3, shape, torch::kInt64),
                        .logProbability = torch::full(shape, std::log(1.0 / 3.0)),
                        .advantage = torch::randn(shape),
                        .returns = torch::randn(shape),
                        .features = {},
                        .targets = {},
                        .samples = static_cast<double>(kStretches * kSteps * kAccounts)};
        const RunConfig::Ppo options;
        const UpdateSchedule schedule{.learningRate = 1.0, .entropyCoefficient = 0.1, .progress = 0.0};
        optimizer.zeroGradients();
        const PartLoss loss = backward(network, batch, {0, kStretches}, options, schedule);
        const Tensor byHand = optimizer.gradients().clone();

        optimizer.zeroGradients();
        const HeadOutput heads = network->heads({}, network->recall(batch.state, batch.memory, batch.ended).state);
        const PpoLoss expected = ppoLoss(heads.logits, heads.value, batch.action, batch.logProbability, batch.advantage, batch.returns,
                                         {.clipRange = options.clipRange, .valueCoefficient = options.valueCoefficient, .entropyCoefficient = 0.1,
                                          .valueClipRange = 0.0});
        expected.total.backward();
        QVERIFY(std::abs(loss.heads.total - expected.total.item<double>()) < 1e-5);
        for (const auto& item : network->named_parameters()) {
            const Tensor grad = item.value().grad();
            const Tensor own = byHand.narrow(0, grad.storage_offset(), grad.numel()).view_as(grad);
            QVERIFY2(grad.abs().max().item<double>() > 1e-5, item.key().c_str());
            QVERIFY2((own - grad).norm().item<double>() < 1e-4 * grad.norm().item<double>(), item.key().c_str());
        }
    }

    /// An update sees each sample with the memory that it was decided with: over the rollout's edge, and anew after an end.
    void anUpdateRemembersWhatTheRolloutDid()
    {
        TMaze task(6, 2);
        task.reset(3);
        AgentNetwork network = recurrentNetwork(3, 4, 8);
        Collector collector(network, task, 20, 3);
        RolloutBuffer buffer = collector.makeBuffer();
        for (std::int64_t i = 0; i < 4; ++i) {
            const Tensor before = collector.memory().clone();
            collector.collect(i, buffer);
            QVERIFY(torch::equal(buffer.memory, before));
            QCOMPARE(before.abs().max().item<float>() > 0.0F, i > 0);
            QVERIFY(torch::equal(buffer.ended.to(torch::kBool), (buffer.terminated + buffer.truncated).to(torch::kBool)));
            QVERIFY(buffer.terminated.any().item<bool>());
            const double furthest = (logProbabilities(network, buffer) - buffer.logProbability).abs().max().item<double>();
            QVERIFY2(furthest < 1e-5, qPrintable(QString::number(furthest)));
        }
        QVERIFY(buffer.truncated.any().item<bool>()); // both kinds of ends were met
        const Tensor remembered = buffer.memory;
        buffer.memory = torch::zeros_like(remembered);
        QVERIFY((logProbabilities(network, buffer) - buffer.logProbability).abs().max().item<double>() > 1e-4); // else the above says nothing
        buffer.memory = remembered;
        buffer.ended = torch::zeros_like(buffer.ended);
        QVERIFY((logProbabilities(network, buffer) - buffer.logProbability).abs().max().item<double>() > 1e-4);
    }

    /// What follows a truncated step is valued as the episode would have gone on: with its memory, not with that of the next episode.
    void aTruncatedEpisodeIsBootstrappedWithItsMemory()
    {
        TMaze task(6, 2);
        task.reset(3);
        AgentNetwork network = recurrentNetwork(3, 4, 8);
        Collector collector(network, task, 60, 3);
        RolloutBuffer buffer = collector.makeBuffer();
        collector.collect(0, buffer);
        const torch::NoGradGuard guard;
        const Tensor cut = buffer.truncated.nonzero();
        QVERIFY(cut.size(0) > 0);
        for (std::int64_t i = 0; i < cut.size(0); ++i) {
            const std::int64_t g = cut[i][0].item<std::int64_t>(), t = cut[i][1].item<std::int64_t>();
            // In a corridor the final observation is the one of a step without a wall, or the one before: try them all, one must fit.
            const Tensor before = network->recall(buffer.state.narrow(0, g, 1).narrow(1, 0, t + 1), {}, buffer.ended.narrow(0, g, 1).narrow(1, 0, t + 1)).memory;
            double nearest = 1.0, nearestFresh = 1.0;
            for (const std::array<float, 3>& seen : {std::array{0.0F, 1.0F, 1.0F}, {1.0F, 1.0F, 0.0F}, {1.0F, 0.0F, 1.0F}, {0.0F, 1.0F, 0.0F}}) {
                const Tensor observation = torch::tensor(std::vector<float>(seen.begin(), seen.end())).view({1, 1, 1, 3});
                const auto distance = [&](const Tensor& memory) {
                    const Tensor value = network->heads({}, network->recall(observation, memory).state).value;
                    return std::abs(value.item<double>() - buffer.nextValue[g][t][0].item<double>());
                };
                nearest = std::min(nearest, distance(before));
                nearestFresh = std::min(nearestFresh, distance({}));
            }
            QVERIFY2(nearest < 1e-5, qPrintable(QString::number(nearest)));
            QVERIFY(nearestFresh > 1e-4);
        }
    }

    /// The T-maze (Bakker 2001), one observation at a time: 4 for who remembers the cue, 1.95 for who goes straight on and guesses.
    void solvesATaskThatNeedsMemory()
    {
        const double with = trainedInTMaze(16, 120, 1), without = trainedInTMaze(0, 120, 1);
        QVERIFY2(with >= 3.9, qPrintable(QString::number(with)));
        QVERIFY2(without < 2.6, qPrintable(QString::number(without)));
    }
};

QTEST_APPLESS_MAIN(RecurrenceTest)
#include "tst_recurrence.moc"
