// SPDX-License-Identifier: MIT
// What belongs to one account: conversations whose beginning a provider keeps in its cache, answers that it keeps by
// their id, and reasoning that it has sealed (encrypted, or signed) so that nobody else can read or forge it. A gateway
// with many accounts sends each of these back to where it came from, and must tell them in requests and answers.
//
// Everything speaks of bodies and answers as they are upstream.
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "dialect/dialect.h"
#include "json/json_splice.h"

// ---- conversations

// A text that all requests of one conversation have in common, and few others have: the name that the client gives it,
// else a digest of the system prompt and of what the user said first. Cache marks, which move from request to request,
// are not in it. Empty: there is nothing to tell by. `doc` may be recorded to ADJUST_RECORD_DEPTH only.
struct slice kinship_conversation(enum dialect dialect, const struct json_doc *doc, struct arena *arena);

// ---- answers that the provider keeps (Responses)

// The answer that a request goes on from; empty: none.
struct slice kinship_previous_response(const struct json_doc *doc, struct arena *arena);
// The id of an answer: `text` is the whole body, or the data of one of the first events of a stream. Empty: it has
// none.
struct slice kinship_response_id(struct slice text, struct arena *arena);

// ---- what is sealed

enum { KINSHIP_SEALS_MAX = 4, KINSHIP_SEAL_LEN_MAX = 256 };

// The last sealed things in a request's or an answer's body, or in the data of an event: in the arena, the last one
// first, at most KINSHIP_SEALS_MAX; returns how many. The text need not be parsed or even be JSON. Each is given by its
// end, and in one spelling, so that it is the same in an answer and in every request that brings it back: clients write
// escapes and the alphabets of base64 as they like.
size_t kinship_seals(enum dialect dialect, struct slice text, struct arena *arena,
                     struct slice seals_r[KINSHIP_SEALS_MAX]);

// Adds the splices that take everything sealed out of a request, for when its maker is gone; the rest is a valid
// request, which the provider understands a little less. `splice->doc` is the body as it goes upstream, all of it on
// the tape: whether thinking can stay switched on depends on all that configuration has added. Returns how many things
// go; 0 when there is nothing to take out, or nothing would be left.
size_t kinship_strip(enum dialect dialect, struct json_splice *splice);
