// SPDX-License-Identifier: MIT
// Answers of Anthropic Messages, decoded.
#include "dialect/anthropic/anthropic.h"

const struct answer_decoder anthropic_decoder = {0};
