// SPDX-License-Identifier: MIT
// Errors of Gemini, read.
#include "dialect/gemini/gemini.h"

void gemini_read_error(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r)
{
    (void)doc;
    (void)status;
    (void)arena;
    (void)error_r;
}
