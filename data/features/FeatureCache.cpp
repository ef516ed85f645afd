#include "data/features/FeatureCache.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/DurableFile.h"
#include "base/Error.h"
#include "base/Hash.h"
#include "base/Json.h"
#include "base/Log.h"
#include "data/bars/FieldHash.h"
#include "data/features/FeatureKernel.h"
#include "base/MappedFile.h"

namespace btcai {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kFormatVersion = 1;
constexpr std::array<char, 8> kMagic{'B', 'T', 'C', 'A', 'I', 'F', 'M', '1'};
constexpr const char* kSuffix = ".features";
constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargestDescription = 1 << 20;

/// How a file begins; a JSON text follows that says the rest, then zeros to the next page, then the values.
struct Preamble {
    std::array<char, 8> magic = kMagic;
    std::uint32_t version = kFormatVersion;
    std::uint32_t descriptionBytes = 0;
    std::array<char, 64> descriptionHash{}; ///< SHA-256 of the JSON text, in hex
};
static_assert(sizeof(Preamble) == 80);

struct Description {
    std::string key;
    std::vector<std::string> names;
    std::size_t rows = 0;
    std::size_t warmUp = 0;
    std::string valuesHash; ///< SHA-256 of the values
    std::size_t valuesOffset = 0; ///< follows from the length of the text
};

std::size_t roundedToPage(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

std::string headerBytes(const Description& description)
{
    const Json json = {{"key", description.key},       {"catalogue_version", kFeatureCatalogVersion}, {"rows", description.rows},
                       {"warm_up", description.warmUp}, {"names", description.names},                  {"values_hash", description.valuesHash}};
    const std::string text = json.dump();
    const std::string hash = sha256Hex(text);
    Preamble preamble;
    preamble.descriptionBytes = static_cast<std::uint32_t>(text.size());
    std::ranges::copy(hash, preamble.descriptionHash.begin());
    std::string bytes(reinterpret_cast<const char*>(&preamble), sizeof preamble);
    bytes += text;
    bytes.resize(roundedToPage(bytes.size()), '\0');
    return bytes;
}

[[noreturn]] void damaged(const fs::path& path, const char* what)
{
    throw Error(ErrorKind::Corrupt, "{}: is not a whole feature matrix: {}", path.string(), what);
}

Description parseDescription(const fs::path& path, std::string_view text)
{
    Description description;
    try {
        const Json json = parseJson(text, path.string(), {.maxBytes = kLargestDescription});
        json.at("key").get_to(description.key);
        json.at("names").get_to(description.names);
        json.at("rows").get_to(description.rows);
        json.at("warm_up").get_to(description.warmUp);
        json.at("values_hash").get_to(description.valuesHash);
    } catch (const std::exception&) {
        damaged(path, "its description is malformed");
    }
    return description;
}

/// Checks all but the values.
Description readDescription(const fs::path& path, std::span<const std::byte> bytes)
{
    Preamble preamble;
    if (bytes.size() < sizeof preamble)
        damaged(path, "it is cut short");
    std::memcpy(&preamble, bytes.data(), sizeof preamble);
    if (preamble.magic != kMagic || preamble.version != kFormatVersion)
        damaged(path, "it is of another format");
    if (preamble.descriptionBytes > std::min(bytes.size() - sizeof preamble, kLargestDescription))
        damaged(path, "it is cut short");
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof preamble, preamble.descriptionBytes);
    if (sha256Hex(text) != std::string_view(preamble.descriptionHash.data(), preamble.descriptionHash.size()))
        damaged(path, "its description does not match its hash");
    Description description = parseDescription(path, text);
    description.valuesOffset = roundedToPage(sizeof preamble + text.size());
    const std::size_t rowBytes = description.names.size() * sizeof(float);
    const std::size_t valuesBytes = bytes.size() - std::min(bytes.size(), description.valuesOffset);
    const bool fits = rowBytes == 0 ? valuesBytes == 0 : valuesBytes % rowBytes == 0 && valuesBytes / rowBytes == description.rows;
    if (bytes.size() < description.valuesOffset || !fits)
        damaged(path, "it is cut short or too long");
    if (description.warmUp > description.rows)
        damaged(path, "its warm-up lies beyond its rows");
    return description;
}

void checkValues(const fs::path& path, std::span<const std::byte> bytes, const Description& description)
{
    if (sha256Hex(bytes.subspan(description.valuesOffset)) != description.valuesHash)
        damaged(path, "its values do not match their hash");
}

/// The time of last use stands in the file's modification time, which no mount option switches off.
void touch(const fs::path& path)
{
    std::error_code ignored; // a cache that others own may be read-only
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
}

} // namespace

fs::path defaultFeatureCacheFolder()
{
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && fs::path(cache).is_absolute()) // NOLINT(concurrency-mt-unsafe)
        return fs::path(cache) / "btcai/features";
    const char* home = std::getenv("HOME"); // NOLINT(concurrency-mt-unsafe)
    return (home != nullptr ? fs::path(home) : fs::temp_directory_path()) / ".cache/btcai/features";
}

FeatureCache::FeatureCache(FeatureCacheOptions options) : m_options(std::move(options)) {}

FeatureMatrix FeatureCache::get(const BarSeries& series, std::span<const std::string> names, const FeatureMatrixOptions& options,
                                std::string_view dataHash)
{
    const std::string name = key(dataHash.empty() ? series.contentHash() : std::string(dataHash), names, options.funding);
    if (auto stored = open(name))
        return std::move(*stored);
    FeatureMatrix matrix = FeatureMatrix::compute(series, names, options);
    try {
        if (store(name, matrix))
            if (auto stored = open(name))
                return std::move(*stored);
    } catch (const std::exception& error) {
        logWarning("the feature cache is not used, each process holds its own copy: {}", error.what());
    }
    return matrix;
}

std::string FeatureCache::key(std::string_view dataHash, std::span<const std::string> names, const FundingSeries* funding)
{
    FieldHash hash;
    hash.addText("btcai-features");
    hash.addWord(kFormatVersion);
    hash.addWord(static_cast<std::uint64_t>(kFeatureCatalogVersion));
    hash.addText(dataHash);
    hash.addText(funding != nullptr ? funding->contentHash() : "");
    hash.addWord(names.size());
    for (const std::string& name : names)
        hash.addText(name);
    return hash.hexDigest();
}

fs::path FeatureCache::fileOf(const std::string& key) const { return m_options.folder / (key + kSuffix); }

std::optional<FeatureMatrix> FeatureCache::open(const std::string& key)
{
    const fs::path path = fileOf(key);
    std::error_code error;
    if (!fs::exists(path, error))
        return std::nullopt;
    try {
        auto file = std::make_shared<const MappedFile>(path);
        Description description = readDescription(path, file->bytes());
        if (description.key != key)
            damaged(path, "it belongs to other data");
        if (m_options.verifyValues)
            checkValues(path, file->bytes(), description);
        FeatureMatrix matrix;
        matrix.m_rows = description.rows;
        matrix.m_warmUp = description.warmUp;
        matrix.m_names = std::move(description.names);
        const std::span<const std::byte> values = file->bytes().subspan(description.valuesOffset);
        matrix.m_mapped = {reinterpret_cast<const float*>(values.data()), values.size() / sizeof(float)};
        matrix.m_file = std::move(file);
        touch(path);
        return matrix;
    } catch (const Error& failure) {
        logWarning("the feature cache computes a matrix anew: {}", failure.what());
        fs::remove(path, error);
        return std::nullopt;
    }
}

bool FeatureCache::store(const std::string& key, const FeatureMatrix& matrix)
{
    const std::span<const std::byte> values = std::as_bytes(matrix.values());
    const std::string header = headerBytes({key, matrix.names(), matrix.rows(), matrix.warmUp(), sha256Hex(values), 0});
    if (header.size() + values.size() > m_options.maxBytes)
        return false;
    createDirectoriesDurably(m_options.folder);
    makeRoom(header.size() + values.size());
    writeFileDurablyBy(fileOf(key), [&](const fs::path& temporary) {
        std::ofstream file(temporary, std::ios::binary);
        file.write(header.data(), static_cast<std::streamsize>(header.size()));
        file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size()));
        file.close();
        if (!file)
            throw Error(ErrorKind::Io, "{}: cannot be written; is the disk full?", temporary.string());
    });
    return true;
}

void FeatureCache::verify(const fs::path& file)
{
    const MappedFile mapped(file);
    checkValues(file, mapped.bytes(), readDescription(file, mapped.bytes()));
}

void FeatureCache::makeRoom(std::uint64_t bytes)
{
    sweepTemporaries(m_options.folder);
    struct Stored {
        fs::path path;
        std::uint64_t bytes;
        fs::file_time_type used;
    };
    std::vector<Stored> files;
    std::uint64_t total = bytes;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(m_options.folder, error)) {
        if (entry.path().extension() != kSuffix)
            continue;
        // Another process may have removed it by now: then it takes no room.
        std::error_code gone;
        const Stored stored{entry.path(), entry.file_size(gone), entry.last_write_time(gone)};
        if (gone)
            continue;
        total += stored.bytes;
        files.push_back(stored);
    }
    std::ranges::sort(files, {}, &Stored::used);
    for (const Stored& stored : files) {
        if (total <= m_options.maxBytes)
            return;
        fs::remove(stored.path, error); // who has it mapped keeps it until he is done
        total -= stored.bytes;
    }
}

} // namespace btcai
