// SPDX-License-Identifier: MIT
// Translation between two dialects, as the gateway uses it: a request on its way up, and its answer on its way down.
//
// Happy path, streamed: translate_request() → translation_new() → translation_feed() per event → translation_finish().
// Whole: translation_answer(). Either kind of answer serves either kind of client.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "dialect/answer.h"
#include "dialect/loss.h"
#include "dialect/neutral.h"
#include "dialect/normalise.h"

// ---- requests

struct translate_options {
    enum dialect client;
    enum dialect upstream;
    struct slice upstream_model; // plain
    enum loss_mode mode;
    bool wants_stream;       // by the path, for Gemini; else the body says it
    bool has_stream_in_path; // Gemini's own routes
    bool streams_json_array;
    bool writes_model; // Gemini: the body names the model (the route /v1/generate)
    bool counts;       // a request for counting tokens
};

struct translated_request {
    struct neutral_request req;
    struct target target;
    struct loss loss;
};

// Decodes `doc` (an object, on the tape in full), and appends the body for the upstream to `out`. False: refused,
// `result_r->loss` says why. `doc` must stay as long as the result is used.
bool translate_request(struct arena *arena, const struct json_doc *doc, const struct translate_options *options,
                       struct translated_request *result_r, struct buf *out);

// The answer to a request for counting tokens: read (false: there is no figure in it), and written.
bool translate_read_count(enum dialect upstream, const struct json_doc *doc, int64_t *n_tokens_r);
void translate_write_count(enum dialect client, int64_t n_tokens, struct buf *out);

// ---- answers

struct translation;

struct translation *translation_new(const struct answer_context *context); // in the arena
void translation_deinit(struct translation *translation);
// The caller has begun to answer a client that streams, so that an error has to be written also as the first thing.
void translation_commit(struct translation *translation);

// A streamed answer: one event. What is to be sent to the client is appended to `out`.
void translation_feed(struct translation *translation, struct slice name, struct slice data, struct buf *out);
// The body has ended, and was complete as far as HTTP knows.
void translation_finish(struct translation *translation, struct buf *out);
// An answer in one JSON value (it must stay until this returns). For a client that streams the whole stream is
// appended, else the whole body.
void translation_answer(struct translation *translation, struct slice body, struct buf *out);

// Ends it with an error of our own, in whatever state it is. Nothing after the end.
void translation_fail(struct translation *translation, const struct neutral_error *error, struct buf *out);

// It ended before the upstream's answer did, at a stop sequence: the rest is of no use. The body of a client that does
// not stream is still to be written by translation_finish().
bool translation_is_cut_short(const struct translation *translation);
// Nothing more will come of it: an error or the end has been written. The upstream may be cancelled.
bool translation_is_over(const struct translation *translation);
// The answer failed. Before anything was written the caller can still give it a status of its own.
const struct neutral_error *translation_error(const struct translation *translation); // NULL: it did not
// Has the upstream said that the answer is at its end? An end that is only the end of the body proves nothing where the
// body ends with its connection.
bool translation_is_finished(const struct translation *translation);
bool translation_has_content(const struct translation *translation);
const struct usage *translation_usage(const struct translation *translation);
// How many events of a stream were parsed; the others had the shape of the one before, and were told by it.
size_t translation_n_parsed(const struct translation *translation);

// ---- errors

// The body of an answer with status 400 and up; `body` may be anything. `retry_after` is the header's value or empty.
void translate_read_error(struct arena *arena, enum dialect upstream, unsigned status, struct slice body,
                          struct slice retry_after, struct neutral_error *error_r);
// Takes a secret out of what an upstream says: some repeat the key that they refuse. Empty: there is none.
struct slice translate_hide_secret(struct arena *arena, struct slice message, struct slice secret);
