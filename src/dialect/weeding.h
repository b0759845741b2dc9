// SPDX-License-Identifier: MIT
// Takes out of a request what its target would refuse or cannot read: empty texts, foreign reasoning, foreign blocks.
// A part of normalise().
#pragma once

#include "dialect/normalise.h"

// Parts of turns and instructions; turns may become empty.
void weed_parts(struct arena *arena, struct neutral_request *req, const struct target *target, struct loss *loss);
// Turns without parts. False: refused, because the last one was among them and the request would say something else.
bool weed_turns(struct neutral_request *req, struct loss *loss);
// Assistant turns that only reason: they have no place of their own in any dialect.
void weed_mere_reasoning(struct neutral_request *req);
