# Shared by the scripts beside it; sourced, not run. Sets: root (the source folder), jobs.
# shellcheck shell=bash disable=SC2034

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# To build the command line, btcai.
packages_core=(
    cmake ninja-build g++ pkg-config git ccache mold
    libtorch-dev
    libopenblas-openmp-dev # without it the BLAS is the reference one, 60 times slower
    libgloo-dev
    libhdf5-dev libspdlog-dev libfmt-dev libeigen3-dev libssl-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libhnswlib-dev
    libsqlite3-dev libarchive-dev libzstd-dev zlib1g-dev librandom123-dev
)
# To build and show the window. qt6-wayland is the platform plugin for a session without X.
packages_window=(
    qt6-base-dev qt6-svg-dev qt6-wayland qt6-websockets-dev libgl-dev libqcustomplot-dev fonts-dejavu-core
)
# To build and run the tests. Qt Test is part of qt6-base-dev.
packages_tests=(
    qt6-base-dev qt6-svg-dev qt6-websockets-dev libgl-dev libqcustomplot-dev fonts-dejavu-core librapidcheck-dev gzip
    python3 python3-dev python3-numpy pybind11-dev # for the Gymnasium binding
)

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
    exit 1
}

# As many compilers at once as there are cores, and as fit the memory: one that reads libtorch takes about 2 GB.
count_jobs() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/^MemAvailable:/ { print int($2 / 2097152) }' /proc/meminfo)
    if [ "${memory:-0}" -lt 1 ]; then
        memory=1
    fi
    if [ "$cores" -lt "$memory" ]; then echo "$cores"; else echo "$memory"; fi
}
jobs=$(count_jobs)

# Prints those of the packages that are not installed. Asks dpkg alone, which takes milliseconds.
missing_packages() {
    local installed package
    installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        if ! grep --quiet --line-regexp --fixed-strings "installed $package" <<<"$installed"; then
            echo "$package"
        fi
    done
}

# Installs what is missing of the packages; does nothing, and needs no rights, when all are there.
require_packages() {
    local missing
    command -v dpkg-query >/dev/null || fail "this needs Debian 12 or a system with the same packages (no dpkg-query here)"
    mapfile -t missing < <(missing_packages "$@" | sort --unique)
    if [ "${#missing[@]}" -eq 0 ]; then
        return
    fi
    local as_root=()
    if [ "$(id --user)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "please install these packages as root, then start again: apt-get install --no-install-recommends ${missing[*]}"
        as_root=(sudo)
    fi
    say "Installing ${#missing[@]} packages: ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
}

# Configures a preset where that has not been done since the presets changed, and builds it: all of it, or the targets given.
build_preset() {
    local preset=$1
    shift
    local folder=$root/build/$preset
    if [ ! -f "$folder/build.ninja" ] || [ "$root/CMakePresets.json" -nt "$folder/build.ninja" ]; then
        say "Configuring $preset"
        (cd -- "$root" && cmake --preset "$preset")
    fi
    say "Building $preset with $jobs jobs"
    if [ "$#" -gt 0 ]; then
        cmake --build "$folder" --parallel "$jobs" --target "$@"
    else
        cmake --build "$folder" --parallel "$jobs"
    fi
}
