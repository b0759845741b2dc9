// SPDX-License-Identifier: MIT
// auth.json: the tokens of an account, as this program and others write them. Pure.
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct auth_document {
    struct slice refresh_token; // empty: none, here and below
    struct slice access_token;  // api_key, or access_token
    struct slice source;        // what tells from which DROID_REFRESH_KEY these tokens descend
    int64_t expires_ms;         // expires_at; 0: not told
    int64_t refreshed_ms;       // last_refresh; 0: not told
};

// False: the text is no JSON object. A token with characters that no header may have counts as none.
bool auth_document_read(struct slice text, struct arena *arena, struct auth_document *document_r);

struct auth_document auth_document_dup(struct arena *arena, const struct auth_document *document);

// Appends the text with these tokens in it. What else it holds stays, and so does how it spells things: access_token or
// api_key, times as numbers or as texts. A text that is no JSON object counts as an empty one.
void auth_document_write(struct slice text, const struct auth_document *document, struct buf *out);
