// SPDX-License-Identifier: MIT
// What a token endpoint remembers: which refresh token of each family is the good one, and which access tokens it has
// given. Pure: no clock.
//
// "rt-one~expires=60" is the first refresh token of the family rt-one, "rt-one.1~expires=60" the one that replaces it;
// "at-rt-one-1" is the first access token.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "simulator/script.h"

enum { GRANTS_MAX = 65536 }; // families, and access tokens; then it starts anew

struct grants {
    struct map _families;
    struct map _tokens;
};

void grants_init(struct grants *grants);
void grants_deinit(struct grants *grants);
void grants_forget(struct grants *grants);

// The fields of a form (RFC 6749 §6) that are looked at, decoded.
struct grant_form {
    struct slice grant_type;
    struct slice refresh_token;
    struct slice client_id;
};
// False: broken, or one of them is missing.
bool grants_read_form(struct grant_form *form, struct arena *arena, struct slice body);

// "rt-one" of "rt-one.3~expires=60".
struct slice grants_family(struct slice refresh_token);

// Counts a call with this refresh token.
void grants_count(struct grants *grants, struct slice refresh_token);

struct grant {
    struct slice access_token;  // arena
    struct slice refresh_token; // arena; the same again unless `rotate`
};
// False: the refresh token was replaced by another one.
bool grants_exchange(struct grants *grants, struct arena *arena, struct slice refresh_token,
                     const struct script *script, int64_t now_ms, struct grant *grant_r);

// Is this credential no access token of ours, or a good one?
bool grants_accept(const struct grants *grants, struct slice credential, int64_t now_ms);

// Appends {"<family>":{"calls":N,"granted":N}, …}.
void grants_write(const struct grants *grants, struct buf *out);
