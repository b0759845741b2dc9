// SPDX-License-Identifier: MIT
// Errors of Responses, read.
#include "dialect/responses/responses.h"

void responses_read_error(const struct json_doc *doc, unsigned status, struct arena *arena,
                          struct neutral_error *error_r)
{
    (void)doc;
    (void)status;
    (void)arena;
    (void)error_r;
}
