// SPDX-License-Identifier: MIT
// Whether a request is one that the real provider would take: members it knows, and the rules of its conversations that
// translators get wrong. Pure. One file per dialect; critic_internal.h is between them.
#pragma once

#include "base/arena.h"
#include "simulator/ask.h"

// What is wrong with the body of `ask` (in the arena), or empty.
struct slice critic_find_fault(const struct ask *ask, struct arena *arena, struct slice body);

// The same, for `noprefill`: does the conversation end with what the assistant has begun to say?
struct slice critic_find_prefill(const struct ask *ask, struct arena *arena, struct slice body);
