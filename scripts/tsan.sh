#!/usr/bin/env bash
# Builds CAF for ThreadSanitizer from Debian's source, then Weir's suite against it.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  tsan.sh - run the test suite under ThreadSanitizer

SYNOPSIS
  ./scripts/tsan.sh [--folders LIST] [--jobs N] [--caf-only] [-- CTEST_ARGUMENT...]

  Debian's libcaf is not built for ThreadSanitizer, which then reports a hundred races
  that are none. So CAF's source is fetched once (apt-get source, by a private apt
  configuration: nothing is installed), built into build/caf-tsan (10 to 20 minutes on
  two cores) and used by the preset "tsan".

OPTIONS
  --folders LIST  folders of tests/, separated by commas
                  (default: actors,analytics,configs,storage,transport)
  --jobs N        compilers at once (default: all cores)
  --caf-only      only build CAF
  --help          this text

EXIT STATUS
  0  no test failed and no race was found    1  something failed
TEXT
}

folders=actors,analytics,configs,storage,transport jobs=$(nproc) caf_only=''
while [ $# -gt 0 ]; do
  case $1 in
    --folders) folders=${2:-}; shift 2 || fail "--folders wants a list" ;;
    --jobs) jobs=${2:-}; shift 2 || fail "--jobs wants a number" ;;
    --caf-only) caf_only=1; shift ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    *) fail "unknown option $1" "see --help" ;;
  esac
done

caf=$ROOT/build/caf-tsan
logs=$ROOT/build/logs
mkdir -p "$caf" "$logs" || fail "cannot make $caf"

# The archive's deb-src entries may be off: a configuration of our own leaves the
# machine's alone. Only the original archive is needed, not Debian's changes.
fetch_caf() {
  local apt=$caf/apt key=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$apt/lists/partial"
  echo "deb-src [signed-by=$key] http://deb.debian.org/debian bookworm main" >"$apt/sources.list"
  local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o APT::Sandbox::User=)
  apt-get "${options[@]}" update >>"$logs/caf-tsan.log" 2>&1 \
    || fail "apt-get update failed" "see $logs/caf-tsan.log"
  (cd "$apt" && apt-get "${options[@]}" source --download-only actor-framework) >>"$logs/caf-tsan.log" 2>&1
  ls "$apt"/actor-framework_*.orig.tar.gz >/dev/null 2>&1 \
    || fail "the source of actor-framework could not be fetched" "see $logs/caf-tsan.log"
  (cd "$apt" && awk '/^Checksums-Sha256/ { on = 1; next } /^[^ ]/ { on = 0 } on && /orig.tar.gz$/ { print $1 "  " $3 }' \
    actor-framework_*.dsc | sha256sum --check --quiet -) || fail "the source of actor-framework is damaged"
  mkdir -p "$caf/src"
  tar xf "$apt"/actor-framework_*.orig.tar.gz -C "$caf/src" --strip-components 1
  # Debian's own change: GCC 12 no longer includes it by chance.
  sed -i '0,/#include/s//#include <limits>\n#include/' "$caf/src/libcaf_io/caf/io/network/receive_buffer.hpp"
}

build_caf() {
  [ -e "$caf/lib/libcaf_core.so" ] && return
  say "CAF for ThreadSanitizer (log: $logs/caf-tsan.log)"
  [ -e "$caf/src/CMakeLists.txt" ] || fetch_caf
  cmake -S "$caf/src" -B "$caf/build" -G Ninja -DCMAKE_BUILD_TYPE=None \
    "-DCMAKE_CXX_FLAGS=-std=c++17 -O1 -g1 -fsanitize=thread -w" -DCMAKE_INSTALL_PREFIX="$caf" -DCMAKE_INSTALL_LIBDIR=lib \
    -DCAF_NO_IO=ON -DCAF_NO_EXAMPLES=ON -DCAF_NO_UNIT_TESTS=ON -DCAF_NO_OPENCL=ON -DCAF_NO_OPENSSL=ON \
    -DCAF_NO_PYTHON=ON -DCAF_NO_TOOLS=ON -DCAF_NO_AUTO_LIBCPP=ON >>"$logs/caf-tsan.log" 2>&1 \
    || fail "CAF could not be configured" "see $logs/caf-tsan.log"
  { cmake --build "$caf/build" -j "$jobs" && cmake --install "$caf/build"; } >>"$logs/caf-tsan.log" 2>&1 \
    || fail "CAF could not be built" "see $logs/caf-tsan.log"
}

build_caf
[ -z "$caf_only" ] || exit 0

say "Weir with ThreadSanitizer"
cd "$ROOT" || exit 1
cmake --preset tsan "-DWEIR_CAF_ROOT=$caf" "-DWEIR_TEST_FOLDERS=${folders//,/;}" >"$logs/build-tsan.log" 2>&1 \
  || fail "cmake could not configure the build" "see $logs/build-tsan.log"
targets=()
for folder in ${folders//,/ }; do targets+=("weir_${folder}_tests"); done
cmake --build --preset tsan -j "$jobs" --target "${targets[@]}" 2>&1 | tee -a "$logs/build-tsan.log" | show_progress
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "the build failed" "see $logs/build-tsan.log"

# A report makes the test fail (exit status 66); nothing is suppressed but what the
# file names with a reason.
export TSAN_OPTIONS=second_deadlock_stack=1:suppressions=$ROOT/tests/support/tsan.supp
ctest --test-dir "$ROOT/build/tsan" --output-on-failure -j "$jobs" "$@" || fail "a test failed or a race was found"
say "All passed, no race."
