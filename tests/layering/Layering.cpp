#include "tests/layering/Layering.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <regex>
#include <set>
#include <string_view>

namespace layering {

namespace fs = std::filesystem;

const std::vector<Room>& rooms()
{
    static const std::vector<Room> table = {
        {.folder = "base", .mayInclude = {}},
        {.folder = "data", .mayInclude = {"base"}},
        {.folder = "data/remote", .mayInclude = {"base", "data"}, .mayUseQt = true},
        {.folder = "env", .mayInclude = {"base", "data"}},
        {.folder = "agent/config", .mayInclude = {"base", "data", "env"}},
        {.folder = "agent/protocol", .mayInclude = {"base", "data", "env", "agent/config"}},
        {.folder = "agent/dataset", .mayInclude = {"base", "data", "env", "agent/config"}},
        {.folder = "models", .mayInclude = {"base", "data", "env", "agent/config"}, .mayUseTorch = true},
        // The rest of agent/: ppo, worker, evaluation and so on.
        {.folder = "agent",
         .mayInclude = {"base", "data", "env", "agent/config", "agent/dataset", "agent/protocol", "models"},
         .mayUseTorch = true},
        {.folder = "update/core", .mayInclude = {"base"}},
        {.folder = "update/net", .mayInclude = {"base", "update/core"}, .mayUseQt = true},
        {.folder = "update/apply", .mayInclude = {"base", "update/core"}},
        {.folder = "update/tools", .mayInclude = {"base", "update/core"}},
        {.folder = "app/cli",
         .mayInclude = {"base", "data", "env", "agent/config", "agent/dataset", "agent/protocol", "models", "agent", "update/core"},
         .mayUseTorch = true},
        {.folder = "app/fetch", .mayInclude = {"base", "data", "data/remote"}, .mayUseQt = true},
        // A Python process often holds a libtorch of its own; ours must not come in beside it.
        {.folder = "app/python", .mayInclude = {"base", "data", "env", "agent/config", "agent/dataset"}},
        // Neither models nor the rest of agent/, so that the window never links libtorch.
        {.folder = "app/gui",
         .mayInclude = {"base", "data", "env", "agent/config", "agent/protocol", "data/remote", "update/core",
                        "update/net"},
         .mayUseQt = true},
    };
    return table;
}

namespace {

const std::set<std::string> extensions = {".h", ".hpp", ".hh", ".inl", ".ipp", ".cpp", ".cc", ".cxx", ".cu", ".cuh"};
const std::set<std::string> skipped = {"build", "runs", "tests"};

bool isInside(std::string_view path, std::string_view folder)
{
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

const Room* roomOf(std::string_view path)
{
    const Room* found = nullptr;
    for (const Room& room : rooms())
        if (isInside(path, room.folder) && (!found || room.folder.size() > found->folder.size()))
            found = &room;
    return found;
}

/// Whether a path leads into the house at all: its first folder is that of a room.
bool isOurs(std::string_view path)
{
    const std::string_view top = path.substr(0, path.find('/'));
    return std::any_of(rooms().begin(), rooms().end(), [&](const Room& room) {
        return std::string_view(room.folder).substr(0, room.folder.find('/')) == top;
    });
}

/// Qt's own headers are <QString>, <QtCore/QString> or <qstring.h>, and QCustomPlot is Qt through and through.
bool isQt(const std::string& name)
{
    if (name.ends_with(".moc") || name.starts_with("moc_") || name.starts_with("ui_"))
        return true;
    if (name.size() > 1 && name[0] == 'Q' && std::isupper(static_cast<unsigned char>(name[1])))
        return true;
    return name.starts_with("Qt") || name.starts_with("qt") || std::regex_match(name, std::regex("q[a-z0-9_]+\\.h"));
}

bool isTorch(const std::string& name)
{
    for (const char* folder : {"torch", "ATen", "c10", "c10d", "caffe2"})
        if (isInside(name, folder))
            return true;
    return false;
}

/// Why a file of `room` at `path` must not include `name`, or "".
std::string objection(const Room& room, const fs::path& path, const std::string& name, bool isQuoted,
                      const fs::path& source)
{
    std::string target = fs::path(name).lexically_normal().generic_string();
    if (isQuoted && fs::exists(source / path.parent_path() / name))
        target = (path.parent_path() / name).lexically_normal().generic_string();
    if (target.starts_with("..") || target.starts_with("/"))
        return "leads out of the project";
    if (isInside(target, "tests"))
        return "no room may include tests";
    if (isOurs(target)) {
        const Room* const other = roomOf(target);
        if (!other)
            return "is in no room";
        const auto& allowed = room.mayInclude;
        const bool isAllowed =
            other == &room || std::find(allowed.begin(), allowed.end(), other->folder) != allowed.end();
        return isAllowed ? "" : room.folder + " may not include " + other->folder;
    }
    if (!room.mayUseQt && isQt(target))
        return room.folder + " is free of Qt";
    if (!room.mayUseTorch && isTorch(target))
        return room.folder + " is free of libtorch";
    return "";
}

void checkFile(const fs::path& source, const fs::path& path, Report& report)
{
    ++report.files;
    const Room* const room = roomOf(path.generic_string());
    if (!room) {
        report.violations.push_back(path.generic_string() + ": is in no room; give its folder a place in the rules");
        return;
    }
    report.roomsSeen.push_back(room->folder);
    static const std::regex include(R"(^\s*#\s*(?:include|import)(?:_next)?\b\s*(?:([<"])([^>"]+)[>"])?.*)");
    std::ifstream file(source / path);
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        std::smatch match;
        if (line.find('#') == std::string::npos || !std::regex_match(line, match, include))
            continue;
        const std::string why = match[2].matched ? objection(*room, path, match[2], match[1] == "\"", source)
                                                 : "is computed, so that it can't be checked";
        if (!why.empty())
            report.violations.push_back(path.generic_string() + ":" + std::to_string(number) + ": includes " +
                                        match[2].str() + ": " + why);
    }
}

} // namespace

Report check(const fs::path& source)
{
    Report report;
    for (auto entry = fs::recursive_directory_iterator(source); entry != fs::recursive_directory_iterator(); ++entry) {
        const fs::path path = entry->path().lexically_relative(source);
        const std::string name = path.filename().string();
        if (entry->is_directory()) {
            const bool isBuild = fs::exists(entry->path() / "CMakeCache.txt"); // of whatever name
            if (name.starts_with('.') || isBuild || (entry.depth() == 0 && skipped.contains(name)))
                entry.disable_recursion_pending();
        } else if (extensions.contains(path.extension().string())) {
            checkFile(source, path, report);
        }
    }
    std::sort(report.violations.begin(), report.violations.end());
    std::sort(report.roomsSeen.begin(), report.roomsSeen.end());
    report.roomsSeen.erase(std::unique(report.roomsSeen.begin(), report.roomsSeen.end()), report.roomsSeen.end());
    return report;
}

} // namespace layering
