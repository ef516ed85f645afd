#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/Clock.h"
#include "base/Json.h"

namespace btcai {

/// A file that bars came from. For a download, the name may be an address and the hash that of what was received.
struct SourceFile {
    std::string name;
    std::string sha256; ///< 64 lower-case hex digits

    /// The file name without folders, and the hash of the content. Throws Error(Io).
    static SourceFile of(const std::filesystem::path& path);
    bool operator==(const SourceFile&) const = default;
};

/// Where a part of a stored series came from: one entry an import, kept with the series forever.
struct Provenance {
    std::vector<SourceFile> files;
    Json options = Json::object(); ///< of the import
    std::string program;           ///< version and revision that imported
    std::int64_t importedAt = 0;   ///< UTC seconds

    /// An import now, by this build.
    static Provenance now(std::vector<SourceFile> files, Json options, const Clock& clock = SystemClock());
    /// Throws Error(Corrupt) naming the field.
    static Provenance fromJson(const Json& json);
    /// {"files":[{"name","sha256"}],"options":{},"program":"0.3.0 (abc)","imported_at":"2026-01-01T00:00:00Z"}
    Json toJson() const;
    bool operator==(const Provenance&) const = default;
};

} // namespace btcai
