// SPDX-License-Identifier: MIT
// What happens after an attempt that failed before anything was passed on: the error is held back, judged, and either
// another key is tried or the client is told.
#pragma once

#include "gateway/gateway_internal.h"

// Shall this answer be held back until it is known what becomes of it? Called with the head; `resp` is copied.
bool failover_holds(struct exchange *x, const struct h1_response *resp);
// A piece of an answer that is held. False: it is over (another attempt runs, or the client has been told).
bool failover_on_piece(struct exchange *x, struct slice piece, bool last);
void failover_deinit(struct exchange *x);
