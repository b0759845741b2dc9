// SPDX-License-Identifier: MIT
// Reads the usage of a whole JSON answer from its end, where it stands in practice, without looking at the rest of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct usage_grammar;

// Fills what is stated into `figures` (N_FIGURES of them). False, and nothing is changed, when the usage is not there,
// is not certainly the answer's own, or is written in a way that takes a real parser: then the whole has to be read.
bool usage_tail_read(const struct usage_grammar *grammar, struct slice answer, int64_t *figures);
