#include <algorithm>
#include <bit>
#include <limits>

#include "base/Error.h"
#include "base/Hash.h"
#include "data/bars/Hdf5.h"
#include "data/bars/StoreFile.h"

namespace btcai::store {

namespace {

using hdf5::check;
using hdf5::Handle;

constexpr const char* kSchema = "btcai-bars";
constexpr std::size_t kLongestName = 256;
constexpr hsize_t kAlignment = 64; ///< of columns: a line of the processor's cache
constexpr std::size_t kMemoryStep = std::size_t{8} << 20;

/// A column that is to be written, and where it came to lie.
struct Column {
    const char* name;
    const void* values;
    std::size_t rows;
    std::size_t width;
    hid_t fileType;
    hid_t memoryType;
    std::size_t offset = 0;

    std::size_t bytes() const { return rows * width; }
};

/// A series that is to be written. Not to be copied or moved: the columns of funding lie in it.
struct Series {
    StoredSeries about;
    std::int64_t startTime = 0;
    std::vector<std::int64_t> times;
    std::vector<double> rates;
    std::vector<Column> columns;

    explicit Series(const Entry& entry) : about(entry.describe())
    {
        if (entry.kind == SeriesKind::Bars)
            addBars(entry.bars);
        else
            addFunding(entry.funding);
    }
    Series(const Series&) = delete;

    void addBars(const BarSeries& bars)
    {
        startTime = bars.startTime();
        const std::span<const double> prices[] = {bars.open(), bars.high(), bars.low(), bars.close(), bars.volume()};
        for (std::size_t i = 0; i < std::size(prices); ++i)
            columns.push_back({kPriceNames[i], prices[i].data(), bars.size(), 8, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE});
        columns.push_back({"present", bars.mask().data(), bars.size(), 1, H5T_STD_U8LE, H5T_NATIVE_UINT8});
    }

    void addFunding(const FundingSeries& funding)
    {
        for (const FundingRate& rate : funding.rates()) {
            times.push_back(rate.timestamp);
            rates.push_back(rate.rate);
        }
        columns.push_back({"time", times.data(), times.size(), 8, H5T_STD_I64LE, H5T_NATIVE_INT64});
        columns.push_back({"rate", rates.data(), rates.size(), 8, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE});
    }
};

using SeriesList = std::vector<std::unique_ptr<Series>>;

void writeText(hid_t object, const char* name, const std::string& text)
{
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "making a text type");
    check(H5Tset_size(type.id(), std::max<std::size_t>(text.size(), 1)), "sizing a text type");
    check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "padding a text type");
    check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "setting a character set");
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "making a scalar");
    const Handle attribute(H5Acreate2(object, name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
    check(H5Awrite(attribute.id(), type.id(), text.c_str()), name);
}

void writeInteger(hid_t object, const char* name, std::int64_t value)
{
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "making a scalar");
    const Handle attribute(H5Acreate2(object, name, H5T_STD_I64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
    check(H5Awrite(attribute.id(), H5T_NATIVE_INT64, &value), name);
}

Handle propertiesWithoutTimes(hid_t kind)
{
    Handle properties(H5Pcreate(kind), H5Pclose, "making properties");
    check(H5Pset_obj_track_times(properties.id(), false), "leaving out times"); // equal series give equal files
    return properties;
}

void writeColumn(hid_t group, Column& column)
{
    const hsize_t rows = column.rows;
    const Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose, "making a data space");
    const Handle properties = propertiesWithoutTimes(H5P_DATASET_CREATE);
    const Handle dataset(H5Dcreate2(group, column.name, column.fileType, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Dclose,
                         column.name);
    if (rows == 0)
        return;
    check(H5Dwrite(dataset.id(), column.memoryType, H5S_ALL, H5S_ALL, H5P_DEFAULT, column.values), column.name);
    const haddr_t offset = H5Dget_offset(dataset.id());
    if (offset == HADDR_UNDEF || offset % column.width != 0)
        throw Error(ErrorKind::Internal, "HDF5: column {} did not get an aligned place", column.name);
    column.offset = offset;
}

void writeSeries(hid_t file, std::size_t number, Series& series)
{
    const std::string name = fmt::format("series-{}", number);
    const Handle properties = propertiesWithoutTimes(H5P_GROUP_CREATE);
    const Handle group(H5Gcreate2(file, name.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose, "making a group");
    writeText(group.id(), "instrument", series.about.id.instrument);
    writeText(group.id(), "content_sha256", series.about.contentHash);
    if (series.about.id.kind == SeriesKind::Bars) {
        writeInteger(group.id(), "interval_seconds", series.about.id.intervalSeconds);
        writeInteger(group.id(), "start_time", series.startTime);
    }
    for (Column& column : series.columns)
        writeColumn(group.id(), column);
}

/// The file as bytes from behind the user block on: an HDF5 image leaves that block out, though it counts on it.
std::string buildImage(SeriesList& list, std::size_t userBlock)
{
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making properties");
    check(H5Pset_fapl_core(access.id(), kMemoryStep, false), "choosing memory"); // nothing touches the disk here
    check(H5Pset_alignment(access.id(), 1, kAlignment), "aligning");
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "making properties");
    check(H5Pset_userblock(creation.id(), userBlock), "making room for the user block");
    const Handle file(H5Fcreate("bars", H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose, "making a file");
    writeText(file.id(), "schema", kSchema);
    writeInteger(file.id(), "schema_version", BarStore::kSchemaVersion);
    for (std::size_t i = 0; i < list.size(); ++i)
        writeSeries(file.id(), i, *list[i]);
    check(H5Fflush(file.id(), H5F_SCOPE_GLOBAL), "flushing");
    const ssize_t size = H5Fget_file_image(file.id(), nullptr, 0);
    if (size <= 0)
        throw Error(ErrorKind::Internal, "HDF5: the file image is empty");
    std::string bytes(static_cast<std::size_t>(size), '\0');
    if (H5Fget_file_image(file.id(), bytes.data(), bytes.size()) != size)
        throw Error(ErrorKind::Internal, "HDF5: the file image could not be taken");
    return bytes;
}

std::string structureHash(const SeriesList& list, std::string_view image, std::size_t userBlock)
{
    std::vector<std::pair<std::size_t, std::size_t>> columns;
    for (const auto& series : list)
        for (const Column& column : series->columns)
            if (column.rows > 0)
                columns.emplace_back(column.offset - userBlock, column.bytes());
    std::ranges::sort(columns);
    Sha256Stream hash;
    std::size_t position = 0;
    for (const auto& [first, size] : columns) {
        hash.update(image.substr(position, first - position));
        position = first + size;
    }
    return hash.update(image.substr(position)).finishHex();
}

std::string indexOf(const SeriesList& list, std::size_t userBlock, std::size_t fileBytes, const std::string& structure)
{
    Json all = Json::array();
    for (const auto& series : list) {
        Json one = series->about.toJson();
        one["start_time"] = series->startTime;
        for (const Column& column : series->columns)
            one["columns"][column.name] = column.offset;
        all.push_back(std::move(one));
    }
    const Json index = {{"user_block", userBlock}, {"file_bytes", fileBytes}, {"structure_sha256", structure}, {"series", all}};
    return index.dump(-1, ' ', false, Json::error_handler_t::replace); // names of source files may be in any encoding
}

std::string withHeader(const std::string& index)
{
    return fmt::format("{}{}\n{}\n{}\n{}", kMagic, BarStore::kSchemaVersion, sha256Hex(index), index.size(), index);
}

/// Places in the file are known only once it is built, with a block that is large enough for them all the same.
std::size_t userBlockFor(SeriesList& list)
{
    constexpr std::size_t longest = std::numeric_limits<std::size_t>::max();
    for (auto& series : list)
        for (Column& column : series->columns)
            column.offset = longest;
    const std::string index = indexOf(list, longest, longest, std::string(64, '0'));
    parseJson(index, "provenance", kIndexLimits); // what is too deep or too long to be read must not be written
    for (auto& series : list)
        for (Column& column : series->columns)
            column.offset = 0;
    return std::max(kSmallestUserBlock, std::bit_ceil(withHeader(index).size()));
}

void checkEntry(const Entry& entry)
{
    const std::string& instrument = entry.id().instrument;
    if (instrument.size() > kLongestName)
        throw Error(ErrorKind::BadInput, "the name of the instrument is longer than {} bytes", kLongestName);
    try {
        Json(instrument).dump();
    } catch (const Json::exception&) {
        throw Error(ErrorKind::BadInput, "the name of the instrument is not UTF-8");
    }
}

} // namespace

std::string encode(const std::vector<Entry>& entries)
{
    if (entries.size() > kMostSeries)
        throw Error(ErrorKind::BadInput, "{} series are more than a store can hold, {}", entries.size(), kMostSeries);
    const hdf5::Session session;
    SeriesList list;
    for (const Entry& entry : entries) {
        checkEntry(entry);
        list.push_back(std::make_unique<Series>(entry));
    }
    std::ranges::sort(list, {}, [](const auto& series) { return series->about.id; });
    const std::size_t userBlock = userBlockFor(list);
    const std::string image = buildImage(list, userBlock);
    std::string file = withHeader(indexOf(list, userBlock, userBlock + image.size(), structureHash(list, image, userBlock)));
    file.resize(userBlock, '\0');
    return file += image;
}

} // namespace btcai::store
