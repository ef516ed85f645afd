// A column mapping and a table or list to use it on: the mapping is the first line.
#include <algorithm>

#include "data/importers/LoadSeries.h"
#include "tests/fuzz/FuzzTarget.h"

using namespace btcai;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view bytes = fuzz::bytesOf(data, size);
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const fuzz::MemoryFile file(bytes.substr(std::min(end + 1, bytes.size())));
    const std::string columns(bytes.substr(0, end));
    fuzz::mayRefuse([&] { importSeries(file.path(), {.columns = columns}); });
    fuzz::mayRefuse([&] { importSeries(file.path(), {.columns = columns, .timeUnit = TimeUnit::Milliseconds, .volumeUnit = VolumeUnit::Quote, .stampsMarkClose = true}); });
    return 0;
}
