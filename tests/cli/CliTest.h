#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "base/Json.h"
#include "base/Rng.h"

namespace btcai::test {

/// How a run of the executable ended.
struct CliResult {
    int code = -1; ///< -1: crashed or did not end in time
    QByteArray out;
    QByteArray err;

    Json json() const { return parseJson(out.toStdString(), "stdout", {.maxBytes = 16 << 20}); }
    bool says(const QByteArray& text) const { return err.contains(text); }
    /// What a failed check shows.
    QByteArray shown() const { return "exit " + QByteArray::number(code) + "\n" + out.right(1500) + "\n" + err.right(1500); }
};

/// Waits for a started program, longer than the slowest machine under the sanitizers needs.
inline CliResult resultOf(QProcess& process)
{
    constexpr int kPatienceMs = 300'000;
    CliResult result;
    const bool ended = process.waitForFinished(kPatienceMs) || process.state() == QProcess::NotRunning;
    if (ended && process.error() != QProcess::FailedToStart && process.exitStatus() == QProcess::NormalExit)
        result.code = process.exitCode();
    process.kill();
    process.waitForFinished();
    result.out = process.readAllStandardOutput();
    result.err = process.readAllStandardError();
    if (!ended)
        result.err += "\nkilled: it had not ended after " + QByteArray::number(kPatienceMs / 1000) + " s";
    return result;
}

inline CliResult runProgram(const QString& program, const QStringList& arguments)
{
    QProcess process;
    process.start(program, arguments);
    return resultOf(process);
}

inline CliResult runBtcai(const QStringList& arguments) { return runProgram(BTCAI_EXECUTABLE, arguments); }

inline void writeText(const QString& path, const std::string& text)
{
    std::ofstream(path.toStdString(), std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::string readText(const QString& path)
{
    std::ifstream file(path.toStdString(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Every file below a folder with its content.
inline std::map<std::string, std::string> filesBelow(const QString& folder)
{
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.toStdString()))
        if (entry.is_regular_file())
            files[std::filesystem::relative(entry.path(), folder.toStdString()).string()] = readText(QString::fromStdString(entry.path().string()));
    return files;
}

/// A CSV file of 5-minute bars that wander; a few are missing.
inline std::string wanderingCsv(int bars, std::uint64_t seed = 1, std::int64_t start = 1'500'000'000 - 1'500'000'000 % 300)
{
    Rng rng(seed, "test-csv");
    std::string text = "timestamp,open,high,low,close,volume\n";
    double price = 4000.0;
    for (int i = 0; i < bars; ++i) {
        const double open = price;
        price *= std::exp(0.002 * rng.normal());
        const double high = std::max(open, price) * (1.0 + 0.001 * rng.uniform());
        const double low = std::min(open, price) * (1.0 - 0.001 * rng.uniform());
        if (i % 100 == 50)
            continue;
        text += fmt::format("{},{:.2f},{:.2f},{:.2f},{:.2f},{:.4f}\n", start + 300LL * i, open, high, low, price, 1.0 + 20.0 * rng.uniform());
    }
    return text;
}

/// A network and rollouts so small that an iteration takes milliseconds; 128 account steps an iteration.
inline QStringList tinyRun()
{
    return {"--model.width", "16", "--model.heads", "2", "--model.layers", "1", "--model.head_width", "8", "--model.lookback_bars", "16",
            "--model.patch_bars", "4", "--model.horizons", "1,4", "--train.rollout_bars", "32", "--train.stretches", "2",
            "--train.accounts", "2", "--ppo.stretches_per_minibatch", "2", "--ppo.epochs", "2", "--account.episode_bars", "64",
            "--evaluation.sampled_accounts", "2", "--threads", "1"};
}

} // namespace btcai::test
