// SPDX-License-Identifier: MIT
// What the files that pass an answer on share: relay.c (heads, and everything that comes), relay_events.c,
// relay_json.c, and conversion.c.
#pragma once

#include "gateway/gateway_internal.h"

// Of an event or element that is not complete; more of it leaves before it can be checked.
enum { RELAY_KEPT_MAX = 64 * 1024 };

// Through the gate, behind the beginning that was kept (x->event_tail).
int relay_pass_on(struct exchange *x, struct slice bytes, bool last);
// A piece of the answer, unpacked. False: the exchange, or this attempt, is over.
bool relay_events(struct exchange *x, struct slice piece, bool last);
bool relay_json(struct exchange *x, struct slice piece, bool last);

// All of an answer is here, and its end is about to leave. Of an error it is known already whose fault it was.
void relay_end_well(struct exchange *x);
// It ended early.
void relay_fail_cut(struct exchange *x);
// The upstream has said something that no client can use. False, for the caller to return.
bool relay_fail_protocol(struct exchange *x, struct slice message);
// The first content has been seen.
void relay_note_content(struct exchange *x, bool has_content);
