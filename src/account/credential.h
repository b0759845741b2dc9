// SPDX-License-Identifier: MIT
// Which credential an upstream request carries: the first of five levels that applies. Levels 2 (key pool), 3 (OAuth)
// and 4 (auth.json) are not built yet.
#pragma once

#include "base/slice.h"
#include "config/config.h"

enum credential_level {
    CREDENTIAL_NONE = 0,
    CREDENTIAL_FIXED_KEY = 1, // FACTORY_API_KEY
    CREDENTIAL_CLIENT = 5,    // the client's own
};

struct credential {
    enum credential_level level;
    struct slice secret; // borrowed from the configuration or from the client's request
};

// `client_secret` is what the client sent beside its access key; empty when it sent nothing.
struct credential credential_choose(const struct config *config, struct slice client_secret);

// How to configure one, for the error that says there is none.
struct slice credential_advice(void);

const char *credential_level_name(enum credential_level level); // for the log
