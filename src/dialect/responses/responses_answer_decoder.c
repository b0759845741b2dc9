// SPDX-License-Identifier: MIT
// Answers of Responses, decoded.
#include "dialect/responses/responses.h"

const struct answer_decoder responses_decoder = {0};
