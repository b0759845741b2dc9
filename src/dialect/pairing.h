// SPDX-License-Identifier: MIT
// Brings the results of tools behind the calls that they answer. A part of normalise().
#pragma once

#include "dialect/loss.h"
#include "dialect/neutral.h"

// Calls get their final ids, results the id, name and kind of their call; results move into the user turn right behind
// the turn that made the calls, in the order of these. Adjacent assistant turns that call must have been merged. False:
// refused.
bool pairing_settle(struct arena *arena, struct neutral_request *req, struct loss *loss);
