// SPDX-License-Identifier: MIT
// Reasoning that only its issuer can read: Anthropic's signatures and redacted blocks, OpenAI's encrypted items,
// Gemini's thought signatures. Between dialects it travels wrapped, so that a client hands it back intact and only the
// issuer's own spoke opens it.
//
// The wrapper: "gw1." kind "." item id "." data "." checksum; an item id's own dots are written "%2E", data may have
// some. The checksum tells what was damaged from what we wrapped. It takes no secret: who makes one up gets what he
// would get by sending the bare value to the issuer, which checks it; a secret would have to be the same on all
// machines and over all restarts.
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "dialect/dialect.h"

enum opaque_issuer { ISSUER_ANTHROPIC, ISSUER_OPENAI, ISSUER_GOOGLE, ISSUER_VENDOR };

enum opaque_kind {
    OPAQUE_NONE,
    OPAQUE_ANTHROPIC_SIGNATURE, // of a thinking block
    OPAQUE_ANTHROPIC_REDACTED,  // the whole of a redacted_thinking block
    OPAQUE_OPENAI_ENCRYPTED,    // of a reasoning item; bound to item_id
    OPAQUE_GEMINI_CALL,         // thoughtSignature of a functionCall part
    OPAQUE_GEMINI_TEXT,         // of a text part
    OPAQUE_GEMINI_THOUGHT,      // of a thought part
    OPAQUE_VENDOR_TEXT,         // a marker: reasoning of a Chat provider that signs nothing
};

struct neutral_opaque {
    enum opaque_kind kind;
    struct slice data;    // plain; never decoded
    struct slice item_id; // plain; of OpenAI's items, else empty
};

enum opaque_issuer opaque_issuer(enum opaque_kind kind); // not for OPAQUE_NONE

// Appends the wrapper, plain text of [A-Za-z0-9._%-] and whatever data and item id had.
void opaque_wrap(const struct neutral_opaque *opaque, struct buf *out);
// The same, and base64 around it: for Gemini's clients, whose field holds bytes.
void opaque_wrap_base64(const struct neutral_opaque *opaque, struct buf *out);

// What a client sent (plain text): a wrapper of ours, also in base64, is opened. False: it is none, or damaged. What is
// found points into `text` or lives in the arena.
bool opaque_unwrap(struct arena *arena, struct slice text, struct neutral_opaque *opaque_r);
