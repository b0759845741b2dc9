// SPDX-License-Identifier: MIT
// Test kit: a request in a line of text, so that tests can compare it with one.
#pragma once

#include "base/arena.h"
#include "dialect/neutral.h"

// "system[Be brief.] user[Hi|image] assistant[call(a,get,{})] user[result(a,get,18 °C)]". Instructions first.
struct slice neutral_trace(struct arena *arena, const struct neutral_request *req);
