// SPDX-License-Identifier: MIT
// How many input tokens a request has, where nobody can be asked: by what its characters are. Meant to be a little
// high, since clients decide by it when to shorten a conversation.
#pragma once

#include <stdint.h>

#include "dialect/neutral.h"

int64_t estimate_text(struct slice escaped);

// As the upstream counts it. Within 15 % for texts and tools on the usual models; what it cannot know are the size of
// media, what tools of the provider bring in, and the prompts that some models add for tools.
int64_t estimate_request(const struct neutral_request *req, enum dialect upstream);
