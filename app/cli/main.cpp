#include <cstdlib>

#include <malloc.h>
#include <unistd.h>

#include "app/cli/CommandLine.h"

namespace {

/// OpenMP's threads must sleep, not spin, between two pieces of work: on a busy machine (several workers, a build)
/// spinning ones cost fifteenfold. libgomp reads its policy when it is loaded, before main, so the program
/// starts itself once more with the policy set; whoever set one keeps it.
void letThreadsSleep(char** argv)
{
    if (std::getenv("OMP_WAIT_POLICY"))
        return;
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::execv("/proc/self/exe", argv); // returns only on failure, and then the program runs as it is
}

/// Tensors of some megabytes come and go with every operation. By default each is a mapping of its own, given back at once, and a
/// sixth of the training time goes into the kernel's clearing of pages; kept in the heap they are warm when they are used again.
void keepFreedMemory()
{
#ifdef __GLIBC__
    constexpr int neverTrim = -1; // read as an unsigned size
    constexpr int headroom = 64 << 20;
    ::mallopt(M_MMAP_MAX, 0);
    ::mallopt(M_TRIM_THRESHOLD, neverTrim);
    ::mallopt(M_TOP_PAD, headroom);
#endif
}

} // namespace

int main(int argc, char** argv)
{
    letThreadsSleep(argv);
    keepFreedMemory();
    return btcai::cli::run(argc, argv);
}
