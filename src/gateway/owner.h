// SPDX-License-Identifier: MIT
// What of a request or an answer belongs to one key: the conversation that stays with it, and what only its account can
// read again.
#pragma once

#include "base/slice.h"

struct exchange;

// What the request brings along that was made by one key, as far as that is remembered: told in x->lease.
void owner_find(struct exchange *x);
// The body of a good answer, or the data of one of its events: what in it only this key can read again is remembered.
void owner_note(struct exchange *x, struct slice text);
