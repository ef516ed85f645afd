#include "app/cli/CommandLine.h"

int main(int argc, char** argv) { return btcai::cli::run(argc, argv); }
