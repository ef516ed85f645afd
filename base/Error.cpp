#include "base/Error.h"

namespace btcai {

std::string_view errorKindName(ErrorKind kind)
{
    switch (kind) {
    case ErrorKind::BadInput: return "bad-input";
    case ErrorKind::Io: return "io";
    case ErrorKind::Corrupt: return "corrupt";
    case ErrorKind::Unsupported: return "unsupported";
    case ErrorKind::Protocol: return "protocol";
    case ErrorKind::Numeric: return "numeric";
    case ErrorKind::Cancelled: return "cancelled";
    case ErrorKind::Internal: return "internal";
    }
    return "internal";
}

int exitCode(ErrorKind kind)
{
    switch (kind) {
    case ErrorKind::BadInput: return 2;
    case ErrorKind::Io: return 3;
    case ErrorKind::Corrupt: return 4;
    case ErrorKind::Unsupported: return 5;
    case ErrorKind::Protocol: return 6;
    case ErrorKind::Numeric: return 7;
    case ErrorKind::Cancelled: return 130;
    case ErrorKind::Internal: return 70;
    }
    return 70;
}

} // namespace btcai
