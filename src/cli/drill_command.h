// SPDX-License-Identifier: MIT
// `droid2api drill …`: shows operators what their settings make of a failing provider.
#pragma once

// The arguments behind "drill"; returns the exit status.
int drill_command_run(int argc, char **argv);
