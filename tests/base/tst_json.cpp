#include <fstream>
#include <functional>
#include <string>

#include <QTemporaryDir>
#include <QtTest>

#include "base/Error.h"
#include "base/Json.h"
#include "base/Toml.h"

using namespace btcai;

namespace {

/// Kind and message of the error that `call` throws: "bad-input: message".
std::string errorOf(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return std::string(errorKindName(error.kind())) + ": " + error.what();
    }
    return "no error";
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

} // namespace

class TestJson : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;

    std::string file(const char* name, const std::string& content)
    {
        const std::string path = m_folder.filePath(name).toStdString();
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }

private slots:
    void valuesAreReadInOrder()
    {
        const Json json = parseJson(R"({"z": 1, "a": [true, null, 2.5, "x"]})", "test");
        QCOMPARE(json.dump(), std::string(R"({"z":1,"a":[true,null,2.5,"x"]})"));
    }

    void malformedTextNamesSourceAndPlace_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text :
             {"", "{", "[1,]", "{'a':1}", "01", "NaN", "{\"a\":1} x", "\"\xff\"", "\"\\ud800\"", "[1}", "nul"})
            QTest::newRow(*text ? text : "empty") << QString::fromLatin1(text);
    }
    void malformedTextNamesSourceAndPlace()
    {
        QFETCH(QString, text);
        const std::string message =
            errorOf([&] { (void)parseJson(text.toLatin1().toStdString(), "line 3 of events.jsonl"); });
        QVERIFY2(message.starts_with("bad-input: line 3 of events.jsonl: not JSON, at byte "), message.c_str());
    }

    void thePlaceIsRight()
    {
        // The third byte closes what nothing opened.
        QCOMPARE(errorOf([] { (void)parseJson("[1}", "test"); }), std::string("bad-input: test: not JSON, at byte 3"));
    }

    void aNumberBeyondAllTypesIsRefused()
    {
        QVERIFY(errorOf([] { (void)parseJson("[1e999]", "test"); }).starts_with("bad-input: test: "));
    }

    void depthIsCapped()
    {
        QCOMPARE(parseJson(nested(32), "test").size(), std::size_t{1});
        QVERIFY(
            errorOf([] { (void)parseJson(nested(33), "test"); }).starts_with("bad-input: test: nested more than 32"));
        // Enough to overflow the stack of a parser that descends.
        QVERIFY(errorOf([] { (void)parseJson(std::string(1'000'000, '['), "test"); }).find("nested") !=
                std::string::npos);
        const std::string objects = R"({"a":{"a":{"a":1}}})";
        QVERIFY(errorOf([&] { (void)parseJson(objects, "test", {.maxDepth = 2}); }).find("nested") !=
                std::string::npos);
        QCOMPARE(parseJson(objects, "test", {.maxDepth = 3}).size(), std::size_t{1});
    }

    void bracketsInStringsDoNotNest()
    {
        const std::string text = "[\"[[[[{{{{\\\"[[\\\\\"]"; // escaped, since moc trips over it as a raw string
        QCOMPARE(parseJson(text, "test", {.maxDepth = 1}).at(0).get<std::string>(), std::string("[[[[{{{{\"[[\\"));
    }

    void sizeIsCapped()
    {
        const std::string text = "\"" + std::string(98, 'x') + "\"";
        QCOMPARE(parseJson(text, "test", {.maxBytes = 100}).get<std::string>().size(), std::size_t{98});
        QVERIFY(errorOf([&] {
                    (void)parseJson(text, "test", {.maxBytes = 99});
                }).starts_with("bad-input: test: 100 bytes"));
    }

    void filesAreReadAndTheirErrorsNameThem()
    {
        QCOMPARE(readJsonFile(file("good.json", "{\"a\": 1}")).at("a").get<int>(), 1);
        QVERIFY(errorOf([&] { (void)readJsonFile(file("bad.json", "{")); }).find("bad.json: not JSON") !=
                std::string::npos);
        QVERIFY(errorOf([&] {
                    (void)readJsonFile(file("big.json", std::string(200, ' ')), {.maxBytes = 199});
                }).find("big.json: more than the 199 bytes") != std::string::npos);
        QVERIFY(errorOf([&] {
                    (void)readJsonFile("/dev/zero", {.maxBytes = 1 << 20});
                }).starts_with("bad-input: /dev/zero"));
        QVERIFY(errorOf([&] {
                    (void)readJsonFile("/nonexistent.json");
                }).starts_with("io: /nonexistent.json: cannot be opened"));
        QVERIFY(errorOf([&] { (void)readJsonFile("/tmp"); }).starts_with("io: /tmp: cannot be read: Is a directory"));
    }

    void tomlErrorsNameSourceLineAndColumn()
    {
        QCOMPARE(parseToml("[ppo]\nclip = 0.2\n", "run.toml")["ppo"]["clip"].value<double>().value_or(0.0), 0.2);
        const std::string message = errorOf([] { (void)parseToml("[ppo]\nclip = = 2\n", "run.toml"); });
        QVERIFY2(message.starts_with("bad-input: run.toml:2: not TOML: "), message.c_str());
        QVERIFY(errorOf([] { (void)parseToml("a = 1\na = 2\n", "run.toml"); }).find("run.toml:2") != std::string::npos);
        QVERIFY(errorOf([] {
                    (void)parseToml("a = " + nested(5000), "run.toml");
                }).starts_with("bad-input: run.toml:1"));
        std::string deepKey = "a";
        for (int i = 0; i < 100'000; ++i)
            deepKey += ".a";
        QVERIFY(errorOf([&] { (void)parseToml(deepKey + " = 1", "run.toml"); }).starts_with("bad-input: run.toml:1: nested"));
        QVERIFY(errorOf([] { (void)parseToml("a = 1", "run.toml", 4); }).starts_with("bad-input: run.toml: 5 bytes"));
    }

    void tomlFilesAreRead()
    {
        QCOMPARE(readTomlFile(file("run.toml", "a = 7"))["a"].value<int>().value_or(0), 7);
        QVERIFY(errorOf([&] { (void)readTomlFile(file("bad.toml", "a")); }).find("bad.toml:1") !=
                std::string::npos);
        QVERIFY(errorOf([] { (void)readTomlFile("/nonexistent.toml"); }).starts_with("io: /nonexistent.toml"));
    }
};

QTEST_GUILESS_MAIN(TestJson)
#include "tst_json.moc"
