#!/bin/sh
# The walls between the parts: what may include what (docs: the source's layers).
set -eu
cd "$(dirname "$0")/.."
bad=0

# refuse WHAT PATTERN FILE…: no line of the files may match
refuse() {
    what=$1 pattern=$2
    shift 2
    for file in "$@"; do
        [ -f "$file" ] || continue
        if found=$(grep -nE "$pattern" "$file"); then
            echo "$file: $what:"
            echo "$found" | sed 's/^/    /'
            bad=1
        fi
    done
}

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

for service in services/*/; do
    name=$(basename "$service")
    others=$(find services -mindepth 1 -maxdepth 1 -type d ! -name "$name" -printf "%f|" | sed "s/|$//")
    refuse "a service includes another" "${include}\"(services/)?($others)[/_]" "$service"*.c "$service"*.h
    refuse "a service includes libcbm or the command line" "${include}\"(common/client|cli)/" \
        "$service"*.c "$service"*.h
done
refuse "common includes what stands on it" "${include}\"(services|cli|tests|deploy)/" common/*/*.c common/*/*.h
refuse "the command line includes a service" "${include}\"(services|tests)/" cli/*.c cli/*.h

refuse "the domain is pure: no sockets, store, codec or clock" \
    "${include}[<\"](czmq|zmq|hiredis/?.*|msgpack.*|time|sys/.*|common/(base/(loop|run|clock|cfg|log)|bus/.*|store/.*|service/.*|msg/(mp|schema_mp)))\\.h[>\"]" \
    services/*/*_domain*.c services/*/*_domain*.h services/events/events_ical.*
refuse "the domain is pure: no clock and no I/O" \
    '(^|[^a-z_])(clock_gettime|gettimeofday|time|fopen|open|read|write|socket)\(' \
    services/*/*_domain*.c services/events/events_ical.c

for file in $(git ls-files '*.c' '*.h' 2>/dev/null || find common services cli -name '*.[ch]'); do
    case $file in
    common/store/*) ;;
    tests/* | examples/*) ;;
    *) refuse "hiredis belongs in common/store" "${include}[<\"]hiredis" "$file" ;;
    esac
    case $file in
    services/events/events_ical* | services/notify/notify_itip.* | tests/*) ;;
    *) refuse "libical belongs in events_ical* and notify_itip.*" "${include}[<\"](libical/)?ical" "$file" ;;
    esac
    case $file in
    common/store/redis.c) ;; # polls as the loop does
    common/base/* | common/bus/* | common/client/* | common/service/* | common/auth/*) ;;
    services/bus/* | services/notify/* | services/gateway/*) ;;
    tests/* | examples/* | cli/*) ;;
    *) refuse "ZeroMQ belongs in its adapters" "${include}[<\"]c?zmq\\.h" "$file" ;;
    esac
done
refuse "common/base knows no message" "${include}\"common/(msg|bus|store|log|service|client)/" \
    common/base/*.c common/base/*.h

if [ $bad = 0 ]; then echo "layers: the walls stand"; fi
exit $bad
