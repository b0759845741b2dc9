#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every test, and closes with one line: `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
. tools/packages.sh
. tools/build.sh

usage() {
    cat <<'END'
Usage: ./test.sh [--long] [--only PART]…

  (nothing)    checks of the source, unit tests, corpora, system tests; all with address and undefined-behaviour sanitizers
  --long       the same, then fuzzing, soak and chaos
  --only PART  checks, unit, system, fuzz or long (may be given several times)

Environment: FUZZ_SECONDS (600, for each target), SOAK_SECONDS (300), CHAOS_SECONDS (120), CUTS_PERCENT (5,
of the places where answers are cut), SEED (of random tests).
END
}

parts="checks unit system"
only=""
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage; exit 0 ;;
    --long) parts="$parts fuzz long" ;;
    --only) only="$only ${2:?--only needs a part}"; shift ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
parts=" ${only:-$parts} "
has() { [[ $parts == *" $1 "* ]]; }

passed=0 failed=0 skipped=0
logs=build-asan/test-logs

count() { # result name
    case $1 in
    0) passed=$((passed + 1)); echo "ok    $2" ;;
    *) failed=$((failed + 1)); echo "FAIL  $2" ;;
    esac
}

title() {
    printf '\n== %s\n' "$1"
}

finish() {
    local line="$passed passed, $failed failed"
    [ "$skipped" = 0 ] || line="$line, $skipped skipped"
    printf '\n%s\n' "$line"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

# A step without which nothing can follow.
must() { # name command…
    local name=$1
    shift
    if ! "$@"; then
        count 1 "$name"
        finish
    fi
}

run_checks() {
    title "Checks of the source"
    local check
    for check in tools/check_*; do
        "$check"
        count $? "$check"
    done
}

run_unit_tests() {
    title "Unit tests and corpora"
    local base=build-asan/meson-logs/unit results n
    rm -f "$base".*
    meson test -C build-asan --no-rebuild --print-errorlogs --logbase unit </dev/null
    local status=$?
    results=$(grep -o '"result": "[A-Z]*"' "$base.json" 2>/dev/null)
    n=$(grep -c '"\(OK\|EXPECTEDFAIL\)"' <<<"$results")
    passed=$((passed + n))
    local n_skipped
    n_skipped=$(grep -c '"SKIP"' <<<"$results")
    skipped=$((skipped + n_skipped))
    local n_failed
    n_failed=$(grep -cv '"\(OK\|EXPECTEDFAIL\|SKIP\)"' <<<"$results")
    [ -n "$results" ] || n_failed=1
    # A failure that left no result is one all the same.
    [ "$status" = 0 ] || [ "$n_failed" -gt 0 ] || n_failed=1
    failed=$((failed + n_failed))
    echo "$n programs passed, $n_failed failed, $n_skipped skipped"
}

# The SDKs need a newer Node than Debian 12 has; npm has one too.
prepare_node() {
    local major
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
    if [ "$major" -lt 20 ]; then
        [ -x build-asan/node/node_modules/.bin/node ] ||
            npm install --no-audit --no-fund --prefix build-asan/node node@20 </dev/null || return 1
        PATH=$PWD/build-asan/node/node_modules/.bin:$PATH
    fi
    local lock=tests/system/package-lock.json installed=tests/system/node_modules/.package-lock.json
    if [ ! -f "$installed" ] || [ "$lock" -nt "$installed" ]; then
        npm ci --ignore-scripts --no-audit --no-fund --prefix tests/system </dev/null || return 1
        touch "$installed"
    fi
}

# Results are counted from node's own summary.
run_node_tests() { # name limit concurrency file…
    local name=$1 limit=$2 concurrency=$3 log="$logs/$1.tap" figure status
    shift 3
    rm -f "$log"
    timeout --kill-after=20 "$limit" node --test "--test-concurrency=$concurrency" \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$log" "$@" </dev/null
    status=$?
    figure() { sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$log" 2>/dev/null | tail -1; }
    local n_passed n_failed n_cancelled n_skipped
    n_passed=$(figure pass) n_failed=$(figure fail) n_cancelled=$(figure cancelled) n_skipped=$(figure skipped)
    n_failed=$((${n_failed:-0} + ${n_cancelled:-0}))
    if [ -z "$n_passed" ] || { [ "$status" != 0 ] && [ "$n_failed" = 0 ]; }; then
        echo "$name: node ended with $status and without a whole summary"
        n_failed=$((n_failed + 1))
    fi
    passed=$((passed + ${n_passed:-0}))
    failed=$((failed + n_failed))
    skipped=$((skipped + ${n_skipped:-0}))
}

run_system_tests() {
    title "System tests"
    must "packages of the system tests" prepare_node
    run_node_tests system 780 2 tests/system/*.test.mjs
}

run_long_tests() {
    title "Soak, chaos, and cuts at every byte"
    must "packages of the system tests" prepare_node
    run_node_tests long $((${SOAK_SECONDS:-300} + ${CHAOS_SECONDS:-120} + 600 + 90 * ${CUTS_PERCENT:-5})) 1 tests/system/long/*.test.mjs
}

fuzz_one() { # program
    local name
    name=$(basename "$1" _fuzz)
    mkdir -p "build-fuzz/corpus/$name" build-fuzz/findings
    if "$1" -max_total_time="${FUZZ_SECONDS:-600}" -max_len=4096 -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/findings/$name-" "build-fuzz/corpus/$name" "tests/corpus/$name" \
        </dev/null >"build-fuzz/$name.log" 2>&1; then
        echo "ok    fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$name.log") runs"
    else
        echo "FAIL  fuzz $name"
        tail -40 "build-fuzz/$name.log"
    fi
}

run_fuzzing() {
    title "Fuzzing, ${FUZZ_SECONDS:-600} s for each target"
    must "packages for fuzzing" install_missing_packages
    CC=clang must "build for fuzzing" build_in build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dbuildtype=debugoptimized -Db_lto=false
    export -f fuzz_one
    local output
    output=$(printf '%s\n' build-fuzz/tests/*_fuzz | xargs -P 2 -I '{}' bash -c 'fuzz_one {}')
    echo "$output"
    passed=$((passed + $(grep -c '^ok ' <<<"$output")))
    failed=$((failed + $(grep -c '^FAIL ' <<<"$output")))
}

need_for_testing
if has fuzz; then need_for_fuzzing; fi
must "packages" install_missing_packages
# Each of ten thousand connections is an open file, here and there.
ulimit -n 20200 2>/dev/null || ulimit -n "$(ulimit -Hn)"

if has checks; then run_checks; fi
if has unit || has system || has long; then
    must "build with sanitizers" build_in build-asan -Db_sanitize=address,undefined \
        -Dbuildtype=debugoptimized -Db_lto=false -Dunit_tests=enabled
    mkdir -p "$logs"
fi
if has unit; then run_unit_tests; fi
if has system || has long; then
    must "release build" build_in build droid2api droid2api-simulator
fi
if has system; then run_system_tests; fi
if has fuzz; then run_fuzzing; fi
if has long; then run_long_tests; fi
finish
