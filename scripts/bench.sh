#!/usr/bin/env bash
# Builds Release and runs one bench; its last line is one JSON object.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  bench.sh - measure Weir on this machine

SYNOPSIS
  ./scripts/bench.sh NAME [--quick | --full] [--peers] [--out FILE]

BENCHES
  ingest   events/s from ZeroMQ and MQTT through an edge into the centre's store,
           CPU per event, memory, idle CPU, start time, event-to-alert latency
  windows  events/s of one core through every kind of window, through the shard actors
           on all cores, bytes per series, GB/s of snapshot and restore
  storm    how long a thousand edges that come back at once take to be caught up
  backlog  how long a day of waiting summaries of one edge takes to the centre's store
  overload ten times the sustainable load: memory against its bound, what was shed,
           alerts, and whether every event is accounted for
  storage  windows/s into the store and until they are in blocks, acknowledged ones of a
           thousand edges, bytes on disk, reopening; beside other databases
  query    answers of the centre and of the store, warm, cold and under load, beside
           other databases; and whether they are those of Prometheus

OPTIONS
  --quick      at most 60 s: one short repetition each
  --full       storage: reopen a store of 10 GB, which takes minutes to make
  --peers      storage, query: install victoria-metrics, influxdb and prometheus first,
               as far as Debian has them; else those that are there are measured
  --out FILE   also write the JSON line to FILE
  --help       this text

Publisher, broker, edge and centre share this machine's cores; compare ratios within
one run, not figures of several.
TEXT
}

name='' quick='' out='' peers=''
while [ $# -gt 0 ]; do
  case $1 in
    --quick | --full) quick=$1; shift ;;
    --peers) peers=yes; shift ;;
    --out) out=${2:-}; shift 2 || fail "--out wants a file" ;;
    -h | --help) usage; exit 0 ;;
    -*) fail "unknown option $1" "see --help" ;;
    *) [ -z "$name" ] || fail "one bench at a time" "see --help"; name=$1; shift ;;
  esac
done
[ -n "$name" ] || { usage; exit 1; }
script=$ROOT/tests/bench/$name.mjs
[ -e "$script" ] || fail "there is no bench \"$name\"" "see --help"

mkdir -p "$ROOT/build/logs"
install_packages "$ROOT/build/logs/install.log"
if [ -n "$peers" ]; then
  for package in victoria-metrics influxdb prometheus; do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" \
      >>"$ROOT/build/logs/install.log" 2>&1 || say "$package cannot be installed here: it is left out"
  done
fi
build release "$ROOT/build/logs/build-bench.log" weir weir-edge weir-central weir-bench weir-bench-windows weir-bench-storage
result=$(mktemp)
trap 'rm -f "$result"' EXIT
node "$script" --bin "$ROOT/build/release/bin" $quick | tee "$result"
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "the bench did not finish"
[ -z "$out" ] || tail -n 1 "$result" >"$out"
