#include "data/importers/Exchanges.h"

namespace btcai::bittrex {

std::optional<JsonLayout> json(const Json& reply)
{
    const Json& list = reply.is_array() ? reply : memberOf(reply, "result");
    if (!list.is_array() || (!list.empty() && !hasMembers(list[0], {"O", "H", "L", "C", "V", "T"})))
        return std::nullopt;
    JsonLayout layout;
    layout.format = SourceFormat::BittrexReply;
    layout.rows = &list;
    layout.key(Role::Time).name = "T";
    layout.key(Role::Open).name = "O";
    layout.key(Role::High).name = "H";
    layout.key(Role::Low).name = "L";
    layout.key(Role::Close).name = "C";
    layout.key(Role::Volume).name = "V";
    layout.key(Role::QuoteVolume).name = "BV";
    layout.reason = "a JSON list of objects with the fields O, H, L, C, V, T and BV, as Bittrex's";
    return layout;
}

} // namespace btcai::bittrex
