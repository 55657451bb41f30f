#!/usr/bin/env bash
# A subscriber sees every record once and in order, while notify is killed under it and comes back.
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"

up
step "a subscriber, and records before, while and after notify is gone"
"$cbm" subscribe "" --from 0 --json --count 30 >"$dir/seen" &
subscriber=$!
open() { call events plan.open "{\"year\":$1}" >/dev/null; }
for year in {2001..2010}; do open "$year"; done
kill -9 "$(pid_of notify.1)"
for year in {2011..2020}; do open "$year"; done
up
for year in {2021..2030}; do open "$year"; done
until_true eval "! kill -0 $subscriber"
wait "$subscriber"

expect "records" "$(wc -l <"$dir/seen")" 30
expect "each once and in order" "$(jq -r .sequence "$dir/seen" | paste -sd ' ')" "$(seq -s ' ' 1 30)"
expect "whatever it missed it filled in" "$(jq -r .data.year "$dir/seen" | paste -sd ' ')" "$(seq -s ' ' 2001 2030)"

step "from a place in the past"
"$cbm" subscribe plan. --from 26 --json --count 5 >"$dir/again"
expect "the last five" "$(jq -r .sequence "$dir/again" | paste -sd ' ')" "26 27 28 29 30"
