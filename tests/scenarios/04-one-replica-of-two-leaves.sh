#!/usr/bin/env bash
# Two replicas share the work; one is told to end under load and no request fails.
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"

up --scale registry=2,events=2,notify=2
step "work, while events.1 drains"
for year in {2001..2040}; do
    call events plan.open "{\"year\":$year}" >/dev/null 2>>"$dir/failed" &
    [ "$year" != 2020 ] || kill -TERM "$(pid_of events.1)"
done
for job in $(jobs -p); do wait "$job"; done
expect "requests that failed" "$(wc -l <"$dir/failed")" 0
expect "plans" "$(call events plan.list '{"limit":1000}' | jq '.items | length')" 40
until_true missing events.1
expect "it ended by itself and well" "$(grep -c 'msg=ended exit=0' "$dir/log/events.1.log")" 1
