#!/usr/bin/env bash
# Runs the demo as a new user would, first with --check, then with a browser in front
# of it, and looks whether it ends everything it started.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
dir=$(mktemp -d)
out=$build/screenshots
mkdir -p "$out"
demo=''
clean_up() {
  [ -z "$demo" ] || kill -TERM "$demo" 2>/dev/null
  [ -z "$demo" ] || wait "$demo" 2>/dev/null
  rm -rf "$dir"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $*"
  tail -n 5 "$dir"/*.log "$dir"/data/*.log 2>/dev/null
  exit 1
}

port=$((20000 + RANDOM % 10000))
echo "== demo.sh --check"
"$root/scripts/demo.sh" --dir "$dir/data" --port $port --check 90 || fail "the check did not pass"

echo "== demo.sh, a second run, with a browser"
set -m # Else bash starts it with SIGINT ignored, and Ctrl-C could not be tested.
"$root/scripts/demo.sh" --dir "$dir/data" --port $port >"$dir/demo.log" 2>&1 &
demo=$!
set +m
for ((i = 0; i < 150; ++i)); do
  link=$(grep -om1 'http://[^ ]*#token=[^ ]*' "$dir/demo.log") && break
  kill -0 $demo 2>/dev/null || fail "the demo ended by itself"
  sleep 0.2
done
[ -n "$link" ] || fail "the demo printed no link"
node "$root/tests/e2e/ui/ui_test.mjs" --url "$link" --out "$out"
status=$?
[ $status -eq 77 ] && { echo "skipped: no browser"; exit 77; }
[ $status -eq 0 ] || fail "the browser test found something"

echo "== Ctrl-C"
kill -INT $demo
for ((i = 0; i < 100; ++i)); do
  kill -0 $demo 2>/dev/null || break
  sleep 0.1
done
kill -0 $demo 2>/dev/null && fail "the demo did not end within 10 s"
demo=''
left=$(pgrep -af "weir-(edge|central) --config" | grep -F "$dir" || true)
[ -z "$left" ] || fail "processes are left: $left"
grep -q 'everything in flight is saved' "$dir/data/edge-plant.log" || fail "edge-plant did not stop in order"
echo "demo: ended all it started"
