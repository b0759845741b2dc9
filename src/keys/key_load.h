// SPDX-License-Identifier: MIT
// Is a key overrun, compared with the others of its tier? A conversation stays with its key only as long as that has
// not far more to do than they have.
#pragma once

#include "keys/dice.h"
#include "keys/roster.h"

// More than this may be in flight on a key whatever the others do.
enum { KEY_LOAD_ALWAYS = 2 };

// More in flight than 1.25 times what an eligible key of the tier has on average, and than chance explains: requests
// that come at random make that the average and three times its root, now and then, on keys that are loaded alike.
// The average is approximate: measured ten times a second, on 64 keys at most, and until then taken to grow with every
// pick of this process; that errs towards leaving conversations where they are.
bool key_is_overrun(const struct key_roster *roster, struct key_tier *tier, const struct key_slot *slot,
                    struct dice *dice, int64_t now_ms);
