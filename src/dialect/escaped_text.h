// SPDX-License-Identifier: MIT
// Questions about text that is still escaped as in a JSON string. White space is what JSON and ASCII call so.
#pragma once

#include <stdbool.h>

#include "base/slice.h"

// Nothing, or nothing but white space?
bool escaped_text_is_blank(struct slice escaped);
// Without the white space at its end.
struct slice escaped_text_trim_end(struct slice escaped);
