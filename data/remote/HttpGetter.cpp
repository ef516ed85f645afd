#include "data/remote/HttpGetter.h"

#include <charconv>
#include <utility>

#include <QDateTime>
#include <QLocale>
#include <QNetworkCookieJar>
#include <QNetworkReply>
#include <QNetworkRequest>
#include <QSslCertificate>
#include <QSslError>
#include <QTimeZone>

#include "base/BuildInfo.h"
#include "base/ReadFile.h"

namespace btcai {

namespace {

constexpr std::size_t kLargestCaFile = 16u << 20;

/// A whole number of a header; nothing when it is absent or something else.
std::optional<int> headerNumber(const QNetworkReply& reply, const char* name)
{
    const QByteArray text = reply.rawHeader(name).trimmed();
    int value = 0;
    const auto [end, status] = std::from_chars(text.constBegin(), text.constEnd(), value);
    if (text.isEmpty() || status != std::errc() || end != text.constEnd() || value < 0)
        return std::nullopt;
    return value;
}

/// An HTTP date, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, IMF-fixdate), in UTC seconds.
std::optional<std::int64_t> headerDate(const QByteArray& text)
{
    QDateTime time = QLocale::c().toDateTime(QString::fromLatin1(text), QStringLiteral("ddd, dd MMM yyyy hh:mm:ss 'GMT'"));
    time.setTimeSpec(Qt::UTC);
    return time.isValid() ? std::optional<std::int64_t>(time.toSecsSinceEpoch()) : std::nullopt;
}

RemoteFault faultOf(const QNetworkReply& reply)
{
    if (reply.error() == QNetworkReply::SslHandshakeFailedError)
        return RemoteFault::Tls;
    if (reply.error() == QNetworkReply::TimeoutError)
        return RemoteFault::Timeout;
    const bool hasBegun = reply.attribute(QNetworkRequest::HttpStatusCodeAttribute).isValid();
    return hasBegun ? RemoteFault::CutBody : RemoteFault::Connection;
}

/// Whether Qt calls an answer an error because of its status alone (Qt has 400 and 418 as an invalid operation).
bool isStatusError(QNetworkReply::NetworkError error)
{
    return error > QNetworkReply::UnknownProxyError && error != QNetworkReply::ProtocolUnknownError &&
           error != QNetworkReply::ProtocolFailure;
}

} // namespace

QSslConfiguration tlsConfiguration(const std::string& caFile)
{
    QSslConfiguration tls = QSslConfiguration::defaultConfiguration();
    tls.setPeerVerifyMode(QSslSocket::VerifyPeer);
    tls.setProtocol(QSsl::TlsV1_2OrLater);
    if (!caFile.empty()) {
        const auto certificates = QSslCertificate::fromData(QByteArray::fromStdString(readFile(caFile, kLargestCaFile)), QSsl::Pem);
        if (certificates.isEmpty())
            throw Error(ErrorKind::BadInput, "{}: holds no certificate; it must be a PEM file", caFile);
        tls.setCaCertificates(certificates);
    }
    return tls;
}

HttpGetter::HttpGetter(const std::string& caFile, HttpLimits limits, QObject* parent)
    : QObject(parent), m_tls(tlsConfiguration(caFile)), m_limits(limits)
{
    m_network.setRedirectPolicy(QNetworkRequest::ManualRedirectPolicy);
    m_network.setAutoDeleteReplies(false);
    m_deadline.setSingleShot(true);
    connect(&m_deadline, &QTimer::timeout, this, [this] {
        stop(RemoteError(RemoteFault::Timeout, "no whole answer within {} ms", m_limits.timeoutMs));
    });
}

HttpGetter::~HttpGetter() { cancel(); }

void HttpGetter::get(const QUrl& url, Done done)
{
    QNetworkRequest request(url);
    request.setSslConfiguration(m_tls);
    request.setRawHeader("User-Agent", QByteArray("btcai/") + buildInfo().version);
    request.setRawHeader("Accept", "application/json");
    request.setAttribute(QNetworkRequest::Http2AllowedAttribute, false);
    request.setAttribute(QNetworkRequest::CookieSaveControlAttribute, QNetworkRequest::Manual);
    request.setAttribute(QNetworkRequest::CookieLoadControlAttribute, QNetworkRequest::Manual);
    m_body.clear();
    m_done = std::move(done);
    m_reply = m_network.get(request);
    connect(m_reply, &QNetworkReply::readyRead, this, &HttpGetter::readBody);
    connect(m_reply, &QNetworkReply::finished, this, &HttpGetter::finish);
    m_deadline.start(m_limits.timeoutMs);
}

void HttpGetter::cancel()
{
    m_deadline.stop();
    m_done = nullptr;
    if (QNetworkReply* const reply = std::exchange(m_reply, nullptr)) {
        reply->disconnect(this);
        reply->abort();
        reply->deleteLater();
    }
}

void HttpGetter::readBody()
{
    m_body += m_reply->readAll();
    if (static_cast<std::size_t>(m_body.size()) > m_limits.maxBodyBytes)
        stop(RemoteError(RemoteFault::BodyTooLarge, "the answer is larger than {} bytes", m_limits.maxBodyBytes));
}

void HttpGetter::finish()
{
    readBody();
    if (!m_reply) // too large after all
        return;
    Outcome result = outcome();
    const Done done = std::exchange(m_done, nullptr);
    cancel();
    done(std::move(result));
}

void HttpGetter::stop(RemoteError error)
{
    const Done done = std::exchange(m_done, nullptr);
    cancel();
    done(std::move(error));
}

HttpGetter::Outcome HttpGetter::outcome() const
{
    const QNetworkReply::NetworkError error = m_reply->error();
    if (error != QNetworkReply::NoError && !isStatusError(error))
        return RemoteError(faultOf(*m_reply), m_reply->errorString().toStdString());
    return replySoFar();
}

HttpReply HttpGetter::replySoFar() const
{
    HttpReply reply;
    reply.status = m_reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
    reply.contentType = m_reply->header(QNetworkRequest::ContentTypeHeader).toString().toStdString();
    reply.usedWeight = headerNumber(*m_reply, "X-MBX-USED-WEIGHT-1M");
    reply.retryAfterSeconds = headerNumber(*m_reply, "Retry-After");
    reply.date = headerDate(m_reply->rawHeader("Date"));
    reply.body = m_body.toStdString();
    return reply;
}

} // namespace btcai
