#pragma once

namespace btcai::fetch {

/// The whole of `btcai-fetch`, which downloads candles of an exchange into a bar store: parses the arguments, runs, and turns
/// every failure into a message on stderr (with --json, an object {"error": {"kind", "fault", "message"}} on stdout, "fault"
/// where it is one of RemoteFault) and the exit codes of `btcai`: 0, 1 for wrong usage, else exitCode() of the
/// error's kind. SIGINT and SIGTERM end it with 130; what was downloaded stays aside and the same command goes on
/// from there. Needs a QCoreApplication.
int run(int argc, char** argv);

} // namespace btcai::fetch
