#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions per operation of each case given, or of all: lines of `CASE INSTRUCTIONS`, as
# ringpick-micro --instructions reads them. Figures do not depend on what else the machine does.
#
# usage: perf/micro/callgrind.sh [--cache] [--keep DIR] [CASE]...
#   RINGPICK_BUILD   build directory (build/release)
#   ITERATIONS       runs of a case (20; cases that need a fresh state for each run take fewer)
#   --cache          memory as well, simulated: `CASE INSTRUCTIONS D1_MISSES LL_MISSES`; what misses
#                    the last level (LL) was cold
#   --keep DIR       leave callgrind.CASE there, for callgrind_annotate
set -eu
cd "$(dirname "$0")/../.."
micro=${RINGPICK_BUILD:-build/release}/ringpick-micro
iterations=${ITERATIONS:-20}
keep=
cache=no
if [ "${1:-}" = --cache ]; then
	cache=yes
	shift
fi
if [ "${1:-}" = --keep ]; then
	keep=$2
	shift 2
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v valgrind >/dev/null || { echo "callgrind.sh: no valgrind here" >&2; exit 2; }

# Prints `runs events...`: how often the loop ran the case, and what callgrind counted inside it: Ir,
# and with --cache Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw.
collect() {
	valgrind --tool=callgrind --cache-sim="$cache" --callgrind-out-file="$dir/callgrind.$1" \
		--toggle-collect=rp_micro_loop "$micro" --only "$1" --iterations "$2" \
		>"$dir/out" 2>"$dir/err" || { cat "$dir/err" >&2; exit 1; }
	total=$(sed -n 's/^\(summary\|totals\): *//p' "$dir/callgrind.$1" | tail -1)
	echo "$(cut -d' ' -f2 "$dir/out") $total"
}

# The loop around one run costs the same for every case.
empty=$(collect empty 1000 | cut -d' ' -f2)
[ $# -gt 0 ] || set -- $("$micro" --list | grep -v '^empty$')
for name in "$@"; do
	figures=$(collect "$name" "$iterations")
	echo "$name $figures" | awk -v empty="$empty" '{
		printf "%s %.0f", $1, $3 / $2 - empty / 1000
		if (NF > 3)
			printf " %.1f %.1f", ($7 + $8) / $2, ($10 + $11) / $2
		printf "\n"
	}'
	[ -z "$keep" ] || { mkdir -p "$keep" && mv "$dir/callgrind.$name" "$keep/"; }
done
