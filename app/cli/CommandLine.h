#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "agent/config/ConfigFile.h"
#include "base/Json.h"
#include "base/Log.h"

namespace CLI {
class App;
}

namespace btcai::cli {

/// The whole of `btcai`: parses the arguments, runs one command, and turns every failure into a message on stderr (with --json,
/// an object {"error": {"kind", "message"}} on stdout) and a stable exit code (base/Error.h; 1 for wrong usage).
int run(int argc, char** argv);

/// What a command does once its options are parsed; returns the exit code. `log` is where the log goes, as the options
/// --log-level and --log-format say; a command with a folder of its own adds a file.
using Action = std::function<int(const LogOptions& log)>;

// Each adds its command (and options) to the app and sets `action` when it was chosen.
void addImportCommand(CLI::App& app, Action& action);
void addCheckCommand(CLI::App& app, Action& action);
void addFeaturesCommand(CLI::App& app, Action& action);
void addTrainCommand(CLI::App& app, Action& action);
void addEvaluateCommand(CLI::App& app, Action& action);
void addReplayCommand(CLI::App& app, Action& action);
void addExportCommand(CLI::App& app, Action& action);
void addImportanceCommand(CLI::App& app, Action& action);
void addBenchCommand(CLI::App& app, Action& action);
/// To the command `bench`.
void addBenchData(CLI::App& bench, Action& action);
void addBenchDecide(CLI::App& bench, Action& action);
void addBenchEnv(CLI::App& bench, Action& action);
void addBenchFeatures(CLI::App& bench, Action& action);
void addBenchAblate(CLI::App& bench, Action& action);
void addBenchLearn(CLI::App& bench, Action& action);
void addBenchPpo(CLI::App& bench, Action& action);

/// Throws Error(BadInput) when the output is one of the files that are read.
void refuseToOverwrite(std::span<const std::filesystem::path> inputs, const std::filesystem::path& output);

/// Prints one line of JSON on stdout. Bytes that are no UTF-8, which file names may hold, are replaced.
void printJson(const Json& json);

/// Adds an option for every field of the table ("--ppo.learning_rate", and its alias such as "--steps"). What was given ends in
/// `overrides`, in the order of the table.
void addFieldOptions(CLI::App& command, std::vector<FieldOverride>& overrides);

} // namespace btcai::cli
