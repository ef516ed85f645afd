#include "data/bars/Provenance.h"

#include <cmath>

#include "base/BuildInfo.h"
#include "base/Error.h"
#include "base/Hash.h"

namespace btcai {

SourceFile SourceFile::of(const std::filesystem::path& path) { return {path.filename().string(), sha256HexOfFile(path)}; }

Provenance Provenance::now(std::vector<SourceFile> files, Json options, const Clock& clock)
{
    const BuildInfo build = buildInfo();
    return {std::move(files), std::move(options), fmt::format("{} ({})", build.version, build.revision),
            static_cast<std::int64_t>(std::floor(clock.utcSeconds()))};
}

Provenance Provenance::fromJson(const Json& json)
{
    try {
        Provenance entry;
        for (const Json& file : json.at("files"))
            entry.files.push_back({file.at("name").get<std::string>(), file.at("sha256").get<std::string>()});
        entry.options = json.at("options");
        entry.program = json.at("program").get<std::string>();
        entry.importedAt = parseUtc(json.at("imported_at").get<std::string>());
        return entry;
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::Corrupt, "provenance: {}", error.what());
    } catch (const Error& error) {
        throw Error(ErrorKind::Corrupt, "provenance: imported_at: {}", error.what());
    }
}

Json Provenance::toJson() const
{
    Json list = Json::array();
    for (const SourceFile& file : files)
        list.push_back({{"name", file.name}, {"sha256", file.sha256}});
    return {{"files", list}, {"options", options}, {"program", program}, {"imported_at", formatUtc(importedAt)}};
}

} // namespace btcai
