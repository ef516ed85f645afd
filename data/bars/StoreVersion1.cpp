#include "base/Error.h"
#include "base/Hash.h"
#include "data/bars/Hdf5.h"
#include "data/bars/StoreFile.h"

namespace btcai::store {

namespace {

using hdf5::check;
using hdf5::Handle;

constexpr const char* kSchema = "btcai-bars";
constexpr std::size_t kLongestText = 256;
/// Deflate cannot shrink further than this, so a file that claims more rows lies.
constexpr std::size_t kMostRowsPerByte = 1032;

/// Version 1 began with the magic word, the version, SHA-256 and number of the bytes that follow, and zeros up to 512 bytes.
std::string userBlockFor(std::string_view content)
{
    std::string block = fmt::format("{}1\n{}\n{}\n", kMagic, sha256Hex(content), content.size());
    block.resize(kSmallestUserBlock, '\0');
    return block;
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
    if (const auto version = readInteger(file, "schema_version"); version != 1)
        throw Error(ErrorKind::Corrupt, "is damaged: it names schema 1 in front and {} inside", version);
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

BarSeries readImage(std::string bytes)
{
    const hdf5::Session session;
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making properties");
    check(H5Pset_fapl_core(access.id(), 1 << 20, false), "choosing memory");
    check(H5Pset_file_image(access.id(), bytes.data(), bytes.size()), "taking the file image");
    const Handle file(H5Fopen("bars", H5F_ACC_RDONLY, access.id()), H5Fclose, "opening");
    return readContent(file.id(), bytes.size() * kMostRowsPerByte);
}

} // namespace

BarSeries decodeVersion1(std::string_view file)
{
    const std::string_view content = file.substr(kSmallestUserBlock);
    if (file.substr(0, kSmallestUserBlock) != userBlockFor(content))
        throw Error(ErrorKind::Corrupt, "is cut short or damaged: its checksum does not match; restore it or import its source again");
    return readImage(std::string(content));
}

} // namespace btcai::store
