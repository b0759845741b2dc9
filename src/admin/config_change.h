// SPDX-License-Identifier: MIT
// Changes of config.json, one after the other: each is made from what is in force, checked as the whole that the file
// would be, written durably, brought into force, and answered. See config_change.c.
#pragma once

#include "admin/admin_internal.h"

struct config_edit {
    // What the file is to be, from its text that is in force (SLICE_EMPTY: there is no file). False: not possible, and
    // *problem_r says why (400). Both in the arena of the exchange.
    bool (*make)(struct admin_exchange *x, struct slice text, struct slice *text_r, struct slice *problem_r);
    // It is in force: answers. `warnings` has a line for each thing in the file that nothing reads.
    void (*done)(struct admin_exchange *x, struct slice warnings);
    struct slice what; // for the audit trail; borrowed: arena of the exchange
};

// Answers the exchange, later.
void config_change_start(struct admin_exchange *x, const struct config_edit *edit);
