#include "data/importers/ImportFault.h"

#include <algorithm>

#include <fmt/format.h>

namespace btcai {

std::string_view faultName(FaultKind kind)
{
    switch (kind) {
    case FaultKind::EmptyField: return "empty-field";
    case FaultKind::BadField: return "bad-field";
    case FaultKind::BadRow: return "bad-row";
    case FaultKind::InconsistentBar: return "inconsistent-bar";
    case FaultKind::Disorder: return "disorder";
    case FaultKind::MixedIntervals: return "mixed-intervals";
    case FaultKind::OffGrid: return "off-grid";
    case FaultKind::DuplicateEqual: return "duplicate-equal";
    case FaultKind::DuplicateConflicting: return "duplicate-conflicting";
    case FaultKind::OverlapEqual: return "overlap-equal";
    case FaultKind::OverlapConflicting: return "overlap-conflicting";
    case FaultKind::SwappedVolume: return "swapped-volume-columns";
    case FaultKind::SeveralAssets: return "several-assets";
    }
    return "unknown";
}

std::string ImportFault::message() const { return fmt::format("{}: {} {}: {}", file, rowWord, row, text); }

void FaultLog::add(const ImportFault& first)
{
    const auto known = std::ranges::find_if(m_faults, [&](const ImportFault& f) { return f.kind == first.kind && f.file == first.file; });
    if (known == m_faults.end())
        m_faults.push_back(first);
    else
        known->count += first.count;
}

std::size_t FaultLog::count(FaultKind kind) const
{
    std::size_t sum = 0;
    for (const ImportFault& fault : m_faults)
        sum += fault.kind == kind ? fault.count : 0;
    return sum;
}

} // namespace btcai
