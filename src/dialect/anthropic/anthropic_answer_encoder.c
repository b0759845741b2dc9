// SPDX-License-Identifier: MIT
// Any answer, as one of Anthropic Messages.
#include "dialect/anthropic/anthropic.h"

const struct answer_encoder anthropic_encoder = {0};
