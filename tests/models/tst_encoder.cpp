// The encoder's promise: z[t] is an exact function of its window, whatever it was computed together with.
#include <cmath>

#include <QTest>
#include <torch/nn/functional.h>

#include "base/Error.h"
#include "models/MarketEncoder.h"

using namespace btcai;
using torch::Tensor;

namespace {

constexpr std::int64_t kFeatures = 3, kPatch = 4, kTokens = 5;

MarketEncoderOptions smallOptions(bool selectFeatures = false)
{
    return {.features = kFeatures, .width = 16, .patch = kPatch, .tokens = kTokens, .layers = 2, .heads = 2, .selectFeatures = selectFeatures};
}

MarketEncoder makeEncoder(const MarketEncoderOptions& options)
{
    torch::manual_seed(11);
    MarketEncoder encoder(options);
    encoder->to(torch::kFloat64);
    if (options.selectFeatures) { // weights that differ from bar to bar
        torch::NoGradGuard guard;
        encoder->named_parameters()["select_out.weight"].normal_();
    }
    return encoder;
}

/// z of rows [start, start + rows) of a market.
Tensor encode(MarketEncoder& encoder, const Tensor& market, std::int64_t start, std::int64_t rows)
{
    const std::int64_t context = encoder->contextRows();
    return encoder(market.narrow(0, start - context, context + rows).unsqueeze(0)).embedding[0];
}

/// Rows whose z changes when the features of `row` change.
std::vector<std::int64_t> rowsTouchedBy(MarketEncoder& encoder, const Tensor& market, std::int64_t row, std::int64_t start,
                                        std::int64_t rows)
{
    Tensor changed = market.clone();
    changed[row] += 1.0;
    const Tensor difference = (encode(encoder, market, start, rows) - encode(encoder, changed, start, rows)).abs().amax(1);
    std::vector<std::int64_t> touched;
    for (std::int64_t i = 0; i < rows; ++i)
        if (difference[i].item<double>() > 0.0)
            touched.push_back(start + i);
    return touched;
}

} // namespace

class EncoderTest : public QObject {
    Q_OBJECT

    Tensor m_market = (torch::manual_seed(1), torch::randn({240, kFeatures}, torch::kFloat64));

    static void withAndWithoutFeatureGates()
    {
        QTest::addColumn<bool>("selectFeatures");
        QTest::newRow("plain") << false;
        QTest::newRow("feature gates") << true;
    }

private slots:
    void encodingAStretchEqualsEncodingEachWindow_data() { withAndWithoutFeatureGates(); }
    void encodingAStretchEqualsEncodingEachWindow()
    {
        QFETCH(bool, selectFeatures);
        torch::NoGradGuard guard;
        MarketEncoder encoder = makeEncoder(smallOptions(selectFeatures));
        const std::int64_t start = 80;
        const Tensor whole = encode(encoder, m_market, start, 41);
        for (std::int64_t row = start; row < start + 41; ++row) {
            const std::int64_t token = row / kPatch * kPatch; // a stretch begins on the token grid
            const Tensor alone = encode(encoder, m_market, token, row - token + 1)[row - token];
            QVERIFY2(torch::allclose(alone, whole[row - start], 0.0, 1e-12), qPrintable(QString("row %1").arg(row)));
        }
    }

    /// With one layer: those that libtorch's own multi-head attention gives from the newest token, whose queries come last, a mean over the heads.
    void attentionIsThatOfMultiHeadAttention()
    {
        namespace F = torch::nn::functional;
        torch::NoGradGuard guard;
        MarketEncoderOptions options = smallOptions();
        options.layers = 1;
        MarketEncoder encoder = makeEncoder(options);
        auto p = encoder->named_parameters();
        p["attention_0_qkv.weight"].normal_(); // the initial ones look at all alike, nearly
        const std::int64_t context = encoder->contextRows(), rows = 9;
        const Tensor features = m_market.narrow(0, 80 - context, context + rows);
        const Tensor shares = encoder->attention(features.unsqueeze(0))[0];
        QVERIFY((shares.sizes() == std::vector<std::int64_t>{rows, kTokens}));
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t end = (80 + row + 1) / kPatch * kPatch; // bars after the last whole token are not seen
            const Tensor bars = m_market.narrow(0, end - kTokens * kPatch, kTokens * kPatch).reshape({kTokens, kPatch * kFeatures});
            const Tensor token = torch::layer_norm(torch::linear(bars, p["patch.weight"], p["patch.bias"]), {16}, p["patch_norm.weight"], p["patch_norm.bias"]);
            const Tensor x = torch::layer_norm(token + p["positions"], {16}, p["attention_0_norm.weight"], p["attention_0_norm.bias"]).unsqueeze(1);
            const auto [out, expected] = F::multi_head_attention_forward(
                x, x, x,
                F::MultiheadAttentionForwardFuncOptions(16, 2, p["attention_0_qkv.weight"], p["attention_0_qkv.bias"], {}, {}, false, 0.0, p["attention_0_out.weight"],
                                                        p["attention_0_out.bias"])
                    .training(false));
            QVERIFY2(torch::allclose(shares[row], expected[0][kTokens - 1], 1e-10, 1e-12), qPrintable(QString("row %1").arg(row)));
        }
        QVERIFY((shares.amax(1) - shares.amin(1)).min().item<double>() > 0.05);
        options.useTransformer = false;
        QVERIFY_EXCEPTION_THROWN(makeEncoder(options)->attention(features.unsqueeze(0)), Error);
    }

    void batchSizeChangesNothing()
    {
        torch::NoGradGuard guard;
        MarketEncoder encoder = makeEncoder(smallOptions());
        const std::int64_t context = encoder->contextRows();
        const Tensor a = m_market.narrow(0, 80 - context, context + 20);
        const Tensor b = m_market.narrow(0, 120 - context, context + 20);
        const Tensor both = encoder(torch::stack({a, b})).embedding;
        QVERIFY(torch::allclose(both[0], encode(encoder, m_market, 80, 20), 0.0, 1e-12));
        QVERIFY(torch::allclose(both[1], encode(encoder, m_market, 120, 20), 0.0, 1e-12));
    }

    /// Row r must reach exactly the rows whose window holds it: never an earlier one, and none once it is out of sight.
    void everyRowReachesItsWindowsAndNoOthers_data() { withAndWithoutFeatureGates(); }
    void everyRowReachesItsWindowsAndNoOthers()
    {
        QFETCH(bool, selectFeatures);
        torch::NoGradGuard guard;
        const std::int64_t row = 120; // the first bar of its token, which is complete at row 123
        MarketEncoderOptions options = smallOptions(selectFeatures);
        options.useCnn = false;
        MarketEncoder tokensOnly = makeEncoder(options);
        auto touched = rowsTouchedBy(tokensOnly, m_market, row, 100, 80);
        // Seen from row 123 on; the window holds 5 tokens, and the token of rows 140 ... 143 pushes it out at row 143.
        QCOMPARE(touched.front(), 123);
        QCOMPARE(touched.back(), 142);
        QCOMPARE(touched.size(), std::size_t{20});

        options = smallOptions(selectFeatures);
        options.useLstm = options.useTransformer = false;
        MarketEncoder cnnOnly = makeEncoder(options);
        touched = rowsTouchedBy(cnnOnly, m_market, row, 100, 90);
        QCOMPARE(touched.front(), row);
        QCOMPARE(touched.back(), row + 63); // 1 + 3 * (1 + 4 + 16) bars
        QCOMPARE(touched.size(), std::size_t{64});
    }

    void eachBranchTakesPart()
    {
        torch::NoGradGuard guard;
        for (int off = 0; off < 3; ++off) {
            MarketEncoderOptions options = smallOptions();
            (off == 0 ? options.useCnn : off == 1 ? options.useLstm : options.useTransformer) = false;
            MarketEncoder encoder = makeEncoder(options);
            QCOMPARE(encoder->branchNames().size(), std::size_t{2});
            QVERIFY(!torch::allclose(encode(encoder, m_market, 80, 8), [&] {
                MarketEncoder all = makeEncoder(smallOptions());
                return encode(all, m_market, 80, 8);
            }()));
        }
    }

    void gatesAreSharesOfTheBranches()
    {
        MarketEncoder encoder = makeEncoder(smallOptions());
        const std::int64_t context = encoder->contextRows();
        const Tensor gates = encoder(m_market.narrow(0, 80 - context, context + 10).unsqueeze(0)).gates;
        QCOMPARE(gates.sizes().vec(), (std::vector<std::int64_t>{1, 10, 3}));
        QVERIFY(torch::allclose(gates.sum(2), torch::ones({1, 10}, torch::kFloat64)));
        QVERIFY(gates.min().item<double>() > 0.0);
    }

    // softmax(W2 elu(W1 x + b1) + b2) by hand: one hidden unit reads the first feature and raises the first weight. elu(-1) = 1/e - 1.
    void featureWeightsAreThoseOfTheFormula()
    {
        torch::NoGradGuard guard;
        MarketEncoder encoder = makeEncoder(smallOptions(true));
        for (auto& item : encoder->named_parameters())
            if (item.key().starts_with("select_"))
                item.value().zero_();
        encoder->named_parameters()["select_in.weight"][0][0] = 1.0;
        encoder->named_parameters()["select_out.weight"][0][0] = 2.0;
        encoder->named_parameters()["select_out.bias"][2] = std::log(3.0);
        const Tensor weights = encoder->featureWeights(torch::tensor({{-1.0, 5.0, 5.0}, {0.5, 5.0, 5.0}}, torch::kFloat64));
        for (const auto& [row, raised] : {std::pair{0, std::exp(2.0 * (std::exp(-1.0) - 1.0))}, std::pair{1, std::exp(1.0)}})
            QVERIFY(torch::allclose(weights[row], torch::tensor({raised, 1.0, 3.0}, torch::kFloat64) / (raised + 4.0), 0.0, 1e-12));
    }

    // With fixed weights p the network is the plain one on features times F p; equal weights, with which it begins, change nothing.
    void featureGatesWeighWhatEveryBranchReads()
    {
        torch::NoGradGuard guard;
        MarketEncoder plain = makeEncoder(smallOptions()), gated = makeEncoder(smallOptions(true));
        const auto from = plain->named_parameters();
        for (auto& item : gated->named_parameters()) {
            if (const Tensor* same = from.find(item.key()))
                item.value().copy_(*same);
            else
                item.value().zero_();
        }
        QVERIFY(torch::allclose(encode(gated, m_market, 80, 20), encode(plain, m_market, 80, 20), 0.0, 1e-12));
        const Tensor shares = torch::tensor({0.5, 0.3, 0.2}, torch::kFloat64);
        gated->named_parameters()["select_out.bias"].copy_(shares.log());
        QVERIFY(torch::allclose(encode(gated, m_market, 80, 20), encode(plain, m_market * shares * 3.0, 80, 20), 0.0, 1e-12));
        QVERIFY(!torch::allclose(encode(gated, m_market, 80, 20), encode(plain, m_market, 80, 20), 0.0, 1e-3));
        QVERIFY(torch::allclose(MarketEncoder(smallOptions(true))->featureWeights(torch::randn({7, kFeatures})), torch::full({7, kFeatures}, 1.0 / kFeatures)));
    }

    void gradientsAgreeWithFiniteDifferences_data() { withAndWithoutFeatureGates(); }
    void gradientsAgreeWithFiniteDifferences()
    {
        QFETCH(bool, selectFeatures);
        MarketEncoder encoder = makeEncoder(smallOptions(selectFeatures));
        const Tensor weight = torch::randn({10, 16}, torch::kFloat64);
        const auto loss = [&] { return (encode(encoder, m_market, 80, 10) * weight).sum(); };
        encoder->zero_grad();
        loss().backward();
        for (const auto& item : encoder->named_parameters()) {
            Tensor flat = item.value().detach().view({-1});
            const std::int64_t at = flat.numel() / 2;
            const double analytic = item.value().grad().view({-1})[at].item<double>();
            const double step = 1e-5;
            torch::NoGradGuard guard;
            flat[at] += step;
            const double above = loss().item<double>();
            flat[at] -= 2.0 * step;
            const double below = loss().item<double>();
            flat[at] += step;
            const double numeric = (above - below) / (2.0 * step);
            QVERIFY2(std::abs(numeric - analytic) <= 1e-6 * std::max(1.0, std::abs(analytic)),
                     qPrintable(QString("%1: %2 against %3").arg(item.key().c_str()).arg(analytic).arg(numeric)));
        }
    }

    // Of numbers right to a 256th: embeddings and gradients are those of float32 to a few per cent of their size, and neither depends on what else is encoded.
    void inBfloat16ItIsNear()
    {
        MarketEncoderOptions options = smallOptions();
        MarketEncoder exact = makeEncoder(options);
        options.bfloat16 = true;
        MarketEncoder rounded = makeEncoder(options);
        const Tensor weight = torch::randn({20, 16}, torch::kFloat64);
        for (MarketEncoder* encoder : {&exact, &rounded})
            (encode(*encoder, m_market, 80, 20) * weight).sum().backward();
        const auto error = [](const Tensor& a, const Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); };
        torch::NoGradGuard guard;
        const Tensor z = encode(rounded, m_market, 80, 20);
        const double ofEmbedding = error(z, encode(exact, m_market, 80, 20));
        QVERIFY2(ofEmbedding > 1e-4 && ofEmbedding < 0.03, qPrintable(QString::number(ofEmbedding)));
        const auto gradients = exact->named_parameters();
        for (const auto& item : rounded->named_parameters()) {
            const double of = error(item.value().grad(), gradients[item.key()].grad());
            QVERIFY2(of < 0.1, qPrintable(QString("%1: %2").arg(item.key().c_str()).arg(of)));
        }
        for (const std::int64_t row : {80, 92})
            QVERIFY(error(encode(rounded, m_market, row, 8), z.narrow(0, row - 80, 8)) < 0.01);
    }

    void sizesThatDoNotFitAreRefused()
    {
        MarketEncoderOptions options = smallOptions();
        options.heads = 3;
        QVERIFY_EXCEPTION_THROWN(MarketEncoder{options}, Error);
        options = smallOptions();
        options.useCnn = options.useLstm = options.useTransformer = false;
        QVERIFY_EXCEPTION_THROWN(MarketEncoder{options}, Error);
    }
};

QTEST_GUILESS_MAIN(EncoderTest)
#include "tst_encoder.moc"
