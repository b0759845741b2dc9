#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Measures the gateway beside Debian's nginx. ./bench.sh --help; bench/README.md says how.
set -euo pipefail
cd "$(dirname "$0")"
. tools/packages.sh
. tools/build.sh

# The nginx that is installed for this measurement need not serve port 80 from now on.
install_without_starting() {
    local policy=/usr/sbin/policy-rc.d as_root=sudo status=0
    [ "$(id -u)" != 0 ] || as_root=
    [ ! -e "$policy" ] || policy=
    if [ -n "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod +x "$policy"
    fi
    install_missing_packages || status=$?
    [ -z "$policy" ] || $as_root rm -f "$policy"
    return "$status"
}

need_for_building
need_command nginx nginx
need_command node nodejs
need_command taskset util-linux
if [ -n "$missing_packages" ]; then
    install_without_starting
fi
build_in build

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
