#include "data/importers/Exchanges.h"

namespace btcai::deribit {

std::optional<JsonLayout> json(const Json& reply)
{
    const Json& result = memberOf(reply, "result");
    if (!hasMembers(result, {"ticks", "open", "high", "low", "close", "volume"}))
        return std::nullopt;
    JsonLayout layout;
    layout.format = SourceFormat::DeribitReply;
    layout.rows = &result;
    layout.columnar = true;
    layout.key(Role::Time).name = "ticks";
    for (const Role role : {Role::Open, Role::High, Role::Low, Role::Close, Role::Volume})
        layout.key(role).name = roleName(role).data();
    if (result.contains("cost"))
        layout.key(Role::QuoteVolume).name = "cost";
    layout.reason = "a JSON object whose result holds the lists ticks, open, high, low, close, volume, as Deribit's";
    return layout;
}

} // namespace btcai::deribit
