#include "app/cli/BenchOutput.h"

#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include <ATen/Version.h>
#include <dlfcn.h>

#include "app/cli/CommandLine.h"
#include "models/Torch.h"

namespace btcai::cli {

namespace {

/// What the processor calls itself, as Linux tells; empty elsewhere.
std::string processorName()
{
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            if (const auto colon = line.find(": "); colon != std::string::npos)
                return line.substr(colon + 2);
    return {};
}

/// The vectors of libtorch's own kernels, such as "AVX2"; empty where it does not say.
std::string torchVectors()
{
    constexpr std::string_view head = "CPU capability usage: ";
    const std::string text = at::show_config();
    const std::size_t found = text.find(head);
    if (found == std::string::npos)
        return {};
    const std::size_t begin = found + head.size();
    return text.substr(begin, text.find('\n', begin) - begin);
}

/// The processor whose matrix kernels OpenBLAS uses, such as "SkylakeX"; empty where the BLAS is another.
std::string blasKernels()
{
    const auto name = reinterpret_cast<char* (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
    return name ? name() : std::string();
}

} // namespace

void printBench(Json figures)
{
    figures.update(Json{{"processor", processorName()},
                        {"cores", std::thread::hardware_concurrency()},
                        {"libtorch", TORCH_VERSION},
                        {"vectors", torchVectors()},
                        {"blas_kernels", blasKernels()}});
    printJson(figures);
}

} // namespace btcai::cli
