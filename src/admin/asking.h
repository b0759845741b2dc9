// SPDX-License-Identifier: MIT
// A question to the history whose answer is JSON: forgotten when the client leaves.
#pragma once

#include "admin/admin_internal.h"
#include "store/history.h"

struct asking {
    struct admin_exchange *x; // borrowed
    struct history_ask *ask;  // set by whoever asks; NULL: it was answered
};

// For one question of this exchange; it is its state. In the arena.
struct asking *asking_new(struct admin_exchange *x);
// Answers with that value as data. A history_json_fn, with a struct asking as its argument.
void asking_answer(void *arg, struct slice json, struct slice problem);
