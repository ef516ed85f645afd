#include "LoopbackServer.h"

#include <cstdlib>

#include <QSslCertificate>
#include <QSslKey>
#include <QTimer>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace btcai::test {

namespace {

void require(bool isGood, const char* what)
{
    if (!isGood)
        qFatal("OpenSSL: %s failed", what);
}

QByteArray drain(BIO* bio)
{
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    const QByteArray bytes(data, size);
    BIO_free(bio);
    return bytes;
}

void addExtension(X509* certificate, int kind, const char* value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    require(extension && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

} // namespace

TlsIdentity makeIdentity(const IdentityOptions& options)
{
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    require(key && certificate, "making a key");
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), options.validFrom);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options.validTo);
    X509_set_pubkey(certificate, key);
    X509_NAME* const name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("btcai test"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    addExtension(certificate, NID_subject_alt_name, options.names);
    addExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    require(X509_sign(certificate, key, EVP_sha256()) > 0, "signing");

    BIO* const certificateBio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(certificateBio, certificate);
    BIO* const keyBio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(keyBio, key, nullptr, nullptr, 0, nullptr, nullptr);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return {drain(certificateBio), drain(keyBio)};
}

QSslConfiguration serverTls(const TlsIdentity& identity)
{
    QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
    tls.setLocalCertificate(QSslCertificate(identity.certificatePem));
    tls.setPrivateKey(QSslKey(identity.keyPem, QSsl::Ec));
    tls.setPeerVerifyMode(QSslSocket::VerifyNone);
    return tls;
}

LoopbackServer::LoopbackServer(const TlsIdentity& identity)
{
    m_server.setSslConfiguration(serverTls(identity));
    connect(&m_server, &QTcpServer::pendingConnectionAvailable, this, [this] {
        while (auto* const socket = qobject_cast<QSslSocket*>(m_server.nextPendingConnection())) {
            connect(socket, &QSslSocket::readyRead, this, [this, socket] { serve(socket); });
            connect(socket, &QSslSocket::disconnected, socket, &QObject::deleteLater);
        }
    });
    if (!m_server.listen(QHostAddress::LocalHost))
        qFatal("cannot listen on 127.0.0.1");
}

std::string LoopbackServer::url(const char* host) const
{
    return "https://" + std::string(host) + ":" + std::to_string(m_server.serverPort());
}

void LoopbackServer::serve(QSslSocket* socket)
{
    if (!socket->peek(16384).contains("\r\n\r\n"))
        return;
    const QList<QByteArray> words = socket->readAll().split('\r').first().split(' '); // a GET has no body
    const QUrl url(QString::fromLatin1(words.value(1)));
    requests.append({url.path(QUrl::FullyDecoded), QUrlQuery(url)});
    reply(socket, answer(requests.last()));
}

void LoopbackServer::reply(QSslSocket* socket, const HttpAnswer& said)
{
    if (said.silent)
        return;
    if (said.hangUp) {
        socket->abort();
        return;
    }
    QByteArray head = "HTTP/1.1 " + QByteArray::number(said.status) + " Said\r\nContent-Type: " + said.contentType + "\r\n";
    for (const QByteArray& header : said.headers)
        head += header + "\r\n";
    if (said.withoutLength || said.endless)
        head += "Connection: close\r\n";
    else
        head += "Content-Length: " + QByteArray::number(said.body.size()) + "\r\n";
    socket->write(head + "\r\n");
    if (said.endless) {
        auto* const more = new QTimer(socket);
        connect(more, &QTimer::timeout, socket, [socket] { socket->write(QByteArray(1 << 16, ' ')); });
        more->start(0);
        return;
    }
    socket->write(said.cutAfter < 0 ? said.body : said.body.left(said.cutAfter));
    if (said.cutAfter >= 0 || said.withoutLength)
        socket->disconnectFromHost();
}

} // namespace btcai::test
