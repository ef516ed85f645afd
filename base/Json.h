#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include <nlohmann/json.hpp>

namespace btcai {

/// nlohmann's JSON with insertion order kept, so that what we write reads in the order we mean.
using Json = nlohmann::ordered_json;

/// Limits for text from outside: checked before the parser allocates in proportion to it.
struct JsonLimits {
    std::size_t maxBytes = 1 << 20;
    std::size_t maxDepth = 32;
};

/// Parses one JSON value. `what` names the source in the message ("line 3 of events.jsonl").
/// Throws Error(BadInput) for text that is no JSON, too long or nested too deeply.
Json parseJson(std::string_view text, std::string_view what, JsonLimits limits = {});

/// Reads and parses a whole JSON file. Throws Error(Io) or Error(BadInput).
Json readJsonFile(const std::filesystem::path& path, JsonLimits limits = {.maxBytes = 64 << 20});

} // namespace btcai
