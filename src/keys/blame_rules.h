// SPDX-License-Identifier: MIT
// What an operator says about the failures of a provider: it goes before what the table in blame.c says.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "keys/blame.h"

struct blame_rule {
    unsigned first;        // status
    unsigned last;         // the same one, or where a range of them ends
    struct slice contains; // that the text must say, in any case; in lower case here; empty: whatever it says
    enum blame blame;
    int64_t cooldown_ms; // -1: as always with such a blame
};

// The first that fits decides.
struct blame_rules {
    const struct blame_rule *rules; // borrowed
    size_t n;
};
