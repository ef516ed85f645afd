#include "models/ModelFile.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/Error.h"
#include "base/Json.h"

namespace btcai {

namespace {

constexpr std::uint64_t kMaxHeader = 16 << 20;

struct Dtype {
    const char* name;
    torch::ScalarType type;
};
constexpr std::array kDtypes{Dtype{"F32", torch::kFloat32}, Dtype{"F64", torch::kFloat64}, Dtype{"I64", torch::kInt64},
                             Dtype{"U8", torch::kUInt8}};

const char* dtypeName(torch::ScalarType type)
{
    for (const Dtype& dtype : kDtypes)
        if (dtype.type == type)
            return dtype.name;
    throw Error(ErrorKind::Internal, "a tensor of type {} can't be stored", torch::toString(type));
}

/// One tensor's place in the file.
struct Entry {
    std::string name;
    torch::ScalarType type = torch::kFloat32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

class Parser {
public:
    Parser(std::string_view bytes, const std::string& name) : m_bytes(bytes), m_name(name) {}

    TensorFile parse()
    {
        const Json header = readHeader();
        TensorFile file;
        std::vector<Entry> entries;
        for (const auto& [name, value] : header.items()) {
            if (name == "__metadata__")
                readMetadata(value, file);
            else
                entries.push_back(readEntry(name, value));
        }
        std::ranges::sort(entries, {}, &Entry::begin);
        std::uint64_t expected = 0;
        for (const Entry& entry : entries) {
            if (entry.begin != expected)
                refuse("tensor '" + entry.name + "' overlaps another or leaves a hole");
            expected = entry.end;
            file.tensors.emplace(entry.name, read(entry));
        }
        if (expected != m_bytes.size())
            refuse(fmt::format("holds {} bytes of tensors where its header tells of {}", m_bytes.size(), expected));
        return file;
    }

private:
    [[noreturn]] void refuse(const std::string& problem) const
    {
        throw Error(ErrorKind::Corrupt, "{}: not a whole safetensors file: {}", m_name, problem);
    }

    Json readHeader()
    {
        std::uint64_t length = 0;
        if (m_bytes.size() < sizeof length)
            refuse("cut short within its first eight bytes");
        std::memcpy(&length, m_bytes.data(), sizeof length);
        m_bytes.remove_prefix(sizeof length);
        if (length > kMaxHeader || length > m_bytes.size())
            refuse("cut short within its header");
        Json header;
        try {
            header = parseJson(m_bytes.substr(0, length), m_name, {.maxBytes = kMaxHeader, .maxDepth = 4});
        } catch (const Error& error) {
            refuse(error.what());
        }
        if (!header.is_object())
            refuse("its header is not an object");
        m_bytes.remove_prefix(length);
        return header;
    }

    void readMetadata(const Json& json, TensorFile& file) const
    {
        if (!json.is_object())
            refuse("its metadata is not an object");
        for (const auto& [key, value] : json.items()) {
            if (!value.is_string())
                refuse("its metadata holds something else than text");
            file.metadata[key] = value.get<std::string>();
        }
    }

    Entry readEntry(const std::string& name, const Json& json) const
    {
        Entry entry;
        entry.name = name;
        try {
            const auto dtype = json.at("dtype").get<std::string>();
            const auto known = std::ranges::find_if(kDtypes, [&](const Dtype& d) { return d.name == dtype; });
            if (known == kDtypes.end())
                refuse("tensor '" + name + "' has the unknown dtype " + dtype);
            entry.type = known->type;
            for (const Json& size : json.at("shape"))
                entry.shape.push_back(size.get<std::int64_t>());
            entry.begin = json.at("data_offsets").at(0).get<std::uint64_t>();
            entry.end = json.at("data_offsets").at(1).get<std::uint64_t>();
        } catch (const Json::exception&) {
            refuse("tensor '" + name + "' is described wrongly");
        }
        std::uint64_t bytes = torch::elementSize(entry.type);
        for (const std::int64_t size : entry.shape)
            if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes))
                refuse("tensor '" + name + "' has an impossible shape");
        if (entry.begin > entry.end || entry.end > m_bytes.size() || entry.end - entry.begin != bytes)
            refuse("tensor '" + name + "' is cut short or does not fit its shape");
        return entry;
    }

    torch::Tensor read(const Entry& entry) const
    {
        torch::Tensor tensor = torch::empty(entry.shape, entry.type);
        if (entry.end > entry.begin)
            std::memcpy(tensor.data_ptr(), m_bytes.data() + entry.begin, entry.end - entry.begin);
        return tensor;
    }

    std::string_view m_bytes;
    const std::string& m_name;
};

} // namespace

std::string writeTensorFile(const TensorFile& file)
{
    Json header = Json::object();
    if (!file.metadata.empty())
        header["__metadata__"] = file.metadata;
    std::uint64_t offset = 0;
    for (const auto& [name, tensor] : file.tensors) {
        const std::uint64_t end = offset + tensor.nbytes();
        header[name] = {{"dtype", dtypeName(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' '); // keeps the tensors aligned
    const std::uint64_t length = text.size();
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.reserve(sizeof length + text.size() + offset);
    bytes += text;
    for (const auto& [name, tensor] : file.tensors) {
        const torch::Tensor contiguous = tensor.detach().to(torch::kCPU).contiguous();
        bytes.append(static_cast<const char*>(contiguous.data_ptr()), contiguous.nbytes());
    }
    return bytes;
}

TensorFile parseTensorFile(std::string_view bytes, const std::string& name) { return Parser(bytes, name).parse(); }

TensorFile readTensorFile(const std::filesystem::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    if (!stream)
        throw Error(ErrorKind::Io, "{}: cannot be opened for reading", path.string());
    std::ostringstream bytes;
    bytes << stream.rdbuf();
    return parseTensorFile(bytes.view(), path.string());
}

} // namespace btcai
