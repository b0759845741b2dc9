// SPDX-License-Identifier: MIT
// What belongs to one account in OpenAI's Chat Completions: nothing by itself. Providers that sign their reasoning put
// it into members of their own, and take requests without.
#include "dialect/chat/chat.h"

const struct kinship_grammar chat_kinship = {
    .ids = {SLICE_INIT("prompt_cache_key"), SLICE_INIT("user")},
    .messages = SLICE_INIT("messages"),
    .content = SLICE_INIT("content"),
    .seal = {SLICE_INIT("signature\""), {2, 6}}, // "thought_signature", too
};
