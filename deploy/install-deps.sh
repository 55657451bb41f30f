#!/usr/bin/env bash
# Installs what CBM Bus needs on Debian 12 and is not there yet. Run again, it finds everything and
# changes nothing. Root, or a user with sudo.
set -euo pipefail

usage() {
    cat <<'U'
usage: install-deps.sh [--build | --runtime | --test | --bench] [--dry-run] [--help]

  (nothing)   what building and running the stack on this machine needs
  --build     only what the compiler needs
  --runtime   only what the programs load when they run
  --test      everything, with what the tests and the checks need
  --bench     what `make bench` needs besides: the peers that it measures against
  --dry-run   only names what is missing
U
}

build=(gcc make pkg-config libc6-dev libczmq-dev libzmq3-dev libmsgpack-dev libhiredis-dev
       libjansson-dev libsodium-dev libmicrohttpd-dev libical-dev libcurl4-openssl-dev libssl-dev libstdc++-12-dev)
run=(redis-server redis-tools jq procps util-linux tzdata ca-certificates)
# what programs load that carry their libraries (make STATIC=yes): notify to send, events to expand a rule, all for metrics
runtime=(libcurl4 libssl3 libicu72 libmicrohttpd12 ca-certificates tzdata)
tests=(python3 python3-jsonschema python3-nacl python3-pytest python3-pytest-xdist python3-zmq python3-msgpack libcmocka-dev clang clang-tidy
       clang-format libclang-rt-14-dev llvm cppcheck valgrind shellcheck python3-pytest-timeout
       nodejs npm git ca-certificates prometheus python3-icalendar python3-jsonpatch python3-markdown python3-vobject khal
       faketime spin mandoc python3-aiosmtpd openssl)
# the peers run from their programs in private directories; no server of theirs is started here
bench=(python3 nats-server libnats-dev postgresql-15 libpq-dev mosquitto libmosquitto-dev valgrind git)

wanted=("${build[@]}" "${run[@]}")
dry=0
for argument in "$@"; do
    case $argument in
    --build) wanted=("${build[@]}") ;;
    --runtime) wanted=("${runtime[@]}") ;;
    --test) wanted=("${build[@]}" "${run[@]}" "${tests[@]}") ;;
    --bench) wanted=("${build[@]}" "${run[@]}" "${bench[@]}") ;;
    --dry-run) dry=1 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install-deps.sh: unknown argument $argument" >&2; usage >&2; exit 64 ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps.sh: this is no Debian; please install yourself: ${wanted[*]}" >&2
    exit 69
fi

installed=$(dpkg-query -W -f='${Status} ${Package}\n' 2>/dev/null |
            awk '$1 != "deinstall" && $3 == "installed" {print $4}')
missing=()
for package in "${wanted[@]}"; do
    case $package in
    nodejs) command -v node >/dev/null && continue ;; # these two may also come from elsewhere
    npm) command -v npm >/dev/null && continue ;;
    esac
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "install-deps.sh: missing: ${missing[*]}"
[ "$dry" = 0 ] || exit 1

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "install-deps.sh: run as root, or install sudo" >&2
        exit 77
    }
    as_root=(sudo)
fi

# Packages start their daemons when installed. We run a private redis-server, so none is needed: where
# nobody said otherwise, starting is forbidden for the time of this installation (and where there is
# no systemd, so is the attempt).
policy=/usr/sbin/policy-rc.d
made_policy=0
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    made_policy=1
fi
finish() {
    [ "$made_policy" = 0 ] || "${as_root[@]}" rm -f "$policy"
}
trap finish EXIT

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}
apt update
apt install -y --no-install-recommends "${missing[@]}"
