// SPDX-License-Identifier: MIT
// A request of Gemini, decoded.
#include "dialect/gemini/gemini.h"

bool gemini_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    (void)req;
    (void)arena;
    (void)loss;
    return true;
}
