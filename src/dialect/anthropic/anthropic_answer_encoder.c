// SPDX-License-Identifier: MIT
// Any answer, as a stream of Anthropic Messages.
//
// Happy path: START gives message_start, with figures or an estimate, since clients plan by them; blocks follow one
// after the other; what FINISH and USAGE say is kept for the message_delta before message_stop, as figures may come
// late.
// Failure modes: ERROR gives an error event, and no message_stop.
// Ends when: END or ERROR.
#include "dialect/anthropic/anthropic_internal.h"

enum { PREFIX_MAX = 160 };

struct state {
    uint32_t n_blocks;            // begun, so the next index
    bool is_begun;                // the block under way has had its content_block_start
    bool is_part_due;             // an empty line before the next delta
    size_t prefix_len;            // of a delta of the block under way
    char prefix[PREFIX_MAX];      // all that comes before its text
    struct neutral_opaque opaque; // of the block under way; arena
    struct neutral_opaque behind; // of a text that is over: it goes before the next block; kind OPAQUE_NONE: none
    struct usage usage;
    struct finish finish;
    uint64_t n_bytes; // of what was generated, for an estimate where the upstream says nothing
};

#define EVENT(name, rest) SLICE("event: " name "\ndata: {\"type\":\"" name "\"" rest)

static void append_index(struct buf *out, struct slice before, uint32_t index, struct slice after)
{
    buf_append(out, before);
    buf_append_u64(out, index);
    buf_append(out, after);
}

// ---- the message around it

static void write_head(const struct answer_context *context, const struct answer_head *head, struct buf *out)
{
    struct json_writer w;
    struct usage usage = head->usage ? *head->usage : USAGE_UNKNOWN;
    usage.output = 0;
    usage.reasoning = -1;
    buf_append(out, SLICE("event: message_start\ndata: "));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("type"), SLICE("message_start"));
    json_key(&w, SLICE("message"));
    json_begin_object(&w);
    anthropic_write_envelope(&w, context);
    json_key(&w, SLICE("content"));
    json_write_raw(&w, SLICE("[]"));
    json_key(&w, SLICE("stop_reason"));
    json_write_null(&w);
    json_key(&w, SLICE("stop_sequence"));
    json_write_null(&w);
    json_key(&w, SLICE("usage"));
    anthropic_write_usage(&w, &usage, context);
    json_end_object(&w);
    json_end_object(&w);
    buf_append(out, SLICE("\n\n"));
    buf_append(out, SLICE("event: ping\ndata: {\"type\": \"ping\"}\n\n"));
}

static void write_end(const struct state *state, const struct answer_context *context, struct buf *out)
{
    struct json_writer w;
    struct usage usage = state->usage;
    usage.output = usage.output >= 0 ? usage.output : (int64_t)(state->n_bytes + 3) / 4;
    buf_append(out, SLICE("event: message_delta\ndata: "));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("type"), SLICE("message_delta"));
    json_key(&w, SLICE("delta"));
    json_begin_object(&w);
    anthropic_write_finish(&w, &state->finish, context);
    json_end_object(&w);
    json_key(&w, SLICE("usage"));
    anthropic_write_usage(&w, &usage, context);
    json_end_object(&w);
    buf_append(out, SLICE("\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

// ---- blocks

// `content`: the block without its braces, up to `rest`.
static void begin_block(struct state *state, struct slice content, struct buf *out)
{
    append_index(out, EVENT("content_block_start", ",\"index\":"), state->n_blocks, SLICE(",\"content_block\":"));
    buf_append(out, content);
    buf_append(out, SLICE("}\n\n"));
    state->is_begun = true;
}

static void end_block(struct state *state, struct buf *out)
{
    append_index(out, EVENT("content_block_stop", ",\"index\":"), state->n_blocks, SLICE("}\n\n"));
    state->n_blocks++;
    state->is_begun = false;
}

static void write_whole_block(struct state *state, struct slice raw, struct buf *out)
{
    begin_block(state, raw, out);
    end_block(state, out);
}

// Deltas are many and short: what they begin with is put together once for each block.
static void prepare_deltas(struct state *state, struct slice type, struct slice member)
{
    const struct slice parts[] = {
        EVENT("content_block_delta", ",\"index\":"),
        SLICE_EMPTY,
        SLICE(",\"delta\":{\"type\":\""),
        type,
        SLICE("\",\""),
        member,
        SLICE("\":\""),
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (i == 1) {
            len += format_u64(state->prefix + len, state->n_blocks);
        } else {
            memcpy(state->prefix + len, parts[i].ptr, parts[i].len);
            len += parts[i].len;
        }
    }
    state->prefix_len = len;
}

static void write_delta(const struct state *state, struct slice escaped, struct buf *out)
{
    static const struct slice end = SLICE_INIT("\"}}\n\n");
    char *at = buf_reserve(out, state->prefix_len + escaped.len + end.len);
    memcpy(at, state->prefix, state->prefix_len);
    memcpy(at + state->prefix_len, escaped.ptr, escaped.len);
    memcpy(at + state->prefix_len + escaped.len, end.ptr, end.len);
    out->len += state->prefix_len + escaped.len + end.len;
}

static void write_redacted(struct state *state, const struct neutral_opaque *opaque, struct buf *out)
{
    struct buf block = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &block);
    anthropic_write_redacted(&w, opaque);
    write_whole_block(state, buf_slice(&block), out);
    buf_deinit(&block);
}

static void keep_opaque(struct state *state, const struct answer_context *context, const struct neutral_opaque *opaque)
{
    state->opaque = (struct neutral_opaque){
        .kind = opaque->kind,
        .data = arena_dup(context->arena, opaque->data),
        .item_id = arena_dup(context->arena, opaque->item_id),
    };
}

static void begin_call(struct state *state, const struct neutral_block *call, struct buf *out)
{
    struct buf block = BUF_EMPTY;
    struct json_writer w;
    if (call->opaque.kind != OPAQUE_NONE) {
        write_redacted(state, &call->opaque, out);
    }
    json_writer_init(&w, &block);
    json_begin_object(&w);
    json_member_string(&w, SLICE("type"), SLICE("tool_use"));
    json_member_string(&w, SLICE("id"), call->call_id);
    json_member_string(&w, SLICE("name"), call->name);
    json_key(&w, SLICE("input"));
    json_write_raw(&w, SLICE("{}"));
    json_end_object(&w);
    begin_block(state, buf_slice(&block), out);
    buf_deinit(&block);
    prepare_deltas(state, SLICE("input_json_delta"), SLICE("partial_json"));
}

// Texts and thoughts begin with their first delta: an empty text could not be sent back, and of thoughts it is not
// known before whether they are hidden.
static void begin_lazily(struct state *state, enum block_kind kind, struct buf *out)
{
    if (kind == BLOCK_REASONING) {
        begin_block(state, SLICE("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"), out);
        prepare_deltas(state, SLICE("thinking_delta"), SLICE("thinking"));
    } else {
        begin_block(state, SLICE("{\"type\":\"text\",\"text\":\"\"}"), out);
        prepare_deltas(state, SLICE("text_delta"), SLICE("text"));
    }
}

// The block as it stands, but on one line: within JSON a line can only end between two values.
static void write_native(struct state *state, struct slice raw, struct buf *out)
{
    struct buf line = BUF_EMPTY;
    buf_append(&line, raw);
    for (size_t i = 0; i < line.len; i++) {
        bool ends_line = line.ptr[i] == '\n' || line.ptr[i] == '\r';
        line.ptr[i] = ends_line ? ' ' : line.ptr[i];
    }
    write_whole_block(state, buf_slice(&line), out);
    buf_deinit(&line);
}

static void on_open(struct state *state, const struct answer_context *context, const struct neutral_block *block,
                    struct buf *out)
{
    if (state->behind.kind != OPAQUE_NONE) {
        write_redacted(state, &state->behind, out);
        state->behind.kind = OPAQUE_NONE;
    }
    state->opaque = block->opaque;
    state->is_part_due = false;
    switch (block->kind) {
    case BLOCK_CALL: begin_call(state, block, out); break;
    case BLOCK_NATIVE:
        if (context->upstream == DIALECT_ANTHROPIC) {
            write_native(state, block->raw, out);
        } else if (context->loss) {
            loss_warn_path(context->loss, LOSS_DROPPED, SLICE("content"));
        }
        break;
    case BLOCK_MEDIA:
        if (context->loss) {
            loss_warn_path(context->loss, LOSS_DROPPED, SLICE("content"));
        }
        break;
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
    case BLOCK_REASONING: break;
    }
}

static void on_delta(struct state *state, enum block_kind kind, struct slice text, struct buf *out)
{
    if (!state->is_begun) {
        begin_lazily(state, kind, out);
    }
    if (state->is_part_due) {
        state->is_part_due = false;
        write_delta(state, SLICE("\\n\\n"), out);
    }
    state->n_bytes += text.len;
    write_delta(state, text, out);
}

// In one event: clients replace what they had by it.
static void write_signature(struct state *state, struct buf *out)
{
    struct buf signature = BUF_EMPTY;
    anthropic_append_seal(&state->opaque, OPAQUE_ANTHROPIC_SIGNATURE, &signature);
    prepare_deltas(state, SLICE("signature_delta"), SLICE("signature"));
    write_delta(state, buf_slice(&signature), out);
    buf_deinit(&signature);
}

static void close_reasoning(struct state *state, struct buf *out)
{
    bool is_hidden = !state->is_begun && state->opaque.kind != OPAQUE_ANTHROPIC_SIGNATURE;
    if (is_hidden) {
        if (state->opaque.kind != OPAQUE_NONE) {
            write_redacted(state, &state->opaque, out);
        }
        return;
    }
    if (!state->is_begun) {
        begin_lazily(state, BLOCK_REASONING, out);
    }
    write_signature(state, out);
    end_block(state, out);
}

static void on_close(struct state *state, enum block_kind kind, struct buf *out)
{
    if (kind == BLOCK_REASONING) {
        close_reasoning(state, out);
        return;
    }
    if (state->is_begun) {
        end_block(state, out);
    }
    if (kind == BLOCK_TEXT) {
        // Not at once: clients take the last block for the answer, so a message may not end on it. Nothing is lost
        // then, since a last text may go back without its signature.
        state->behind = state->opaque;
    }
}

static void write_event(void *arg, const struct answer_context *context, const struct neutral_event *event,
                        struct buf *out)
{
    struct state *state = arg;
    switch (event->kind) {
    case EVENT_DELTA: on_delta(state, event->block->kind, event->text, out); break;
    case EVENT_START:
        state->usage = USAGE_UNKNOWN;
        write_head(context, event->head, out);
        break;
    case EVENT_OPEN: on_open(state, context, event->block, out); break;
    case EVENT_OPAQUE: keep_opaque(state, context, event->opaque); break;
    case EVENT_PART: state->is_part_due = true; break;
    case EVENT_CLOSE: on_close(state, event->block->kind, out); break;
    case EVENT_USAGE: state->usage = *event->usage; break;
    case EVENT_FINISH: state->finish = *event->finish; break;
    case EVENT_ERROR: fault_write_error_event(event->error, DIALECT_ANTHROPIC, context->request_id, out); break;
    case EVENT_END: write_end(state, context, out); break;
    case EVENT_CITATION:
    case EVENT_LOGPROBS: break;
    }
}

const struct answer_encoder anthropic_encoder = {
    .state_size = sizeof(struct state),
    .write_event = write_event,
    .write_body = anthropic_write_body,
};
