// SPDX-License-Identifier: MIT
// What a play is worth. Pure.
#pragma once

#include "cli/drill_view.h"

enum drill_grade {
    DRILL_PASS,    // the whole answer, or the error that was wanted; nothing to complain of
    DRILL_PARTIAL, // the same, but it might have been done better
    DRILL_SAFE,    // a clear error, and in time
    DRILL_FAIL,    // a hang, half an answer that looks like one, or against a demand
};
const char *drill_grade_text(enum drill_grade grade);

enum { DRILL_ATTEMPTS_MAX = 32 }; // whose times are kept

struct drill_attempts {
    unsigned n;
    uint64_t at_ns[DRILL_ATTEMPTS_MAX]; // oldest first
};

// One play as it was seen from both sides.
struct drill_play {
    struct drill_view view;
    bool has_ended; // before it counted as a hang
    uint64_t took_ms;
    struct drill_attempts primary;
    struct drill_attempts backup;
    bool is_alive;          // a healthy request was answered afterwards
    struct slice expected;  // text; borrowed
    struct slice backup_id; // what a model's name begins with when the fallback has answered; borrowed
};

// `why` gets what there is to say about it, in a few words. Durations of the scenario are divided by `speed`.
enum drill_grade drill_grade_play(const struct drill_scenario *scenario, const struct drill_play *play, uint32_t speed,
                                  struct buf *why);
