#pragma once

#include <functional>

#include <QTcpServer>
#include <QTcpSocket>
#include <QWebSocket>
#include <QWebSocketServer>

#include "FeedFrames.h"
#include "LoopbackServer.h"

namespace btcai::test {

/// A WebSocket server over TLS on 127.0.0.1. Acknowledges subscriptions unless told otherwise.
class FeedServer : public QObject {
    Q_OBJECT

public:
    FeedServer(Exchange exchange, const TlsIdentity& identity)
        : frames(exchange), m_server(QStringLiteral("feed"), QWebSocketServer::SecureMode)
    {
        m_server.setSslConfiguration(serverTls(identity));
        connect(&m_server, &QWebSocketServer::newConnection, this, [this] {
            while (QWebSocket* const socket = m_server.nextPendingConnection()) {
                socket->setParent(this);
                connect(socket, &QWebSocket::textMessageReceived, this,
                        [this, socket](const QString& text) { onText(socket, text.toStdString()); });
                connect(socket, &QWebSocket::disconnected, this, [this, socket] {
                    if (m_socket == socket)
                        m_socket = nullptr;
                    socket->deleteLater();
                });
            }
        });
        if (!m_server.listen(QHostAddress::LocalHost))
            qFatal("cannot listen on 127.0.0.1");
    }

    quint16 port() const { return m_server.serverPort(); }
    bool hasClient() const { return m_socket != nullptr; }

    void send(const std::string& text)
    {
        if (m_socket) {
            ++sent;
            m_socket->sendTextMessage(QString::fromStdString(text));
        }
    }
    void hangUp()
    {
        if (m_socket)
            m_socket->abort();
    }

    FeedFrames frames;
    bool acknowledges = true;
    bool refuses = false;
    std::vector<std::string> subscriptions; ///< as they came
    std::size_t pings = 0;                  ///< by text
    std::size_t sent = 0;                   ///< frames

private:
    void onText(QWebSocket* socket, const std::string& text)
    {
        if (text.find("ping") != std::string::npos || text.find("bts:heartbeat") != std::string::npos) {
            ++pings;
            send(frames.heartbeat(0.0));
            return;
        }
        m_socket = socket;
        subscriptions.push_back(text);
        if (refuses)
            send(frames.refusal());
        else if (acknowledges)
            send(frames.acknowledgement());
    }

    QWebSocketServer m_server;
    QWebSocket* m_socket = nullptr;
};

/// Passes bytes on between a client and a server, until it is frozen: then both sides keep a connection on which nothing comes.
class Relay : public QTcpServer {
    Q_OBJECT

public:
    explicit Relay(quint16 target)
    {
        connect(this, &QTcpServer::newConnection, this, [this, target] {
            QTcpSocket* const client = nextPendingConnection();
            auto* const server = new QTcpSocket(client);
            server->connectToHost(QHostAddress::LocalHost, target);
            const int generation = m_generation;
            const auto pass = [this, generation](QTcpSocket* from, QTcpSocket* to) {
                connect(from, &QTcpSocket::readyRead, to, [this, generation, from, to] {
                    if (generation >= m_generation)
                        to->write(from->readAll());
                });
            };
            pass(client, server);
            pass(server, client);
            connect(server, &QTcpSocket::disconnected, client, &QTcpSocket::disconnectFromHost);
            connect(client, &QTcpSocket::disconnected, server, &QTcpSocket::abort);
        });
        if (!listen(QHostAddress::LocalHost))
            qFatal("cannot listen on 127.0.0.1");
    }

    /// The connections of today go dead; new ones work.
    void freeze() { ++m_generation; }

private:
    int m_generation = 0;
};

} // namespace btcai::test
