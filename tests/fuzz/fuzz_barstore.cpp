// Stored series. The checksum in front refuses nearly every change before the HDF5 library sees it, which is what it is for. So that more than the
// first comparison is exercised, an input is either a file of its own or, after a zero, changes to a good file: places of two bytes and a value.
#include <cmath>

#include "base/ReadFile.h"
#include "data/bars/BarStore.h"
#include "tests/fuzz/FuzzTarget.h"

using namespace btcai;

namespace {

std::string goodFile()
{
    std::vector<Bar> bars;
    for (int i = 0; i < 50; ++i)
        bars.push_back({1'500'000'000 + 300 * i, 10, 12.0 + std::sin(i), 8, 11, 1});
    const std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("btcai-fuzz-{}.h5", static_cast<const void*>(&bars));
    BarStore::write(BarSeries::fromBars("BTCUSD", 300, bars), path);
    std::string bytes = readFile(path, 1 << 24);
    std::filesystem::remove(path);
    return bytes;
}

std::string changed(std::string file, std::string_view changes)
{
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<std::uint8_t>(changes[i])); };
    for (std::size_t i = 0; i + 2 < changes.size(); i += 3) {
        const std::size_t place = (at(i) << 8 | at(i + 1)) % file.size();
        file[place] = changes[i + 2];
    }
    if (changes.size() % 3 == 1) // a third of them cut short as well
        file.resize(file.size() * at(changes.size() - 1) / 256);
    return file;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const std::string good = goodFile();
    const std::string_view bytes = fuzz::bytesOf(data, size);
    const bool change = !bytes.empty() && bytes[0] == 0;
    const fuzz::MemoryFile file(change ? changed(good, bytes.substr(1)) : std::string(bytes));
    fuzz::mayRefuse([&] {
        if (BarStore::looksLikeOne(file.path()))
            BarStore::read(file.path());
    });
    return 0;
}
