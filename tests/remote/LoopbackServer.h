#pragma once

#include <functional>
#include <memory>

#include <QSslConfiguration>
#include <QSslServer>
#include <QSslSocket>
#include <QTemporaryDir>
#include <QUrlQuery>

namespace btcai::test {

/// A key and a certificate that vouches for itself, made by OpenSSL for one test run.
struct TlsIdentity {
    QByteArray certificatePem;
    QByteArray keyPem;
};

struct IdentityOptions {
    const char* names = "IP:127.0.0.1,DNS:localhost"; ///< subjectAltName
    long validFrom = -3600;                           ///< seconds from now
    long validTo = 86400;
};

TlsIdentity makeIdentity(const IdentityOptions& options = {});
QSslConfiguration serverTls(const TlsIdentity& identity);

struct HttpRequest {
    QString path;
    QUrlQuery query;
    QString value(const char* name) const { return query.queryItemValue(QLatin1String(name), QUrl::FullyDecoded); }
    qint64 number(const char* name) const { return value(name).toLongLong(); }
};

/// An answer, and how it goes wrong.
struct HttpAnswer {
    int status = 200;
    QByteArray contentType = "application/json";
    QList<QByteArray> headers{}; ///< "Name: value"
    QByteArray body{};
    qsizetype cutAfter = -1;   ///< close after so many bytes of the body
    bool withoutLength = false; ///< the end of the body is the end of the connection
    bool silent = false;       ///< never answer
    bool hangUp = false;       ///< close before a word is said
    bool endless = false;      ///< never stop sending
};

/// HTTP/1.1 over TLS on 127.0.0.1, one thread, as much of it as a GET needs.
class LoopbackServer : public QObject {
    Q_OBJECT

public:
    explicit LoopbackServer(const TlsIdentity& identity);

    /// Called for every request.
    std::function<HttpAnswer(const HttpRequest&)> answer;
    QList<HttpRequest> requests;

    std::string url(const char* host = "127.0.0.1") const;

private:
    void serve(QSslSocket* socket);
    void reply(QSslSocket* socket, const HttpAnswer& answer);

    QSslServer m_server;
};

} // namespace btcai::test
