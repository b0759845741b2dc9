# SPDX-License-Identifier: MIT
# Sourced by start.sh and test.sh: builds in a folder, incrementally, quietly unless something goes wrong.

build_in() { # folder [-D meson option]… [target]…
    build_folder=$1
    shift
    build_options=""
    while case ${1:-} in -D*) true ;; *) false ;; esac do
        build_options="$build_options $1"
        shift
    done
    build_log=$(mktemp)
    build_setup=""
    if [ ! -f "$build_folder/build.ninja" ]; then
        echo "Building in $build_folder/ for the first time." >&2
        # What a build that was broken off has left behind is of no use.
        rm -rf "$build_folder"
        build_setup="meson setup"
    elif [ "$(cat "$build_folder/options" 2>/dev/null)" != "$build_options" ]; then
        build_setup="meson setup --reconfigure"
    fi
    if [ -n "$build_setup" ]; then
        # shellcheck disable=SC2086
        if ! $build_setup $build_options "$build_folder" </dev/null >"$build_log" 2>&1; then
            cat "$build_log" >&2
            rm -f "$build_log"
            return 1
        fi
        echo "$build_options" >"$build_folder/options"
    fi
    if ! ninja -C "$build_folder" "$@" </dev/null >"$build_log" 2>&1; then
        cat "$build_log" >&2
        rm -f "$build_log"
        echo "The build in $build_folder/ failed; its messages are above." >&2
        return 1
    fi
    rm -f "$build_log"
}
