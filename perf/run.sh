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

# shellcheck source=deploy/prepare.sh
. deploy/prepare.sh
install_packages deploy/debian-packages.txt
install_python
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
