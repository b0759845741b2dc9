// SPDX-License-Identifier: MIT
// Any request, as one of Chat Completions.
#include "dialect/chat/chat.h"

void chat_encode_request(const struct encoding *encoding, struct buf *out)
{
    (void)encoding;
    (void)out;
}
