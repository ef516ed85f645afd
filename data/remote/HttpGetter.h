#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <variant>

#include <QNetworkAccessManager>
#include <QObject>
#include <QSslConfiguration>
#include <QTimer>
#include <QUrl>

#include "data/remote/ExchangeClient.h"
#include "data/remote/RemoteError.h"

namespace btcai {

/// Trusts the authorities of a PEM file alone, or those of the system where the name is empty. The peer is always verified.
/// Throws Error(Io) for a file that cannot be read and Error(BadInput) for one without a certificate.
QSslConfiguration tlsConfiguration(const std::string& caFile);

struct HttpLimits {
    int timeoutMs = 30'000;                ///< for the whole of an answer
    std::size_t maxBodyBytes = 8u << 20;
};

/// One GET at a time over TLS: follows no redirect, keeps no cookie, stops at a size and a time. Lives in one thread with
/// an event loop.
class HttpGetter : public QObject {
    Q_OBJECT

public:
    /// A reply of any status, or what kept it from us: Connection, Timeout, CutBody, Tls, BodyTooLarge.
    using Outcome = std::variant<HttpReply, RemoteError>;
    using Done = std::function<void(Outcome)>;

    HttpGetter(const std::string& caFile, HttpLimits limits, QObject* parent = nullptr);
    ~HttpGetter() override;

    /// `done` is called from the event loop, once. No other get() may be under way.
    void get(const QUrl& url, Done done);
    /// Drops what is under way; `done` is not called.
    void cancel();

private:
    void readBody();
    void finish();
    void stop(RemoteError error);
    Outcome outcome() const;
    HttpReply replySoFar() const;

    QNetworkAccessManager m_network;
    QSslConfiguration m_tls;
    HttpLimits m_limits;
    QTimer m_deadline;
    QNetworkReply* m_reply = nullptr;
    QByteArray m_body;
    Done m_done;
};

} // namespace btcai
