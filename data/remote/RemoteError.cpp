#include "data/remote/RemoteError.h"

namespace btcai {

namespace {

ErrorKind kindOf(RemoteFault fault)
{
    switch (fault) {
    case RemoteFault::Connection:
    case RemoteFault::Timeout:
    case RemoteFault::CutBody:
    case RemoteFault::ServerError:
    case RemoteFault::RateLimited:
    case RemoteFault::Banned: return ErrorKind::Io;
    case RemoteFault::Refused:
    case RemoteFault::StoreDisagrees:
    case RemoteFault::TooFarBack:
    case RemoteFault::NoCandles:
    case RemoteFault::ClockSkew: return ErrorKind::BadInput;
    default: return ErrorKind::Protocol;
    }
}

} // namespace

std::string_view remoteFaultName(RemoteFault fault)
{
    switch (fault) {
    case RemoteFault::Connection: return "connection";
    case RemoteFault::Timeout: return "timeout";
    case RemoteFault::CutBody: return "cut-body";
    case RemoteFault::ServerError: return "server-error";
    case RemoteFault::RateLimited: return "rate-limited";
    case RemoteFault::Banned: return "banned";
    case RemoteFault::WrongContentType: return "wrong-content-type";
    case RemoteFault::BadReply: return "bad-reply";
    case RemoteFault::Tls: return "tls";
    case RemoteFault::Redirect: return "redirect";
    case RemoteFault::BodyTooLarge: return "body-too-large";
    case RemoteFault::Refused: return "refused";
    case RemoteFault::BadCandle: return "bad-candle";
    case RemoteFault::OffGrid: return "off-grid";
    case RemoteFault::OutsideRange: return "outside-range";
    case RemoteFault::ConflictingCandles: return "conflicting-candles";
    case RemoteFault::StoreDisagrees: return "store-disagrees";
    case RemoteFault::TooFarBack: return "too-far-back";
    case RemoteFault::NoCandles: return "no-candles";
    case RemoteFault::ClockSkew: return "clock-skew";
    case RemoteFault::Subscription: return "subscription";
    }
    return "unknown";
}

bool isTransient(RemoteFault fault) { return fault <= RemoteFault::BadReply; }

RemoteError::RemoteError(RemoteFault fault, const std::string& message) : Error(kindOf(fault), message), m_fault(fault) {}

} // namespace btcai
