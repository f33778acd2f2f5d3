#!/usr/bin/env bash
# Builds Weir and shows it at work: a broker, a centre, two edges and live sources.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
  cat <<'TEXT'
NAME
  demo.sh - build Weir and show it at work on this machine

SYNOPSIS
  ./scripts/demo.sh [--port PORT] [--dir DIR] [--fresh] [--check SECONDS]

DESCRIPTION
  Installs the Debian packages that are missing (scripts/packages.txt), builds, and
  starts a mosquitto of its own, weir-central, two weir-edge nodes and simulated
  sources, all on the loopback address. Prints one URL with a one-time token. Ctrl-C
  ends everything it started and nothing else; run it again whenever you like.

OPTIONS
  --port PORT      port of the web page (default 8080)
  --dir DIR        where the demo keeps its data, keys and logs (default build/demo)
  --fresh          forget the data of earlier runs first
  --check SECONDS  without a person: wait until windows, anomalies and alerts have
                   flowed from end to end, at most SECONDS; print what was seen
  --help           this text

EXIT STATUS
  0  ended by Ctrl-C, or the check passed
  1  something failed; one line says what and what to do
TEXT
}

port=8080 dir=$ROOT/build/demo check='' fresh=''
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=${2:-}; shift 2 || fail "--port wants a number" ;;
    --dir) dir=${2:-}; shift 2 || fail "--dir wants a folder" ;;
    --check) check=${2:-}; shift 2 || fail "--check wants a number of seconds" ;;
    --fresh) fresh=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1" "see --help" ;;
  esac
done
case $port in '' | *[!0-9]*) fail "--port wants a number, not \"$port\"" ;; esac
case $check in *[!0-9]*) fail "--check wants a number of seconds, not \"$check\"" ;; esac
[ -n "$dir" ] || fail "--dir wants a folder"

mkdir -p "$dir" || fail "cannot make $dir" "choose another folder with --dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/lock"
flock -n 9 || fail "a demo is already running in $dir" "end it with Ctrl-C, or choose another --dir"
[ -z "$fresh" ] || rm -rf "$dir"/{central,edge-plant,edge-store,mosquitto,*.log,*.key}
mkdir -p "$dir/mosquitto" && chmod 700 "$dir" "$dir/mosquitto"

install_packages "$dir/install.log"
say "Building (log: $dir/build.log)"
build release "$dir/build.log" weir weir-edge weir-central
bin=$ROOT/build/release/bin
free=$(free_port "$port")
[ "$free" = "$port" ] || fail "port $port is in use" "choose another one: --port $free"

# -- what was started, to be ended in the reverse order -----------------------

pids=() names=() tailer=''
launch() { # NAME COMMAND...: in a session of its own, so that Ctrl-C reaches only us
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" >>"$dir/$name.log" 2>&1 9>&- &
  pids+=($!) names+=("$name")
}
end_all() {
  trap '' INT TERM
  local i waited
  for ((i = ${#pids[@]} - 1; i >= 0; --i)); do
    kill -TERM "${pids[i]}" 2>/dev/null || continue
    for ((waited = 0; waited < 60; ++waited)); do
      kill -0 "${pids[i]}" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "${pids[i]}" 2>/dev/null
  done
  [ -z "$tailer" ] || kill "$tailer" 2>/dev/null
  # Not all children: the tail of the alerts waits for us.
  [ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2>/dev/null
}
trap end_all EXIT
trap 'say; say "Ending the demo"; exit 0' INT TERM

# alive: fails with the log's last line if something has ended by itself
alive() {
  local i
  for i in "${!pids[@]}"; do
    kill -0 "${pids[i]}" 2>/dev/null \
      || fail "${names[i]} has ended: $(tail -n 1 "$dir/${names[i]}.log")" "see $dir/${names[i]}.log"
  done
}

# wait_for WHAT COMMAND...: until the command succeeds, at most 10 seconds
wait_for() {
  local what=$1 i
  shift
  for ((i = 0; i < 100; ++i)); do
    "$@" >/dev/null 2>&1 && return 0
    alive
    sleep 0.1
  done
  fail "$what did not start within 10 s" "see the logs in $dir"
}

# -- keys and configs ---------------------------------------------------------

cd "$dir" || exit 1
for name in central edge-plant edge-store; do
  [ -e "$name.key" ] || "$bin/weir" keys new --out "$name.key" >/dev/null \
    || fail "could not make the key $dir/$name.key"
done
public_key() { "$bin/weir" keys show "$1"; }
declare -A fill=(
  [DIR]=$dir [USER]=$(id -un) [WEB_PORT]=$port
  [MQTT_PORT]=$(free_port 21883) [UPLINK_PORT]=$(free_port 25570) [ZMQ_PORT]=$(free_port 25560)
  [CENTRAL_KEY]=$(public_key central.key) [PLANT_KEY]=$(public_key edge-plant.key)
  [STORE_KEY]=$(public_key edge-store.key)
)
for template in "$ROOT"/configs/demo/*; do
  text=$(cat "$template")
  for key in "${!fill[@]}"; do text=${text//"@$key@"/"${fill[$key]}"}; done
  printf '%s\n' "$text" >"$(basename "$template")"
done

# -- start --------------------------------------------------------------------

is_first_run=''
[ -e central ] || is_first_run=1
mqtt=mqtt://127.0.0.1:${fill[MQTT_PORT]}
url=http://127.0.0.1:$port
for log in mosquitto central edge-plant edge-store plant store alerts; do : >"$log.log"; done

mosquitto=$(PATH=$PATH:/usr/sbin command -v mosquitto)
launch mosquitto "$mosquitto" -c mosquitto.conf
wait_for mosquitto bash -c "exec 3<>/dev/tcp/127.0.0.1/${fill[MQTT_PORT]}"
launch alerts mosquitto_sub -h 127.0.0.1 -p "${fill[MQTT_PORT]}" -t 'weir/#' -v
launch central "$bin/weir-central" --config central.toml
wait_for weir-central curl -fsS "$url/health"
launch edge-plant "$bin/weir-edge" --config edge-plant.toml
launch edge-store "$bin/weir-edge" --config edge-store.toml
# A first run brings some minutes of history with it, so that charts are not empty and
# the detectors know their series; then the sources go on live.
history=()
[ -z "$is_first_run" ] || history=(--from -15m --speed 900)
launch plant "$bin/weir" simulate plant --mqtt "$mqtt" --seed 7 "${history[@]}" \
  --faults-per-hour 60 --first-fault-after "$([ -n "$is_first_run" ] && echo 920 || echo 20)" --truth "$dir/plant-truth.ndjson"
# Many more visits than a real shop of this size, and late morning there, so that
# something is bought every second at whatever hour somebody tries this.
launch store "$bin/weir" simulate store --zmq "tcp://127.0.0.1:${fill[ZMQ_PORT]}" --seed 7 "${history[@]}" \
  --activity 20000 --utc-offset $((11 - 10#$(date -u +%H))) \
  --truth "$dir/store-truth.ndjson"
sleep 0.3
alive

if [ -n "$check" ]; then
  "$bin/weir" check --data "$dir/central" --url "$url" --mqtt "$mqtt" --seconds "$check"
  status=$?
  alive
  exit $status
fi

link=$("$bin/weir" link --data "$dir/central" --url "$url") || fail "no link to the page: $link"
cat <<TEXT

Weir is running. Open

    $link

in a browser on this machine (the link works once; for another one run
build/release/bin/weir link --data $dir/central --url $url).
Alerts follow here as an MQTT subscriber gets them (all of them: $dir/alerts.log);
Ctrl-C ends everything.
Logs, data and configs: $dir

TEXT
tail -n 0 -F --pid $$ alerts.log 2>/dev/null 9>&- \
  | sed -u -E '/^weir\/central\/alerts\/edge-/d; s/^(weir[^ ]*) .*"state":"([^"]*)".*"message":"(([^"\\]|\\.)*)".*$/  \2  \1  \3/; s/\\"/"/g' &
tailer=$!
while sleep 1; do alive; done
