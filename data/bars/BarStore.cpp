#include "data/bars/BarStore.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>

#include "base/Hash.h"
#include "base/ReadFile.h"
#include "data/bars/Hdf5.h"

namespace btcai {

namespace {

using hdf5::check;
using hdf5::Handle;

constexpr std::string_view kMagic = "BTCAI-BARS\n";
constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr const char* kSchema = "btcai-bars";
constexpr std::size_t kUserBlock = 512;
constexpr hsize_t kChunkRows = 65536;
constexpr unsigned kDeflateLevel = 4;
constexpr std::size_t kLargestFile = std::size_t{4} << 30;
constexpr std::size_t kLongestText = 256;
/// Deflate cannot shrink further than this, so a file that claims more rows lies.
constexpr std::size_t kMostRowsPerByte = 1032;
constexpr const char* kPriceNames[] = {"open", "high", "low", "close", "volume"};

std::string userBlockFor(std::string_view content)
{
    std::string block = fmt::format("{}{}\n{}\n{}\n", kMagic, BarStore::kSchemaVersion, sha256Hex(content), content.size());
    block.resize(kUserBlock, '\0');
    return block;
}

/// 0 when the line after the magic word is not a version.
int versionOf(std::string_view block)
{
    int version = 0;
    std::from_chars(block.data() + kMagic.size(), block.data() + block.size(), version);
    return version;
}

void checkUserBlock(std::string_view text)
{
    if (text.starts_with(kHdf5Signature))
        throw Error(ErrorKind::BadInput, "is an HDF5 file, but not a bar store of this program; import its bars as CSV");
    if (!text.starts_with(kMagic))
        throw Error(ErrorKind::BadInput, "is not a bar store");
    if (text.size() < kUserBlock)
        throw Error(ErrorKind::Corrupt, "is cut short: {} bytes; restore it or import its source again", text.size());
    if (text.substr(0, kUserBlock) != userBlockFor(text.substr(kUserBlock))) {
        if (const int version = versionOf(text.substr(0, kUserBlock)); version > BarStore::kSchemaVersion)
            throw Error(ErrorKind::Unsupported, "has bar store schema {}; this build reads up to {}", version, BarStore::kSchemaVersion);
        throw Error(ErrorKind::Corrupt, "is cut short or damaged: its checksum does not match; restore it or import its source again");
    }
}

void writeText(hid_t file, const char* name, const std::string& text)
{
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "making a text type");
    check(H5Tset_size(type.id(), std::max<std::size_t>(text.size(), 1)), "sizing a text type");
    check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "padding a text type");
    check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "setting a character set");
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "making a scalar");
    const Handle attribute(H5Acreate2(file, name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
    check(H5Awrite(attribute.id(), type.id(), text.c_str()), name);
}

void writeInteger(hid_t file, const char* name, std::int64_t value)
{
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "making a scalar");
    const Handle attribute(H5Acreate2(file, name, H5T_STD_I64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
    check(H5Awrite(attribute.id(), H5T_NATIVE_INT64, &value), name);
}

void writeColumn(hid_t file, const char* name, hid_t fileType, hid_t memoryType, const void* values, hsize_t rows)
{
    const Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose, "making a data space");
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "making properties");
    check(H5Pset_obj_track_times(properties.id(), false), "leaving out times"); // equal series give equal files
    if (rows > 0) {
        const hsize_t chunk = std::min(rows, kChunkRows);
        check(H5Pset_chunk(properties.id(), 1, &chunk), "setting chunks");
        check(H5Pset_shuffle(properties.id()), "setting shuffle");
        check(H5Pset_deflate(properties.id(), kDeflateLevel), "setting deflate");
    }
    const Handle dataset(H5Dcreate2(file, name, fileType, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Dclose, name);
    if (rows > 0)
        check(H5Dwrite(dataset.id(), memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), name);
}

void writeContent(const BarSeries& series, hid_t file)
{
    writeText(file, "schema", kSchema);
    writeInteger(file, "schema_version", BarStore::kSchemaVersion);
    writeText(file, "instrument", series.instrument());
    writeInteger(file, "interval_seconds", series.intervalSeconds());
    writeInteger(file, "start_time", series.startTime());
    writeText(file, "content_sha256", series.contentHash());
    const std::span<const double> columns[] = {series.open(), series.high(), series.low(), series.close(), series.volume()};
    for (std::size_t i = 0; i < std::size(columns); ++i)
        writeColumn(file, kPriceNames[i], H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, columns[i].data(), series.size());
    writeColumn(file, "present", H5T_STD_U8LE, H5T_NATIVE_UINT8, series.mask().data(), series.size());
}

/// The file as bytes from behind the user block on: an HDF5 image leaves that block out, though it counts on it.
std::string buildImage(const BarSeries& series)
{
    const hdf5::Session session;
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making properties");
    check(H5Pset_fapl_core(access.id(), 1 << 20, false), "choosing memory"); // nothing touches the disk here
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "making properties");
    check(H5Pset_userblock(creation.id(), kUserBlock), "making room for the user block");
    const Handle file(H5Fcreate("bars", H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose, "making a file");
    writeContent(series, file.id());
    check(H5Fflush(file.id(), H5F_SCOPE_GLOBAL), "flushing");
    const ssize_t size = H5Fget_file_image(file.id(), nullptr, 0);
    if (size <= 0)
        throw Error(ErrorKind::Internal, "HDF5: the file image is empty");
    std::string bytes(static_cast<std::size_t>(size), '\0');
    if (H5Fget_file_image(file.id(), bytes.data(), bytes.size()) != size)
        throw Error(ErrorKind::Internal, "HDF5: the file image could not be taken");
    return bytes;
}

std::string readText(hid_t file, const char* name)
{
    const Handle attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose, name);
    const Handle stored(H5Aget_type(attribute.id()), H5Tclose, name);
    const std::size_t size = H5Tget_size(stored.id());
    if (H5Tget_class(stored.id()) != H5T_STRING || H5Tis_variable_str(stored.id()) != 0 || size > kLongestText)
        throw Error(ErrorKind::Corrupt, "attribute {} is not a short text", name);
    const Handle space(H5Aget_space(attribute.id()), H5Sclose, name);
    if (H5Sget_simple_extent_npoints(space.id()) != 1)
        throw Error(ErrorKind::Corrupt, "attribute {} is not a single text", name);
    std::string text(size, '\0');
    check(H5Aread(attribute.id(), stored.id(), text.data()), name);
    return text.substr(0, text.find('\0'));
}

std::int64_t readInteger(hid_t file, const char* name)
{
    const Handle attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose, name);
    const Handle space(H5Aget_space(attribute.id()), H5Sclose, name);
    if (H5Sget_simple_extent_npoints(space.id()) != 1)
        throw Error(ErrorKind::Corrupt, "attribute {} is not a single number", name);
    std::int64_t value = 0;
    check(H5Aread(attribute.id(), H5T_NATIVE_INT64, &value), name);
    return value;
}

std::size_t rowsOf(hid_t dataset, const char* name, std::size_t mostRows)
{
    const Handle space(H5Dget_space(dataset), H5Sclose, name);
    hsize_t rows = 0;
    if (H5Sget_simple_extent_ndims(space.id()) != 1 || H5Sget_simple_extent_dims(space.id(), &rows, nullptr) != 1)
        throw Error(ErrorKind::Corrupt, "column {} is not a list", name);
    if (rows > mostRows)
        throw Error(ErrorKind::Corrupt, "column {} claims {} rows, more than the file can hold", name, rows);
    return rows;
}

template <typename T>
std::vector<T> readColumn(hid_t file, const char* name, hid_t memoryType, std::size_t mostRows)
{
    const Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, name);
    std::vector<T> values(rowsOf(dataset.id(), name, mostRows));
    if (!values.empty())
        check(H5Dread(dataset.id(), memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
    return values;
}

BarSeries readContent(hid_t file, std::size_t mostRows)
{
    if (readText(file, "schema") != kSchema)
        throw Error(ErrorKind::BadInput, "is not a bar store: its schema has another name");
    if (const auto version = readInteger(file, "schema_version"); version != BarStore::kSchemaVersion)
        throw Error(ErrorKind::Unsupported, "has bar store schema {}; this build reads {}", version, BarStore::kSchemaVersion);
    BarColumns columns;
    std::vector<double>* const targets[] = {&columns.open, &columns.high, &columns.low, &columns.close, &columns.volume};
    for (std::size_t i = 0; i < std::size(targets); ++i)
        *targets[i] = readColumn<double>(file, kPriceNames[i], H5T_NATIVE_DOUBLE, mostRows);
    columns.mask = readColumn<std::uint8_t>(file, "present", H5T_NATIVE_UINT8, mostRows);
    BarSeries series = BarSeries::fromColumns(readText(file, "instrument"), readInteger(file, "interval_seconds"),
                                              readInteger(file, "start_time"), std::move(columns));
    if (readText(file, "content_sha256") != series.contentHash())
        throw Error(ErrorKind::Corrupt, "is damaged: its bars do not match their checksum; import its source again");
    return series;
}

BarSeries readImage(std::string& bytes)
{
    const hdf5::Session session;
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making properties");
    check(H5Pset_fapl_core(access.id(), 1 << 20, false), "choosing memory");
    check(H5Pset_file_image(access.id(), bytes.data(), bytes.size()), "taking the file image");
    const Handle file(H5Fopen("bars", H5F_ACC_RDONLY, access.id()), H5Fclose, "opening");
    return readContent(file.id(), bytes.size() * kMostRowsPerByte);
}

} // namespace

void BarStore::write(const BarSeries& series, const std::filesystem::path& path, FileSystemOps& ops)
{
    if (series.instrument().size() > kLongestText)
        throw Error(ErrorKind::BadInput, "{}: the name of the instrument is longer than {} bytes", path.string(), kLongestText);
    const std::string image = buildImage(series);
    writeFileDurably(path, userBlockFor(image) + image, ops);
}

BarSeries BarStore::read(const std::filesystem::path& path)
{
    std::string bytes = readFile(path, kLargestFile);
    try {
        checkUserBlock(bytes);
        return readImage(bytes);
    } catch (const Error& error) {
        throw Error(error.kind(), "{}: {}", path.string(), error.what());
    }
}

bool BarStore::looksLikeOne(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::array<char, kMagic.size()> head{};
    file.read(head.data(), head.size());
    const std::string_view text(head.data(), static_cast<std::size_t>(file.gcount()));
    return text == kMagic || text.starts_with(kHdf5Signature);
}

} // namespace btcai
