#!/usr/bin/env bash
# Kills the real programs under load and compares every event; ends in one JSON line.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  chaos.sh - kill, stop and cut a real edge, centre and broker; compare every event

SYNOPSIS
  ./scripts/chaos.sh [--kills N] [--seed S] [--faults LIST] [--rate EVENTS]
                     [--dir DIRECTORY] [--keep] [--out FILE] [OPTION...]

  Builds Release, starts mosquitto (configs/mosquitto.conf), weir-central and weir-edge
  on free ports, sends events over MQTT (QoS 1) and ZeroMQ, and does what the seed says.
  Then it waits until the outbox is empty, stops all in order, and reads the centre's
  store with a reader of its own: every acknowledged event must be there once.

OPTIONS
  --kills N      SIGKILLs in all, spread evenly over the programs (default 200)
  --seed S       the same seed, the same plan (default: from the clock, printed first)
  --faults LIST  of edge,centre,broker (kills),stop,partition,disk (default: all)
  --rate EVENTS  a second (default 2000)
  --dir DIR      keep the run's files there; else they stay only if something is wrong
  --out FILE     also write the JSON line to FILE
  --help         this text
  Further options are those of weir-chaos: see weir-chaos --help.

LAST LINE
  kills, events (owed), lost, doubled, recovery_p50_ms, recovery_p99_ms (from a restart
  until work goes on), seed, and the same by program

EXIT STATUS
  0  nothing was lost, doubled or changed, and nothing ended by itself
  1  something was; the files are kept
TEXT
}

out='' arguments=() seeded='' counted=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --out) out=${2:-}; shift 2 || fail "--out wants a file" ;;
    --seed) seeded=1; arguments+=("$1"); shift ;;
    --kills) counted=1; arguments+=("$1"); shift ;;
    *) arguments+=("$1"); shift ;;
  esac
done
[ -n "$seeded" ] || arguments+=(--seed "$(date +%s)")
[ -n "$counted" ] || arguments+=(--kills 200)

mkdir -p "$ROOT/build/logs"
install_packages "$ROOT/build/logs/install.log"
build release "$ROOT/build/logs/build-chaos.log" weir-edge weir-central weir-chaos
result=$(mktemp)
trap 'rm -f "$result"' EXIT
"$ROOT/build/release/bin/weir-chaos" --bin "$ROOT/build/release/bin" \
  --broker-conf "$ROOT/configs/mosquitto.conf" "${arguments[@]}" | tee "$result"
status=${PIPESTATUS[0]}
[ -z "$out" ] || tail -n 1 "$result" >"$out"
exit "$status"
