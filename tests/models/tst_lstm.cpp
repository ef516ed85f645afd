// The window LSTM against libtorch's own, which runs every window apart.
#include <QTest>
#include <torch/nn/modules/rnn.h>

#include "models/LstmScan.h"
#include "tests/support/TorchGateOrder.h"

using namespace btcai;
using test::toTorchGateOrder;
using torch::Tensor;

namespace {

constexpr std::int64_t kStretches = 2, kTokens = 9, kWindow = 4, kInputs = 3, kHidden = 5;

Tensor reference(const Tensor& x, const Tensor& weights, const Tensor& bias, const Tensor& recurrent)
{
    torch::nn::LSTM lstm(torch::nn::LSTMOptions(kInputs, kHidden).batch_first(true));
    lstm->to(torch::kFloat64);
    std::vector<Tensor> outputs;
    for (std::int64_t w = 0; w + kWindow <= kTokens; ++w) {
        const Tensor window = x.narrow(1, w, kWindow);
        const Tensor zero = torch::zeros({1, kStretches, kHidden}, torch::kFloat64);
        const auto result = torch::lstm(window, {zero, zero},
                                        {toTorchGateOrder(weights), toTorchGateOrder(recurrent), toTorchGateOrder(bias), torch::zeros_like(bias)},
                                        true, 1, 0.0, false, false, true);
        outputs.push_back(std::get<0>(result).select(1, kWindow - 1));
    }
    return torch::stack(outputs, 1);
}

} // namespace

class LstmTest : public QObject {
    Q_OBJECT

    Tensor m_x, m_weights, m_bias, m_recurrent;

private slots:
    void init()
    {
        torch::manual_seed(3);
        m_x = torch::randn({kStretches, kTokens, kInputs}, torch::kFloat64).requires_grad_();
        m_weights = torch::randn({4 * kHidden, kInputs}, torch::kFloat64).requires_grad_();
        m_bias = torch::randn({4 * kHidden}, torch::kFloat64).requires_grad_();
        m_recurrent = (0.5 * torch::randn({4 * kHidden, kHidden}, torch::kFloat64)).detach().requires_grad_();
    }

    void everyWindowEqualsALstmOfItsOwn()
    {
        const Tensor ours = lstmOverWindows(torch::linear(m_x, m_weights, m_bias), m_recurrent, kWindow);
        QCOMPARE(ours.size(1), kTokens - kWindow + 1);
        QVERIFY(torch::allclose(ours, reference(m_x, m_weights, m_bias, m_recurrent), 1e-12, 1e-12));
    }

    void gradientsEqualThoseOfAutograd()
    {
        const Tensor weight = torch::randn({kStretches, kTokens - kWindow + 1, kHidden}, torch::kFloat64);
        const std::vector<Tensor> inputs{m_x, m_weights, m_bias, m_recurrent};
        const auto ours = torch::autograd::grad(
            {(lstmOverWindows(torch::linear(m_x, m_weights, m_bias), m_recurrent, kWindow) * weight).sum()}, inputs);
        const auto theirs = torch::autograd::grad({(reference(m_x, m_weights, m_bias, m_recurrent) * weight).sum()}, inputs);
        for (std::size_t i = 0; i < inputs.size(); ++i)
            QVERIFY2(torch::allclose(ours[i], theirs[i], 1e-10, 1e-10), qPrintable(QString("input %1").arg(i)));
    }

    // In float32 it goes another way: by hand.
    void inFloat32ItIsTheSame()
    {
        const Tensor projected = torch::linear(m_x, m_weights, m_bias).detach().requires_grad_();
        const Tensor weight = torch::randn({kStretches, kTokens - kWindow + 1, kHidden}, torch::kFloat64);
        const auto run = [&](torch::ScalarType type) {
            const std::vector<Tensor> inputs{projected.detach().to(type).requires_grad_(), m_recurrent.detach().to(type).requires_grad_()};
            const Tensor state = lstmOverWindows(inputs[0], inputs[1], kWindow);
            auto all = torch::autograd::grad({(state * weight.to(type)).sum()}, inputs);
            all.push_back(state.detach());
            return all;
        };
        const auto exact = run(torch::kFloat64), byHand = run(torch::kFloat32);
        for (std::size_t i = 0; i < exact.size(); ++i)
            QVERIFY2(torch::allclose(byHand[i].to(torch::kFloat64), exact[i], 1e-5, 2e-6), qPrintable(QString::number(i)));
    }

    void aReaderEqualsAWindow()
    {
        const Tensor projected = torch::linear(m_x, m_weights, m_bias).detach().to(torch::kFloat32), recurrent = m_recurrent.detach().to(torch::kFloat32);
        const Tensor windows = lstmOverWindows(projected, recurrent, kWindow);
        LstmReader reader(recurrent);
        for (std::int64_t w = 0; w < windows.size(1); ++w) {
            for (std::int64_t k = 0; k < kWindow; ++k)
                reader.read(projected[1][w + k].data_ptr<float>());
            QCOMPARE(reader.tokens(), kWindow);
            QVERIFY(torch::allclose(reader.hidden(), windows[1][w], 1e-6, 1e-6));
            reader.restart();
        }
    }

    // A number of bfloat16 is right to a 256th of itself: so are state and gradients, some roundings later, to 3 % of their size.
    void inBfloat16ItIsNear()
    {
        const Tensor weight = torch::randn({kStretches, kTokens - kWindow + 1, kHidden}, torch::kFloat64);
        const std::vector<Tensor> inputs{m_x, m_weights, m_bias, m_recurrent};
        const auto run = [&](bool bfloat16) {
            const Tensor state = lstmOverWindows(torch::linear(m_x, m_weights, m_bias), m_recurrent, kWindow, bfloat16);
            auto all = torch::autograd::grad({(state * weight).sum()}, inputs);
            all.push_back(state.detach());
            return all;
        };
        const auto exact = run(false), rounded = run(true);
        for (std::size_t i = 0; i < exact.size(); ++i) {
            const double error = ((rounded[i] - exact[i]).norm() / exact[i].norm()).item<double>();
            QVERIFY2(error > 1e-5 && error < 0.03, qPrintable(QString("%1: %2").arg(i).arg(error)));
        }
    }
};

QTEST_GUILESS_MAIN(LstmTest)
#include "tst_lstm.moc"
