// SPDX-License-Identifier: MIT
// Who may use the gateway: access keys, and what the client sent beside them.
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "config/config.h"
#include "http/h1_head.h"

struct access {
    bool is_allowed;
    // The client's own upstream credential: what it sent and what was not the access key. Empty when there is none.
    struct slice client_secret;
};

// `query` is that of the request target: Gemini clients may send ?key=K.
struct access access_check(struct arena *arena, const struct config *config, const struct h1_request *req,
                           struct slice query);
