// SPDX-License-Identifier: MIT
// The simulator as a drill needs it: what a model does from now on, and which requests have arrived.
#pragma once

#include "cli/admin_call.h"
#include "cli/drill_grade.h"

// `script` is what drill_write_plan() writes. False: `problem` says why.
bool drill_remote_plan(const struct admin_peer *peer, struct slice model, struct slice script, struct buf *problem);
bool drill_remote_drop_plan(const struct admin_peer *peer, struct slice model, struct buf *problem);

// The number of the newest request that has arrived; those of later ones are greater.
bool drill_remote_mark(const struct admin_peer *peer, uint64_t *mark_r, struct buf *problem);
// The requests for this model that came after the mark.
bool drill_remote_attempts(const struct admin_peer *peer, struct slice model, uint64_t mark,
                           struct drill_attempts *attempts_r, struct buf *problem);
