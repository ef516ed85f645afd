#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "agent/config/RunConfig.h"

namespace btcai {

/// A key and a text to set it to, as given on a command line or in a form.
using FieldOverride = std::pair<std::string, std::string>;

/// Reads a run configuration. The bucket (from the overrides, else from the text) gives the defaults, then the text, then
/// the overrides apply; the result is validated. Throws Error(BadInput) naming source and line of an unknown key (with the
/// nearest known one), a wrong type or a value out of range.
RunConfig parseRunConfig(std::string_view tomlText, std::string_view sourceName,
                         std::span<const FieldOverride> overrides = {});
RunConfig readRunConfig(const std::filesystem::path& path, std::span<const FieldOverride> overrides = {});

/// The same for a configuration that toToml() wrote, of a run say, if need be long ago: a field that it lacks did not exist then, and gets the value that stands for
/// what was done instead, which need not be today's default.
RunConfig parseRecordedConfig(std::string_view tomlText, std::string_view sourceName,
                              std::span<const FieldOverride> overrides = {});
RunConfig readRecordedConfig(const std::filesystem::path& path, std::span<const FieldOverride> overrides = {});

/// Every field resolved, with unit and help as comments. Reads back to an equal configuration.
std::string toToml(const RunConfig& config);

} // namespace btcai
