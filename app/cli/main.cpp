#include <cstdlib>

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

} // namespace

int main(int argc, char** argv)
{
    letThreadsSleep(argv);
    return btcai::cli::run(argc, argv);
}
