#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target, two at a time, for so many seconds in all; says of each how many inputs it
# ran and how many edges of the code they reached. Exits 1 on a finding and names its reproducer.
#
#   tests/fuzz.sh 60                all targets
#   tests/fuzz.sh 600 openai usage  only these
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=2
build=build/fuzz

if [ "${1:-}" = --one ]; then
    target=$2
    seconds=$3
    mkdir -p "$build/corpus/$target" "$build/findings"
    options=()
    [ ! -f "tests/fuzz/$target.dict" ] || options+=(-dict="tests/fuzz/$target.dict")
    code=0
    "$build/fuzz_$target" "${options[@]}" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="$build/findings/$target-" -print_final_stats=1 \
        "$build/corpus/$target" "tests/fuzz/corpus/$target" >"$build/$target.log" 2>&1 || code=$?
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")
    edges=$(sed -n 's|.* cov: *\([0-9]*\).*|\1|p' "$build/$target.log" | tail -1)
    if [ "$code" -eq 0 ]; then
        printf 'ok       %-16s %9d executions, %5d edges\n' "$target" "$count" "$edges"
        exit 0
    fi
    reproducer=$(sed -n 's/.*Test unit written to //p' "$build/$target.log" | tail -1)
    printf 'FINDING  %-16s %s\n' "$target" "${reproducer:-see $build/$target.log}"
    tail -25 "$build/$target.log" | sed 's/^/    /'
    echo "    repeat it with: $build/fuzz_$target ${reproducer:-}"
    exit 1
fi

seconds=${1:?usage: tests/fuzz.sh SECONDS [TARGET]...}
shift
cmake --preset fuzz >/dev/null
cmake --build "$build" --target fuzz >"$build/build.log" || { tail -30 "$build/build.log"; exit 1; }
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        target=$(basename "$source" .c)
        targets+=("${target#fuzz_}")
    done
fi
each=$((seconds * jobs / ${#targets[@]}))
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I '{}' tests/fuzz.sh --one '{}' "$((each > 0 ? each : 1))"
