#pragma once

#include <array>
#include <optional>

#include "data/importers/Layout.h"
#include "data/importers/RowSink.h"

namespace btcai {

/// Where a row keeps a field: a place in a list or a name in an object.
struct JsonKey {
    int index = -1;
    const char* name = nullptr;

    bool stands() const { return index >= 0 || name != nullptr; }
};

/// Where a JSON text keeps its rows. It points into the value it was made from.
struct JsonLayout : Layout {
    const Json* rows = nullptr;            ///< a list of rows; with `columnar` an object of lists, one a field
    bool columnar = false;
    std::size_t width = 0;                 ///< least number of elements of a row that is a list
    std::array<JsonKey, kRoles> keys{};
    std::optional<std::int64_t> unfinishedAfter; ///< rows stamped later (UTC seconds) were still running; see RowSink

    JsonKey& key(Role role) { return keys[static_cast<std::size_t>(role)]; }
    JsonKey key(Role role) const { return keys[static_cast<std::size_t>(role)]; }
};

/// A layout for rows that are lists; `order` tells the fields of the first places, in turn.
JsonLayout listLayout(SourceFormat format, const Json& rows, std::initializer_list<Role> order, std::size_t width);

/// Whether the value is a list, and its first element, if there is one, a list of so many elements.
bool isListOfLists(const Json& value, std::size_t least, std::size_t most);

/// Whether every named member is there.
bool hasMembers(const Json& value, std::initializer_list<const char*> names);

/// The member, or null's address when the value is no object or has none such.
const Json& memberOf(const Json& value, const char* name);

/// Reads all rows into the sink, whose row numbers are places in the list from 1. Throws Error(BadInput) when a row lacks a field
/// or has a bad one, or counts it, as the sink is.
void readRows(const JsonLayout& layout, RowSink& sink, StampReader& stamps);

} // namespace btcai
