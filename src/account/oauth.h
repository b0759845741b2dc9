// SPDX-License-Identifier: MIT
// The refresh of a token by OAuth 2.0 (RFC 6749 §6) as bytes: what is asked, and what an answer says. Pure.
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

// application/x-www-form-urlencoded. An empty client id is left out.
void oauth_write_refresh(struct buf *out, struct slice refresh_token, struct slice client_id);

enum oauth_result {
    OAUTH_GRANTED,
    OAUTH_REFUSED, // 4xx: the same refresh token will not do better later
    OAUTH_FAILED,  // the endpoint is down, overloaded, or talks nonsense
};

struct oauth_answer {
    enum oauth_result result;
    struct slice access_token;  // arena
    struct slice refresh_token; // arena; empty: the old one stays good
    int64_t lifetime_ms;        // 0: not told
    struct slice reason;        // arena; of what is not granted: one line for the log, without secrets
};

void oauth_read_answer(unsigned status, struct slice body, struct arena *arena, struct oauth_answer *answer_r);
