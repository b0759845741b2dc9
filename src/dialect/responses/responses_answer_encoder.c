// SPDX-License-Identifier: MIT
// Any answer, as one of Responses.
#include "dialect/responses/responses.h"

const struct answer_encoder responses_encoder = {0};
