// SPDX-License-Identifier: MIT
// Any request, as one of Responses.
#include "dialect/responses/responses.h"

void responses_encode_request(const struct encoding *encoding, struct buf *out)
{
    (void)encoding;
    (void)out;
}
