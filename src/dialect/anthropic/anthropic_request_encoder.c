// SPDX-License-Identifier: MIT
// Any request, as one of Anthropic Messages.
#include "dialect/anthropic/anthropic.h"

void anthropic_encode_request(const struct encoding *encoding, struct buf *out)
{
    (void)encoding;
    (void)out;
}
