#pragma once

#include <string>
#include <string_view>

#include "agent/protocol/Messages.h"

namespace btcai::protocol {

/// One JSON line without its newline. A number that is not finite is written as null and reads back as NaN, so that a
/// record never lies about it. Throws Error(Internal) if the line would exceed kMaxLineBytes.
std::string encode(const Event& event);
std::string encode(const Command& command);

/// Reads one line. `where` names it in messages ("worker 3, line 12").
/// Throws Error(Protocol) naming the message type and field: unknown type, missing or wrongly typed field, vectors of
/// unequal length, a string or vector beyond its cap, another protocol version in hello. Extra fields are ignored, so a
/// newer worker of the same protocol version can add some.
Event decodeEvent(std::string_view line, std::string_view where);
Command decodeCommand(std::string_view line, std::string_view where);

/// The "type" of a message: "hello", "metrics", "set", ...
std::string_view typeName(const Event& event);
std::string_view typeName(const Command& command);

} // namespace btcai::protocol
