// SPDX-License-Identifier: MIT
// `droid2api keys …`: the pool of keys from a terminal or a script.
#pragma once

// The arguments behind "keys"; returns the exit status.
int keys_command_run(int argc, char **argv);
