#pragma once

#include "base/Log.h"

namespace btcai {

/// A Trainer behind the protocol: commands come in on `inputDescriptor`, events go out on `outputDescriptor`.
///
/// Says hello, waits for `start`, trains, answers commands while it does, and ends with the state finished, stopped or failed.
/// End of input means stop: when whoever started the worker is gone, it writes a checkpoint and leaves. A malformed command or one
/// that is illegal now is answered with a notice (kind "protocol") and otherwise ignored.
/// Returns the process's exit code; exceptions do not leave it.
/// `log`: where the log goes; worker.log in the run folder is added once the folder is known.
int runWorker(int inputDescriptor, int outputDescriptor, const LogOptions& log = {});

} // namespace btcai
