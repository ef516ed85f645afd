#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <QTemporaryDir>
#include <zlib.h>

#include "base/Error.h"
#include "data/bars/BarSeries.h"

namespace btcai::test {

inline std::filesystem::path fixture(const std::string& name) { return std::filesystem::path(BTCAI_FIXTURES) / "data" / name; }
inline std::filesystem::path bundledData() { return std::filesystem::path(BTCAI_RESOURCES) / "data/btcusd-5m-2017-2018.csv.gz"; }

inline void writeText(const std::filesystem::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

/// Files in a folder that goes with this object.
class ScratchFolder {
public:
    std::filesystem::path path(const std::string& name) const { return m_dir.filePath(QString::fromStdString(name)).toStdString(); }
    /// Writes one.
    std::filesystem::path operator()(const std::string& name, const std::string& text) const
    {
        writeText(path(name), text);
        return path(name);
    }

private:
    QTemporaryDir m_dir;
};

inline std::string readBytes(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void writeGzip(const std::filesystem::path& path, const std::string& text)
{
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
}

/// What a call threw; nothing when it returned.
struct Failure {
    ErrorKind kind;
    std::string message;
    bool says(std::string_view part) const { return message.find(part) != std::string::npos; }
};

template <typename Call>
std::optional<Failure> failureOf(Call&& call)
{
    try {
        call();
    } catch (const Error& error) {
        return Failure{error.kind(), error.what()};
    }
    return std::nullopt;
}

/// Bars one interval apart whose prices wander by a fixed rule: no two alike, ranges and bodies of both signs.
inline std::vector<Bar> wanderingBars(std::size_t count, std::int64_t start = 1'500'000'000 - 1'500'000'000 % 300)
{
    std::vector<Bar> bars;
    double close = 1000.0;
    for (std::size_t i = 0; i < count; ++i) {
        const double open = close;
        const auto turn = static_cast<double>((i * 7919) % 101) / 50.0 - 1.0;
        close = open * (1.0 + 0.004 * turn);
        const double high = std::max(open, close) * (1.0 + 0.0005 * static_cast<double>(i % 5));
        const double low = std::min(open, close) * (1.0 - 0.0007 * static_cast<double>(i % 3));
        bars.push_back({start + 300 * static_cast<std::int64_t>(i), open, high, low, close, 5.0 + static_cast<double>((i * 31) % 17)});
    }
    return bars;
}

/// Bars whose prices never move and in which nothing is traded.
inline std::vector<Bar> motionlessBars(int count)
{
    std::vector<Bar> bars;
    for (int i = 0; i < count; ++i)
        bars.push_back({300 * i, 1234.56, 1234.56, 1234.56, 1234.56, 0.0});
    return bars;
}

} // namespace btcai::test
