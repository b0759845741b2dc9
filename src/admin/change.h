// SPDX-License-Identifier: MIT
// Changes of the pool on their way to the disk, and the audit line that each of them leaves in the log.
//
// Happy path: a handler changes the store → change_commit() → what was changed is durable → its audit line → on_durable
// answers. Failure modes: it cannot be written: nothing was changed, which is logged and answered here (500, 507).
// Ends when: the line is written; a client that leaves before only misses the answer.
#pragma once

#include "admin/admin_internal.h"

// `what` says what was done to what, without secrets: "removed key key_1". It is copied.
void change_commit(struct admin_exchange *x, struct slice what, void (*on_durable)(struct admin_exchange *x));
// The exchange is over: nobody waits for the change any more.
void change_leave(struct admin_exchange *x);
// Gives up all changes of which the store has not told yet; it goes on writing them.
void change_forget_all(struct admin *admin);

// The line of something that changes nothing in the store: a secret that was shown, tests that were begun.
void change_audit(const struct admin_exchange *x, struct slice what, const char *outcome);
