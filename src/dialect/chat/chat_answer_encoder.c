// SPDX-License-Identifier: MIT
// Any answer, as one of Chat Completions.
#include "dialect/chat/chat.h"

const struct answer_encoder chat_encoder = {0};
