// SPDX-License-Identifier: MIT
// What operators do, on its way to the disk, and the entry of the audit trail and the line of the log that each of it
// leaves: who, the route's action, what was done to what, and how it ended.
//
// Happy path: a handler changes the store → change_commit() → what was changed is durable → its entry → on_durable
// answers. Failure modes: it cannot be written: nothing was changed, which is told in the entry and answered here (500,
// 507). Ends when: the entry is written; a client that leaves before only misses the answer.
#pragma once

#include "admin/admin_internal.h"

struct change;

// `what` says what was done to what, without secrets: "removed key key_1". It is copied. The target of the entry is
// x->id: of what was made, set it before.
void change_commit(struct admin_exchange *x, struct slice what, void (*on_durable)(struct admin_exchange *x));

// A change elsewhere than in the store: it is begun here, and ends when its outcome is known (0 or a negative errno
// code).
struct change *change_begin(struct admin_exchange *x, struct slice what);
// The exchange; NULL: the client has left. `change` is void.
struct admin_exchange *change_end(struct change *change, int r);

// The exchange is over: nobody waits for the change any more.
void change_leave(struct admin_exchange *x);
// Gives up all changes of which nothing was told yet. The store goes on writing them; the history must be closed, so
// that it does not tell of them any more.
void change_forget_all(struct admin *admin);

// The entry of something that changes nothing that must be written first: a secret that was shown, tests that were
// begun.
void change_audit(struct admin_exchange *x, struct slice what, const char *outcome);
// A change that its handler refuses.
void change_refused(struct admin_exchange *x, unsigned status, struct slice why);
// The entry, but no line, of somebody who came without the right admin key; call it once a minute for each address.
void change_denied(struct admin_exchange *x);
