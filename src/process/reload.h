// SPDX-License-Identifier: MIT
// Reads the configuration again and brings it into force, for SIGHUP and for the admin API.
#pragma once

#include "config/config.h"

struct gateway;
struct keeper;
struct log_sink;

// Pointers are borrowed.
struct reload {
    const struct config_sources *sources;
    struct config **config; // the process's reference to what is in force, which is replaced
    struct gateway *gateway;
    struct keeper *keeper;
    struct log_sink *log;
};

// False: something is wrong, and what was in force stays. It is logged, and appended to `errors`. Reads files, so it
// blocks.
bool reload_config(struct reload *reload, struct buf *errors);

// From now on the admin API may change config.json; until it is closed, at the latest when the keeper is.
void reload_open_door(struct reload *reload);
void reload_close_door(struct reload *reload);
