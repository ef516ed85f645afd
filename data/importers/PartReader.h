#pragma once

#include "data/importers/ImportResult.h"
#include "data/importers/InputFile.h"
#include "data/importers/Layout.h"
#include "data/importers/RowSink.h"

namespace btcai {

/// The rows of one text, oldest first where the text runs the other way round, times as they stand there.
struct PartRows {
    Layout layout;
    ImportSource source;
    RowSink sink;
};

/// Recognises and reads one text. Throws Error(BadInput) for what is no data set and, when strict, for the first faulty row
/// ("FILE: line N: FIELD ...") and for rows out of order that no option allows. When lenient, faults go to the log.
PartRows readPart(const InputPart& part, const ImportOptions& options, Strictness strictness, FaultLog& log);

} // namespace btcai
