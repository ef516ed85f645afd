#include <cstring>

#include <QTemporaryDir>
#include <QTest>

#include "base/Error.h"
#include "base/Rng.h"
#include "models/ModelFile.h"

using namespace btcai;

namespace {

std::string withHeader(const std::string& header, const std::string& data)
{
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

TensorFile sample()
{
    return {.tensors = {{"a", torch::tensor({1.0F, -2.5F, 3.0F}).view({3, 1})},
                        {"b", torch::tensor({std::int64_t{1} << 40}, torch::kInt64)},
                        {"empty", torch::empty({0, 4})}},
            .metadata = {{"format", "pt"}}};
}

} // namespace

class ModelFileTest : public QObject {
    Q_OBJECT
private slots:
    void roundTrip()
    {
        const TensorFile read = parseTensorFile(writeTensorFile(sample()), "x");
        QCOMPARE(read.metadata.at("format"), std::string("pt"));
        QCOMPARE(read.tensors.size(), std::size_t{3});
        for (const auto& [name, tensor] : sample().tensors) {
            QVERIFY(torch::equal(read.tensors.at(name), tensor));
            QCOMPARE(read.tensors.at(name).sizes().vec(), tensor.sizes().vec());
        }
        QCOMPARE(writeTensorFile(read), writeTensorFile(sample()));
    }

    /// A file put together by hand from the format's description.
    void readsWhatAnotherProgramWrote()
    {
        const float numbers[] = {1.5F, -4.0F};
        const std::string bytes = withHeader(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                             std::string(reinterpret_cast<const char*>(numbers), 8));
        const TensorFile file = parseTensorFile(bytes, "x");
        QVERIFY(torch::equal(file.tensors.at("w"), torch::tensor({1.5F, -4.0F})));
    }

    void everyCutIsRefused()
    {
        const std::string bytes = writeTensorFile(sample());
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            try {
                parseTensorFile(std::string_view(bytes).substr(0, length), "model");
                QFAIL(qPrintable(QString("%1 of %2 bytes were taken").arg(length).arg(bytes.size())));
            } catch (const Error& error) {
                QVERIFY(error.kind() == ErrorKind::Corrupt);
                QVERIFY(std::string(error.what()).starts_with("model: "));
            }
        }
    }

    void hostileHeadersAreRefused_data()
    {
        QTest::addColumn<QByteArray>("header");
        const auto row = [](const char* name, const char* header) { QTest::newRow(name) << QByteArray(header); };
        row("offsets beyond the end", R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})");
        row("shape and bytes differ", R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})");
        row("negative size", R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})");
        row("size that overflows", R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})");
        row("begin after end", R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})");
        row("hole", R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})");
        row("overlap", R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})");
        row("unknown dtype", R"({"w":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}})");
        row("no dtype", R"({"w":{"shape":[2],"data_offsets":[0,8]}})");
        row("not an object", R"([1,2])");
        row("not JSON", R"({"w")");
        row("bytes left over", R"({})");
        row("deep", R"({"w":[[[[[[[[]]]]]]]]})");
    }
    void hostileHeadersAreRefused()
    {
        QFETCH(QByteArray, header);
        QVERIFY_EXCEPTION_THROWN(parseTensorFile(withHeader(header.toStdString(), std::string(8, '\0')), "x"), Error);
    }

    void headerLengthIsCapped()
    {
        std::string bytes(16, '\0');
        const std::uint64_t length = std::uint64_t{1} << 62;
        std::memcpy(bytes.data(), &length, 8);
        QVERIFY_EXCEPTION_THROWN(parseTensorFile(bytes, "x"), Error);
    }

    void mutatedFilesNeverCrash()
    {
        const std::string original = writeTensorFile(sample());
        Rng rng(1, "mutate");
        for (int i = 0; i < 20'000; ++i) {
            std::string bytes = original;
            for (int k = 0; k < 3; ++k)
                bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
            try {
                parseTensorFile(bytes, "x");
            } catch (const Error&) {
            }
        }
    }

    void missingFileIsNamed()
    {
        try {
            readTensorFile("/nonexistent/model.safetensors");
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY(error.kind() == ErrorKind::Io);
        }
    }
};

QTEST_GUILESS_MAIN(ModelFileTest)
#include "tst_model_file.moc"
