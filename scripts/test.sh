#!/usr/bin/env bash
# Sets up, builds, and runs the whole test suite.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  test.sh - set up, build and run the whole test suite of Weir

SYNOPSIS
  ./scripts/test.sh [--sanitize] [--no-fuzz] [-- CTEST_ARGUMENT...]

OPTIONS
  --sanitize   also build with ASan, LSan and UBSan and run the suite again with it
  --no-fuzz    leave out the fuzz targets (each runs for 10 s)
  --help       this text

EXIT STATUS
  0  all passed    1  something failed
TEXT
}

sanitize='' fuzz=1
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) sanitize=1; shift ;;
    --no-fuzz) fuzz=''; shift ;;
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    *) fail "unknown option $1" "see --help" ;;
  esac
done

logs=$ROOT/build/logs
mkdir -p "$logs" || fail "cannot make $logs"
started=$SECONDS
step() { say "== $* ($((SECONDS - started)) s)"; }
# Compiles once what the builds share; on disk, so that a second run is quick.
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-3G}

failed=()
run_suite() { # PRESET CTEST_ARGUMENT...
  local preset=$1
  shift
  ctest --test-dir "$ROOT/build/$preset" --output-on-failure --parallel 2 "$@" || failed+=("$preset suite")
}

step "Packages"
install_packages "$logs/install.log"
step "Release build with UI"
build release "$logs/build-release.log"
step "Release suite"
run_suite release "$@"

if [ -n "$sanitize" ]; then
  step "Build with ASan, LSan and UBSan"
  build asan "$logs/build-asan.log"
  step "Suite with ASan, LSan and UBSan"
  # Two places in CAF's own headers take a reference to an empty tuple; nothing of ours.
  export UBSAN_OPTIONS=print_stacktrace=1:suppressions=$ROOT/tests/support/ubsan.supp
  export ASAN_OPTIONS=detect_stack_use_after_return=1
  run_suite asan "$@"
fi

if [ -n "$fuzz" ]; then
  if command -v clang++-14 >/dev/null; then
    step "Fuzz targets, 10 s each"
    build fuzz "$logs/build-fuzz.log" weir_fuzzers
    for target in "$ROOT"/build/fuzz/bin/fuzz_*; do
      name=$(basename "$target")
      corpus=$ROOT/build/fuzz/corpus/$name
      mkdir -p "$corpus"
      if "$target" -max_total_time=10 -max_len=4096 -rss_limit_mb=1024 -artifact_prefix="$logs/$name-" \
        "$corpus" "$ROOT/tests/fuzz/corpus/${name#fuzz_}" >"$logs/$name.log" 2>&1; then
        say "  $name: $(grep -o 'Done [0-9]* runs.*' "$logs/$name.log")"
      else
        failed+=("$name")
        tail -n 30 "$logs/$name.log"
      fi
    done
  else
    say "skipped: fuzz targets (clang++-14 is not there)"
  fi
fi

step "Done"
[ ${#failed[@]} -eq 0 ] || fail "failed: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')" "see above and $logs"
say "All passed."
