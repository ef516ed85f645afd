#include "data/importers/ColumnMapping.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/Error.h"

namespace btcai {

namespace {

constexpr std::size_t kHeaderLines = 10;

const std::map<std::string, Role, std::less<>> kFields{
    {"time", Role::Time},   {"open", Role::Open},     {"high", Role::High},
    {"low", Role::Low},     {"close", Role::Close},   {"volume", Role::Volume},
    {"quote_volume", Role::QuoteVolume}, {"price", Role::Price}, {"amount", Role::Amount}, {"rate", Role::Rate}};

struct MappedColumn {
    Role role = Role::Time;
    int place = -1;   ///< from 0
    std::string name; ///< where `byName`, of a column in the header
    bool byName = true;
};

[[noreturn]] void refuse(const std::string& columns, const std::string& why)
{
    throw Error(ErrorKind::BadInput, "--columns {}: {}; write FIELD=PLACE or FIELD=NAME, as in time=0,open=1,high=2,low=3,close=4,volume=5",
                quotedForMessage(columns), why);
}

std::vector<MappedColumn> parseMapping(const std::string& columns)
{
    std::vector<MappedColumn> mapping;
    std::array<std::string_view, kRoles> parts;
    const std::size_t count = splitFields(columns, parts);
    if (count > parts.size())
        refuse(columns, "too many fields");
    for (const std::string_view part : std::span(parts).first(count)) {
        const auto equals = part.find('=');
        const auto field = kFields.find(part.substr(0, equals));
        if (equals == std::string_view::npos || field == kFields.end())
            refuse(columns, fmt::format("{} is no known field", quotedForMessage(part.substr(0, equals))));
        MappedColumn column{field->second, -1, std::string(part.substr(equals + 1)), true};
        int place = 0;
        const auto [end, code] = std::from_chars(column.name.data(), column.name.data() + column.name.size(), place);
        if (code == std::errc{} && end == column.name.data() + column.name.size() && place >= 0)
            column = {field->second, place, column.name, false};
        if (column.name.empty())
            refuse(columns, fmt::format("{} has no column", field->first));
        if (column.place >= static_cast<int>(kMaxColumns))
            refuse(columns, fmt::format("{} is beyond the {} columns a table may have", column.name, kMaxColumns));
        if (std::ranges::any_of(mapping, [&](const MappedColumn& other) { return other.role == column.role; }))
            refuse(columns, fmt::format("{} is given twice", field->first));
        if (std::ranges::any_of(mapping, [&](const MappedColumn& other) { return other.name == column.name; }))
            refuse(columns, fmt::format("column {} is given two meanings", quotedForMessage(column.name)));
        mapping.push_back(std::move(column));
    }
    return mapping;
}

bool maps(const std::vector<MappedColumn>& mapping, std::initializer_list<Role> roles)
{
    return std::ranges::all_of(roles, [&](Role role) { return std::ranges::any_of(mapping, [&](const auto& c) { return c.role == role; }); });
}

void describe(const ImportOptions& options, const std::vector<MappedColumn>& mapping, Layout& layout)
{
    layout.format = SourceFormat::MappedCsv;
    layout.reason = "the columns given: " + options.columns;
    if (maps(mapping, {Role::Time, Role::Open, Role::High, Role::Low, Role::Close}))
        layout.content = Content::Bars;
    else if (maps(mapping, {Role::Time, Role::Price, Role::Amount}))
        layout.content = Content::Trades;
    else if (maps(mapping, {Role::Time, Role::Rate}))
        layout.content = Content::Funding;
    else
        refuse(options.columns, "bars need time, open, high, low and close; trades time, price and amount; funding time and rate");
    if (layout.content == Content::Bars && !maps(mapping, {Role::Volume})) {
        layout.volumeUnit = VolumeUnit::None;
        layout.notes.emplace_back("no column of volume was given: it is 0 throughout");
    }
}

/// The line of the sample whose fields hold all mapped names; places are filled in.
std::size_t findHeader(std::vector<MappedColumn>& mapping, const CsvSample& sample, const ImportOptions& options, const std::string& label)
{
    std::string missing;
    for (std::size_t i = 0; i < std::min(sample.lines.size(), kHeaderLines); ++i) {
        const std::vector<std::string> names = sample.canonical(i);
        bool all = true;
        for (MappedColumn& column : mapping) {
            if (!column.byName)
                continue;
            const auto found = std::ranges::find(names, canonicalName(column.name));
            column.place = static_cast<int>(found - names.begin());
            if (found == names.end()) {
                all = false;
                missing = column.name;
            } else if (std::find(std::next(found), names.end(), *found) != names.end()) {
                throw Error(ErrorKind::BadInput, "{}: --columns {}: line {} names {} twice; give its place, counted from 0", label,
                            quotedForMessage(options.columns), sample.lines[i].number, quotedForMessage(column.name));
            }
        }
        if (all)
            return i;
    }
    throw Error(ErrorKind::BadInput, "{}: --columns {}: no header with the name {} stands in the first lines", label,
                quotedForMessage(options.columns), quotedForMessage(missing));
}

} // namespace

CsvLayout mappedLayout(const ImportOptions& options, const CsvSample& sample, const std::string& label)
{
    std::vector<MappedColumn> mapping = parseMapping(options.columns);
    CsvLayout layout;
    describe(options, mapping, layout);
    std::size_t header = 0;
    const bool named = std::ranges::any_of(mapping, &MappedColumn::byName);
    if (named)
        header = findHeader(mapping, sample, options, label);
    for (const MappedColumn& column : mapping) {
        layout.place(column.role) = column.place;
        if (static_cast<std::size_t>(column.place) >= sample.lines[header].fields.size())
            throw Error(ErrorKind::BadInput, "{}: --columns {}: there is no column {}; line {} has {}, counted from 0", label,
                        quotedForMessage(options.columns), column.place, sample.lines[header].number, sample.lines[header].fields.size());
    }
    layout.columns = sample.lines[header].fields.size();
    StampReader stamps(options.timeUnit);
    const std::string& time = sample.lines[header].fields[static_cast<std::size_t>(layout.place(Role::Time))];
    const bool skip = named || !stamps.read(std::string_view(time));
    layout.firstRow = sample.lines[header].number + (skip ? 1 : 0);
    if (skip && !named)
        layout.notes.push_back(fmt::format("line {} was taken for a header: its time is {}", sample.lines[header].number, quotedForMessage(time)));
    return layout;
}

JsonLayout mappedLayout(const ImportOptions& options, const Json& document, const std::string& label)
{
    const std::vector<MappedColumn> mapping = parseMapping(options.columns);
    if (!document.is_array())
        throw Error(ErrorKind::BadInput, "{}: --columns needs a JSON list of rows", label);
    JsonLayout layout;
    describe(options, mapping, layout);
    layout.rows = &document;
    const bool named = !document.empty() && document[0].is_object();
    for (const MappedColumn& column : mapping) {
        if (named) {
            // The name must outlive the layout: the document's own copy does.
            const auto member = document[0].find(column.name);
            if (member == document[0].end())
                throw Error(ErrorKind::BadInput, "{}: --columns {}: element 1 has no field {}", label, quotedForMessage(options.columns),
                            quotedForMessage(column.name));
            layout.key(column.role).name = member.key().c_str();
        } else if (column.byName) {
            throw Error(ErrorKind::BadInput, "{}: --columns {}: the rows are lists, so {} must be a place, counted from 0", label,
                        quotedForMessage(options.columns), quotedForMessage(column.name));
        } else {
            layout.key(column.role).index = column.place;
            layout.width = std::max(layout.width, static_cast<std::size_t>(column.place) + 1);
        }
    }
    return layout;
}

} // namespace btcai
