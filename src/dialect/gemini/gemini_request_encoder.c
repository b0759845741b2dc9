// SPDX-License-Identifier: MIT
// Any request, as one of Gemini.
#include "dialect/gemini/gemini.h"

void gemini_encode_request(const struct encoding *encoding, struct buf *out)
{
    (void)encoding;
    (void)out;
}
