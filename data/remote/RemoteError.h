#pragma once

#include <optional>
#include <string_view>

#include "base/Error.h"

namespace btcai {

/// What went wrong between this program and an exchange. Every failure of a download or a live feed has one of these.
enum class RemoteFault {
    // The network or the server; trying again may help.
    Connection,       ///< no connection, or it broke before an answer began
    Timeout,          ///< no whole answer in time
    CutBody,          ///< the connection broke within an answer
    ServerError,      ///< status 5xx, or the exchange says that it is busy
    RateLimited,      ///< status 429, or the exchange says that we ask too often
    Banned,           ///< status 418: we were told to stop and did not
    WrongContentType, ///< an answer that does not claim to be JSON, such as a maintenance page
    BadReply,         ///< an answer that is not the documented JSON, or has values that cannot be
    // Trying again would not help, or would not be safe.
    Tls,                ///< the certificate or the handshake is not trusted
    Redirect,           ///< the server sends us elsewhere
    BodyTooLarge,       ///< an answer beyond the limit
    Refused,            ///< the exchange says that the request is wrong: unknown symbol, bad parameter
    BadCandle,          ///< of a live feed: a price that is not positive, a volume that is negative
    OffGrid,            ///< a candle that does not open on the interval's grid
    OutsideRange,       ///< a candle that was not asked for
    ConflictingCandles, ///< two candles of one time that differ
    StoreDisagrees,     ///< a candle that differs from the bar the store holds
    TooFarBack,         ///< the exchange does not keep candles that old
    NoCandles,          ///< the exchange has no candle in the whole range
    ClockSkew,          ///< the exchange's clock and ours are far apart
    Subscription,       ///< a live feed refused or never acknowledged the subscription
};

/// The stable lower-case name of a fault ("rate-limited", ...), as printed with --json.
std::string_view remoteFaultName(RemoteFault fault);

/// Whether the same request may succeed later.
bool isTransient(RemoteFault fault);

/// An Error with its fault. The kind follows from it: Io for the network and the server, BadInput for what the user can
/// change, Protocol for an exchange that breaks its documented API.
class RemoteError : public Error {
public:
    RemoteError(RemoteFault fault, const std::string& message);

    template <typename... Args>
    RemoteError(RemoteFault fault, fmt::format_string<Args...> format, Args&&... args) requires(sizeof...(Args) > 0)
        : RemoteError(fault, fmt::format(format, std::forward<Args>(args)...))
    {
    }

    RemoteFault fault() const noexcept { return m_fault; }

    /// How long the server asked us to wait, if it did.
    std::optional<double> retryAfterSeconds;

private:
    RemoteFault m_fault;
};

} // namespace btcai
