#include "data/importers/InputFile.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kMostEntries = 1'000;
constexpr std::string_view kZipMagic = "PK\x03\x04";

void checkRegularFile(const std::filesystem::path& path)
{
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (!std::filesystem::exists(status))
        throw Error(ErrorKind::Io, "{}: there is no such file", path.string());
    if (!std::filesystem::is_regular_file(status))
        throw Error(ErrorKind::BadInput, "{}: is not a data set: it is a {}", path.string(),
                    std::filesystem::is_directory(status) ? "folder" : "special file");
}

/// A plain or gzip file: zlib tells them apart.
class GzipSource final : public ByteSource {
public:
    explicit GzipSource(const std::filesystem::path& path) : m_path(path.string()), m_file(gzopen(m_path.c_str(), "rbe"), &gzclose_r)
    {
        if (!m_file)
            throw Error(ErrorKind::Io, "{}: cannot be opened for reading: {}", m_path, std::strerror(errno));
        gzbuffer(m_file.get(), kBufferBytes);
    }

    std::size_t read(std::span<char> out) override
    {
        const int got = gzread(m_file.get(), out.data(), static_cast<unsigned>(std::min<std::size_t>(out.size(), 1 << 30)));
        int code = Z_OK;
        if (got <= 0)
            gzerror(m_file.get(), &code); // at the end Z_BUF_ERROR: the compressed stream has none
        if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
            fail(code);
        return static_cast<std::size_t>(got);
    }

private:
    [[noreturn]] void fail(int code) const
    {
        if (code == Z_ERRNO)
            throw Error(ErrorKind::Io, "{}: cannot be read: {}", m_path, std::strerror(errno));
        throw Error(ErrorKind::BadInput, "{}: the gzip data is damaged or cut short; fetch the file again", m_path);
    }

    std::string m_path;
    std::unique_ptr<gzFile_s, int (*)(gzFile)> m_file;
};

/// What a file manager leaves beside the files that were packed.
bool isSystemFile(const char* entry)
{
    const std::filesystem::path path(entry == nullptr ? "" : entry);
    return path.filename().string().starts_with('.') || *path.begin() == "__MACOSX" || path.filename() == "Thumbs.db" || path.filename() == "desktop.ini";
}

/// A zip, entry by entry.
class ZipReader {
public:
    explicit ZipReader(const std::filesystem::path& path) : m_path(path.string()), m_archive(archive_read_new(), &archive_read_free)
    {
        archive_read_support_format_zip(m_archive.get());
        if (archive_read_open_filename(m_archive.get(), m_path.c_str(), kBufferBytes) != ARCHIVE_OK)
            fail();
    }

    /// The next entry that is a file; nullptr at the end.
    archive_entry* next()
    {
        for (;;) {
            archive_entry* entry = nullptr;
            const int code = archive_read_next_header(m_archive.get(), &entry);
            if (code == ARCHIVE_EOF)
                return nullptr;
            if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
                fail();
            if (archive_entry_filetype(entry) != AE_IFDIR && !isSystemFile(archive_entry_pathname(entry)))
                return entry;
        }
    }

    std::size_t read(std::span<char> out)
    {
        const la_ssize_t got = archive_read_data(m_archive.get(), out.data(), out.size());
        if (got < 0)
            fail();
        return static_cast<std::size_t>(got);
    }

    [[noreturn]] void fail() const
    {
        const char* why = archive_error_string(m_archive.get());
        throw Error(ErrorKind::BadInput, "{}: the zip is damaged, cut short or encrypted ({}); fetch the file again", m_path,
                    why == nullptr ? "no reason given" : why);
    }

private:
    std::string m_path;
    std::unique_ptr<archive, int (*)(archive*)> m_archive;
};

class ZipSource final : public ByteSource {
public:
    explicit ZipSource(const InputPart& part) : m_zip(part.path)
    {
        for (std::size_t i = 0; i <= part.entryIndex; ++i)
            if (m_zip.next() == nullptr)
                m_zip.fail();
    }
    std::size_t read(std::span<char> out) override { return m_zip.read(out); }

private:
    ZipReader m_zip;
};

std::string printable(const char* name)
{
    std::string text = name == nullptr ? "" : std::string(name).substr(0, 200);
    std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

bool isZip(const std::filesystem::path& path)
{
    std::array<char, 4> bytes{};
    std::ifstream file(path, std::ios::binary);
    file.read(bytes.data(), bytes.size());
    return file.gcount() == static_cast<std::streamsize>(kZipMagic.size()) && std::string_view(bytes.data(), bytes.size()) == kZipMagic;
}

std::vector<InputPart> partsOfZip(const std::filesystem::path& path)
{
    std::vector<InputPart> parts;
    ZipReader zip(path);
    while (archive_entry* entry = zip.next()) {
        if (parts.size() == kMostEntries)
            throw Error(ErrorKind::BadInput, "{}: holds more than {} files", path.string(), kMostEntries);
        const std::string name = printable(archive_entry_pathname(entry));
        parts.push_back({path, std::filesystem::path(name).filename().string(), parts.size(), fmt::format("{}({})", path.string(), name)});
    }
    if (parts.empty())
        throw Error(ErrorKind::BadInput, "{}: is not a data set: the zip holds no file", path.string());
    if (parts.size() == 1)
        parts.front().label = path.string();
    return parts;
}

void addFolder(const std::filesystem::path& folder, std::vector<std::filesystem::path>& files)
{
    std::vector<std::filesystem::path> found;
    try {
        for (const auto& entry : std::filesystem::directory_iterator(folder))
            if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.'))
                found.push_back(entry.path());
    } catch (const std::filesystem::filesystem_error& error) {
        throw Error(ErrorKind::Io, "{}: cannot be listed: {}", folder.string(), error.code().message());
    }
    if (found.empty())
        throw Error(ErrorKind::BadInput, "{}: is a folder without files; name one that holds data", folder.string());
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
}

} // namespace

std::vector<InputPart> partsOf(const std::filesystem::path& path)
{
    checkRegularFile(path);
    if (isZip(path))
        return partsOfZip(path);
    return {{path, {}, 0, path.string()}};
}

std::unique_ptr<ByteSource> openPart(const InputPart& part)
{
    checkRegularFile(part.path);
    if (part.entry.empty() && !isZip(part.path))
        return std::make_unique<GzipSource>(part.path);
    return std::make_unique<ZipSource>(part);
}

std::string firstBytes(const InputPart& part, std::size_t count)
{
    std::string bytes(count, '\0');
    const auto source = openPart(part);
    std::size_t size = 0;
    while (size < count) {
        const std::size_t got = source->read(std::span(bytes).subspan(size));
        if (got == 0)
            break;
        size += got;
    }
    bytes.resize(size);
    return bytes;
}

std::string allBytes(const InputPart& part, std::size_t maxBytes)
{
    std::string bytes;
    std::vector<char> buffer(kBufferBytes);
    const auto source = openPart(part);
    while (const std::size_t got = source->read(buffer)) {
        if (got > maxBytes - bytes.size())
            throw Error(ErrorKind::BadInput, "{}: more than {} bytes once unpacked; cut it into parts", part.label, maxBytes);
        bytes.append(buffer.data(), got);
    }
    return bytes;
}

std::vector<std::filesystem::path> expandInputs(std::span<const std::filesystem::path> inputs)
{
    std::vector<std::filesystem::path> files;
    for (const std::filesystem::path& input : inputs) {
        std::error_code code;
        if (std::filesystem::is_directory(input, code))
            addFolder(input, files);
        else
            files.push_back(input);
    }
    return files;
}

} // namespace btcai
