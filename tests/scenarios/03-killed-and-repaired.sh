#!/usr/bin/env bash
# Every process is killed in turn, redis too; `stack up` repairs; what was acknowledged is there, and the
# log has no hole.
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"

up --sample
before=$(last_seq)
year=2040
for name in events.1 registry.1 notify.1 bus.1 redis; do
    step "$name is killed"
    call events plan.open "{\"year\":$year}" >/dev/null
    kill -9 "$(pid_of "$name")"
    until_true missing "$name"
    up
    expect "what was acknowledged is there" "$(call events plan.get "{\"year\":$year}" | jq .year)" $year
    year=$((year + 1))
done

step "the log"
expect "five records more" "$(last_seq)" $((before + 5))
last=$(last_seq)
for ((after = 0; after < last; after += 1000)); do
    call notify log.read "{\"prefix\":\"\",\"after\":$after,\"limit\":1000}" | jq -r '.items[].meta.seq'
done >"$dir/seqs"
expect "no hole and nothing twice" "$(cmp <(seq 1 "$last") "$dir/seqs" && echo same)" same
