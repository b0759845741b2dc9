// SPDX-License-Identifier: MIT
// Any answer, as one of Gemini.
#include "dialect/gemini/gemini.h"

const struct answer_encoder gemini_encoder = {0};
