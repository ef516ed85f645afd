#include "data/importers/Exchanges.h"

namespace btcai::coinbase {

std::optional<JsonLayout> json(const Json& reply)
{
    const Json& list = memberOf(reply, "candles");
    if (!list.is_array())
        return std::nullopt;
    JsonLayout layout;
    layout.format = SourceFormat::CoinbaseReply;
    layout.rows = &list;
    layout.key(Role::Time).name = "start";
    for (const Role role : {Role::Open, Role::High, Role::Low, Role::Close, Role::Volume})
        layout.key(role).name = roleName(role).data();
    layout.reason = "a JSON object with the list candles, as Coinbase's";
    return layout;
}

std::optional<JsonLayout> listJson(const Json& reply)
{
    if (!isListOfLists(reply, 6, 6))
        return std::nullopt;
    JsonLayout layout =
        listLayout(SourceFormat::CoinbaseReply, reply, {Role::Time, Role::Low, Role::High, Role::Open, Role::Close, Role::Volume}, 6);
    layout.reason = "a JSON list of lists of 6; only time,low,high,open,close,volume makes high the highest and low the lowest";
    return layout;
}

} // namespace btcai::coinbase
