#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions per operation of each case given, or of all: lines of `CASE INSTRUCTIONS`, as
# ringpick-micro --instructions reads them. Figures do not depend on what else the machine does.
#
# usage: perf/micro/callgrind.sh [--keep DIR] [CASE]...
#   RINGPICK_BUILD   build directory (build/release)
#   ITERATIONS       runs of a case (20; cases that need a fresh state for each run take fewer)
#   --keep DIR       leave callgrind.CASE there, for callgrind_annotate
set -eu
cd "$(dirname "$0")/../.."
micro=${RINGPICK_BUILD:-build/release}/ringpick-micro
iterations=${ITERATIONS:-20}
keep=
if [ "${1:-}" = --keep ]; then
	keep=$2
	shift 2
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v valgrind >/dev/null || { echo "callgrind.sh: no valgrind here" >&2; exit 2; }

# Prints `total runs`: the instructions inside the loop, and how often it ran the case.
collect() {
	valgrind --tool=callgrind --callgrind-out-file="$dir/callgrind.$1" \
		--toggle-collect=rp_micro_loop "$micro" --only "$1" --iterations "$2" \
		>"$dir/out" 2>"$dir/err" || { cat "$dir/err" >&2; exit 1; }
	total=$(sed -n 's/^\(summary\|totals\): *//p' "$dir/callgrind.$1" | tail -1)
	echo "$total $(cut -d' ' -f2 "$dir/out")"
}

# The loop around one run costs the same for every case.
empty=$(collect empty 1000 | cut -d' ' -f1)
[ $# -gt 0 ] || set -- $("$micro" --list | grep -v '^empty$')
for name in "$@"; do
	figures=$(collect "$name" "$iterations")
	echo "$name $figures" | awk -v empty="$empty" '{printf "%s %.0f\n", $1, $2 / $3 - empty / 1000}'
	[ -z "$keep" ] || { mkdir -p "$keep" && mv "$dir/callgrind.$name" "$keep/"; }
done
