// SPDX-License-Identifier: MIT
// What answer.c does with the calls of an answer so that the client knows them again: names, ids, custom input.
#pragma once

#include "dialect/answer.h"

// Gives the block the tool's name as the client knows it. True: the upstream calls as a function what the client
// declared as a custom tool, so that its input is within {"input": …}.
bool answer_call_map(const struct answer_context *context, struct neutral_block *block);
// The input within {"input": …}, escaped; what is no such object stays as it is. `escaped` must live as long as the
// arena.
struct slice answer_call_unwrap(struct arena *arena, struct slice escaped);

// Has none of the latest calls this id? `last_call` leads to the ones before it.
bool answer_call_is_new(const struct neutral_block *last_call, struct slice id);
// The n-th id of our own in this answer.
struct slice answer_call_mint_id(const struct answer_context *context, uint32_t n);
