// SPDX-License-Identifier: MIT
// What an error answer says to people. Pure.
#pragma once

#include "base/arena.h"
#include "base/slice.h"

// The message in an answer of any of the dialects, or a short plain text; else "HTTP 502 (Bad Gateway)". One line, cut
// when it is long; where it repeats `secret` (may be empty), that is masked. In the arena.
struct slice error_text_of(unsigned status, struct slice body, struct slice secret, struct arena *arena);
