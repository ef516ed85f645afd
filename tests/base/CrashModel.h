#pragma once

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/FileSystemOps.h"

/// A file system in memory that knows what a crash may leave of it. POSIX promises little: what was written to a file
/// and not synced may be there, lost, torn or zeroed, each write for itself and in any order; a name created, renamed
/// or removed in a folder that was not synced since may or may not have changed, each change for itself. Syncing a file
/// says nothing about its name. Real file systems keep more than that; code that is right here is right there.
class CrashModel final : public btcai::FileSystemOps {
public:
    using Path = std::filesystem::path;

    enum class Skip { Nothing, FileSyncs, FolderSyncs };

    /// A write takes at most so many bytes at a time, as a real one may.
    explicit CrashModel(std::size_t bytesAtOnce = 4) : m_bytesAtOnce(bytesAtOnce) { m_nodes.push_back({.kind = Kind::Directory}); }

    // How the model is to misbehave.
    void setSkip(Skip skip) { m_skip = skip; }
    /// The operation with this number (from 0) fails with the error.
    void failOperation(int number, int error)
    {
        m_failing = number;
        m_error = error;
    }
    /// The kind of the operation that was made to fail, or "" when none was.
    const std::string& failedOperation() const { return m_failedOperation; }

    /// Everything up to now is on the disk, and recording starts afresh.
    void settle()
    {
        for (auto& node : m_nodes)
            makeDurable(node);
        m_history.assign(1, m_nodes);
        m_operations = 0;
    }

    /// How many moments there are at which a crash might come: before the first operation and after each.
    std::size_t moments() const { return m_history.size(); }
    /// Every form in which a reader may find `path` after a crash at that moment: "-" when missing, a file's bytes, or
    /// "{name:content,...}" for a folder.
    std::set<std::string> afterCrash(std::size_t moment, const Path& path) const
    {
        const Nodes& nodes = m_history.at(moment);
        return outcomesBelow(nodes, 0, components(path), 0);
    }
    /// What a reader finds now, without any crash.
    std::string now(const Path& path) const
    {
        const auto node = find(path);
        return node ? render(*node) : "-";
    }

    int create(const Path& path) override
    {
        if (fails("create"))
            return -1;
        const auto parent = find(path.parent_path());
        if (!parent)
            return refuse(ENOENT);
        if (m_nodes[*parent].entries.contains(path.filename().string()))
            return refuse(EEXIST);
        return done(openNode(addNode(*parent, path.filename().string(), Kind::File)));
    }

    int open(const Path& path) override
    {
        if (fails("open"))
            return -1;
        const auto node = find(path);
        return node ? done(openNode(*node)) : refuse(ENOENT);
    }

    ssize_t write(int descriptor, const void* bytes, std::size_t size) override
    {
        if (fails("write"))
            return -1;
        Node& node = m_nodes[m_open.at(descriptor)];
        const std::string piece(static_cast<const char*>(bytes), std::min(size, m_bytesAtOnce));
        node.pendingWrites.push_back({node.content.size(), piece});
        node.content += piece;
        return done(static_cast<ssize_t>(piece.size()));
    }

    int sync(int descriptor) override
    {
        Node& node = m_nodes[m_open.at(descriptor)];
        const bool isFile = node.kind == Kind::File;
        if (fails(isFile ? "sync file" : "sync folder"))
            return -1;
        if (m_skip != (isFile ? Skip::FileSyncs : Skip::FolderSyncs))
            makeDurable(node);
        return done(0);
    }

    int close(int descriptor) override
    {
        m_open.erase(descriptor); // the descriptor is gone even when close fails
        return fails("close") ? -1 : done(0);
    }

    int rename(const Path& from, const Path& to) override
    {
        if (fails("rename"))
            return -1;
        const auto parent = find(from.parent_path());
        const auto node = find(from);
        if (!node)
            return refuse(ENOENT);
        if (from.parent_path() != to.parent_path())
            return refuse(EXDEV);
        const auto target = find(to);
        if (target && m_nodes[*target].kind == Kind::Directory && !m_nodes[*target].entries.empty())
            return refuse(ENOTEMPTY);
        change(*parent, {{from.filename().string(), std::nullopt}, {to.filename().string(), *node}});
        return done(0);
    }

    int exchange(const Path& a, const Path& b) override
    {
        if (fails("exchange"))
            return -1;
        const auto first = find(a);
        const auto second = find(b);
        if (!first || !second)
            return refuse(ENOENT);
        change(*find(a.parent_path()), {{a.filename().string(), *second}, {b.filename().string(), *first}});
        return done(0);
    }

    int remove(const Path& path) override
    {
        if (fails("remove"))
            return -1;
        const auto node = find(path);
        if (!node)
            return refuse(ENOENT);
        if (!m_nodes[*node].entries.empty())
            return refuse(ENOTEMPTY);
        change(*find(path.parent_path()), {{path.filename().string(), std::nullopt}});
        return done(0);
    }

    int makeDirectory(const Path& path) override
    {
        if (fails("makeDirectory"))
            return -1;
        const auto parent = find(path.parent_path());
        if (!parent)
            return refuse(ENOENT);
        if (find(path))
            return refuse(EEXIST);
        addNode(*parent, path.filename().string(), Kind::Directory);
        return done(0);
    }

    int list(const Path& path, std::vector<Entry>& entries) override
    {
        if (fails("list"))
            return -1;
        const auto node = find(path);
        if (!node)
            return refuse(ENOENT);
        for (const auto& [name, child] : m_nodes[*node].entries)
            entries.push_back({name, m_nodes[child].kind});
        return done(0);
    }

    Kind kind(const Path& path) override
    {
        const auto node = find(path);
        return node ? m_nodes[*node].kind : Kind::Missing;
    }

private:
    struct Write {
        std::size_t offset;
        std::string bytes;
    };
    /// What one operation does to a folder, in one step: new targets of names, or their end.
    using Change = std::vector<std::pair<std::string, std::optional<std::size_t>>>;
    using Entries = std::map<std::string, std::size_t>;

    struct Node {
        Kind kind = Kind::File;
        std::string content{};        // of a file, as a program sees it
        std::string durableContent{}; // of a file, as it is surely on the disk
        std::vector<Write> pendingWrites{};
        Entries entries{}; // of a folder, likewise
        Entries durableEntries{};
        std::vector<Change> pendingChanges{};
    };
    using Nodes = std::vector<Node>;

    static std::vector<std::string> components(const Path& path)
    {
        std::vector<std::string> parts;
        for (const auto& part : path.relative_path())
            parts.push_back(part.string());
        return parts;
    }

    std::optional<std::size_t> find(const Path& path) const
    {
        std::size_t node = 0;
        for (const auto& part : components(path)) {
            const auto entry = m_nodes[node].entries.find(part);
            if (entry == m_nodes[node].entries.end())
                return std::nullopt;
            node = entry->second;
        }
        return node;
    }

    std::size_t addNode(std::size_t parent, const std::string& name, Kind kind)
    {
        m_nodes.push_back({.kind = kind});
        change(parent, {{name, m_nodes.size() - 1}});
        return m_nodes.size() - 1;
    }

    int openNode(std::size_t node)
    {
        m_open[++m_lastDescriptor] = node;
        return m_lastDescriptor;
    }

    static void apply(Entries& entries, const Change& change)
    {
        for (const auto& [name, target] : change) {
            entries.erase(name);
            if (target)
                entries[name] = *target;
        }
    }

    void change(std::size_t folder, const Change& change)
    {
        apply(m_nodes[folder].entries, change);
        m_nodes[folder].pendingChanges.push_back(change);
    }

    static void makeDurable(Node& node)
    {
        node.durableContent = node.content;
        node.pendingWrites.clear();
        node.durableEntries = node.entries;
        node.pendingChanges.clear();
    }

    bool fails(const std::string& operation)
    {
        if (m_operations++ != m_failing)
            return false;
        m_failedOperation = operation;
        errno = m_error;
        return true;
    }

    static int refuse(int error)
    {
        errno = error;
        return -1;
    }

    template <typename Result>
    Result done(Result result)
    {
        m_history.push_back(m_nodes);
        return result;
    }

    std::string render(std::size_t index) const
    {
        const Node& node = m_nodes[index];
        if (node.kind == Kind::File)
            return node.content;
        std::string text = "{";
        for (const auto& [name, child] : node.entries)
            text += name + ":" + render(child) + ",";
        return text + "}";
    }

    static void put(std::string& content, std::size_t offset, const std::string& bytes)
    {
        content.resize(std::max(content.size(), offset + bytes.size()), '\0');
        content.replace(offset, bytes.size(), bytes);
    }

    static std::set<std::string> fileOutcomes(const Node& node)
    {
        std::set<std::string> outcomes = {node.durableContent};
        for (const auto& write : node.pendingWrites) {
            std::set<std::string> next = outcomes; // lost
            for (const auto& before : outcomes) {
                for (const std::string& kept : {write.bytes, write.bytes.substr(0, write.bytes.size() / 2),
                                                std::string(write.bytes.size(), '\0')}) {
                    std::string content = before;
                    put(content, write.offset, kept);
                    next.insert(content);
                }
            }
            outcomes = std::move(next);
        }
        return outcomes;
    }

    static std::set<Entries> folderOutcomes(const Node& node)
    {
        std::set<Entries> outcomes = {node.durableEntries};
        for (const auto& change : node.pendingChanges) {
            std::set<Entries> next = outcomes; // lost
            for (Entries entries : outcomes) {
                apply(entries, change);
                next.insert(entries);
            }
            outcomes = std::move(next);
        }
        return outcomes;
    }

    static std::set<std::string> outcomes(const Nodes& nodes, std::size_t index)
    {
        if (nodes[index].kind == Kind::File)
            return fileOutcomes(nodes[index]);
        std::set<std::string> all;
        for (const auto& entries : folderOutcomes(nodes[index])) {
            std::set<std::string> texts = {"{"};
            for (const auto& [name, child] : entries) {
                std::set<std::string> next;
                for (const auto& content : outcomes(nodes, child))
                    for (const auto& text : texts)
                        next.insert(text + name + ":" + content + ",");
                texts = std::move(next);
            }
            for (const auto& text : texts)
                all.insert(text + "}");
        }
        return all;
    }

    static std::set<std::string> outcomesBelow(const Nodes& nodes, std::size_t index,
                                               const std::vector<std::string>& parts, std::size_t depth)
    {
        if (depth == parts.size())
            return outcomes(nodes, index);
        std::set<std::string> all;
        for (const auto& entries : folderOutcomes(nodes[index])) {
            const auto entry = entries.find(parts[depth]);
            if (entry == entries.end())
                all.insert("-");
            else
                all.merge(outcomesBelow(nodes, entry->second, parts, depth + 1));
        }
        return all;
    }

    std::size_t m_bytesAtOnce;
    Nodes m_nodes;
    std::vector<Nodes> m_history;
    std::map<int, std::size_t> m_open;
    int m_lastDescriptor = 2;
    Skip m_skip = Skip::Nothing;
    int m_operations = 0;
    int m_failing = -1;
    int m_error = 0;
    std::string m_failedOperation;
};
