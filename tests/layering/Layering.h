#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace layering {

/// A part of the house: a folder, and what its files may include. The folder with the longest matching name counts, so
/// that "data/remote" is no part of "data".
struct Room {
    std::string folder;
    std::vector<std::string> mayInclude; ///< other rooms; its own files always
    bool mayUseQt = false;
    bool mayUseTorch = false;
};

/// The rules of ARCHITECTURE.md, in full.
const std::vector<Room>& rooms();

struct Report {
    std::size_t files = 0;               ///< read in all
    std::vector<std::string> roomsSeen;  ///< with at least one file, sorted
    std::vector<std::string> violations; ///< "FILE:LINE: includes WHAT: WHY"
};

/// Reads every #include of every C++ file below `source`, outside runs, tests, build folders and folders that start
/// with a point.
Report check(const std::filesystem::path& source);

} // namespace layering
