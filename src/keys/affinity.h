// SPDX-License-Identifier: MIT
// Which key a conversation went to, and which key made what only that key can read again (responses kept by the
// provider, encrypted reasoning, signatures). A table of fixed size in shared memory; what was not used for longest
// makes room. Nothing here locks: of two writers at once in one place at worst both are forgotten.
#pragma once

#include "keys/key_table.h"

enum { AFFINITY_TTL_MS = 3600 * 1000 };

#define AFFINITY_OWNER_TTL_MS (30LL * 24 * 3600 * 1000)

enum affinity_kind {
    AFFINITY_CONVERSATION,
    AFFINITY_RESPONSE_ID, // Responses: "resp_…"
    AFFINITY_OPAQUE,      // encrypted_content, a thinking signature
};

// A number that stands for the text; never 0. The same text of another kind has another one.
uint64_t affinity_tag(enum affinity_kind kind, struct slice text);

// False: nothing is known, or it is too long ago. Being found counts as use. The key may be gone meanwhile.
bool affinity_find(struct key_table *table, enum affinity_kind kind, uint64_t tag, int64_t now_ms,
                   struct key_lease *key_r);
// Remembers it, in place of what was known. `key` is or was a lease (its identity is not 0).
void affinity_put(struct key_table *table, uint64_t tag, struct key_lease key, int64_t now_ms);
