// SPDX-License-Identifier: MIT
// Errors of Chat Completions, read.
#include "dialect/chat/chat.h"

void chat_read_error(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r)
{
    (void)doc;
    (void)status;
    (void)arena;
    (void)error_r;
}
