// SPDX-License-Identifier: MIT
// The arguments of `droid2api drill`. Pure.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "cli/drill_scenario.h"

// Borrows argv. Texts whose ptr is NULL are not given.
struct drill_options {
    bool wants_help;
    bool is_json;
    struct slice url;        // of a gateway that runs already
    struct slice simulator;  // the program; with `url` the address of the one that runs
    struct slice access_key; // for `url`
    uint32_t speed;          // all durations are divided by it
    bool is_chosen[N_DRILL_SCENARIOS];
};

// The arguments behind "drill". False: `problem` says in one line what is wrong with them.
bool drill_options_read(struct drill_options *options, int argc, char **argv, struct buf *problem);
void drill_options_help(struct buf *out);
