// SPDX-License-Identifier: MIT
// The sixteen ways in which a provider fails in a drill, and what is demanded of the gateway then. They are the
// scenarios of failoverbench (METHODOLOGY v0.1), made anew from their description.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum drill_dialect { DRILL_ANTHROPIC, DRILL_RESPONSES, DRILL_CHAT, DRILL_GEMINI };
enum { N_DRILL_DIALECTS = 4 };
const char *drill_dialect_text(enum drill_dialect dialect);

// What is looked at, beside whether and how the call ends. Those of the second group cost full marks only.
enum drill_check {
    DRILL_NO_LOOP = 1 << 0,       // no more than loop_most attempts within loop_ms
    DRILL_ASKED_ONCE = 1 << 1,    // one attempt at the primary
    DRILL_ALIVE = 1 << 2,         // a healthy request is answered afterwards
    DRILL_TELLS_REASON = 1 << 3,  // of the provider
    DRILL_HIDES_PREFILL = 1 << 4, // what the fallback says about a prefill is no answer
    DRILL_NAMES_BACKUP = 1 << 5,  // as the model of the answer
    DRILL_IN_TIME = 1 << 6,       // within most_ms

    DRILL_SAME_AGAIN = 1 << 16,  // the same provider is asked a second time
    DRILL_RETRY_AFTER = 1 << 17, // and not before it said
    DRILL_ONE_SILENCE = 1 << 18, // a silent provider is asked once
    DRILL_HAS_USAGE = 1 << 19,   // the answer says what it has cost
    DRILL_SOON = 1 << 20,        // within most_ms
};
enum { DRILL_ADVICE = ~0xffff };

struct drill_scenario {
    const char *id; // "S01"
    const char *title;
    const char *fault;        // directives of the simulator for the primary
    const char *other_fault;  // in all dialects but Chat; NULL: the same
    const char *backup_fault; // for the fallback; NULL: none
    const char *timed;        // one more directive, with a duration; NULL: none
    uint32_t timed_ms;        // real time, as all here
    uint32_t hang_ms;         // a call that takes longer hangs
    uint32_t most_ms;         // see DRILL_IN_TIME and DRILL_SOON
    uint32_t loop_ms;
    unsigned loop_most;
    unsigned attempts_most; // at the primary; 0: any number
    uint32_t checks;        // of enum drill_check
    bool wants_error;       // an answer would be wrong
    bool is_sequence;       // an outage of outage_ms, and n_requests while it lasts and after
};

enum { N_DRILL_SCENARIOS = 16 };
extern const struct drill_scenario drill_scenarios[N_DRILL_SCENARIOS];

// Figures of the one sequence.
enum { DRILL_OUTAGE_MS = 60000, DRILL_INTERVAL_MS = 4000, DRILL_REQUESTS = 20, DRILL_RETURN_MS = 30000 };

enum { DRILL_TOKENS = 60 }; // of a whole answer

// How long a call may take before it counts as hung. Never less than some seconds: there are waits that cannot be
// divided, like those that a provider asks for.
uint32_t drill_hang_ms(const struct drill_scenario *scenario, uint32_t speed);

// The directives for a model, as a plan of the simulator takes them; NULL as `fault`: a healthy one. Durations are
// divided by `speed`.
void drill_write_plan(struct buf *out, const char *fault);
void drill_write_fault(struct buf *out, const struct drill_scenario *scenario, enum drill_dialect dialect,
                       uint32_t speed);
