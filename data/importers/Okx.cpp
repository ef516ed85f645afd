#include "data/importers/Exchanges.h"

namespace btcai::okx {

namespace {
/// Of spot pairs vol is in coins and volCcy in money, the same as volCcyQuote; of swaps and futures vol counts contracts
/// and volCcy coins.
bool isSpot(const Json& list) { return !list.empty() && list[0][6] == list[0][7]; }
} // namespace

std::optional<JsonLayout> json(const Json& reply)
{
    const Json& list = memberOf(reply, "data");
    if (memberOf(reply, "code") != "0" || !isListOfLists(list, 9, 9))
        return std::nullopt;
    JsonLayout layout = listLayout(SourceFormat::OkxReply, list, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close}, 9);
    const bool spot = isSpot(list);
    layout.key(Role::Volume).index = spot ? 5 : 6;
    layout.key(Role::QuoteVolume).index = 7;
    layout.reason = "a JSON object with code and data, rows of 9, as OKX's";
    if (!spot)
        layout.notes.emplace_back("the volume is volCcy, which counts coins; vol counts contracts");
    return layout;
}

} // namespace btcai::okx
