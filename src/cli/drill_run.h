// SPDX-License-Identifier: MIT
// Plays one scenario in all dialects at once: tells the simulator how to fail, asks the gateway, counts what reached
// the simulator, and has it graded.
#pragma once

#include "cli/drill_grade.h"
#include "cli/drill_site.h"

struct drill_outcome {
    enum drill_grade grades[N_DRILL_DIALECTS];
    struct buf why[N_DRILL_DIALECTS]; // owned
    uint64_t took_ms;
};

// False: it could not be played (the simulator does not answer, or the drill was interrupted), and `problem` says why.
bool drill_run_scenario(struct drill_site *site, const struct drill_scenario *scenario, uint32_t speed,
                        struct drill_outcome *outcome_r, struct buf *problem);
void drill_outcome_deinit(struct drill_outcome *outcome);
