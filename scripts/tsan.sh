#!/usr/bin/env bash
# Builds CAF and ZeroMQ for ThreadSanitizer from Debian's sources, then Weir's suite.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  tsan.sh - run the test suite under ThreadSanitizer

SYNOPSIS
  ./scripts/tsan.sh [--folders LIST] [--jobs N] [--libraries-only] [-- CTEST_ARGUMENT...]

  Debian's libraries are not built for ThreadSanitizer, which does not see then how CAF
  and ZeroMQ hand things from one thread to another, and reports hundreds of races that
  are none. So their sources are fetched once (apt-get source, by a private apt
  configuration: nothing is installed), built into build/tsan-libraries (10 to 20
  minutes on two cores) and used by the preset "tsan".

OPTIONS
  --folders LIST    folders of tests/, separated by commas
                    (default: actors,analytics,configs,storage,transport)
  --jobs N          compilers at once (default: all cores)
  --libraries-only  only build CAF and ZeroMQ
  --help            this text

EXIT STATUS
  0  no test failed and no race was found    1  something failed
TEXT
}

folders=actors,analytics,configs,storage,transport jobs=$(nproc) libraries_only=''
while [ $# -gt 0 ]; do
  case $1 in
    --folders) folders=${2:-}; shift 2 || fail "--folders wants a list" ;;
    --jobs) jobs=${2:-}; shift 2 || fail "--jobs wants a number" ;;
    --libraries-only) libraries_only=1; shift ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    *) fail "unknown option $1" "see --help" ;;
  esac
done

prefix=$ROOT/build/tsan-libraries
logs=$ROOT/build/logs log=$ROOT/build/logs/tsan-libraries.log
mkdir -p "$prefix" "$logs" || fail "cannot make $prefix"

# fetch PACKAGE: its original source into $prefix/src/PACKAGE. The archive's deb-src
# entries may be off: a configuration of our own leaves the machine's alone. Debian's
# own changes are not needed.
fetch() {
  local package=$1 apt=$prefix/apt key=/usr/share/keyrings/debian-archive-keyring.gpg archive mirror
  mkdir -p "$apt/lists/partial" "$prefix/src/$package"
  local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o APT::Sandbox::User=)
  if [ ! -e "$apt/sources.list" ]; then
    # The archive that this machine uses for its packages has their sources, too.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    echo "deb-src [signed-by=$key] $mirror bookworm main" >"$apt/sources.list"
    apt-get "${options[@]}" update >>"$log" 2>&1 || fail "apt-get update failed" "see $log"
  fi
  # It also wants Debian's part, which the archive may not have any more.
  (cd "$apt" && apt-get "${options[@]}" source --download-only "$package") >>"$log" 2>&1
  archive=$(basename "$(ls "$apt/${package}"_*.orig.tar.gz 2>/dev/null)")
  [ -n "$archive" ] || fail "the source of $package could not be fetched" "see $log"
  # Signed by the archive: the .dsc names what the file must be.
  (cd "$apt" && awk -v file="$archive" '/^Checksums-Sha256/ { on = 1; next } /^[^ ]/ { on = 0 }
      on && $3 == file { print $1 "  " $3 }' "$package"_*.dsc | sha256sum --check --status -) \
    || fail "the source of $package is damaged"
  tar xf "$apt/$archive" -C "$prefix/src/$package" --strip-components 1
}

# build_library PACKAGE LIBRARY CMAKE_ARGUMENT...
build_library() {
  local package=$1 library=$2
  shift 2
  [ -e "$prefix/lib/$library" ] && return
  say "$package for ThreadSanitizer (log: $log)"
  [ -e "$prefix/src/$package/CMakeLists.txt" ] || fetch "$package"
  {
    cmake -S "$prefix/src/$package" -B "$prefix/build/$package" -G Ninja -DCMAKE_BUILD_TYPE=None \
      "-DCMAKE_CXX_FLAGS=-std=c++17 -O1 -g1 -fsanitize=thread -w" "-DCMAKE_C_FLAGS=-O1 -g1 -fsanitize=thread -w" \
      -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@" \
      && cmake --build "$prefix/build/$package" -j "$jobs" && cmake --install "$prefix/build/$package"
  } >>"$log" 2>&1 || fail "$package could not be built" "see $log"
}

build_library actor-framework libcaf_core.so -DCAF_NO_IO=ON -DCAF_NO_EXAMPLES=ON -DCAF_NO_UNIT_TESTS=ON \
  -DCAF_NO_OPENCL=ON -DCAF_NO_OPENSSL=ON -DCAF_NO_PYTHON=ON -DCAF_NO_TOOLS=ON -DCAF_NO_AUTO_LIBCPP=ON
build_library zeromq3 libzmq.so -DBUILD_SHARED=ON -DBUILD_STATIC=OFF -DBUILD_TESTS=OFF -DWITH_PERF_TOOL=OFF \
  -DENABLE_CURVE=ON -DWITH_LIBSODIUM=ON -DENABLE_CPACK=OFF -DWITH_DOCS=OFF -DENABLE_WS=OFF
[ -z "$libraries_only" ] || exit 0

say "Weir with ThreadSanitizer"
cd "$ROOT" || exit 1
cmake --preset tsan -U "*_LIBRARY" "-DWEIR_DEPS_ROOT=$prefix" "-DWEIR_TEST_FOLDERS=${folders//,/;}" >"$logs/build-tsan.log" 2>&1 \
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
