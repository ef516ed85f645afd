#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "agent/config/RunConfig.h"

namespace btcai {

/// Where the value of a field lives in a RunConfig.
using FieldPointer = std::variant<bool*, std::int64_t*, double*, std::string*, Bucket*>;

/// One setting of a run, described once. The same entry drives the TOML file, the command line, validation, the form in
/// the window and the help text.
struct Field {
    std::string_view key;    ///< "ppo.clip_range": in the file [ppo] clip_range, on the command line --ppo.clip_range
    std::string_view alias;  ///< a short option such as "--steps" without its dashes; empty if there is none
    std::string_view label;  ///< for the form
    std::string_view unit;   ///< "bars", "bps"; empty for a plain number
    double minimum = 0.0;    ///< inclusive; for numbers
    double maximum = 0.0;
    std::span<const std::string_view> choices; ///< allowed texts; empty when free
    bool live = false;       ///< may be changed by the `set` command while the run goes on, and when it is resumed
    bool advanced = false;   ///< folded away in the form
    std::string_view help;
    FieldPointer (*locate)(RunConfig&);
};

std::span<const Field> runConfigFields();
/// Nothing for an unknown key.
const Field* findField(std::string_view key);

/// The value as it stands in a file or on a command line ("0.2", "true", "scalping"), shortest form that reads back
/// to the same bits.
std::string fieldText(const RunConfig& config, const Field& field);
/// Parses and stores. Throws Error(BadInput) naming key, value, range and unit; the config is then unchanged.
void setFieldText(RunConfig& config, const Field& field, std::string_view text);
/// Checks every field's range and what several fields must fulfil together. Throws Error(BadInput) naming the field.
void validate(const RunConfig& config);

} // namespace btcai
