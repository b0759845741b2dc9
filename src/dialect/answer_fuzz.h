// SPDX-License-Identifier: MIT
// Test kit: what the fuzz targets of answers have in common.
#pragma once

#include "dialect/translate.h"

// A translation for a client that offered a function and (where its dialect has such a thing) a custom tool, and said
// where to stop.
struct translation *answer_fuzz_begin(struct arena *arena, enum dialect upstream, enum dialect client, bool streams);

// It is over; what came out is what such a client can read, or nothing where it failed at once.
void answer_fuzz_check(const struct translation *translation, enum dialect client, bool streams, struct slice out);
