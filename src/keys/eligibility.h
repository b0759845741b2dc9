// SPDX-License-Identifier: MIT
// May a key be used now, for this model; and if not, why and until when. Eligible is what is active, whose last test
// has not failed, what is not cooling down and has room for one more request.
#pragma once

#include "keys/key_table.h"

enum key_obstacle {
    KEY_ELIGIBLE,
    KEY_GONE,
    KEY_IS_DISABLED,
    KEY_IS_BANNED,
    KEY_HAS_FAILED_ITS_TEST,
    KEY_IS_COOLING,
    KEY_IS_COOLING_FOR_MODEL,
    KEY_IS_FULL,       // as many requests in flight as it may have
    KEY_IS_OVER_QUOTA, // by the algorithm that asks for it
    KEY_WAS_TRIED,     // in this request
};

// When a full key is looked at again, if not told before.
enum { KEY_FULL_MS = 1000 };

// `model` is a tag, 0 for none. *until_ms_r: when all that is in the way goes by itself; 0: not by time.
enum key_obstacle key_obstacle_of(const struct key_slot *slot, const struct key_settings *settings, uint32_t model,
                                  int64_t now_ms, int64_t *until_ms_r);
// Has it no room, with that many requests in flight?
bool key_is_full(const struct key_slot *slot, const struct key_settings *settings, uint32_t n_inflight);
const char *key_obstacle_name(enum key_obstacle obstacle); // "cooling", …: for the trail of a request
