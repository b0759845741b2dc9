// SPDX-License-Identifier: MIT
// URLs as this program meets them: base URLs of endpoints and proxies, and request targets (RFC 3986, RFC 9112 §3.2).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct url {
    struct slice scheme;   // "http" or "https"
    struct slice userinfo; // still percent-encoded; empty without one
    struct slice host;     // an IPv6 address without its brackets
    uint16_t port;         // the scheme's default when not given
    bool is_tls;
    bool has_port;
    struct slice path;  // starts with "/"; "/" when the URL has none
    struct slice query; // without "?"; ptr NULL when there is no "?"
};

// What was wrong with a URL.
enum {
    URL_E_SCHEME = 1,  // missing, or neither http nor https
    URL_E_HOST = 2,    // missing or malformed
    URL_E_PORT = 3,    // not 1…65535
    URL_E_CHAR = 4,    // control character, space, non-ASCII, backslash or a broken % sequence
    URL_E_FRAGMENT = 5 // "#…" has no place here
};
const char *url_error_text(int error);

// Absolute http(s) URL. The slices point into `text`.
MUST_USE int url_parse(struct url *url, struct slice text);

// A request target in origin form ("/path?query") or absolute form: only path and query are filled (and scheme, host,
// port in absolute form). "*" is path "*".
MUST_USE int url_parse_target(struct url *url, struct slice target);

// Percent-decoding; '+' stays. False when a sequence is broken or the result has a NUL.
bool url_decode(struct arena *arena, struct slice text, struct slice *decoded_r);

// Percent-encoding of all but letters, digits, "-._~" and what is in `also_plain`.
void url_encode(struct buf *out, struct slice text, const char *also_plain);

// Is a piece of a query between two '&' the parameter of this name, however it is encoded?
bool url_query_is(struct slice pair, struct slice name);

// The value of a query parameter, decoded; false when it is absent or broken. "k" and "k=" are both the empty value.
// The first one counts.
bool url_query_get(struct arena *arena, struct slice query, struct slice name, struct slice *value_r);
