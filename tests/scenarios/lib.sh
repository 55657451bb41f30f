# shellcheck shell=bash
# What every scenario begins with: a private stack in a scratch directory that goes when it ends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${CBM_BUILD:-build}
cbm=$build/cbm
dir=$(mktemp -d "${TMPDIR:-/tmp}/cbm-scenario.XXXXXX")

finish() {
    local code=$?
    if [ "$code" != 0 ]; then
        echo "FAILED; the ends of the logs:"
        tail -n 8 "$dir"/log/*.log 2>/dev/null || :
    fi
    deploy/stack down --dir "$dir" || :
    rm -rf "$dir"
    exit "$code"
}
trap finish EXIT

step() { printf '\n-- %s\n' "$*"; }

expect() { # what actual wanted
    if [ "$2" = "$3" ]; then
        echo "ok: $1: $2"
    else
        echo "WRONG: $1: got \"$2\", want \"$3\""
        exit 1
    fi
}

up() {
    deploy/stack up --dir "$dir" --build "$build" "$@"
    # shellcheck disable=SC1091
    . "$dir/env"
}

pid_of() { tr ' ' '\n' <<<"$CBM_PIDS" | sed -n "s/^$1=//p"; }

missing() { [ -z "$(deploy/stack status --dir "$dir" | grep "^$1 *runs")" ]; }

call() { "$cbm" call "$@"; }

last_seq() { call notify log.last "{\"prefix\":\"${1:-}\"}" | jq .seq; }

until_true() { # command…: asked every 20 ms for at most 20 s
    local tries
    for ((tries = 0; tries < 1000; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        read -rt 0.02 <> <(:) || :
    done
    echo "WRONG: did not come true: $*"
    exit 1
}
