#include "app/fetch/FetchCommand.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <random>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/fetch/FetchProgress.h"
#include "base/BuildInfo.h"
#include "base/CrashHandler.h"
#include "base/Log.h"
#include "data/bars/BarStore.h"

namespace btcai::fetch {

namespace {

constexpr int kUsageError = 1;
constexpr std::int64_t kOverlapBars = 10; ///< fetched again when a store is continued, to verify it

struct Options {
    std::string exchange;
    std::string symbol;
    std::string instrument;
    std::string interval = "5m";
    std::string from;
    std::string to;
    std::string output;
    std::string host;
    std::string caFile;
    std::string logLevel = "error";
    FetchOptions fetch;
    double timeoutSeconds = 30.0;
    bool json = false;
};

void addOptions(CLI::App& app, Options& options)
{
    app.add_option("--exchange", options.exchange, "binance, coinbase, kraken or bitstamp")->required();
    app.add_option("--symbol", options.symbol, "As the exchange spells it: BTCUSDT, BTC-USD, XBTUSD, btcusd")->required();
    app.add_option("--interval", options.interval, "Length of a bar: 1m, 5m, 1h, 1d")->capture_default_str();
    app.add_option("--from", options.from, "First bar, in UTC: 2018-01-01 or 2018-01-01T12:00; else where the stored series ends");
    app.add_option("--to", options.to, "Before this time; else up to now");
    app.add_option("-o,--out", options.output, "The stored series (.h5): created, or continued and verified")->required();
    app.add_option("--instrument", options.instrument, "Name of the instrument in the store; else the symbol");
    app.add_option("--host", options.host, "Another address of the exchange: https://HOST[:PORT]");
    app.add_option("--ca", options.caFile, "PEM file with the only certificate authorities to trust; else the system's");
    app.add_option("--tries", options.fetch.maxTries, "Of one page before giving up")->check(CLI::Range(1, 100))->capture_default_str();
    app.add_option("--first-wait", options.fetch.firstBackoffSeconds, "Before the second try [s]; doubles from try to try")
        ->check(CLI::Range(0.001, 600.0))
        ->capture_default_str();
    app.add_option("--timeout", options.timeoutSeconds, "For one answer [s]")->check(CLI::Range(0.1, 600.0))->capture_default_str();
    app.add_flag("--json", options.json, "Print JSON");
    app.add_option("--log-level", options.logLevel, "What of the log goes to stderr: trace, debug, info, warning, error, critical or off")
        ->capture_default_str();
}

int report(const std::string& kind, std::string_view fault, const std::string& message, int code, bool json)
{
    if (!json) {
        fmt::print(stderr, "btcai-fetch: {}\n", message);
        return code;
    }
    Json error = {{"kind", kind}};
    if (!fault.empty())
        error["fault"] = fault;
    error["message"] = message;
    fmt::print("{}\n", Json{{"error", error}}.dump(-1, ' ', false, Json::error_handler_t::replace));
    return code;
}

/// Where a stored series is continued: a few bars before its end.
std::int64_t continuedFrom(const Options& options)
{
    if (!std::filesystem::exists(options.output))
        throw Error(ErrorKind::BadInput, "{} does not exist yet; say with --from where to start", options.output);
    const SeriesId id = SeriesId::bars(options.instrument.empty() ? options.symbol : options.instrument, parseInterval(options.interval));
    const std::vector<StoredSeries> list = BarStore::list(options.output);
    const auto stored = std::ranges::find(list, id, &StoredSeries::id);
    if (stored == list.end() || stored->present == 0)
        throw Error(ErrorKind::BadInput, "{} holds no {} yet; say with --from where to start", options.output, id.toString());
    return std::max(stored->firstTime, stored->lastTime - kOverlapBars * id.intervalSeconds);
}

ExchangeConfig configOf(const Options& options)
{
    ExchangeConfig config = defaultExchangeConfig(parseExchange(options.exchange));
    if (!options.host.empty())
        config.restUrl = options.host;
    config.caFile = options.caFile;
    return config;
}

DownloadRequest requestOf(const Options& options)
{
    return {.symbol = options.symbol,
            .instrument = options.instrument,
            .intervalSeconds = parseInterval(options.interval),
            .from = options.from.empty() ? continuedFrom(options) : parseUtc(options.from),
            .to = options.to.empty() ? static_cast<std::int64_t>(SystemClock().utcSeconds()) : parseUtc(options.to),
            .store = options.output};
}

std::unique_ptr<StopToken> interrupted; ///< made before the handler is set, never changed after

void onSignal(int) { interrupted->requestStop(); }

int download(Options options)
{
    interrupted = std::make_unique<StopToken>();
    std::signal(SIGINT, onSignal);
    std::signal(SIGTERM, onSignal);
    options.fetch.http.timeoutMs = static_cast<int>(options.timeoutSeconds * 1000.0);
    options.fetch.seed = std::random_device{}(); // of the jitter alone
    HistoryDownloader downloader(configOf(options), options.fetch);
    DownloadReport result;
    {
        FetchProgress shown(options.json);
        result = downloader.run(requestOf(options), *interrupted, [&](const DownloadProgress& progress) { shown.show(progress); });
    }
    if (options.json)
        fmt::print("{}\n", result.toJson().dump());
    else
        fmt::print("{} bars from {} to {}, {} of them new, {} verified, {} missing at the exchange\nwritten to {}\n", result.bars,
                   formatUtc(result.from), formatUtc(result.to), result.newBars, result.verifiedBars, result.missingBars, options.output);
    return 0;
}

} // namespace

int run(int argc, char** argv)
{
    CLI::App app{"Download candles of an exchange into a stored series"};
    app.set_version_flag("--version", fmt::format("btcai-fetch {} ({})", buildInfo().version, buildInfo().revision));
    installCrashHandler();
    Options options;
    addOptions(app, options);
    const bool json = std::any_of(argv, argv + argc, [](const char* argument) { return std::string_view(argument) == "--json"; });
    try {
        app.parse(argc, argv);
        LogOptions log;
        log.consoleLevel = parseLogLevel(options.logLevel);
        const LogSession session(log);
        return download(options);
    } catch (const CLI::Success& success) { // --help and --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return report("usage", "", fmt::format("{}. See 'btcai-fetch --help'", error.what()), kUsageError, json);
    } catch (const RemoteError& error) {
        return report(std::string(errorKindName(error.kind())), remoteFaultName(error.fault()), error.what(), exitCode(error.kind()), json);
    } catch (const Error& error) {
        return report(std::string(errorKindName(error.kind())), "", error.what(), exitCode(error.kind()), json);
    } catch (const std::exception& error) {
        return report("internal", "", error.what(), exitCode(ErrorKind::Internal), json);
    }
}

} // namespace btcai::fetch
