#pragma once

#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/importers/LineReader.h"

namespace btcai::test {

using Columns = std::map<std::string, std::vector<double>>;

/// Cells of a table by column; an empty cell is NaN.
inline Columns readTable(const std::filesystem::path& path)
{
    LineReader reader(path);
    std::string_view line;
    std::vector<std::vector<double>*> order;
    Columns columns;
    while (reader.next(line)) {
        const bool header = reader.lineNumber() == 1;
        for (std::size_t column = 0; !line.empty() || column < order.size(); ++column) {
            const auto comma = std::min(line.find(','), line.size());
            const std::string_view cell = line.substr(0, comma);
            line.remove_prefix(std::min(comma + 1, line.size()));
            if (header) {
                order.push_back(&columns[std::string(cell)]);
                if (line.empty())
                    break;
                continue;
            }
            double value = std::nan("");
            std::from_chars(cell.data(), cell.data() + cell.size(), value);
            order[column]->push_back(value);
        }
    }
    return columns;
}

} // namespace btcai::test
