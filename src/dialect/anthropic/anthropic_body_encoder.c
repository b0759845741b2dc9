// SPDX-License-Identifier: MIT
// Any answer, as a whole message of Anthropic, and what a message has in common with a stream of one.
#include "dialect/anthropic/anthropic_internal.h"

#include "dialect/tool_arguments.h"

// ---- envelope

void anthropic_write_envelope(struct json_writer *w, const struct answer_context *context)
{
    struct slice id[] = {SLICE("msg_"), context->token};
    json_member_string(w, SLICE("id"), arena_concat(context->arena, id, 2));
    json_member_string(w, SLICE("type"), SLICE("message"));
    json_member_string(w, SLICE("role"), SLICE("assistant"));
    json_member_string(w, SLICE("model"), context->client_model);
}

// ---- figures

static int64_t known(int64_t figure)
{
    return figure > 0 ? figure : 0;
}

// Clients count on numbers, so what is not known is estimated or 0. Here the cached parts stand beside the input.
void anthropic_write_usage(struct json_writer *w, const struct usage *usage, const struct answer_context *context)
{
    int64_t input = known(usage->input >= 0 ? usage->input : context->estimated_input);
    int64_t beside = known(usage->cache_read) + known(usage->cache_write);
    json_begin_object(w);
    json_member_int(w, SLICE("input_tokens"), input > beside ? input - beside : 0);
    json_member_int(w, SLICE("cache_creation_input_tokens"), known(usage->cache_write));
    json_member_int(w, SLICE("cache_read_input_tokens"), known(usage->cache_read));
    json_member_int(w, SLICE("output_tokens"), known(usage->output));
    if (usage->reasoning > 0) {
        json_key(w, SLICE("output_tokens_details"));
        json_begin_object(w);
        json_member_int(w, SLICE("thinking_tokens"), usage->reasoning);
        json_end_object(w);
    }
    json_end_object(w);
}

// ---- the end

static struct slice word_of(enum finish_reason reason)
{
    switch (reason) {
    case FINISH_STOP_SEQUENCE: return SLICE("stop_sequence");
    case FINISH_TOOL_CALLS: return SLICE("tool_use");
    case FINISH_PAUSE: return SLICE("pause_turn");
    case FINISH_COMPACTION: return SLICE("compaction");
    case FINISH_CONTEXT_WINDOW: return SLICE("model_context_window_exceeded");
    case FINISH_LENGTH: return SLICE("max_tokens");
    case FINISH_REFUSAL:
    case FINISH_CONTENT_FILTER: return SLICE("refusal");
    case FINISH_UNSET:
    case FINISH_OTHER:
    case FINISH_STOP:
    case FINISH_CANCELLED:
    case FINISH_TOOL_ERROR: return SLICE("end_turn");
    }
    return SLICE("end_turn");
}

// The sequence that ended it; ptr NULL: nobody knows.
static struct slice stop_sequence_of(const struct finish *finish, const struct answer_context *context)
{
    if (finish->reason != FINISH_STOP_SEQUENCE) {
        return SLICE_EMPTY;
    }
    if (finish->stop_sequence.ptr || !context->req || context->req->n_stops != 1) {
        return finish->stop_sequence;
    }
    return json_escaped(context->req->doc, context->req->stops[0]);
}

static void write_text_or_null(struct json_writer *w, struct slice name, struct slice escaped)
{
    json_key(w, name);
    if (escaped.ptr) {
        json_write_escaped(w, escaped);
    } else {
        json_write_null(w);
    }
}

void anthropic_write_finish(struct json_writer *w, const struct finish *finish, const struct answer_context *context)
{
    struct slice stop_sequence = stop_sequence_of(finish, context);
    bool is_unknown_stop = finish->reason == FINISH_STOP_SEQUENCE && !stop_sequence.ptr;
    bool is_refusal = finish->reason == FINISH_REFUSAL || finish->reason == FINISH_CONTENT_FILTER;
    json_member_string(w, SLICE("stop_reason"), is_unknown_stop ? SLICE("end_turn") : word_of(finish->reason));
    write_text_or_null(w, SLICE("stop_sequence"), stop_sequence);
    if (is_refusal && (finish->detail.ptr || finish->category.ptr)) {
        json_key(w, SLICE("stop_details"));
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("refusal"));
        write_text_or_null(w, SLICE("category"), finish->category);
        write_text_or_null(w, SLICE("explanation"), finish->detail);
        json_end_object(w);
    }
    if (finish->reason == FINISH_TOOL_ERROR && context->loss) {
        loss_warn_path(context->loss, LOSS_CHANGED, SLICE("stop_reason"));
    }
}

// ---- seals

void anthropic_append_seal(const struct neutral_opaque *opaque, enum opaque_kind native, struct buf *escaped)
{
    static const struct neutral_opaque unsealed = {.kind = OPAQUE_VENDOR_TEXT};
    struct buf wrapper = BUF_EMPTY;
    if (opaque->kind == native) {
        json_escape(escaped, opaque->data);
        return;
    }
    opaque_wrap(opaque->kind == OPAQUE_NONE ? &unsealed : opaque, &wrapper);
    json_escape(escaped, buf_slice(&wrapper));
    buf_deinit(&wrapper);
}

static void write_seal(struct json_writer *w, struct slice name, const struct neutral_opaque *opaque,
                       enum opaque_kind native)
{
    struct buf seal = BUF_EMPTY;
    anthropic_append_seal(opaque, native, &seal);
    json_key(w, name);
    json_write_escaped(w, buf_slice(&seal));
    buf_deinit(&seal);
}

void anthropic_write_redacted(struct json_writer *w, const struct neutral_opaque *opaque)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("redacted_thinking"));
    write_seal(w, SLICE("data"), opaque, OPAQUE_ANTHROPIC_REDACTED);
    json_end_object(w);
}

// ---- blocks

static void write_text(struct json_writer *w, const struct neutral_content *content)
{
    if (content->text.len) {
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("text"));
        json_key(w, SLICE("text"));
        json_write_escaped(w, content->text);
        json_end_object(w);
    }
    // Clients take the last block for the answer, so a message may not end on it; a last text may go back without.
    if (content->block->kind == BLOCK_TEXT && content->opaque.kind != OPAQUE_NONE && content->next) {
        anthropic_write_redacted(w, &content->opaque);
    }
}

static struct slice join_parts(const struct neutral_content *content, struct arena *arena)
{
    struct slice all = content->n_parts ? content->parts[0] : SLICE_EMPTY;
    for (size_t i = 1; i < content->n_parts; i++) {
        all = arena_concat(arena, (struct slice[]){all, SLICE("\\n\\n"), content->parts[i]}, 3);
    }
    return all;
}

static void write_reasoning(struct json_writer *w, const struct neutral_content *content, struct arena *arena)
{
    struct slice text = join_parts(content, arena);
    if (!text.len && content->opaque.kind == OPAQUE_NONE) {
        return;
    }
    if (!text.len && content->opaque.kind != OPAQUE_ANTHROPIC_SIGNATURE) {
        anthropic_write_redacted(w, &content->opaque);
        return;
    }
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("thinking"));
    json_key(w, SLICE("thinking"));
    json_write_escaped(w, text);
    write_seal(w, SLICE("signature"), &content->opaque, OPAQUE_ANTHROPIC_SIGNATURE);
    json_end_object(w);
}

static void write_call(struct json_writer *w, const struct neutral_content *content, struct arena *arena)
{
    struct slice input;
    if (content->opaque.kind != OPAQUE_NONE) {
        anthropic_write_redacted(w, &content->opaque);
    }
    (void)arguments_object_of(content->text, arena, &input);
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("tool_use"));
    json_member_string(w, SLICE("id"), content->block->call_id);
    json_member_string(w, SLICE("name"), content->block->name);
    json_key(w, SLICE("input"));
    json_write_raw(w, input);
    json_end_object(w);
}

static void tell_dropped(const struct answer_context *context)
{
    if (context->loss) {
        loss_warn_path(context->loss, LOSS_DROPPED, SLICE("content"));
    }
}

static void write_content(struct json_writer *w, const struct neutral_content *content,
                          const struct answer_context *context)
{
    switch (content->block->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: write_text(w, content); break;
    case BLOCK_REASONING: write_reasoning(w, content, context->arena); break;
    case BLOCK_CALL: write_call(w, content, context->arena); break;
    case BLOCK_NATIVE:
        if (context->upstream == DIALECT_ANTHROPIC) {
            json_write_raw(w, content->block->raw);
        } else {
            tell_dropped(context);
        }
        break;
    case BLOCK_MEDIA: tell_dropped(context); break;
    }
}

static int64_t estimate_output(const struct neutral_candidate *candidate)
{
    uint64_t n_bytes = 0;
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        n_bytes += content->text.len;
    }
    return (int64_t)((n_bytes + 3) / 4);
}

void anthropic_write_body(const struct answer_context *context, const struct neutral_response *response,
                          struct buf *out)
{
    const struct neutral_candidate *candidate = response->candidates;
    struct usage usage = response->usage;
    struct json_writer w;
    usage.output = usage.output >= 0 ? usage.output : estimate_output(candidate);
    json_writer_init(&w, out);
    json_begin_object(&w);
    anthropic_write_envelope(&w, context);
    json_key(&w, SLICE("content"));
    json_begin_array(&w);
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        write_content(&w, content, context);
    }
    json_end_array(&w);
    anthropic_write_finish(&w, &candidate->finish, context);
    json_key(&w, SLICE("usage"));
    anthropic_write_usage(&w, &usage, context);
    json_end_object(&w);
}
