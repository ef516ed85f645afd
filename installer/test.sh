#!/usr/bin/env bash
# From a bare Debian 12 to every test: installs what is missing, builds the preset dev and runs all tests, those of the window
# included. Options go to ctest: installer/test.sh -R tst_rng
set -euo pipefail
# shellcheck source=installer/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

require_packages "${packages_core[@]}" "${packages_tests[@]}"
build_preset dev
say "Testing"
export QT_QPA_PLATFORM=offscreen
cd -- "$root"
exec ctest --preset dev --parallel "$jobs" "$@"
