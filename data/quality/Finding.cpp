#include "data/quality/Finding.h"

namespace btcai {

std::string_view severityName(Severity severity)
{
    switch (severity) {
    case Severity::Info: return "info";
    case Severity::Warning: return "warning";
    case Severity::Error: return "error";
    }
    return "unknown";
}

Json Finding::toJson() const
{
    Json json;
    json["name"] = name;
    json["severity"] = severityName(severity);
    json["count"] = count;
    json["first_time"] = firstTime;
    json["place"] = place;
    json["text"] = text;
    json["advice"] = advice;
    return json;
}

} // namespace btcai
