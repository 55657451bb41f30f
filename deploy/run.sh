#!/usr/bin/env bash
# `make run`: from a bare checkout to notifications arriving. Settings by environment: BUILD (the build
# folder), DIR (where the stack keeps its data), CBM_RUN_ONCE=1 (end after the summary). Ends
# everything that it started, on Ctrl-C, SIGTERM or failure; the data stays for the next run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${BUILD:=build}" "${DIR:=.stack}" "${MAKE:=make}"

say() { printf '\n== %s\n' "$*"; }

ours=0 subscriber=''
finish() {
    local code=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$subscriber" ]; then
        kill "$subscriber" 2>/dev/null || :
        wait "$subscriber" 2>/dev/null || :
    fi
    if [ "$ours" = 1 ]; then
        say "ending what was started; the data stays in $DIR"
        deploy/stack down --dir "$DIR" || code=1
        rm -f "$DIR/run.pid"
    fi
    exit "$code"
}

say "installing what is missing"
deploy/install-deps.sh
say "building"
"$MAKE" --no-print-directory -j"$(nproc)" BUILD="$BUILD" all

trap finish EXIT
trap 'exit 0' INT TERM HUP
# a run that was killed leaves its stack: this run takes it over; another's that runs is left alone
mkdir -p "$DIR"
if ! deploy/stack status --dir "$DIR" >/dev/null 2>&1; then
    ours=1
elif [ -e "$DIR/run.pid" ] && ! kill -0 "$(cat "$DIR/run.pid")" 2>/dev/null; then
    ours=1
fi
[ "$ours" = 0 ] || echo $$ >"$DIR/run.pid"

say "starting redis, the bus and the services in $DIR"
deploy/stack up --dir "$DIR" --build "$BUILD"
. "$DIR/env"
cbm=$BUILD/cbm

before=$("$cbm" call notify log.last '{"prefix":""}' | jq .seq)
say "notifications as they arrive (cbm subscribe \"\" --from $((before + 1)))"
"$cbm" subscribe "" --from "$((before + 1))" > >(tee "$DIR/log/run-subscriber.log") &
subscriber=$!
"$cbm" import deploy/sample >"$DIR/log/import.log" 2>&1 || {
    cat "$DIR/log/import.log" >&2
    exit 1
}
: >"$DIR/redis/sample.loaded"
last=$("$cbm" call notify log.last '{"prefix":""}' | jq .seq)
for ((tries = 0; tries < 500; tries++)); do # until the subscriber has seen it all
    [ "$(grep -c . "$DIR/log/run-subscriber.log")" -lt $((last - before)) ] || break
    kill -0 "$subscriber" 2>/dev/null || break
    read -rt 0.02 <> <(:) || :
done
[ "$before" != "$last" ] || echo "(nothing new: the data of the last run is here, up to seq $last)"

members() {
    "$cbm" call registry participant.list "{\"status\":\"member\",\"as_of\":\"$1\",\"limit\":1000}" |
        jq '.items | length'
}
say "summary"
echo "members            $(members 2021-10-12) on 2021-10-12, $(members 2022-10-14) on 2022-10-14"
echo "chair today        $("$cbm" call registry chair.current | jq -r '.code // "vacant"')"
"$cbm" call events event.list '{"year":2021,"limit":1000}' |
    jq -r '.items | group_by(.dimension // "-")[] |
           "\(length)\t\(.[0].dimension // "(no dimension: meetings of bodies, visits)")"' |
    while IFS=$'\t' read -r count dimension; do printf 'events of 2021  %4s %s\n' "$count" "$dimension"; done
echo "last seq           $last"

say "try next, in another terminal"
cat <<T
    . $DIR/env
    $cbm subscribe events.economic.
    $cbm call registry participant.get '{"code":"KW"}'
    $cbm call events event.list '{"year":2021,"area":"agriculture"}'
    $cbm call events event.propose '{"title":"Seminar on rail corridors","kind":"seminar","dimension":"economic","area":"transportation-corridors","host":"AZ","year":2027}'
T
[ "${CBM_RUN_ONCE:-0}" != 1 ] || exit 0

say "the subscription goes on here; Ctrl-C ends all of it"
code=0
wait "$subscriber" || code=$?
[ "$code" = 0 ] || echo "the subscriber ended with exit code $code" >&2
exit "$code"
