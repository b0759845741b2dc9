// SPDX-License-Identifier: MIT
// Answers of Gemini, decoded.
#include "dialect/gemini/gemini.h"

const struct answer_decoder gemini_decoder = {0};
