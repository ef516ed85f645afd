// The REST replies of every exchange.
#include "data/importers/ExchangeReplies.h"
#include "tests/fuzz/FuzzTarget.h"

using namespace btcai;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text = fuzz::bytesOf(data, size);
    for (const auto parse : {parseBinanceReply, parseBitfinexReply, parseBitstampReply, parseBittrexReply, parseCoinbaseReply, parseDeribitReply,
                             parseKrakenReply, parseOkxReply})
        fuzz::mayRefuse([&] { parse(text); });
    return 0;
}
