#include "agent/config/ConfigFile.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "agent/config/Field.h"
#include "agent/config/MessageText.h"
#include "base/EditDistance.h"
#include "base/Error.h"
#include "base/ReadFile.h"
#include "base/Toml.h"

namespace btcai {

namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxDepth = 8;

std::string_view nearestKey(std::string_view key)
{
    return std::ranges::min_element(runConfigFields(), {}, [&](const Field& f) { return editDistance(f.key, key); })->key;
}

const Field& knownField(std::string_view key, std::string_view where)
{
    if (const Field* field = findField(key))
        return *field;
    const std::string suggestion = key.size() < 100 ? fmt::format("; did you mean '{}'?", nearestKey(key)) : "";
    throw Error(ErrorKind::BadInput, "{}: unknown field '{}'{}", where, messageText(key), suggestion);
}

struct FileEntry {
    const Field* field;
    std::string text;
    std::string where; ///< "run.toml:12"
};

std::string nodeText(const toml::node& node, const Field& field, std::string_view where)
{
    RunConfig probe;
    const FieldPointer pointer = field.locate(probe);
    if (const auto* text = node.as_string(); text && (std::holds_alternative<std::string*>(pointer)
                                                      || std::holds_alternative<Bucket*>(pointer)))
        return text->get();
    if (const auto* flag = node.as_boolean(); flag && std::holds_alternative<bool*>(pointer))
        return flag->get() ? "true" : "false";
    if (const auto* whole = node.as_integer();
        whole && (std::holds_alternative<std::int64_t*>(pointer) || std::holds_alternative<double*>(pointer)))
        return fmt::format("{}", whole->get());
    if (const auto* real = node.as_floating_point(); real && std::holds_alternative<double*>(pointer))
        return fmt::format("{}", real->get());
    std::ostringstream type;
    type << node.type();
    throw Error(ErrorKind::BadInput, "{}: {} has the wrong type ({}): {}", where, field.key, type.str(), field.help);
}

void collect(const toml::table& table, const std::string& prefix, std::size_t depth, std::string_view source,
             std::vector<FileEntry>& entries)
{
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string(name.str());
        const toml::table* inner = node.as_table();
        if (inner && depth < kMaxDepth && !findField(key)) {
            collect(*inner, key + ".", depth + 1, source, entries);
            continue;
        }
        const std::string where = fmt::format("{}:{}", source, node.source().begin.line);
        const Field& field = knownField(key, where);
        entries.push_back({&field, nodeText(node, field, where), where});
    }
}

std::vector<FileEntry> readEntries(std::string_view text, std::string_view source)
{
    std::vector<FileEntry> entries;
    collect(parseToml(text, source, kMaxBytes), "", 0, source, entries);
    return entries;
}

void apply(RunConfig& config, const FileEntry& entry)
{
    try {
        setFieldText(config, *entry.field, entry.text);
    } catch (const Error& error) {
        throw Error(error.kind(), "{}: {}", entry.where, error.what());
    }
}

std::string tomlLiteral(const RunConfig& config, const Field& field)
{
    const std::string text = fieldText(config, field);
    const FieldPointer pointer = field.locate(const_cast<RunConfig&>(config)); // only asked for its type
    if (std::holds_alternative<double*>(pointer))
        return text.find_first_of(".en") == std::string::npos ? text + ".0" : text; // a TOML float needs a point
    if (std::holds_alternative<bool*>(pointer) || std::holds_alternative<std::int64_t*>(pointer))
        return text;
    std::ostringstream quoted;
    quoted << toml::value<std::string>(text);
    return quoted.str();
}

/// What was done before there was a field, where that is not the field's default.
constexpr std::array<std::pair<std::string_view, std::string_view>, 1> kBeforeThereWas{{{"forecast.distribution", "gaussian"}}};

RunConfig parse(std::vector<FileEntry> entries, std::string_view sourceName, std::span<const FieldOverride> overrides)
{
    for (const auto& [key, text] : overrides)
        entries.push_back({&knownField(key, "command line"), text, "command line"});

    RunConfig config;
    for (const FileEntry& entry : entries)
        if (entry.field->key == "bucket")
            apply(config, entry);
    config = defaultConfig(config.bucket);
    for (const FileEntry& entry : entries)
        apply(config, entry);
    try {
        validate(config);
    } catch (const Error& error) {
        throw Error(error.kind(), "{}: {}", sourceName, error.what());
    }
    return config;
}

} // namespace

RunConfig parseRunConfig(std::string_view tomlText, std::string_view sourceName, std::span<const FieldOverride> overrides)
{
    return parse(readEntries(tomlText, sourceName), sourceName, overrides);
}

RunConfig parseRecordedConfig(std::string_view tomlText, std::string_view sourceName, std::span<const FieldOverride> overrides)
{
    std::vector<FileEntry> entries;
    for (const auto& [key, text] : kBeforeThereWas)
        entries.push_back({findField(key), std::string(text), std::string(sourceName)});
    for (FileEntry& entry : readEntries(tomlText, sourceName))
        entries.push_back(std::move(entry));
    return parse(std::move(entries), sourceName, overrides);
}

RunConfig readRunConfig(const std::filesystem::path& path, std::span<const FieldOverride> overrides)
{
    return parseRunConfig(readFile(path, kMaxBytes), path.string(), overrides);
}

RunConfig readRecordedConfig(const std::filesystem::path& path, std::span<const FieldOverride> overrides)
{
    return parseRecordedConfig(readFile(path, kMaxBytes), path.string(), overrides);
}

std::string toToml(const RunConfig& config)
{
    std::string out;
    std::string section;
    for (const Field& field : runConfigFields()) {
        const std::size_t dot = field.key.rfind('.');
        const std::string_view fieldSection = dot == std::string_view::npos ? std::string_view{} : field.key.substr(0, dot);
        if (fieldSection != section) {
            section = fieldSection;
            out += fmt::format("\n[{}]\n", section);
        }
        const std::string_view name = dot == std::string_view::npos ? field.key : field.key.substr(dot + 1);
        out += fmt::format("# {}{}{}\n{} = {}\n", field.help, field.unit.empty() ? "" : " Unit: ",
                           field.unit.empty() ? "" : field.unit, name, tomlLiteral(config, field));
    }
    return out;
}

} // namespace btcai
