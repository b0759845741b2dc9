// SPDX-License-Identifier: MIT
// Admin keys that everybody would try first.
#pragma once

#include <stdbool.h>

#include "base/slice.h"

enum { ADMIN_KEY_STRONG_LEN = 16 };

// Can it be guessed: is it shorter than ADMIN_KEY_STRONG_LEN, of few different characters, or one of the well-known
// ones? The empty key is not weak: it opens nothing.
bool admin_key_is_weak(struct slice key);
