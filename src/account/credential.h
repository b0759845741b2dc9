// SPDX-License-Identifier: MIT
// Which credential an upstream request carries: the first of five levels that applies. Pure: what there is comes in as
// facts.
#pragma once

#include <stdint.h>

#include "base/slice.h"

enum credential_level {
    CREDENTIAL_NONE = 0,
    CREDENTIAL_FIXED_KEY = 1, // FACTORY_API_KEY
    CREDENTIAL_POOL = 2,      // a key of the pool
    CREDENTIAL_OAUTH = 3,     // DROID_REFRESH_KEY
    CREDENTIAL_FILE = 4,      // data/auth.json or ~/.factory/auth.json
    CREDENTIAL_CLIENT = 5,    // the client's own
};

struct credential {
    enum credential_level level;
    struct slice secret; // of levels 1 and 5; borrowed from the configuration or from the client's request
};

// What there is to choose from.
struct credential_facts {
    struct slice fixed_key;     // FACTORY_API_KEY; empty: none
    uint32_t n_usable_keys;     // key_table_n_usable(): cooling down or not, so that a pool at rest is no reason to use
                                // somebody else's credential
    unsigned token_level;       // token_source_level()
    struct slice client_secret; // what the client sent beside its access key; empty: nothing
};

// Of levels 2 to 4 the secret is had from the pool or the token source.
struct credential credential_choose(const struct credential_facts *facts);

// How to configure one, for the error that says there is none.
struct slice credential_advice(void);

const char *credential_level_name(enum credential_level level); // for the log
