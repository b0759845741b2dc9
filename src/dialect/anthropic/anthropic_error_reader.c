// SPDX-License-Identifier: MIT
// Errors of Anthropic Messages, read.
#include "dialect/anthropic/anthropic.h"

void anthropic_read_error(const struct json_doc *doc, unsigned status, struct arena *arena,
                          struct neutral_error *error_r)
{
    (void)doc;
    (void)status;
    (void)arena;
    (void)error_r;
}
