// The same rollout, advantages, loss and optimiser on a task whose difficulty is known: CartPole.
#include <deque>
#include <numeric>

#include <QTest>

#include "agent/ppo/Collector.h"
#include "agent/ppo/PpoUpdater.h"
#include "env/reference/CartPole.h"

using namespace btcai;

class CartPolePpoTest : public QObject {
    Q_OBJECT
private slots:
    /// Stable-Baselines3 with these hyper-parameters reaches a mean of 475 over 100 episodes after 66,448 to 102,872 steps.
    void learnsToBalance()
    {
        torch::set_num_threads(1);
        torch::manual_seed(1);
        AgentNetworkOptions options;
        options.hasMarket = false;
        options.privateSize = 4;
        options.headWidth = 64;
        options.headLayers = 2;
        AgentNetwork network(options);
        FlatAdam optimizer(*network);
        CartPole env(8);
        env.reset(1);
        Collector collector(network, env, 256, 1);
        PpoUpdater updater(network, optimizer, nullptr, 1);
        RolloutBuffer buffer = collector.makeBuffer();
        RunConfig::Ppo ppo;
        ppo.epochs = 10;
        ppo.targetKl = 0.0;
        std::deque<double> recent;
        double mean = 0.0;
        std::int64_t steps = 0;
        for (std::int64_t iteration = 0; iteration < 75 && mean < 475.0; ++iteration) {
            collector.collect(iteration, buffer);
            buffer.estimateAdvantages(0.99, 0.95);
            updater.update(buffer, ppo, {.learningRate = 3e-4, .entropyCoefficient = 0.0}, iteration, 64);
            steps += 8 * 256;
            for (const double value : collector.endedEpisodeReturns())
                recent.push_back(value);
            while (recent.size() > 100)
                recent.pop_front();
            if (recent.size() == 100)
                mean = std::accumulate(recent.begin(), recent.end(), 0.0) / 100.0;
        }
        qInfo("mean of 100 episodes %.1f after %lld steps", mean, static_cast<long long>(steps));
        QVERIFY(mean >= 475.0);
    }
};

QTEST_GUILESS_MAIN(CartPolePpoTest)
#include "tst_cartpole_ppo.moc"
