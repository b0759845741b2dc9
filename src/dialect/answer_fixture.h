// SPDX-License-Identifier: MIT
// Test kit: an upstream's answer as its spoke's decoder reads it, and what such an answer says as text, so that two of
// them are compared, and their difference is read, line by line.
#pragma once

#include "dialect/collect.h"
#include "dialect/fixture_file.h"
#include "dialect/normalise.h"

// A request of nobody with no tools, and the context of an answer to it.
struct answer_context fixture_context(struct arena *arena, enum dialect upstream, enum dialect client);

// How bytes come: `first` of them, then pieces of `step`.
struct cut {
    size_t first;
    size_t step;
};

#define CUT_NOWHERE ((struct cut){SIZE_MAX, SIZE_MAX})
#define CUT_EVERYWHERE ((struct cut){0, 1})

// Every event lies in memory that is gone when the decoder returns.
const struct neutral_response *fixture_decode_stream(const struct answer_context *context, struct slice bytes,
                                                     struct cut cut);
const struct neutral_response *fixture_decode_body(const struct answer_context *context, struct slice body);

// The whole of a response, block by block.
void fixture_describe(const struct neutral_response *response, struct buf *out);

// The gist of a response, which all dialects have: texts (joined, whatever their blocks), calls, reasons, figures.
struct gist {
    struct arena *arena;
    struct slice reasoning_glue; // between the blocks and parts of reasoning
    bool has_no_ids;
    bool has_no_reasoning;
    bool has_no_refusals; // words of refusal are text
};

void fixture_gist(const struct gist *gist, const struct neutral_response *response, struct buf *out);
// The lines of a gist, for other sources of one.
void fixture_gist_text(struct buf *out, const char *name, struct slice text); // nothing for an empty text
void fixture_gist_usage(struct buf *out, const struct usage *usage);          // what is not known counts as 0
// Dialects without parts of reasoning put an empty line between them.
struct slice fixture_without_empty_lines(struct arena *arena, struct slice text);

// A JSON text in one form for all that are the same value: members sorted, numbers with a fraction or an exponent as
// doubles, no white space. What is no JSON stands as a string in {"_invalid_json": …}.
void fixture_canonical(struct arena *arena, struct slice json, struct buf *out);
void fixture_canonical_node(const struct json_doc *doc, const struct json_node *node, struct arena *arena,
                            struct buf *out);

// Prints the first line that differs, if there is one, and counts it: so that a test shows all its failures at once.
void fixture_compare(size_t *n_failed, const char *name, struct slice expected, struct slice found);
