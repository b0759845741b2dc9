# SPDX-License-Identifier: MIT
# Sourced by start.sh and test.sh: finds out which Debian packages are missing, and installs those and no others.

missing_packages=""

need_command() { # command package
    command -v "$1" >/dev/null 2>&1 || missing_packages="$missing_packages $2"
}

need_library() { # pkg-config-name package
    pkg-config --exists "$1" 2>/dev/null || missing_packages="$missing_packages $2"
}

need_file() { # path package
    [ -e "$1" ] || missing_packages="$missing_packages $2"
}

need_for_building() {
    need_command cc gcc
    need_file /usr/include/stdio.h libc6-dev
    need_command pkg-config pkg-config
    need_command meson meson
    need_command ninja ninja-build
    need_library libuv libuv1-dev
    need_library openssl libssl-dev
    need_library sqlite3 libsqlite3-dev
    need_library zlib zlib1g-dev
}

need_for_testing() {
    need_for_building
    need_file /usr/include/cmocka.h libcmocka-dev
    need_command clang-format clang-format
    need_command git git
    need_command openssl openssl
    need_command node nodejs
    need_command npm npm
    need_command promtool prometheus
    need_command sqlite3 sqlite3
}

need_for_fuzzing() {
    need_command clang clang
    # The name of its folder has the version of clang in it.
    ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1 ||
        missing_packages="$missing_packages libclang-rt-14-dev"
}

# Does nothing, and needs no rights, when nothing is missing.
install_missing_packages() {
    [ -n "$missing_packages" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing:$missing_packages (these are the names of Debian's packages). Please install them and start again." >&2
        return 1
    fi
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "Missing:$missing_packages. Please have root run: apt-get install --no-install-recommends$missing_packages" >&2
            return 1
        fi
        as_root="sudo"
    fi
    echo "Installing:$missing_packages" >&2
    packages_log=$(mktemp)
    if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        # shellcheck disable=SC2086
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing_packages; } \
        </dev/null >"$packages_log" 2>&1; then
        cat "$packages_log" >&2
        rm -f "$packages_log"
        echo "Could not install:$missing_packages" >&2
        return 1
    fi
    rm -f "$packages_log"
    missing_packages=""
}
