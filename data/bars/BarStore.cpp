#include "data/bars/BarStore.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "base/Error.h"
#include "data/bars/FolderLock.h"
#include "data/bars/MergeSeries.h"
#include "data/bars/StoreFile.h"

namespace btcai {

namespace {

/// Runs `work`; an error of it gets the name of the file in front.
template <typename Work>
auto named(const std::filesystem::path& path, Work&& work)
{
    try {
        return work();
    } catch (const Error& error) {
        if (std::string_view(error.what()).starts_with(path.string()))
            throw;
        throw Error(error.kind(), "{}: {}", path.string(), error.what());
    }
}

std::string listed(const std::vector<StoredSeries>& list)
{
    std::string text;
    for (const StoredSeries& series : list)
        text += (text.empty() ? "" : ", ") + series.id.toString();
    return text.empty() ? "nothing" : text;
}

std::size_t find(const store::File& file, const SeriesId& id)
{
    const auto found = std::ranges::find(file.list(), id, &StoredSeries::id);
    if (found == file.list().end())
        throw Error(ErrorKind::BadInput, "has no series {}; it holds {}", id.toString(), listed(file.list()));
    return static_cast<std::size_t>(found - file.list().begin());
}

SeriesId onlyBars(const store::File& file)
{
    const auto isBars = [](const StoredSeries& series) { return series.id.kind == SeriesKind::Bars; };
    const auto count = std::ranges::count_if(file.list(), isBars);
    if (count == 0)
        throw Error(ErrorKind::BadInput, "holds no bars, but {}", listed(file.list()));
    if (count > 1)
        throw Error(ErrorKind::BadInput, "holds {}; say which by instrument and interval", listed(file.list()));
    return std::ranges::find_if(file.list(), isBars)->id;
}

std::vector<store::Entry> loadAll(const std::filesystem::path& path)
{
    const store::File file(path);
    std::vector<store::Entry> entries;
    for (std::size_t i = 0; i < file.list().size(); ++i)
        entries.push_back(file.load(i));
    return entries;
}

void writeEntries(const std::filesystem::path& path, const std::vector<store::Entry>& entries, FileSystemOps& ops)
{
    writeFileDurably(path, named(path, [&] { return store::encode(entries); }), ops);
}

void replaceBy(const store::Entry& entry, const std::filesystem::path& path, FileSystemOps& ops)
{
    const FolderLock lock(path.parent_path());
    writeEntries(path, {entry}, ops);
}

/// Merges `fresh` into the series of its name, with `member` the part of an entry that its kind uses.
template <typename Series>
AppendResult appendTo(const std::filesystem::path& path, const store::Entry& fresh, Series store::Entry::*member, FileSystemOps& ops)
{
    const FolderLock lock(path.parent_path());
    std::vector<store::Entry> entries;
    if (std::filesystem::exists(path))
        entries = named(path, [&] { return loadAll(path); });
    AppendResult result;
    const auto old = std::ranges::find(entries, fresh.id(), &store::Entry::id);
    const bool isNew = old == entries.end();
    store::Entry& entry = isNew ? entries.emplace_back(store::Entry{.kind = fresh.kind}) : *old;
    if (isNew)
        entry.*member = fresh.*member;
    else
        entry.*member = named(path, [&] { return merge(entry.*member, fresh.*member, result); });
    if (isNew)
        result.added = fresh.kind == SeriesKind::Bars ? fresh.bars.presentCount() : fresh.funding.size();
    else if (result.added + result.filled == 0)
        return result;
    entry.provenance.insert(entry.provenance.end(), fresh.provenance.begin(), fresh.provenance.end());
    writeEntries(path, entries, ops);
    return result;
}

} // namespace

std::string SeriesId::toString() const
{
    return kind == SeriesKind::Funding ? instrument + " funding" : fmt::format("{} {} s", instrument, intervalSeconds);
}

Json StoredSeries::toJson() const
{
    Json entries = Json::array();
    for (const Provenance& entry : provenance)
        entries.push_back(entry.toJson());
    return {{"kind", id.kind == SeriesKind::Funding ? "funding" : "bars"},
            {"instrument", id.instrument},
            {"interval_seconds", id.intervalSeconds},
            {"rows", rows},
            {"present", present},
            {"first_time", firstTime},
            {"last_time", lastTime},
            {"content_sha256", contentHash},
            {"provenance", entries}};
}

void BarStore::write(const BarSeries& series, const std::filesystem::path& path, FileSystemOps& ops)
{
    replaceBy({.bars = series}, path, ops);
}

void BarStore::write(const BarSeries& series, const std::filesystem::path& path, const Provenance& provenance, FileSystemOps& ops)
{
    replaceBy({.bars = series, .provenance = {provenance}}, path, ops);
}

AppendResult BarStore::append(const BarSeries& series, const std::filesystem::path& path, const Provenance& provenance, FileSystemOps& ops)
{
    return appendTo(path, {.bars = series, .provenance = {provenance}}, &store::Entry::bars, ops);
}

AppendResult BarStore::append(const FundingSeries& series, const std::filesystem::path& path, const Provenance& provenance,
                              FileSystemOps& ops)
{
    return appendTo(path, {.kind = SeriesKind::Funding, .funding = series, .provenance = {provenance}}, &store::Entry::funding, ops);
}

std::vector<StoredSeries> BarStore::list(const std::filesystem::path& path)
{
    return named(path, [&] { return store::File(path).list(); });
}

BarSeries BarStore::read(const std::filesystem::path& path)
{
    return named(path, [&] {
        const store::File file(path);
        return file.load(find(file, onlyBars(file))).bars;
    });
}

BarSeries BarStore::read(const std::filesystem::path& path, const SeriesId& id)
{
    if (id.kind != SeriesKind::Bars)
        throw Error(ErrorKind::BadInput, "{}: {} is no series of bars", path.string(), id.toString());
    return named(path, [&] {
        const store::File file(path);
        return file.load(find(file, id)).bars;
    });
}

FundingSeries BarStore::readFunding(const std::filesystem::path& path, const std::string& instrument)
{
    return named(path, [&] {
        const store::File file(path);
        return file.load(find(file, SeriesId::funding(instrument))).funding;
    });
}

void BarStore::verify(const std::filesystem::path& path)
{
    named(path, [&] { return loadAll(path); });
}

bool BarStore::looksLikeOne(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::array<char, store::kMagic.size()> head{};
    file.read(head.data(), head.size());
    const std::string_view text(head.data(), static_cast<std::size_t>(file.gcount()));
    return text == store::kMagic || text.starts_with(store::kHdf5Signature);
}

} // namespace btcai
