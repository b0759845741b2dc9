// SPDX-License-Identifier: MIT
// Any answer, as one of Gemini: a stream of whole responses with what has come since the one before.
//
// Google's own client takes nothing but data lines, and keeps the model's turn only if every response has a candidate
// with at least one part and one says how it ended. There is no end of its own: the body just ends.
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_answer_parts.h"
#include "dialect/gemini/gemini_logprobs.h"
#include "dialect/gemini/gemini_media.h"

enum { ARGUMENTS_FIRST = 256, CANDIDATES_FIRST = 4 };

// Its arguments must be an object, so that it is written when they are complete.
struct held_call {
    char *arguments; // arena
    size_t len;
    size_t cap;
    struct slice signature;
};

struct candidate {
    struct slice signature; // waits for the next call or text
    bool is_part_due;       // of the thoughts
    bool lost_call;
};

struct stream {
    struct slice tail; // of every response: what is the same in all
    struct candidate *candidates;
    uint32_t n_candidates;
    struct usage usage;
    bool has_usage;
    bool has_begun;
};

struct writing {
    struct stream *s;
    const struct answer_context *context;
    struct buf *out;
};

// ---- framing

static bool is_array(const struct writing *g)
{
    return g->context->req->streams_json_array;
}

static void begin_frame(const struct writing *g)
{
    if (!is_array(g)) {
        buf_append(g->out, SLICE("data: "));
    } else {
        buf_append(g->out, g->s->has_begun ? SLICE(",\r\n") : SLICE("["));
    }
    g->s->has_begun = true;
}

static void end_frame(const struct writing *g)
{
    if (!is_array(g)) {
        buf_append(g->out, SLICE("\r\n\r\n"));
    }
}

static void begin_response(const struct writing *g)
{
    begin_frame(g);
    buf_append(g->out, SLICE("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["));
}

static void end_response(const struct writing *g)
{
    buf_append(g->out, g->s->tail);
    end_frame(g);
}

// What others wrote may be on several lines, which would be several fields. Within JSON they are white space.
static void put_on_one_line(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r') {
            out->ptr[i] = ' ';
        }
    }
}

// Behind the parts.
static void end_candidate(const struct writing *g, uint32_t candidate)
{
    buf_append(g->out, SLICE("]},\"index\":"));
    buf_append_u64(g->out, candidate);
    buf_append(g->out, SLICE("}]"));
    end_response(g);
}

// ---- texts

static struct candidate *candidate_at(const struct writing *g, uint32_t index)
{
    struct stream *s = g->s;
    if (index >= s->n_candidates) {
        size_t n = index < CANDIDATES_FIRST ? CANDIDATES_FIRST : CANDIDATES_MAX;
        struct candidate *grown = arena_zalloc(g->context->arena, n * sizeof(*grown));
        if (s->n_candidates) {
            memcpy(grown, s->candidates, s->n_candidates * sizeof(*grown));
        }
        s->candidates = grown;
        s->n_candidates = (uint32_t)n;
    }
    return &s->candidates[index];
}

static struct slice take_signature(struct candidate *candidate)
{
    struct slice signature = candidate->signature;
    candidate->signature = SLICE_EMPTY;
    return signature;
}

// The event that comes most often, so without a writer.
static void write_text(const struct writing *g, uint32_t candidate, struct slice escaped, struct slice end)
{
    begin_response(g);
    buf_append(g->out, SLICE("{\"text\":\""));
    buf_append(g->out, escaped);
    buf_append(g->out, end);
    end_candidate(g, candidate);
}

static void write_signed_text(const struct writing *g, uint32_t candidate, struct slice escaped, bool is_thought,
                              struct slice signature)
{
    struct json_writer w;
    begin_response(g);
    json_writer_init(&w, g->out);
    gemini_write_text_part(&w, escaped, is_thought, signature);
    end_candidate(g, candidate);
}

static void on_text(const struct writing *g, const struct neutral_event *event)
{
    struct candidate *candidate = candidate_at(g, event->block->candidate);
    if (candidate->signature.len) {
        write_signed_text(g, event->block->candidate, event->text, false, take_signature(candidate));
    } else {
        write_text(g, event->block->candidate, event->text, SLICE("\"}"));
    }
}

static void on_thought(const struct writing *g, const struct neutral_event *event)
{
    struct candidate *candidate = candidate_at(g, event->block->candidate);
    struct slice end = SLICE("\",\"thought\":true}");
    if (candidate->is_part_due) {
        candidate->is_part_due = false;
        write_text(g, event->block->candidate, SLICE("\\n\\n"), end);
    }
    write_text(g, event->block->candidate, event->text, end);
}

// ---- signatures

// Two cannot be on one part.
static void set_signature(const struct writing *g, uint32_t index, struct slice signature)
{
    struct candidate *candidate = candidate_at(g, index);
    if (candidate->signature.len) {
        write_signed_text(g, index, SLICE(""), false, take_signature(candidate));
    }
    candidate->signature = signature;
}

static void take_opaque(const struct writing *g, const struct neutral_block *block, const struct neutral_opaque *opaque)
{
    struct slice signature = gemini_signature_of(g->context->arena, opaque);
    struct held_call *call = block->kind == BLOCK_CALL ? block->encoder : NULL;
    if (!signature.len) {
        return;
    }
    if (call) {
        call->signature = signature;
    } else if (opaque->kind == OPAQUE_GEMINI_TEXT || opaque->kind == OPAQUE_GEMINI_THOUGHT) {
        write_signed_text(g, block->candidate, SLICE(""), opaque->kind == OPAQUE_GEMINI_THOUGHT, signature);
    } else {
        set_signature(g, block->candidate, signature);
    }
}

// ---- calls

static void on_arguments(const struct writing *g, struct held_call *call, struct slice more)
{
    size_t len = call->len + more.len;
    if (len > call->cap) {
        size_t cap = len < ARGUMENTS_FIRST ? ARGUMENTS_FIRST : 2 * len;
        call->arguments = call->cap ? arena_grow(g->context->arena, call->arguments, call->cap, cap)
                                    : arena_alloc(g->context->arena, cap);
        call->cap = cap;
    }
    memcpy(call->arguments + call->len, more.ptr, more.len);
    call->len = len;
}

// A call that cannot be written leaves nothing behind but the reason at the end.
static void write_call(const struct writing *g, const struct neutral_block *block, const struct held_call *call)
{
    struct candidate *candidate = candidate_at(g, block->candidate);
    struct json_writer w;
    size_t len = g->out->len;
    bool had_begun = g->s->has_begun;
    struct slice signature = call->signature.len ? call->signature : candidate->signature;
    begin_response(g);
    size_t len_empty = g->out->len;
    json_writer_init(&w, g->out);
    if (!gemini_write_call_part(&w, block, slice_of(call->arguments, call->len), signature)) {
        g->out->len = len;
        g->s->has_begun = had_begun;
        candidate->lost_call = true;
        return;
    }
    put_on_one_line(g->out, len_empty);
    if (!call->signature.len) {
        candidate->signature = SLICE_EMPTY;
    }
    end_candidate(g, block->candidate);
}

// ---- blocks

static void write_media(const struct writing *g, const struct neutral_block *block)
{
    struct json_writer w;
    if (block->media.form == MEDIA_BASE64 || block->media.form == MEDIA_URL) {
        begin_response(g);
        json_writer_init(&w, g->out);
        json_begin_object(&w);
        gemini_write_media(&w, &block->media, gemini_media_kind(&block->media));
        json_end_object(&w);
        end_candidate(g, block->candidate);
    }
}

static void write_native(const struct writing *g, const struct neutral_block *block)
{
    if (g->context->upstream == DIALECT_GEMINI) {
        begin_response(g);
        size_t len_empty = g->out->len;
        buf_append(g->out, block->raw);
        put_on_one_line(g->out, len_empty);
        end_candidate(g, block->candidate);
    }
}

static void on_open(const struct writing *g, struct neutral_block *block)
{
    switch (block->kind) {
    case BLOCK_CALL: block->encoder = arena_zalloc(g->context->arena, sizeof(struct held_call)); break;
    case BLOCK_MEDIA: write_media(g, block); break;
    case BLOCK_NATIVE: write_native(g, block); break;
    case BLOCK_REASONING: candidate_at(g, block->candidate)->is_part_due = false; break;
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: break;
    }
    take_opaque(g, block, &block->opaque);
}

static void on_delta(const struct writing *g, const struct neutral_event *event)
{
    switch (event->block->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: on_text(g, event); break;
    case BLOCK_REASONING: on_thought(g, event); break;
    case BLOCK_CALL: on_arguments(g, event->block->encoder, event->text); break;
    case BLOCK_MEDIA:
    case BLOCK_NATIVE: break;
    }
}

// Behind a text that was written already.
static void on_logprobs(const struct writing *g, const struct neutral_event *event)
{
    struct json_writer w;
    struct arena scratch;
    arena_init(&scratch, 4096);
    size_t len = g->out->len;
    bool had_begun = g->s->has_begun;
    begin_response(g);
    buf_append(g->out, SLICE("{\"text\":\"\"}]},\"index\":"));
    buf_append_u64(g->out, event->block->candidate);
    buf_append(g->out, SLICE(",\"logprobsResult\":"));
    json_writer_init(&w, g->out);
    if (gemini_logprobs_write(&w, event->raw, &scratch)) {
        buf_append(g->out, SLICE("}]"));
        end_response(g);
    } else {
        g->out->len = len;
        g->s->has_begun = had_begun;
    }
    arena_deinit(&scratch);
}

static void on_close(const struct writing *g, const struct neutral_event *event)
{
    if (event->block->kind == BLOCK_CALL && !event->is_partial) {
        write_call(g, event->block, event->block->encoder);
    }
}

// ---- the whole

static void on_start(const struct writing *g, const struct answer_head *head)
{
    struct buf tail = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &tail);
    json_begin_object(&w);
    gemini_write_head(&w, g->context, head);
    json_end_object(&w);
    tail.ptr[0] = ','; // it goes on an object that is open
    g->s->tail = arena_dup(g->context->arena, buf_slice(&tail));
    buf_deinit(&tail);
}

// The last response of a candidate: how it ended, and what it cost.
static void on_finish(const struct writing *g, const struct neutral_event *event)
{
    struct candidate *candidate = candidate_at(g, event->candidate);
    struct json_writer w;
    begin_frame(g);
    json_writer_init(&w, g->out);
    json_begin_object(&w);
    json_key(&w, SLICE("candidates"));
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, SLICE("content"));
    json_begin_object(&w);
    json_key(&w, SLICE("parts"));
    json_begin_array(&w);
    gemini_write_text_part(&w, SLICE(""), false, take_signature(candidate));
    json_end_array(&w);
    json_member_string(&w, SLICE("role"), SLICE("model"));
    json_end_object(&w);
    gemini_write_finish(&w, g->context, event->finish, candidate->lost_call);
    json_member_int(&w, SLICE("index"), event->candidate);
    json_end_object(&w);
    json_end_array(&w);
    gemini_write_usage(&w, g->s->has_usage ? &g->s->usage : &USAGE_UNKNOWN);
    end_response(g); // closes the object
}

static void on_error(const struct writing *g, const struct neutral_error *error)
{
    struct fault_report report = fault_report_of(error, DIALECT_GEMINI, SLICE_EMPTY);
    struct json_writer w;
    begin_frame(g);
    json_writer_init(&w, g->out);
    gemini_write_error(&w, &report);
    end_frame(g);
    if (is_array(g)) {
        buf_append_char(g->out, ']');
    }
}

static void on_end(const struct writing *g)
{
    if (is_array(g)) {
        buf_append(g->out, g->s->has_begun ? SLICE("]") : SLICE("[]"));
    }
}

static void write_event(void *state, const struct answer_context *context, const struct neutral_event *event,
                        struct buf *out)
{
    struct writing g = {state, context, out};
    switch (event->kind) {
    case EVENT_START: on_start(&g, event->head); break;
    case EVENT_OPEN: on_open(&g, event->block); break;
    case EVENT_DELTA: on_delta(&g, event); break;
    case EVENT_OPAQUE: take_opaque(&g, event->block, event->opaque); break;
    case EVENT_PART: candidate_at(&g, event->block->candidate)->is_part_due = true; break;
    case EVENT_LOGPROBS: on_logprobs(&g, event); break;
    case EVENT_CLOSE: on_close(&g, event); break;
    case EVENT_USAGE:
        g.s->usage = *event->usage;
        g.s->has_usage = true;
        break;
    case EVENT_FINISH: on_finish(&g, event); break;
    case EVENT_ERROR: on_error(&g, event->error); break;
    case EVENT_END: on_end(&g); break;
    case EVENT_CITATION: break; // their offsets count other units
    }
}

const struct answer_encoder gemini_encoder = {
    .state_size = sizeof(struct stream),
    .write_event = write_event,
    .write_body = gemini_write_body,
};
