#!/usr/bin/env bash
# A whole stack under valgrind: the sample is loaded, a page is read, everything ends by SIGTERM, and no
# process may have an invalid access or a definite leak.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/cbm-valgrind.XXXXXX")
end() {
    deploy/stack down --dir "$dir" || :
    rm -rf "$dir"
}
trap end EXIT

mkdir "$dir/found"
CBM_STACK_WAIT_S=120 CBM_GRACE_MS=30000 \
    CBM_STACK_WRAP="valgrind -q --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite --log-file=$dir/found/%p" \
    deploy/stack up --dir "$dir" --build "$build" --sample
. "$dir/env"
key=$("$build/cbm" key new "$dir/reader.key" 2>/dev/null)
"$build/cbm" call registry principal.enroll "$(jq -n --arg key "$key" '{id: "reader", key: $key, roles: ["subscriber"]}')" >"$dir/page"
token=$("$build/cbm" principal token reader)
for _ in $(seq 10); do # a stream does not end by itself, and the token must be known first
    curl -sS -m 3 -H "Authorization: Bearer $token" "$CBM_HTTP/v1/stream?from=start" >"$dir/stream" || :
    ! grep -q '^event: event.proposed$' "$dir/stream" || break
done
grep -q '^event: event.proposed$' "$dir/stream"
"$build/cbm" call events event.list '{"year":2021,"limit":10}' >"$dir/page"
CBM_GRACE_MS=30000 deploy/stack down --dir "$dir"

ended=0
for name in bus.1 registry.1 events.1 notify.1 gateway.1; do
    pid=$(tr ' ' '\n' <<<"$CBM_PIDS" | sed -n "s/^$name=//p")
    [ -e "$dir/found/$pid" ] || { echo "$name did not run under valgrind"; ended=1; }
    if [ -s "$dir/found/$pid" ]; then
        echo "$name:"
        cat "$dir/found/$pid"
        ended=1
    fi
done
[ $ended = 0 ] && echo "valgrind: a stack with the sample is clean"
exit $ended
