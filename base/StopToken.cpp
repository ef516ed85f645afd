#include "base/StopToken.h"

#include "base/Error.h"

namespace btcai {

void StopToken::throwIfStopped() const
{
    if (stopRequested())
        throw Error(ErrorKind::Cancelled, "stopped on request");
}

} // namespace btcai
