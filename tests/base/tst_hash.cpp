#include <cstdlib>
#include <fstream>
#include <string>

#include <QTemporaryDir>
#include <QtTest>

#include "base/Error.h"
#include "base/Hash.h"

using namespace btcai;

class TestHash : public QObject {
    Q_OBJECT

private slots:
    // The examples of FIPS 180-4 and the million a's that go with them.
    void knownAnswers()
    {
        QCOMPARE(sha256Hex(""), std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        QCOMPARE(sha256Hex("abc"), std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        QCOMPARE(sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                 std::string("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
        QCOMPARE(sha256Hex(std::string(1'000'000, 'a')),
                 std::string("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
    }

    void piecesGiveTheSameAsTheWhole()
    {
        Sha256Stream hash;
        hash.update("a").update("").update(std::as_bytes(std::span("bc", 2)));
        QCOMPARE(hash.finishHex(), sha256Hex("abc"));
        QCOMPARE(hash.finishHex(), sha256Hex("")); // started afresh
    }

    void aFileIsReadWhole()
    {
        QTemporaryDir folder;
        const std::string path = folder.filePath("a").toStdString();
        std::ofstream(path) << std::string(1'000'000, 'a');
        QCOMPARE(sha256HexOfFile(path),
                 std::string("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
    }

    void anUnreadableFileIsAnError()
    {
        for (const char* path : {"/nonexistent/file", "/tmp"}) { // a folder opens, but can't be read
            try {
                (void)sha256HexOfFile(path);
                QFAIL("no error");
            } catch (const Error& error) {
                QCOMPARE(error.kind(), ErrorKind::Io);
                QVERIFY(std::string(error.what()).starts_with(path));
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestHash)
#include "tst_hash.moc"
