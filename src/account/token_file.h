// SPDX-License-Identifier: MIT
// Where access tokens come from at the start, and where they are kept: DROID_REFRESH_KEY, auth.json in the folder of
// data, auth.json in the home of the user. Blocks.
#pragma once

#include "account/auth_document.h"

#define TOKEN_FILE "auth.json"

struct token_places {
    struct slice seed;  // DROID_REFRESH_KEY
    const char *folder; // of data
    const char *home;   // NULL: there is none
};

// The level of credentials that the tokens are of, 3 or 4; 0: there are none. *tokens_r is set in any case; its texts
// are in the arena, or are the seed. What is wrong with a file is said in the log. Tokens in the folder that descend
// from the refresh key go before it.
unsigned token_file_find(const struct token_places *places, struct arena *arena, struct auth_document *tokens_r);

// Into the folder, durably. What else is in the file, perhaps since a moment ago, stays there. 0 or a negative errno
// code.
MUST_USE int token_file_save(const char *folder, const struct auth_document *tokens);
