// SPDX-License-Identifier: MIT
// The header fields that this program knows by name.
#pragma once

#include <stdint.h>

#include "base/slice.h"

// X(enumerator, "name in lower case")
#define HEADER_NAMES(X)                                                                                                \
    X(ACCEPT, "accept")                                                                                                \
    X(ACCEPT_ENCODING, "accept-encoding")                                                                              \
    X(ACCESS_CONTROL_REQUEST_HEADERS, "access-control-request-headers")                                                \
    X(ACCESS_CONTROL_REQUEST_METHOD, "access-control-request-method")                                                  \
    X(ANTHROPIC_BETA, "anthropic-beta")                                                                                \
    X(ANTHROPIC_VERSION, "anthropic-version")                                                                          \
    X(AUTHORIZATION, "authorization")                                                                                  \
    X(CONNECTION, "connection")                                                                                        \
    X(CONTENT_ENCODING, "content-encoding")                                                                            \
    X(CONTENT_LENGTH, "content-length")                                                                                \
    X(CONTENT_TYPE, "content-type")                                                                                    \
    X(COOKIE, "cookie")                                                                                                \
    X(DATE, "date")                                                                                                    \
    X(EXPECT, "expect")                                                                                                \
    X(FORWARDED, "forwarded")                                                                                          \
    X(HOST, "host")                                                                                                    \
    X(KEEP_ALIVE, "keep-alive")                                                                                        \
    X(ORIGIN, "origin")                                                                                                \
    X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                                        \
    X(PROXY_AUTHORIZATION, "proxy-authorization")                                                                      \
    X(PROXY_CONNECTION, "proxy-connection")                                                                            \
    X(RETRY_AFTER, "retry-after")                                                                                      \
    X(RETRY_AFTER_MS, "retry-after-ms")                                                                                \
    X(SERVER, "server")                                                                                                \
    X(SESSION_DASH_ID, "session-id")                                                                                   \
    X(SESSION_UNDERSCORE_ID, "session_id")                                                                             \
    X(SET_COOKIE, "set-cookie")                                                                                        \
    X(TE, "te")                                                                                                        \
    X(TRACEPARENT, "traceparent")                                                                                      \
    X(TRACESTATE, "tracestate")                                                                                        \
    X(TRAILER, "trailer")                                                                                              \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                                          \
    X(UPGRADE, "upgrade")                                                                                              \
    X(USER_AGENT, "user-agent")                                                                                        \
    X(X_ADMIN_KEY, "x-admin-key")                                                                                      \
    X(X_API_KEY, "x-api-key")                                                                                          \
    X(X_ASSISTANT_MESSAGE_ID, "x-assistant-message-id")                                                                \
    X(X_CLAUDE_CODE_SESSION_ID, "x-claude-code-session-id")                                                            \
    X(X_DROID2API_EXPLAIN, "x-droid2api-explain")                                                                      \
    X(X_DROID2API_KEY_TEST, "x-droid2api-key-test")                                                                    \
    X(X_FORWARDED_FOR, "x-forwarded-for")                                                                              \
    X(X_GOOG_API_CLIENT, "x-goog-api-client")                                                                          \
    X(X_GOOG_API_KEY, "x-goog-api-key")                                                                                \
    X(X_REQUEST_ID, "x-request-id")                                                                                    \
    X(X_SESSION_AFFINITY, "x-session-affinity")                                                                        \
    X(X_SESSION_ID, "x-session-id")

enum header_name {
    HEADER_OTHER,
#define X(enumerator, text) HEADER_##enumerator,
    HEADER_NAMES(X)
#undef X
        HEADER_NAME_COUNT,
};

// For sets of known names in one word.
#define HEADER_BIT(name) (UINT64_C(1) << (name))
_Static_assert(HEADER_NAME_COUNT <= 64, "a set of names is a 64-bit word");

// Case-insensitive; HEADER_OTHER when unknown.
enum header_name header_name_of(struct slice name);
struct slice header_name_text(enum header_name id); // in lower case
