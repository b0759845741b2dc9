#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Measures the gateway beside Debian's nginx. ./bench.sh --help; bench/README.md says how.
set -eu -o pipefail
cd "$(dirname "$0")"

need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
missing=
need cc gcc
need ninja ninja-build
need meson meson
need pkg-config pkg-config
need nginx nginx
need node nodejs
need taskset util-linux
for header in uv.h openssl/ssl.h zlib.h; do
    [ -e "/usr/include/$header" ] || case $header in
        uv.h) missing="$missing libuv1-dev" ;;
        openssl/ssl.h) missing="$missing libssl-dev" ;;
        zlib.h) missing="$missing zlib1g-dev" ;;
    esac
done
if [ -n "$missing" ]; then
    echo "installing$missing" >&2
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq >&2
    # The nginx that is installed for this measurement need not also serve port 80.
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null && $sudo chmod +x "$policy"; fi
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 || failed=$?
    [ -z "$policy" ] || $sudo rm -f "$policy"
    [ -z "${failed:-}" ] || exit "$failed"
fi

[ -e build/build.ninja ] || meson setup build >&2
ninja -C build >&2

# Ten thousand streams need two descriptors each.
wanted=24576
ulimit -n "$wanted" 2>/dev/null || ulimit -n "$(ulimit -Hn)"
if [ "$(ulimit -n)" -lt "$wanted" ]; then
    echo "note: only $(ulimit -n) file descriptors are allowed here; fewer than 10,000 streams will be measured" >&2
fi

# What else runs on the machine disturbs less when this goes first; allowed to root only. Where the kernel groups processes
# by session, the group's niceness is what counts, and the group outlives this script.
go_first() { # NICENESS
    renice -n "$1" $$ || true
    [ ! -e /proc/$$/autogroup ] || echo "$1" >/proc/$$/autogroup || true
} >/dev/null 2>&1
trap 'go_first 0' EXIT
go_first -10

status=0
node --no-warnings bench/run.mjs "$@" || status=$?
exit "$status"
