#include "data/bars/StoreFile.h"

#include <algorithm>
#include <charconv>

#include "base/Error.h"
#include "base/Hash.h"

namespace btcai::store {

namespace {

template <typename Number>
Number numberFrom(std::string_view line)
{
    Number number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    return error == std::errc() && end == line.data() + line.size() ? number : 0;
}

/// Cuts the first line off, without its end.
std::string_view takeLine(std::string_view& text)
{
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

[[noreturn]] void failDamaged(std::string_view what)
{
    throw Error(ErrorKind::Corrupt, "is cut short or damaged: {}; restore it or import its source again", what);
}

/// The schema version of what begins like a store.
int versionOf(std::string_view file)
{
    if (file.starts_with(kHdf5Signature))
        throw Error(ErrorKind::BadInput, "is an HDF5 file, but not a bar store of this program; import its bars as CSV");
    if (!file.starts_with(kMagic))
        throw Error(ErrorKind::BadInput, "is not a bar store");
    if (file.size() < kSmallestUserBlock)
        failDamaged(fmt::format("it has {} bytes", file.size()));
    std::string_view rest = file.substr(kMagic.size(), kSmallestUserBlock);
    const int version = numberFrom<int>(takeLine(rest));
    if (version > BarStore::kSchemaVersion)
        throw Error(ErrorKind::Unsupported, "has bar store schema {}; this build reads up to {}: use a newer one", version,
                    BarStore::kSchemaVersion);
    if (version < 1)
        failDamaged("its first lines are not ours");
    return version;
}

/// The index, its checksum verified; `end` is where it ends.
std::string_view indexText(std::string_view file, std::size_t& end)
{
    std::string_view rest = file.substr(kMagic.size());
    takeLine(rest); // the version
    const std::string_view hash = takeLine(rest);
    const auto size = numberFrom<std::size_t>(takeLine(rest));
    if (size == 0 || size > rest.size() || sha256Hex(rest.substr(0, size)) != hash)
        failDamaged("the checksum of its index does not match");
    end = file.size() - rest.size() + size;
    return rest.substr(0, size);
}

bool sumsUp(std::size_t first, std::size_t count, std::size_t width, std::size_t last)
{
    return first <= last && count <= (last - first) / width;
}

struct ColumnForm {
    const char* name;
    std::size_t width; ///< bytes of a value
};

std::vector<ColumnForm> columnsOf(SeriesKind kind)
{
    if (kind == SeriesKind::Funding)
        return {{"time", 8}, {"rate", 8}};
    return {{"open", 8}, {"high", 8}, {"low", 8}, {"close", 8}, {"volume", 8}, {"present", 1}};
}

} // namespace

SeriesId Entry::id() const
{
    return kind == SeriesKind::Bars ? SeriesId::bars(bars.instrument(), bars.intervalSeconds()) : SeriesId::funding(funding.instrument());
}

StoredSeries Entry::describe() const
{
    StoredSeries about{.id = id(), .provenance = provenance};
    if (kind == SeriesKind::Funding) {
        about.rows = about.present = funding.size();
        about.contentHash = funding.contentHash();
        if (!funding.empty()) {
            about.firstTime = funding.rates().front().timestamp;
            about.lastTime = funding.rates().back().timestamp;
        }
        return about;
    }
    about.rows = bars.size();
    about.present = bars.presentCount();
    about.contentHash = bars.contentHash();
    if (about.present > 0) {
        const auto mask = bars.mask();
        about.firstTime = bars.timestamp(static_cast<std::size_t>(std::ranges::find(mask, 1) - mask.begin()));
        about.lastTime = bars.timestamp(static_cast<std::size_t>(std::find(mask.rbegin(), mask.rend(), 1).base() - mask.begin()) - 1);
    }
    return about;
}

File::File(const std::filesystem::path& path) : m_mapped(std::make_shared<const MappedFile>(path))
{
    if (versionOf(m_mapped->text()) == 1) {
        m_version1.push_back({.bars = decodeVersion1(m_mapped->text())});
        m_list.push_back(m_version1[0].describe());
        return;
    }
    try {
        readIndex();
    } catch (const Json::exception& error) {
        failDamaged(error.what());
    }
}

void File::readIndex()
{
    const std::string_view file = m_mapped->text();
    std::size_t end = 0;
    const Json index = parseJson(indexText(file, end), "its index", kIndexLimits);
    if (index.at("file_bytes").get<std::size_t>() != file.size())
        failDamaged(fmt::format("it has {} bytes of {}", file.size(), index.at("file_bytes").get<std::size_t>()));
    m_userBlock = index.at("user_block").get<std::size_t>();
    if (m_userBlock < end || m_userBlock > file.size() || file.substr(end, m_userBlock - end).find_first_not_of('\0') != std::string_view::npos)
        failDamaged("there is something behind its index");
    const Json& series = index.at("series");
    if (series.size() > kMostSeries)
        failDamaged("it claims too many series");
    for (const Json& one : series)
        readSeriesIndex(one);
    checkStructure(index.at("structure_sha256").get<std::string>());
}

void File::readSeriesIndex(const Json& json)
{
    StoredSeries about;
    about.id = {json.at("kind") == "funding" ? SeriesKind::Funding : SeriesKind::Bars, json.at("instrument").get<std::string>(),
                json.at("interval_seconds").get<std::int64_t>()};
    about.rows = json.at("rows").get<std::size_t>();
    about.present = json.at("present").get<std::size_t>();
    about.firstTime = json.at("first_time").get<std::int64_t>();
    about.lastTime = json.at("last_time").get<std::int64_t>();
    about.contentHash = json.at("content_sha256").get<std::string>();
    for (const Json& entry : json.at("provenance"))
        about.provenance.push_back(Provenance::fromJson(entry));
    Offsets offsets;
    for (const auto& [name, width] : columnsOf(about.id.kind)) {
        const auto offset = json.at("columns").at(name).get<std::size_t>();
        const bool isInside = about.rows == 0 || (offset >= m_userBlock && sumsUp(offset, about.rows, width, m_mapped->text().size()));
        if (!isInside || offset % width != 0)
            failDamaged(fmt::format("{}, column {} claims {} rows at byte {}, where the file has no room for them", about.id.toString(), name,
                                    about.rows, offset));
        offsets.emplace(name, offset);
    }
    m_list.push_back(std::move(about));
    m_startTimes.push_back(json.at("start_time").get<std::int64_t>());
    m_offsets.push_back(std::move(offsets));
}

/// What lies between the columns must be as it was written; columns must not overlap.
void File::checkStructure(const std::string& expected) const
{
    std::vector<std::pair<std::size_t, std::size_t>> columns; // first and last byte
    for (std::size_t i = 0; i < m_list.size(); ++i)
        for (const auto& [name, width] : columnsOf(m_list[i].id.kind))
            if (m_list[i].rows > 0)
                columns.emplace_back(m_offsets[i].at(name), m_offsets[i].at(name) + m_list[i].rows * width);
    std::ranges::sort(columns);
    columns.emplace_back(m_mapped->text().size(), m_mapped->text().size());
    Sha256Stream hash;
    std::size_t position = m_userBlock;
    for (const auto& [first, last] : columns) {
        if (first < position)
            failDamaged("its columns overlap");
        hash.update(m_mapped->text().substr(position, first - position));
        position = last;
    }
    if (hash.finishHex() != expected)
        failDamaged("the checksum of its structure does not match");
}

template <typename T>
std::span<const T> File::column(std::size_t i, const char* name) const
{
    if (m_list[i].rows == 0)
        return {};
    // The mapping begins with a page and offsets are multiples of the width, so the pointer is aligned.
    return {reinterpret_cast<const T*>(m_mapped->text().data() + m_offsets[i].at(name)), m_list[i].rows};
}

Entry File::load(std::size_t i) const
{
    if (!m_version1.empty())
        return m_version1[i];
    const StoredSeries& about = m_list[i];
    Entry entry{.kind = about.id.kind, .provenance = about.provenance};
    try {
        if (about.id.kind == SeriesKind::Bars) {
            const BarColumnView view{column<double>(i, "open"),  column<double>(i, "high"),   column<double>(i, "low"),
                                     column<double>(i, "close"), column<double>(i, "volume"), column<std::uint8_t>(i, "present")};
            entry.bars = BarSeries::fromShared(about.id.instrument, about.id.intervalSeconds, m_startTimes[i], view, m_mapped);
        } else {
            std::vector<FundingRate> rates;
            for (std::size_t k = 0; k < about.rows; ++k)
                rates.push_back({column<std::int64_t>(i, "time")[k], column<double>(i, "rate")[k]});
            entry.funding = FundingSeries(about.id.instrument, std::move(rates));
        }
    } catch (const Error& error) {
        failDamaged(fmt::format("{}: {}", about.id.toString(), error.what()));
    }
    const std::string hash = about.id.kind == SeriesKind::Bars ? entry.bars.contentHash() : entry.funding.contentHash();
    if (hash != about.contentHash)
        failDamaged(fmt::format("the values of {} do not match their checksum", about.id.toString()));
    return entry;
}

} // namespace btcai::store
