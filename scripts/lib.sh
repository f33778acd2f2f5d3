# What demo.sh, test.sh and bench.sh share: packages, build, messages. Sourced, not run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }

# fail WHAT [WHAT TO DO]: one line, then the end.
fail() {
  printf '%s: %s%s\n' "$(basename "$0")" "$1" "${2:+ - $2}" >&2
  exit 1
}

# as_root COMMAND...: runs it as root, by sudo where that is needed.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "packages are missing and this is neither root nor a machine with sudo" \
      "as root, run: apt-get install -y --no-install-recommends $(missing_packages | tr '\n' ' ')"
  fi
}

wanted_packages() {
  sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$ROOT/scripts/packages.txt"
  # Where Node.js comes from elsewhere with its own npm, Debian's would replace it.
  command -v npm >/dev/null || printf 'nodejs\nnpm\n'
}

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p' | sort -u)
  comm -23 <(wanted_packages | sort -u) <(printf '%s\n' "$installed")
}

# Installs what packages.txt names and is not there yet. LOG takes apt's own words.
install_packages() {
  local log=$1 missing
  command -v apt-get >/dev/null || fail "this is not Debian: apt-get is missing" \
    "install the packages of scripts/packages.txt by hand"
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  say "Installing $(printf '%s\n' "$missing" | wc -l) Debian packages (log: $log)"
  as_root apt-get update >>"$log" 2>&1 \
    || fail "apt-get update failed: $(tail -n 1 "$log")" "is this machine on line?"
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1 \
    || fail "apt-get install failed: $(grep -m1 '^E:' "$log" || tail -n 1 "$log")" "see $log"
}

# build PRESET LOG [TARGET...]: configures and builds; shows one moving line on a terminal.
build() {
  local preset=$1 log=$2 status
  shift 2
  cd "$ROOT" || exit 1
  cmake --preset "$preset" >"$log" 2>&1 || {
    grep -m5 -A3 'CMake Error' "$log" >&2
    fail "cmake could not configure the build" "see $log"
  }
  export NINJA_STATUS='[%f/%t] '
  # ${@/#/...} would split badly on no targets; ninja takes none as all.
  cmake --build --preset "$preset" ${1:+--target "$@"} 2>&1 | tee -a "$log" | show_progress
  status=${PIPESTATUS[0]}
  if [ "$status" -ne 0 ]; then
    grep -m3 -E 'error|FAILED' "$log" >&2
    fail "the build failed" "see $log"
  fi
}

# Ninja's lines as one moving line on a terminal, and one in fifty elsewhere.
show_progress() {
  local line count=0
  while IFS= read -r line; do
    case $line in
      \[*) ;;
      *) continue ;;
    esac
    if [ -t 1 ]; then
      printf '\r\033[K  %.100s' "$line"
    elif [ $((count++ % 50)) -eq 0 ]; then
      printf '  %.100s\n' "$line"
    fi
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
}

# A TCP port of 127.0.0.1 that nobody listens on, from START on.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  printf '%s\n' "$port"
}
