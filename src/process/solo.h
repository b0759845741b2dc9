// SPDX-License-Identifier: MIT
// One process, one loop.
#pragma once

#include "config/config.h"

// Runs the gateway until it is told to stop; takes the configuration. SIGTERM and SIGINT drain, a second one ends at
// once; SIGHUP reads the configuration anew from `sources`. Returns the exit status.
int solo_run_take(struct config *config, const struct config_sources *sources);
