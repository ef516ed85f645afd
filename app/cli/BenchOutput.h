#pragma once

#include "base/Json.h"

namespace btcai::cli {

/// Prints the figures of a bench on one line, and after them what machine and libraries they were measured with.
void printBench(Json figures);

} // namespace btcai::cli
