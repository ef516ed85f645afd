// The encoder's arithmetic by hand, float32 on the CPU, against the same formulas in double: by loops, or by libtorch's operations and autograd.
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include <QTest>

#include "models/Attention.h"
#include "models/DenseLayers.h"
#include "models/VectorKernels.h"

using namespace btcai;
using torch::Tensor;

namespace {

constexpr auto kNaN = std::numeric_limits<float>::quiet_NaN();

Tensor parameter(at::IntArrayRef sizes) { return torch::randn(sizes).requires_grad_(); }

Tensor exact(const Tensor& t) { return t.detach().to(torch::kFloat64).requires_grad_(t.requires_grad()); }

/// Of the largest number in `expected`.
double worstError(const Tensor& actual, const Tensor& expected)
{
    return ((actual.to(torch::kFloat64) - expected).abs().max() / expected.abs().max()).item<double>();
}

/// The value of a function and the gradients of its inputs, for a random weight of its outputs: in float32 as the code under test makes them, in double as `expected` does.
void compare(const std::vector<Tensor>& inputs, const std::function<Tensor(const std::vector<Tensor>&)>& actual,
             const std::function<Tensor(const std::vector<Tensor>&)>& expected)
{
    std::vector<Tensor> doubles;
    std::ranges::transform(inputs, std::back_inserter(doubles), exact);
    const Tensor y = actual(inputs), yExpected = expected(doubles), weight = torch::randn(y.sizes());
    QCOMPARE(y.sizes(), yExpected.sizes());
    QVERIFY2(worstError(y, yExpected) < 2e-6, qPrintable(QString::number(worstError(y, yExpected))));
    const auto gradients = torch::autograd::grad({(y * weight).sum()}, inputs);
    const auto gradientsExpected = torch::autograd::grad({(yExpected * weight).sum()}, doubles);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const double error = worstError(gradients[i], gradientsExpected[i]);
        QVERIFY2(error < 2e-6, qPrintable(QString("input %1: %2").arg(i).arg(error)));
    }
}

/// One head at a time, one window at a time.
Tensor attentionPerHead(const Tensor& query, const Tensor& keyValue, std::int64_t heads)
{
    const std::int64_t width = query.size(2), perHead = width / heads;
    std::vector<Tensor> windows;
    for (std::int64_t b = 0; b < query.size(0); ++b) {
        std::vector<Tensor> mixed;
        for (std::int64_t h = 0; h < heads; ++h) {
            const Tensor key = keyValue[b].narrow(1, h * perHead, perHead), value = keyValue[b].narrow(1, width + h * perHead, perHead);
            const Tensor scores = query[b].narrow(1, h * perHead, perHead).mm(key.t()) / std::sqrt(static_cast<double>(perHead));
            mixed.push_back(torch::softmax(scores, 1).mm(value));
        }
        windows.push_back(torch::cat(mixed, 1));
    }
    return torch::stack(windows);
}

} // namespace

class VectorKernelsTest : public QObject {
    Q_OBJECT

private slots:
    void init() { torch::manual_seed(7); }

    /// Sizes around those at which the way through the matrix changes.
    void products_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("depth");
        for (const auto& [rows, width, depth] : {std::array{1, 1, 1}, {1, 64, 128}, {3, 15, 7}, {6, 16, 256}, {7, 17, 257}, {13, 79, 300}, {66, 130, 513}, {5, 200, 0}})
            QTest::addRow("%d x %d x %d", rows, width, depth) << rows << width << depth;
    }
    void products()
    {
        QFETCH(int, rows);
        QFETCH(int, width);
        QFETCH(int, depth);
        constexpr int pad = 3; // between rows, which must stay as it is
        const Tensor a = torch::randn({rows, depth}), b = torch::randn({depth, width + pad}), before = torch::randn({rows, width + pad});
        const Tensor product = exact(a).mm(exact(b).narrow(1, 0, width));
        const Tensor turned = a.t().contiguous();
        for (const bool add : {false, true})
            for (const bool isTurned : {false, true}) {
                Tensor c = before.clone();
                kernels::multiply(c.data_ptr<float>(), width + pad, (isTurned ? turned : a).data_ptr<float>(), isTurned ? 1 : depth, isTurned ? rows : 1,
                                  b.data_ptr<float>(), width + pad, rows, width, depth, add);
                const Tensor expected = add ? product + exact(before).narrow(1, 0, width) : product;
                const double error = (c.narrow(1, 0, width).to(torch::kFloat64) - expected).abs().max().item<double>();
                QVERIFY2(error < 1e-6 * (10.0 + depth), qPrintable(QString::number(error)));
                QVERIFY(torch::equal(c.narrow(1, width, pad), before.narrow(1, width, pad)));
            }
    }

    /// Whatever rows there are besides, a row's product has the same bits: what is decided alone equals what is decided in a batch.
    void aProductDoesNotDependOnItsBatch()
    {
        const Tensor a = torch::randn({67, 300}), b = torch::randn({300, 90});
        const auto multiply = [&](const Tensor& left) {
            Tensor c = torch::empty({left.size(0), 90});
            kernels::multiply(c.data_ptr<float>(), 90, left.data_ptr<float>(), 300, 1, b.data_ptr<float>(), 90, left.size(0), 90, 300, false);
            return c;
        };
        const Tensor all = multiply(a);
        for (const std::int64_t rows : {1, 2, 5, 6, 11, 66})
            QVERIFY(torch::equal(multiply(a.narrow(0, 67 - rows, rows).contiguous()), all.narrow(0, 67 - rows, rows)));
    }

    void turning()
    {
        const Tensor in = torch::randn({37, 53});
        Tensor out = torch::zeros({50, 40});
        kernels::transpose(out.data_ptr<float>(), 40, in.data_ptr<float>(), 53, 37, 50);
        QVERIFY(torch::equal(out.narrow(1, 0, 37), in.narrow(1, 0, 50).t()));
        QVERIFY(torch::equal(out.narrow(1, 37, 3), torch::zeros({50, 3})));
    }

    void functionsOverTheirRange()
    {
        std::vector<float> x;
        for (float at = -100.0F; at <= 100.0F; at += 0.0137F)
            x.push_back(at);
        const auto count = static_cast<std::int64_t>(x.size());
        std::vector<float> tanh = x, gelu(x.size()), slope(x.size(), 1.0F);
        kernels::hyperbolicTangent(tanh.data(), count);
        kernels::gelu(gelu.data(), x.data(), count);
        kernels::throughGelu(slope.data(), x.data(), count);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double at = x[i], below = 0.5 * std::erfc(-at / std::sqrt(2.0)), density = std::exp(-0.5 * at * at) / std::sqrt(2.0 * std::numbers::pi);
            QVERIFY2(std::abs(tanh[i] - std::tanh(at)) < 2e-7, qPrintable(QString::number(at)));
            QVERIFY2(std::abs(gelu[i] - at * below) < 1e-7 + 2e-7 * std::abs(at), qPrintable(QString::number(at)));
            QVERIFY2(std::abs(slope[i] - (below + at * density)) < 5e-7, qPrintable(QString::number(at)));
        }
    }

    void softmax_data()
    {
        QTest::addColumn<int>("width");
        for (const int width : {1, 15, 16, 18, 63})
            QTest::addRow("%d", width) << width;
    }
    void softmax()
    {
        QFETCH(int, width);
        const std::int64_t stride = kernels::padded(width);
        const Tensor scores = 30.0 * torch::randn({5, width}); // some shares are as good as 0
        Tensor values = torch::full({5, stride}, 1e9F); // what is beyond the width does not count
        values.narrow(1, 0, width).copy_(scores);
        kernels::softmaxRows(values.data_ptr<float>(), 5, width, 0.25F);
        const Tensor expected = torch::softmax(exact(scores) * 0.25, 1);
        QVERIFY(worstError(values.narrow(1, 0, width), expected) < 1e-6);
        QVERIFY(torch::equal(values.narrow(1, width, stride - width), torch::zeros({5, stride - width})));
    }

    void aNaNStaysOne()
    {
        for (std::int64_t at = 0; at < 20; ++at) {
            std::vector<float> x(20, 0.5F), gelu(20), row(32, 0.5F);
            x[static_cast<std::size_t>(at)] = row[static_cast<std::size_t>(at)] = kNaN;
            kernels::gelu(gelu.data(), x.data(), 20);
            kernels::hyperbolicTangent(x.data(), 20);
            kernels::softmaxRows(row.data(), 1, 20, 1.0F);
            QVERIFY(std::isnan(gelu[static_cast<std::size_t>(at)]) && std::isnan(x[static_cast<std::size_t>(at)]));
            QVERIFY(std::isnan(row[0]) && std::isnan(row[19]));
            std::vector<float> gates(80, 0.5F), before(20, 0.5F), cell(20), cellTanh(20), state(20);
            gates[static_cast<std::size_t>(4 * at)] = kNaN;
            kernels::lstmCell(gates.data(), before.data(), cell.data(), cellTanh.data(), state.data(), 1, 20);
            QVERIFY(std::isnan(state[static_cast<std::size_t>(4 * at % 20)]));
        }
    }

    void linear_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("inputs");
        QTest::addColumn<int>("outputs");
        for (const auto& [rows, inputs, outputs] : {std::array{1, 40, 33}, {4, 128, 64}, {5, 19, 70}, {130, 208, 128}, {99, 3, 5}})
            QTest::addRow("%d x %d to %d", rows, inputs, outputs) << rows << inputs << outputs;
    }
    void linear()
    {
        QFETCH(int, rows);
        QFETCH(int, inputs);
        QFETCH(int, outputs);
        const auto reference = [](const std::vector<Tensor>& in) { return in[0].matmul(in[1].t()) + in[2]; };
        const auto layer = [](const std::vector<Tensor>& in) { return linearLayer(in[0], in[1], in[2]); };
        compare({parameter({1, rows, inputs}), parameter({outputs, inputs}), parameter({outputs})}, layer, reference);
        const Tensor every = parameter({rows, 2, inputs}), weight = parameter({outputs, inputs}), bias = parameter({outputs}); // rows that do not lie side by side
        compare({every, weight, bias}, [&](const std::vector<Tensor>& in) { return layer({in[0].narrow(1, 1, 1), in[1], in[2]}); },
                [&](const std::vector<Tensor>& in) { return reference({in[0].narrow(1, 1, 1), in[1], in[2]}); });
    }

    void gelu()
    {
        compare({parameter({7, 3, 13})}, [](const std::vector<Tensor>& in) { return geluLayer(in[0]); },
                [](const std::vector<Tensor>& in) { return in[0] * 0.5 * (1.0 + torch::erf(in[0] * std::sqrt(0.5))); });
    }

    void attention_data()
    {
        QTest::addColumn<int>("windows");
        QTest::addColumn<int>("queries");
        QTest::addColumn<int>("keys");
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("heads");
        QTest::newRow("scalping") << 3 << 18 << 18 << 128 << 4;
        QTest::newRow("newest token alone") << 3 << 1 << 18 << 128 << 4;
        QTest::newRow("narrow heads") << 2 << 5 << 5 << 12 << 4;
        QTest::newRow("two keys") << 2 << 1 << 2 << 16 << 1;
        QTest::newRow("long") << 1 << 63 << 63 << 64 << 2;
    }
    void attention()
    {
        QFETCH(int, windows);
        QFETCH(int, queries);
        QFETCH(int, keys);
        QFETCH(int, width);
        QFETCH(int, heads);
        compare({parameter({windows, queries, width}), parameter({windows, keys, 2 * width})},
                [heads](const std::vector<Tensor>& in) { return btcai::attention(in[0], in[1], heads); },
                [heads](const std::vector<Tensor>& in) { return attentionPerHead(in[0], in[1], heads); });
    }
};

QTEST_GUILESS_MAIN(VectorKernelsTest)
#include "tst_vector_kernels.moc"
