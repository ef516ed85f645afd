#pragma once

namespace btcai {

/// What was compiled: the semantic version of the project and the git revision of the tree ("-dirty" when it
/// had uncommitted changes, "unknown" outside a checkout). Both live for the whole program.
struct BuildInfo {
    const char* version;
    const char* revision;
};

BuildInfo buildInfo();

} // namespace btcai
