#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the gateway (installing what that needs) and starts it; with --demo, together with a simulated provider.
set -euo pipefail
cd "$(dirname "$0")"
. tools/packages.sh
. tools/build.sh

usage() {
    cat <<'END'
Usage: ./start.sh [--demo | --build] [ARGUMENTS OF droid2api]

  (nothing)   install what is missing, build, and start the gateway on port 3000 (see .env.example for settings)
  --demo      the same with a simulated provider behind it: no account needed; shows one streamed answer
  --build     build only
  --help      this text; `./start.sh -- --help` shows the gateway's own

Installing packages needs root or sudo; when nothing is missing, neither is used.
END
}

build() { # target…
    need_for_building
    need_file /etc/ssl/certs/ca-certificates.crt ca-certificates
    install_missing_packages
    build_in build "$@"
}

is_free() { # port
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() {
    local port=3000
    until is_free "$port"; do
        port=$((20000 + RANDOM % 12000))
    done
    echo "$port"
}

# Waits until a command succeeds, for ten seconds at most and no longer than the process lives.
wait_for() { # pid command…
    local pid=$1
    shift
    for _ in {1..500}; do
        "$@" && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.02
    done
    return 1
}

# A model and the one that stands in for it.
demo_model() { # id name type directives
    cat <<END
    { "id": "$1", "name": "$2", "type": "$3", "upstream_model": "$1~$4", "fallbacks": ["$1-backup"] },
    { "id": "$1-backup", "name": "$2, fallback", "type": "$3", "upstream_model": "$1-backup~$4" }
END
}

demo_config() { # address of the simulator
    local how='tokens=47~size=6~pace=40' # as long as three sentences of the simulator
    cat <<END
{
  "models": [
$(demo_model demo-claude "Demo (Anthropic)" anthropic "$how"),
$(demo_model demo-gpt "Demo (OpenAI Responses)" openai "$how"),
$(demo_model demo-chat "Demo (OpenAI Chat)" common "$how"),
$(demo_model demo-gemini "Demo (Gemini)" google "$how")
  ],
  "endpoint": [
    { "name": "anthropic", "type": "anthropic", "base_url": "$1/api/llm/a/v1/messages" },
    { "name": "openai", "type": "openai", "base_url": "$1/api/llm/o/v1/responses" },
    { "name": "common", "type": "common", "base_url": "$1/api/llm/o/v1/chat/completions" },
    { "name": "google", "type": "google", "base_url": "$1" }
  ]
}
END
}

# Prints the text of a streamed chat completion as it comes.
show_stream() { # address of the gateway
    local line pattern='"content":"(([^"\\]|\\.)*)"' n=0
    while IFS= read -r line; do
        if [[ $line =~ $pattern ]]; then
            printf '%b' "${BASH_REMATCH[1]}"
            n=$((n + 1))
        fi
    done < <(curl -sSN "$1/v1/chat/completions" -H 'content-type: application/json' \
        -d '{"model":"demo-chat","stream":true,"messages":[{"role":"user","content":"Hello"}]}')
    echo
    [ "$n" -gt 1 ]
}

show_examples() { # address of the gateway, of the simulator
    cat <<END

The gateway listens on $1 and speaks four dialects. Try, in another terminal:

  curl $1/v1/models

  curl -N $1/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"demo-chat","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

  curl -N $1/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \\
    -d '{"model":"demo-claude","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"Hello"}]}'

  curl -N $1/v1/responses -H 'content-type: application/json' \\
    -d '{"model":"demo-gpt","stream":true,"input":"Hello"}'

  curl -N "$1/v1beta/models/demo-gemini:streamGenerateContent?alt=sse" -H 'content-type: application/json' \\
    -d '{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}'

  build/droid2api drill --url $1 --simulator $2

The last one lets the simulated provider fail in sixteen ways, and shows what becomes of the requests (it takes some minutes;
without --url it has a gateway of its own and is quicker). Ctrl-C ends the demo.
END
}

demo() {
    need_command curl curl
    build droid2api droid2api-simulator
    local dir port
    dir=$(mktemp -d "${TMPDIR:-/tmp}/droid2api-demo.XXXXXX")
    simulator_pid="" gateway_pid=""
    end_demo() {
        trap - EXIT INT TERM HUP
        # shellcheck disable=SC2086
        kill $gateway_pid $simulator_pid 2>/dev/null || true
        wait 2>/dev/null || true
        rm -rf "$1"
    }
    # shellcheck disable=SC2064
    trap "end_demo '$dir'" EXIT
    trap 'exit 0' INT TERM HUP

    build/droid2api-simulator --port 0 --port-file "$dir/port" >"$dir/simulator.log" 2>&1 &
    simulator_pid=$!
    if ! wait_for "$simulator_pid" test -s "$dir/port"; then
        cat "$dir/simulator.log" >&2
        exit 1
    fi
    mkdir -p "$dir/data"
    demo_config "http://127.0.0.1:$(cat "$dir/port")" >"$dir/data/config.json"
    port=$(free_port)
    local root=$PWD
    # In its own directory: the demo must not see, or touch, the settings and data of a real installation.
    (cd "$dir" && exec env -i PATH="$PATH" HOME="$dir" PORT="$port" HOST=127.0.0.1 NODE_ENV=development \
        FACTORY_API_KEY=demo-key SHUTDOWN_GRACE_MS=1000 "$root/build/droid2api") >"$dir/gateway.log" 2>&1 &
    gateway_pid=$!
    if ! wait_for "$gateway_pid" curl -sf -o "$dir/health" "http://127.0.0.1:$port/health"; then
        cat "$dir/gateway.log" >&2
        exit 1
    fi

    echo "One completion, streamed from a simulated provider through the gateway:"
    echo
    if ! show_stream "http://127.0.0.1:$port"; then
        cat "$dir/gateway.log" >&2
        exit 1
    fi
    show_examples "http://127.0.0.1:$port" "http://127.0.0.1:$(cat "$dir/port")"
    wait -n "$simulator_pid" "$gateway_pid" || true
    echo "A part of the demo has ended by itself:" >&2
    cat "$dir/simulator.log" "$dir/gateway.log" >&2
    exit 1
}

case "${1:-}" in
--help | -h) usage ;;
--build) build droid2api ;;
--demo) demo ;;
*)
    [ "${1:-}" != "--" ] || shift
    build droid2api
    exec build/droid2api "$@"
    ;;
esac
