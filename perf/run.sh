#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The matrix of figures: ringpick on both back ends beside the bare server and, with --against, any
# other picker. Installs what is missing on Debian 12 (as root or with sudo), builds the release preset.
#
#   perf/run.sh                 under 5 minutes; the table, and build/perf/quick.md
#   perf/run.sh full            under 40 minutes; writes perf/REPORT.md
#   perf/run.sh profile         where a stream's CPU time goes, layer by layer (needs perf)
#   perf/run.sh instructions    of a stream at 1, 2 and 4 workers (needs valgrind)
#   perf/run.sh --help          rows, --only, --against, --out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t packages < <(cat deploy/debian-packages.txt)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
    echo "installing ${missing[*]}"
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
# The same stamp as tests/run.sh writes.
want=$(cat deploy/requirements.txt tests/requirements.txt)
if [ "$(cat .venv/installed 2>/dev/null)" != "$want" ]; then
    echo "installing Python packages into .venv"
    python3 -m venv .venv
    .venv/bin/pip -q install -r tests/requirements.txt
    printf '%s\n' "$want" >.venv/installed
fi
if [ -z "${RINGPICK_BUILD:-}" ]; then
    echo "building ringpick (release)"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    (cmake --preset release && cmake --build build/release --target ringpick ringpick-control ringpick-worker \
        ringpick-sim ringpick-pages ringpick-bare ringpick-bench) >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
    rm -f "$log"
    trap - EXIT
fi
if [ "${1:-}" = profile ] || [ "${1:-}" = instructions ]; then
    exec .venv/bin/python -m "perf.matrix.$1" "${@:2}"
fi
exec .venv/bin/python -m perf.matrix "$@"
