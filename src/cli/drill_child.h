// SPDX-License-Identifier: MIT
// A program that runs for as long as we do: it ends with us, however we end.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/mem.h"

struct drill_child {
    pid_t pid; // 0: there is none
};

// `arguments` and `environment` end with NULL; what it says goes to the file `log_path`. 0 or a negative errno code;
// that the program could not be started shows in how it ends.
MUST_USE int drill_child_start(struct drill_child *child, const char *folder, const char *log_path,
                               char *const *arguments, char *const *environment);
bool drill_child_is_running(struct drill_child *child);
// Asks it to end, and ends it after a while. Blocks. Harmless when there is none.
void drill_child_stop(struct drill_child *child);
