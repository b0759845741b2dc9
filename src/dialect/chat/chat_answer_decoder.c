// SPDX-License-Identifier: MIT
// Answers of Chat Completions, decoded.
#include "dialect/chat/chat.h"

const struct answer_decoder chat_decoder = {0};
