#!/bin/sh
# Folds the seeds made from the golden vectors, and what SECONDS of fuzzing find, into the kept corpus:
# the fewest inputs of at most 512 bytes that reach as much. Usage: tests/fuzz/merge.sh [SECONDS]
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
work=build/fuzz/merge
/usr/bin/python3 tests/fuzz/seeds.py "$work/seeds"
for program in build/fuzz/fuzz_*; do
    name=${program##*/fuzz_}
    [ -f "tests/fuzz/fuzz_$name.c" ] || continue
    kept=tests/fuzz/corpus/$name
    mkdir -p "$work/seeds/$name" "$work/found/$name" "$kept"
    rm -rf "$work/new/$name"
    mkdir -p "$work/new/$name"
    "$program" -max_total_time="$seconds" -max_len=512 -verbosity=0 \
        "$work/found/$name" "$kept" "$work/seeds/$name"
    "$program" -merge=1 -max_len=512 -verbosity=0 \
        "$work/new/$name" "$kept" "$work/seeds/$name" "$work/found/$name"
    rm -rf "$kept"
    cp -r "$work/new/$name" "$kept"
    echo "$name: $(find "$kept" -type f | wc -l) inputs"
done
