#!/usr/bin/env bash
# From a bare Debian 12 to the first run: installs what is missing, builds, and opens the workbench with the bundled data.
# Where there is no display, or with --headless, trains for a minute on the command line and prints the evaluation.
set -euo pipefail
# shellcheck source=installer/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
usage: installer/run.sh [--headless]

Installs what is missing (Debian 12), builds, and opens the BTC-AI Workbench with the bundled market data.

  --headless   train for a minute on the command line instead; the default where there is no display
  --help       this text
TEXT
}

headless=no
if [ -z "${DISPLAY:-}" ] && [ -z "${WAYLAND_DISPLAY:-}" ]; then
    headless=yes
fi
for argument in "$@"; do
    case $argument in
    --headless) headless=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        fail "unknown option: $argument"
        ;;
    esac
done

data=$root/resources/data/btcusd-5m-2017-2018.csv.gz
if [ "$headless" = yes ]; then
    # The preset without Qt, so that a server needs none of it.
    require_packages "${packages_core[@]}"
    build_preset headless btcai
    run=$root/runs/first-$(date --utc +%Y%m%d-%H%M%S)
    say "Training for a minute in $run"
    exec "$root/build/headless/bin/btcai" train --bucket scalping --data "$data" --minutes 1 --run "$run"
fi
require_packages "${packages_core[@]}" "${packages_window[@]}"
build_preset release
say "Opening the workbench"
exec "$root/build/release/bin/btcai-workbench" --data "$data"
