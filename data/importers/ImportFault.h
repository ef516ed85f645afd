#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace btcai {

/// What can be wrong with a file of market data. The names are stable, as printed with --json.
enum class FaultKind {
    EmptyField,           ///< "empty-field": nothing where a value must stand
    BadField,             ///< "bad-field": no number, no time, NaN, infinite, negative
    BadRow,               ///< "bad-row": too few or too many columns
    InconsistentBar,      ///< "inconsistent-bar": high below low
    Disorder,             ///< "disorder": times run against the order of the file
    MixedIntervals,       ///< "mixed-intervals": many rows one after the other that are further apart than the interval, or closer
    OffGrid,              ///< "off-grid": a stamp that is no multiple of the interval
    DuplicateEqual,       ///< "duplicate-equal": a time twice with the same values
    DuplicateConflicting, ///< "duplicate-conflicting": a time twice with different values
    OverlapEqual,         ///< "overlap-equal": two files that agree on a time
    OverlapConflicting,   ///< "overlap-conflicting": two files that do not
    SwappedVolume,        ///< "swapped-volume-columns": base and quote volume have changed places
    SeveralAssets,        ///< "several-assets": columns of more than one instrument
};

std::string_view faultName(FaultKind kind);

/// All faults of one kind in one file: how many, and the first of them.
struct ImportFault {
    FaultKind kind = FaultKind::BadRow;
    std::size_t count = 0;
    std::string file;
    std::string rowWord;    ///< "line" of a table, "element" of a JSON list
    std::size_t row = 0;    ///< of the first, from 1
    std::int64_t time = 0;  ///< of the first, UTC seconds; 0 where it is not known
    std::string text;       ///< what is wrong with the first

    /// "FILE: line 7: high 1 is below low 2"
    std::string message() const;
};

/// Counts faults by kind and file.
class FaultLog {
public:
    void add(const ImportFault& first);
    const std::vector<ImportFault>& faults() const { return m_faults; }
    std::size_t count(FaultKind kind) const;

private:
    std::vector<ImportFault> m_faults;
};

} // namespace btcai
