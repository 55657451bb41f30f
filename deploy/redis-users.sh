#!/bin/sh
# Makes who may use Redis: deploy/redis-users.sh DIR ORG USERS_FILE [MODE]
# A user a service, named as it is, with the keys and commands that it needs and no others; `operator` may do
# everything; nobody comes in without a password. DIR/<user>/password is made when it is missing and kept
# when it is there; USERS_FILE (Redis' aclfile, with digests only) is written anew at every start. MODE (600) is that of
# the passwords. To change a password: remove its file, run this, tell Redis `ACL LOAD`; services read theirs
# again when they connect.
set -eu
umask 077
[ $# -ge 3 ] || { echo "usage: $0 DIR ORG USERS_FILE [MODE]" >&2; exit 64; }
dir=$1 org=$2 users=$3 mode=${4:-600}
mkdir -p "$dir"

digest() { # of a user's password
    if [ ! -s "$dir/$1/password" ]; then
        mkdir -p "$dir/$1"
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$dir/$1/password.new"
        chmod "$mode" "$dir/$1/password.new"
        mv "$dir/$1/password.new" "$dir/$1/password"
    fi
    printf '%s' "$(cat "$dir/$1/password")" | sha256sum | cut -d' ' -f1
}

log="{$org}:log {$org}:log:prefix {$org}:log:block"
readable() { for key in $log; do printf ' %%R~%s' "$key"; done; }
writable() { for key in $log; do printf ' ~%s' "$key"; done; }

follow='+ping +subscribe +hget +hmget +fcall_ro'
serve="$follow +config|get +function|load +time +zrangebylex +fcall +hset +zadd +zrem +expire +publish"
{
    # nobody can be the default user (off), but Redis reads its append-only file as it: where that may not run a
    # command, Redis 7.0 drops each MULTI with that command when it starts, and goes on
    echo "user default off resetpass ~* &* +@all"
    echo "user operator on #$(digest operator) ~* &* +@all"
    for service in registry events notify; do
        own=''
        # notify trims the log (cbm_trim), and drops its own documents of what is trimmed (cbm_drop): nobody else may
        [ $service != notify ] || own=" (+hdel ~{$org}:log ~{$org}:notify:doc) (+hexists %R~{$org}:log)"
        echo "user $service on #$(digest $service) ~{$org}:$service:*$(writable) &{$org}:log* $serve$own"
    done
    for reader in bus gateway; do
        echo "user $reader on #$(digest $reader)$(readable) &{$org}:log* $follow"
    done
} >"$users.new"
mv "$users.new" "$users"
