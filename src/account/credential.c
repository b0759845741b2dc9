// SPDX-License-Identifier: MIT
#include "account/credential.h"

struct credential credential_choose(const struct credential_facts *facts)
{
    if (facts->fixed_key.len) {
        return (struct credential){CREDENTIAL_FIXED_KEY, facts->fixed_key};
    }
    if (facts->n_usable_keys) {
        return (struct credential){CREDENTIAL_POOL, SLICE_EMPTY};
    }
    if (facts->token_level) {
        return (struct credential){facts->token_level == 3 ? CREDENTIAL_OAUTH : CREDENTIAL_FILE, SLICE_EMPTY};
    }
    if (facts->client_secret.len) {
        return (struct credential){CREDENTIAL_CLIENT, facts->client_secret};
    }
    return (struct credential){CREDENTIAL_NONE, SLICE_EMPTY};
}

struct slice credential_advice(void)
{
    return SLICE(
        "No upstream credential is available. Configure one of: (1) FACTORY_API_KEY; (2) keys in the key pool; "
        "(3) DROID_REFRESH_KEY; (4) data/auth.json or ~/.factory/auth.json; or (5) send your own key in the "
        "Authorization or x-api-key header.");
}

const char *credential_level_name(enum credential_level level)
{
    switch (level) {
    case CREDENTIAL_NONE: return "none";
    case CREDENTIAL_FIXED_KEY: return "fixed";
    case CREDENTIAL_POOL: return "pool";
    case CREDENTIAL_OAUTH: return "oauth";
    case CREDENTIAL_FILE: return "auth.json";
    case CREDENTIAL_CLIENT: return "client";
    }
    return "none";
}
