#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/Json.h"
#include "data/importers/ImportFault.h"
#include "data/importers/Stamps.h"

namespace btcai {

/// A candle as a file has it. Its time may lie off the grid and within a second.
struct RawBar {
    std::int64_t micros = 0; ///< UTC, since 1970
    double open = 0.0;
    double high = 0.0;
    double low = 0.0;
    double close = 0.0;
    double volume = 0.0;     ///< in what the format says
    double quoteVolume = std::numeric_limits<double>::quiet_NaN(); ///< where the file states both
    std::uint32_t row = 0;   ///< line or element, from 1
    std::uint32_t file = 0;  ///< of several

    bool sameValues(const RawBar& other) const
    {
        return open == other.open && high == other.high && low == other.low && close == other.close && volume == other.volume;
    }
};

struct RawTrade {
    std::int64_t micros = 0;
    double price = 0.0;
    double amount = 0.0;
    std::uint32_t row = 0;
};

struct RawRate {
    std::int64_t micros = 0;
    double rate = 0.0;
    std::uint32_t row = 0;
};

/// What becomes of a faulty row: Strict ends with an Error(BadInput) "FILE: line N: FIELD ..."; Lenient counts the fault in the
/// log and leaves the row out.
enum class Strictness { Strict, Lenient };

/// Takes the rows of one file, checks each value, and keeps those that are bars, trades or rates. Every reading function
/// returns false for a value that is none, once its fault is counted.
class RowSink {
public:
    /// `rowWord`: "line" or "element", for messages. `log` must outlive the sink; it is used when lenient.
    RowSink(std::string file, std::string rowWord, Strictness strictness, FaultLog& log);

    bool number(std::size_t row, std::string_view field, std::string_view text, double& value);
    bool number(std::size_t row, std::string_view field, const Json& value, double& number);
    /// Any finite number above zero.
    template <typename Text>
    bool price(std::size_t row, std::string_view field, const Text& text, double& value)
    {
        return number(row, field, text, value) && checkPrice(row, field, value);
    }
    /// Any finite number of at least zero.
    template <typename Text>
    bool amount(std::size_t row, std::string_view field, const Text& text, double& value)
    {
        return number(row, field, text, value) && checkAmount(row, field, value);
    }
    template <typename Text>
    bool time(std::size_t row, std::string_view field, StampReader& reader, const Text& text, std::int64_t& micros)
    {
        const auto read = reader.read(text);
        return read ? (micros = *read, true) : badTime(row, field, reader.why());
    }

    /// Counts the fault, or throws it. Always false.
    bool reject(FaultKind kind, std::size_t row, const std::string& text);
    /// A fault that does not concern a row as such; the row stays.
    void note(FaultKind kind, std::size_t row, std::int64_t micros, const std::string& text);

    void add(const RawBar& bar);
    void add(const RawTrade& trade);
    void add(const RawRate& rate);

    const std::string& file() const { return m_file; }
    const std::string& rowWord() const { return m_rowWord; }
    Strictness strictness() const { return m_strictness; }

    std::vector<RawBar> bars;
    std::vector<RawTrade> trades;
    std::vector<RawRate> rates;
    std::size_t blankRows = 0;     ///< empty lines
    std::size_t rowsWithoutTrade = 0; ///< rows that say "no trade": NaN throughout, left out as missing
    bool unfinishedLast = false;   ///< the reply says that its last candle was still running

private:
    bool checkPrice(std::size_t row, std::string_view field, double value);
    bool checkAmount(std::size_t row, std::string_view field, double value);
    bool badTime(std::size_t row, std::string_view field, const std::string& why);
    bool badNumber(std::size_t row, std::string_view field, std::string_view text);
    void checkCount(std::size_t rows, std::size_t row);

    std::string m_file;
    std::string m_rowWord;
    Strictness m_strictness;
    FaultLog* m_log;
};

} // namespace btcai
