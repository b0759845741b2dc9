// SPDX-License-Identifier: MIT
#include "http/header_name.h"

static const struct slice texts[HEADER_NAME_COUNT] = {[HEADER_OTHER] = {NULL, 0},
#define X(enumerator, text) [HEADER_##enumerator] = SLICE_INIT(text),
                                                      HEADER_NAMES(X)
#undef X
};

// The names of each length (none is of 1 or 3 bytes, see is_same()); a test finds every name through it.
enum { LENGTH_MAX = 30, SAME_LENGTH_MAX = 7 };
static const unsigned char by_length[LENGTH_MAX + 1][SAME_LENGTH_MAX] = {
    [2] = {HEADER_TE},
    [4] = {HEADER_HOST, HEADER_DATE},
    [6] = {HEADER_ACCEPT, HEADER_SERVER, HEADER_COOKIE, HEADER_ORIGIN, HEADER_EXPECT},
    [7] = {HEADER_UPGRADE, HEADER_TRAILER},
    [9] = {HEADER_X_API_KEY, HEADER_FORWARDED},
    [10] = {HEADER_CONNECTION, HEADER_USER_AGENT, HEADER_KEEP_ALIVE, HEADER_SET_COOKIE, HEADER_TRACESTATE,
            HEADER_SESSION_DASH_ID, HEADER_SESSION_UNDERSCORE_ID},
    [11] = {HEADER_RETRY_AFTER, HEADER_TRACEPARENT, HEADER_X_ADMIN_KEY},
    [12] = {HEADER_CONTENT_TYPE, HEADER_X_REQUEST_ID, HEADER_X_SESSION_ID},
    [13] = {HEADER_AUTHORIZATION},
    [14] = {HEADER_CONTENT_LENGTH, HEADER_ANTHROPIC_BETA, HEADER_X_GOOG_API_KEY, HEADER_RETRY_AFTER_MS},
    [15] = {HEADER_ACCEPT_ENCODING, HEADER_X_FORWARDED_FOR},
    [16] = {HEADER_CONTENT_ENCODING, HEADER_PROXY_CONNECTION},
    [17] = {HEADER_TRANSFER_ENCODING, HEADER_ANTHROPIC_VERSION, HEADER_X_GOOG_API_CLIENT},
    [18] = {HEADER_PROXY_AUTHENTICATE, HEADER_X_SESSION_AFFINITY},
    [19] = {HEADER_PROXY_AUTHORIZATION, HEADER_X_DROID2API_EXPLAIN},
    [20] = {HEADER_X_DROID2API_KEY_TEST},
    [22] = {HEADER_X_ASSISTANT_MESSAGE_ID},
    [24] = {HEADER_X_CLAUDE_CODE_SESSION_ID},
    [29] = {HEADER_ACCESS_CONTROL_REQUEST_METHOD},
    [30] = {HEADER_ACCESS_CONTROL_REQUEST_HEADERS},
};

// Bits in which `n` bytes of both differ, but for the case of letters. `lower` is of small letters, digits, hyphens and
// underscores: only its letters have both bits 0x40 and 0x20, and only there may bit 0x20 differ.
static inline uint64_t difference(const char *name, const char *lower, size_t n)
{
    uint64_t a = 0;
    uint64_t b = 0;
    memcpy(&a, name, n);
    memcpy(&b, lower, n);
    return (a ^ b) & ~((b & 0x4040404040404040) >> 1 & b);
}

// The last piece overlaps the one before it.
static bool is_same(const char *name, const char *lower, size_t len)
{
    if (len >= 8) {
        for (size_t i = 0; i < len - 8; i += 8) {
            if (difference(name + i, lower + i, 8)) {
                return false;
            }
        }
        return !difference(name + len - 8, lower + len - 8, 8);
    }
    if (len >= 4) {
        return !difference(name, lower, 4) && !difference(name + len - 4, lower + len - 4, 4);
    }
    return !difference(name, lower, 2);
}

enum header_name header_name_of(struct slice name)
{
    if (name.len > LENGTH_MAX) {
        return HEADER_OTHER;
    }
    const unsigned char *candidates = by_length[name.len];
    for (size_t i = 0; i < SAME_LENGTH_MAX && candidates[i] != HEADER_OTHER; i++) {
        if (is_same(name.ptr, texts[candidates[i]].ptr, name.len)) {
            return (enum header_name)candidates[i];
        }
    }
    return HEADER_OTHER;
}

struct slice header_name_text(enum header_name id)
{
    return texts[id];
}
