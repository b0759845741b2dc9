// SPDX-License-Identifier: MIT
// A request of Anthropic Messages, decoded.
#include "dialect/anthropic/anthropic.h"

bool anthropic_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    (void)req;
    (void)arena;
    (void)loss;
    return true;
}
