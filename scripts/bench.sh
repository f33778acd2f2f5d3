#!/usr/bin/env bash
# Builds Release and runs one bench; its last line is one JSON object.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  bench.sh - measure Weir on this machine

SYNOPSIS
  ./scripts/bench.sh NAME [--quick] [--out FILE]

BENCHES
  ingest   events/s from ZeroMQ and MQTT through an edge into the centre's store,
           CPU per event, memory, idle CPU, start time, event-to-alert latency
  windows  events/s of one core through every kind of window, through the shard actors
           on all cores, bytes per series, GB/s of snapshot and restore
  storm    how long a thousand edges that come back at once take to be caught up
  overload ten times the sustainable load: what is shed, RSS, alerts
  backlog  how long a day of waiting summaries of one edge takes to the centre's store
  overload ten times the sustainable load: memory against its bound, what was shed,
           alerts, and whether every event is accounted for

OPTIONS
  --quick      at most 60 s: one short repetition each
  --out FILE   also write the JSON line to FILE
  --help       this text

Publisher, broker, edge and centre share this machine's cores; compare ratios within
one run, not figures of several.
TEXT
}

name='' quick='' out=''
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=--quick; shift ;;
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
build release "$ROOT/build/logs/build-bench.log" weir weir-edge weir-central weir-bench weir-bench-windows
result=$(mktemp)
trap 'rm -f "$result"' EXIT
node "$script" --bin "$ROOT/build/release/bin" $quick | tee "$result"
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "the bench did not finish"
[ -z "$out" ] || tail -n 1 "$result" >"$out"
