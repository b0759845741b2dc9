// SPDX-License-Identifier: MIT
// How many input tokens a request has, where nobody can be asked: by what its characters are. Meant to be a little
// high, since clients decide by it when to shorten a conversation.
#pragma once

#include <stdint.h>

#include "dialect/neutral.h"

int64_t estimate_text(struct slice escaped);
int64_t estimate_request(const struct neutral_request *req, enum dialect upstream);
