// Tables, JSON, gzip and zip alike, as `btcai import` and `btcai check` read them: the sniffer decides by the bytes.
#include "data/importers/LoadSeries.h"
#include "data/quality/QualityReport.h"
#include "tests/fuzz/FuzzTarget.h"

using namespace btcai;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const fuzz::MemoryFile file(fuzz::bytesOf(data, size));
    const std::filesystem::path path = file.path();
    const std::span inputs(&path, 1);
    fuzz::mayRefuse([&] { importSeries(inputs, {.intervalSeconds = 60}); });
    fuzz::mayRefuse([&] { importSeries(inputs, {.onConflict = OnConflict::KeepFirst, .onOffGrid = OnOffGrid::Floor, .onDisorder = OnDisorder::Sort,
                                                .onSwappedVolume = OnSwappedVolume::Swap, .onEmpty = OnEmpty::Drop, .onRepeats = OnRepeats::Drop}); });
    fuzz::mayRefuse([&] { assessQuality(inspectSeries(inputs)).toText(); });
    fuzz::mayRefuse([&] { importFunding(inputs); });
    return 0;
}
