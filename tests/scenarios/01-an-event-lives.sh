#!/usr/bin/env bash
# The officer's year in small: the sample, one event more from proposal to report, its history, and a
# step that is not allowed.
# shellcheck source=tests/scenarios/lib.sh
. "$(dirname "$0")/lib.sh"

step "the sample"
up --sample
expect "events of 2021" "$(call events event.list '{"year":2021,"limit":1000}' | jq '.items | length')" 33
expect "members then" "$(call registry participant.list '{"status":"member","as_of":"2021-10-12","limit":1000}' |
    jq '.items | length')" 27

step "one more event"
call events event.propose '{"id":"rail-2021","title":"Seminar on rail corridors","kind":"seminar",
    "dimension":"economic","area":"transportation-corridors","host":"AZ","year":2021}' >"$dir/event"
expect "proposed" "$(jq -r .status "$dir/event")" proposed
expect "accepted" "$(call events event.accept '{"id":"rail-2021"}' | jq -r .status)" accepted
expect "scheduled" "$(call events event.schedule '{"id":"rail-2021","format":"online",
    "sessions":[{"start":"2021-12-27","end":"2021-12-27"}]}' | jq -r .status)" scheduled
expect "rescheduled" "$(call events event.schedule '{"id":"rail-2021","format":"online",
    "sessions":[{"start":"2021-12-28","end":"2021-12-28"}]}' | jq -r .sessions[0].start)" 2021-12-28
expect "held" "$(call events event.hold '{"id":"rail-2021"}' | jq -r .status)" held

step "what is not allowed is refused, and says what would be"
if call events event.accept '{"id":"rail-2021"}' 2>"$dir/refused"; then exit 1; fi
expect "refused" "$(grep -c failed_precondition "$dir/refused")" 1

step "its history is what happened"
call events event.report '{"id":"rail-2021","member_states":["AZ","KZ"],"participants_count":30}' >"$dir/event"
expect "reported" "$(jq -r .status "$dir/event")" reported
expect "every step is one record" \
    "$(call events event.history '{"id":"rail-2021"}' | jq -r '[.items[].type] | join(" ")')" \
    "event.proposed event.accepted event.scheduled event.rescheduled event.held event.reported"
