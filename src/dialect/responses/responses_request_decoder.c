// SPDX-License-Identifier: MIT
// A request of Responses, decoded.
#include "dialect/responses/responses.h"

bool responses_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    (void)req;
    (void)arena;
    (void)loss;
    return true;
}
