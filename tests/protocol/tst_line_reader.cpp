#include <QtTest>

#include "agent/protocol/LineReader.h"
#include "agent/protocol/Messages.h"
#include "base/Rng.h"
#include "tests/support/Failure.h"

using namespace btcai;
using namespace btcai::protocol;
using namespace btcai::test;

class TestLineReader : public QObject {
    Q_OBJECT

private slots:
    // Cut anywhere, the same lines come out, and the same rest.
    void piecesDoNotMatter()
    {
        Rng rng(1, "test-lines");
        for (int i = 0; i < 3000; ++i) {
            std::string bytes;
            for (std::size_t n = rng.below(60); n > 0; --n)
                bytes += rng.below(4) == 0 ? '\n' : static_cast<char>(rng.below(256));
            std::vector<std::string> expected;
            std::string rest;
            for (const char c : bytes) {
                if (c != '\n') {
                    rest += c;
                } else if (!rest.empty()) {
                    expected.push_back(std::exchange(rest, {}));
                }
            }
            LineReader reader;
            std::vector<std::string> lines;
            for (std::size_t begin = 0; begin < bytes.size();) {
                const std::size_t length = 1 + rng.below(9);
                reader.feed(std::string_view(bytes).substr(begin, length), [&](std::string_view line) { lines.emplace_back(line); });
                begin += length;
            }
            QVERIFY(lines == expected);
            QCOMPARE(reader.rest(), rest);
        }
    }

    // With its newline a line has at most kMaxLineBytes; a longer one is refused before the whole of it is stored.
    void theCapIsExact()
    {
        for (const std::size_t piece : {std::size_t{1 << 20}, std::size_t{4096}, std::size_t{999}}) {
            const auto read = [piece](const std::string& bytes) {
                LineReader reader("worker 3");
                std::size_t longest = 0;
                for (std::size_t begin = 0; begin < bytes.size(); begin += piece)
                    reader.feed(std::string_view(bytes).substr(begin, piece), [&](std::string_view line) { longest = std::max(longest, line.size()); });
                return longest;
            };
            std::string line(kMaxLineBytes, 'x');
            line.back() = '\n';
            QCOMPARE(read(line), kMaxLineBytes - 1);
            const auto failure = failureOf([&] { read("short\n" + std::string(kMaxLineBytes, 'x') + "\n"); });
            QVERIFY(failure && failure->kind == ErrorKind::Protocol && failure->says("worker 3:2: ") && failure->says("1048576"));
        }
        // Without a newline in sight.
        LineReader reader;
        const std::string block(64 * 1024, 'x');
        std::size_t fed = 0;
        const auto failure = failureOf([&] {
            for (; fed < 1000 * block.size(); fed += block.size())
                reader.feed(block, [](std::string_view) {});
        });
        QVERIFY(failure && fed <= kMaxLineBytes && reader.rest().size() < kMaxLineBytes);
    }
};

QTEST_APPLESS_MAIN(TestLineReader)
#include "tst_line_reader.moc"
