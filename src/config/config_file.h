// SPDX-License-Identifier: MIT
// config.json: read or created, then its settings and sections brought into the snapshot.
#pragma once

#include "config/config.h"
#include "config/issues.h"

struct config_file_options {
    struct arena *arena;      // borrowed: what lives while reading
    const bool *is_fixed;     // by row of the settings' table: the environment has set it, config.json does not count
    bool create;              // write the file with the defaults when it is missing
    const struct slice *text; // borrowed: in place of the file; NULL: the file is read
};

// Needs the settings of the environment in `config`: the data folder says where the file is.
void config_file_load(struct config *config, const struct config_file_options *options, struct issues *issues);
