#!/bin/sh
# SPDX-License-Identifier: MIT
# Proves that each check accepts what is right and rejects what is wrong.
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# A small tree that is right.
plant() {
    rm -rf "$tree"
    mkdir -p "$tree/src/low" "$tree/src/high/one" "$tree/src/high/two" "$tree/src/side" "$tree/tests"
    cp "$tools/../.clang-format" "$tree/"
    printf '# comment\nlow:\nside: low\nhigh: low\nhigh/high_test.c: low side\nmain.c: high\n' >"$tree/src/layers.txt"
    printf '// a\n#pragma once\nint low_value(void);\n' >"$tree/src/low/low.h"
    printf '// a\n#pragma once\nint side_value(void);\n' >"$tree/src/side/side.h"
    printf '// a\n#pragma once\nint one_value(void);\n' >"$tree/src/high/one/one.h"
    printf '// a\n#include "low/low.h"\n' >"$tree/src/low/low.c"
    printf '// a\n#include "high/one/one.h"\n#include "low/low.h"\n' >"$tree/src/high/high.c"
    printf '// a\n#include "kit/kit.h"\n#include "side/side.h"\n' >"$tree/src/high/high_test.c"
    printf '// a\n#include "high/one/one.h"\n' >"$tree/src/high/one/one.c"
    printf '// a\n' >"$tree/src/main.c"
}

expect() { # accept|reject what command…
    wanted=$1
    what=$2
    shift 2
    if "$@" >"$tree.log" 2>&1; then got=accept; else got=reject; fi
    if [ "$got" != "$wanted" ]; then
        echo "$*: $what: should $wanted"
        cat "$tree.log"
        failed=1
    fi
    rm -f "$tree.log"
}

rejects() { # check what file text: with this line added to the file, the check must reject the tree
    plant
    expect accept "a tree that is right" "$tools/$1" "$tree"
    mkdir -p "$(dirname "$tree/$3")"
    printf '%s\n' "$4" >>"$tree/$3"
    expect reject "$2" "$tools/$1" "$tree"
}

rejects check_layers "an include that points up" src/low/low.c '#include "high/high.h"'
rejects check_layers "an include that points sideways" src/high/high.c '#include "side/side.h"'
rejects check_layers "an exception for one file is for that file" src/high/one/one.c '#include "side/side.h"'
rejects check_layers "a private folder, from its sibling" src/high/two/two.c '#include "high/one/one.h"'
rejects check_layers "a private folder, from another layer" src/main.c '#include "high/one/one.h"'
rejects check_layers "the kit of the tests, from what is no test" src/high/high.c '#include "kit/kit.h"'
rejects check_layers "an include without its folder" src/low/low.c '#include "low.h"'
rejects check_layers "an include through .." src/low/low.c '#include "../high/high.h"'
rejects check_layers "a folder that is in no layer" src/new/new.c '// a'
rejects check_layers "spaces around the include" src/low/low.c ' #  include   "high/high.h"'

rejects check_headers "a header that lacks an include" src/low/low.h 'size_t low_size(void);'

rejects check_words "strcpy" src/low/low.c 'void f(char *a) { strcpy(a, "b"); }'
rejects check_words "sprintf" src/low/low.c 'void f(char *a) { sprintf(a, "b"); }'
rejects check_words "atoi" src/low/low.c 'int f(void) { return atoi ("1"); }'
rejects check_words "gets" src/low/low.c 'char *f(char *a) { return gets(a); }'
rejects check_words "a file called util" src/low/low_util.c '// a'
rejects check_words "a folder called common" src/common/low.c '// a'
rejects check_words "a path of a machine" src/low/low.c "// see /""work/x"
rejects check_words "a home directory" tests/list.txt "path=/""home/me/x"
rejects check_words "a registry host" tests/package-lock.json "https://""registry"".npmjs.org/x"
rejects check_words "a resolved entry" tests/package-lock.json "  \"re""solved\": \"x\""
plant
printf 'int f(void) { return snprintf(a, 1, "b") + my_atoi(c); }\n' >>"$tree/src/low/low.c"
expect accept "names that only look alike" "$tools/check_words" "$tree"

rejects check_format "a line that is not formatted" src/low/low.c 'int  f( void ){return 1 ;}'

[ $failed = 0 ] && echo "The checks accept and reject what they should."
exit $failed
