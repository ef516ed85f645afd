#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include <QTemporaryDir>
#include <QtTest>

#include "ExchangeServer.h"
#include "base/Log.h"
#include "data/bars/BarStore.h"
#include "data/remote/HistoryDownloader.h"

Q_DECLARE_METATYPE(btcai::Exchange)
Q_DECLARE_METATYPE(btcai::RemoteFault)

namespace btcai::test {

constexpr std::int64_t kStep = ExchangeServer::kInterval;

inline const TlsIdentity& identity()
{
    static const TlsIdentity made = makeIdentity();
    return made;
}

inline void writeBytes(const std::filesystem::path& path, const QByteArray& bytes)
{
    std::ofstream(path, std::ios::binary).write(bytes.constData(), bytes.size());
}

/// Every file of a folder and below, with its bytes.
inline std::map<std::string, std::string> filesOf(const std::filesystem::path& folder)
{
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        std::ifstream file(entry.path(), std::ios::binary);
        if (entry.is_regular_file())
            files[std::filesystem::relative(entry.path(), folder).string()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
}

/// How a call failed. A fault only where it was a RemoteError.
struct RemoteFailure {
    ErrorKind kind = ErrorKind::Internal;
    std::optional<RemoteFault> fault;
    std::string message;
    bool says(std::string_view part) const { return message.find(part) != std::string::npos; }
};

template <typename Call>
std::optional<RemoteFailure> remoteFailureOf(Call&& call)
{
    try {
        call();
    } catch (const RemoteError& error) {
        return RemoteFailure{error.kind(), error.fault(), error.what()};
    } catch (const Error& error) {
        return RemoteFailure{error.kind(), std::nullopt, error.what()};
    }
    return std::nullopt;
}

inline bool sameBars(const std::vector<Bar>& a, const std::vector<Bar>& b) { return std::ranges::equal(a, b, sameBar); }

inline std::vector<Bar> barsOf(const BarSeries& series)
{
    std::vector<Bar> bars;
    for (std::size_t i = 0; i < series.size(); ++i)
        if (const auto bar = series.bar(i))
            bars.push_back(*bar);
    return bars;
}

/// An exchange on 127.0.0.1, a folder for the store, and a clock that both sides share.
struct Bench {
    explicit Bench(Exchange which, std::int64_t now = parseUtc("2018-06-07T12:01"))
        : exchange(which), clock(std::make_shared<ManualClock>(static_cast<double>(now))), delays(std::make_shared<InstantDelays>(clock)),
          server(which, identity(), clock)
    {
        config = defaultExchangeConfig(which);
        config.restUrl = server.server.url();
        config.caFile = (folder() / "ca.pem").string();
        writeBytes(config.caFile, identity().certificatePem);
        std::filesystem::create_directory(folder() / "data");
        options.http.timeoutMs = 10'000;
        options.seed = 7;
    }

    std::filesystem::path folder() const { return dir.path().toStdString(); }
    std::filesystem::path data() const { return folder() / "data"; }
    std::filesystem::path store() const { return data() / "btc.h5"; }

    DownloadRequest request(std::int64_t from, std::int64_t to) const
    {
        return {.symbol = ExchangeServer::symbolOf(exchange),
                .instrument = "BTCUSD",
                .intervalSeconds = kStep,
                .from = from,
                .to = to,
                .store = store()};
    }
    DownloadReport download(std::int64_t from, std::int64_t to, const StopToken& stop = {},
                            const HistoryDownloader::Progress& progress = {})
    {
        return HistoryDownloader(config, options, {clock, delays}).run(request(from, to), stop, progress);
    }
    std::optional<RemoteFailure> failure(std::int64_t from, std::int64_t to)
    {
        return remoteFailureOf([&] { download(from, to); });
    }
    std::size_t requests() const { return static_cast<std::size_t>(server.server.requests.size()); }
    std::vector<Bar> stored() const { return barsOf(BarStore::read(store())); }
    void storeBars(const std::vector<Bar>& bars) const { BarStore::write(BarSeries::fromBars("BTCUSD", kStep, bars), store()); }

    QTemporaryDir dir;
    Exchange exchange;
    std::shared_ptr<ManualClock> clock;
    std::shared_ptr<InstantDelays> delays;
    ExchangeServer server;
    ExchangeConfig config;
    FetchOptions options;
};

} // namespace btcai::test
