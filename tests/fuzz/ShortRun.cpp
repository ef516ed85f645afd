// Runs a fuzz target without libFuzzer, so that any compiler and CI can: every file of the corpus as it is, then mutations of them from a fixed
// seed until the time is up. With a second run of the same seed the same inputs come in the same order.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/ReadFile.h"
#include "base/Rng.h"
#include "tests/fuzz/FuzzTarget.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestSeed = 1 << 20;
constexpr std::size_t kLongestMutant = 16 * 1024; // heads of the seeds: most of a file is more of the same
constexpr double kSlowSeconds = 20.0; // under the sanitizers on a busy machine; a hang takes for ever

void runOne(const std::string& input, const std::string& what)
{
    const auto start = Clock::now();
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds > kSlowSeconds) {
        std::fprintf(stderr, "%s took %.1f s\n", what.c_str(), seconds);
        std::exit(1);
    }
}

std::vector<std::string> readCorpus(int argc, char** argv)
{
    std::vector<std::string> seeds;
    for (int i = 2; i < argc; ++i)
        for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
            if (entry.is_regular_file() && entry.file_size() <= kLongestSeed) {
                seeds.push_back(btcai::readFile(entry.path(), kLongestSeed));
                runOne(seeds.back(), entry.path().string());
            }
    return seeds;
}

/// Changes a few places: flips bits, puts in bytes that mean something to a parser, cuts, repeats, joins with another seed.
std::string mutated(const std::vector<std::string>& seeds, btcai::Rng& random)
{
    static constexpr std::string_view tokens[]{",", "\n", "\r\n", "[", "]", "{", "}", "\"", "-", ".", "e999", "nan", "inf", "0", "-1", "99999999999999999999",
                                               "1e308", "null", "true", "[[", "]]", ":", "timestamp", "\xff", std::string_view("\0", 1), "2018-02-30", "PK\x03\x04"};
    const auto below = [&](std::size_t count) { return static_cast<std::size_t>(random.below(count)); };
    std::string input = seeds[below(seeds.size())].substr(0, 64 + below(kLongestMutant));
    for (std::size_t changes = 1 + below(8); changes > 0; --changes) {
        const std::size_t at = below(input.size() + 1);
        switch (below(6)) {
        case 0:
            if (at < input.size())
                input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
            break;
        case 1: input.insert(at, tokens[below(std::size(tokens))]); break;
        case 2: input.erase(at, 1 + below(32)); break;
        case 3: input.insert(at, input.substr(below(input.size() + 1), below(256))); break;
        case 4: input.replace(at, below(16), tokens[below(std::size(tokens))]); break;
        case 5: input += seeds[below(seeds.size())].substr(0, below(1024)); break;
        }
    }
    return input;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s SECONDS CORPUS_FOLDER...\n", argv[0]);
        return 1;
    }
    const double seconds = std::atof(argv[1]);
    const auto start = Clock::now();
    const std::vector<std::string> seeds = readCorpus(argc, argv);
    if (seeds.empty()) {
        std::fprintf(stderr, "the corpus is empty\n");
        return 1;
    }
    // What a run was given when it crashed stays in this file.
    const std::string lastInput = std::string(argv[0]) + ".last-input";
    std::size_t runs = 0;
    for (; std::chrono::duration<double>(Clock::now() - start).count() < seconds; ++runs) {
        btcai::Rng random(1, "fuzz", runs);
        const std::string input = mutated(seeds, random);
        std::ofstream(lastInput, std::ios::binary).write(input.data(), static_cast<std::streamsize>(input.size()));
        runOne(input, lastInput);
    }
    std::filesystem::remove(lastInput);
    std::printf("%zu seeds and %zu mutations\n", seeds.size(), runs);
    return 0;
}
