// SPDX-License-Identifier: MIT
// Any answer, as a stream of Chat Completions. Chunks differ in the delta only, so what is around it is built once and
// then copied.
#include "dialect/chat/chat_internal.h"

struct state {
    struct slice prefix; // arena: up to the number of the choice
    struct slice suffix; // behind its end
    struct buf scratch;
    struct usage usage;
    struct per_candidate *candidates[CANDIDATES_MAX];
};

struct per_candidate {
    uint32_t n_calls;
    uint32_t n_details;
    bool has_refused;
    bool has_reasoned; // in text
};

// ---- chunks

static void begin_chunk(const struct state *state, struct buf *out, uint32_t candidate)
{
    buf_append(out, state->prefix);
    buf_append_u64(out, candidate);
    buf_append(out, SLICE(",\"delta\":{"));
}

static void end_chunk(const struct state *state, struct buf *out)
{
    buf_append(out, SLICE("},\"finish_reason\":null}]"));
    buf_append(out, state->suffix);
}

// A delta with one member that is a text.
static void write_text_chunk(const struct state *state, struct buf *out, uint32_t candidate, struct slice before,
                             struct slice escaped, struct slice after)
{
    begin_chunk(state, out, candidate);
    buf_append(out, before);
    buf_append(out, escaped);
    buf_append(out, after);
    end_chunk(state, out);
}

// A delta with other members, written with the writer: `{` is there already.
static struct json_writer begin_delta(const struct state *state, struct buf *out, uint32_t candidate)
{
    struct json_writer w;
    buf_append(out, state->prefix);
    buf_append_u64(out, candidate);
    buf_append(out, SLICE(",\"delta\":"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    return w;
}

static void end_delta(const struct state *state, struct json_writer *w)
{
    json_end_object(w);
    buf_append(w->out, SLICE(",\"finish_reason\":null}]"));
    buf_append(w->out, state->suffix);
}

// ---- begin

static bool is_openai(enum dialect dialect)
{
    return dialect == DIALECT_CHAT || dialect == DIALECT_RESPONSES;
}

static void on_start(struct state *state, const struct answer_context *context, const struct answer_head *head)
{
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    buf_append(&text, SLICE("data: {\"id\":\"chatcmpl-"));
    buf_append(&text, context->token);
    buf_append(&text, SLICE("\",\"object\":\"chat.completion.chunk\",\"created\":"));
    json_writer_init(&w, &text);
    json_write_int(&w, head->created_s ? head->created_s : context->now_s);
    buf_append(&text, SLICE(",\"model\":\""));
    json_escape(&text, context->client_model);
    if (head->service_tier.len && is_openai(context->upstream)) {
        buf_append(&text, SLICE("\",\"service_tier\":\""));
        json_escape(&text, head->service_tier);
    }
    buf_append(&text, SLICE("\",\"choices\":[{\"index\":"));
    state->prefix = arena_dup(context->arena, buf_slice(&text));
    state->suffix = context->req->includes_usage ? SLICE(",\"usage\":null}\n\n") : SLICE("}\n\n");
    state->usage = USAGE_UNKNOWN;
    buf_deinit(&text);
}

// The role comes first, with an empty content: null where a call follows.
static struct per_candidate *candidate_at(struct state *state, const struct answer_context *context, uint32_t index,
                                          bool is_call, struct buf *out)
{
    if (!state->candidates[index]) {
        state->candidates[index] = arena_zalloc(context->arena, sizeof(struct per_candidate));
        begin_chunk(state, out, index);
        buf_append(out, is_call ? SLICE("\"role\":\"assistant\",\"content\":null")
                                : SLICE("\"role\":\"assistant\",\"content\":\"\""));
        end_chunk(state, out);
    }
    return state->candidates[index];
}

// ---- calls

static void begin_call(const struct state *state, struct buf *out, const struct neutral_block *block)
{
    begin_chunk(state, out, block->candidate);
    buf_append(out, SLICE("\"tool_calls\":[{\"index\":"));
    buf_append_u64(out, block->target_index);
}

static struct slice arguments_member(const struct neutral_block *block)
{
    return block->tool_kind == TOOL_CUSTOM ? SLICE(",\"custom\":{\"input\":\"")
                                           : SLICE(",\"function\":{\"arguments\":\"");
}

static void write_arguments(const struct state *state, struct buf *out, struct neutral_block *block,
                            struct slice escaped)
{
    begin_call(state, out, block);
    buf_append(out, arguments_member(block));
    buf_append(out, escaped);
    buf_append(out, SLICE("\"}}]"));
    end_chunk(state, out);
    block->encoder = block; // something was sent
}

static void write_call_opaque(struct state *state, struct buf *out, const struct neutral_block *block,
                              const struct neutral_opaque *opaque)
{
    struct json_writer w = begin_delta(state, out, block->candidate);
    json_key(&w, SLICE("tool_calls"));
    json_begin_array(&w);
    json_begin_object(&w);
    json_member_int(&w, SLICE("index"), block->target_index);
    chat_write_wrapped_signature(&w, opaque, &state->scratch);
    json_end_object(&w);
    json_end_array(&w);
    end_delta(state, &w);
}

static void open_call(struct state *state, struct buf *out, struct neutral_block *block)
{
    bool is_custom = block->tool_kind == TOOL_CUSTOM;
    struct slice kind = is_custom ? SLICE("custom") : SLICE("function");
    block->target_index = state->candidates[block->candidate]->n_calls++;
    struct json_writer w = begin_delta(state, out, block->candidate);
    json_key(&w, SLICE("tool_calls"));
    json_begin_array(&w);
    json_begin_object(&w);
    json_member_int(&w, SLICE("index"), block->target_index);
    json_member_string(&w, SLICE("id"), block->call_id);
    json_member_string(&w, SLICE("type"), kind);
    json_key(&w, kind);
    json_begin_object(&w);
    json_member_string(&w, SLICE("name"), block->name);
    json_member_string(&w, is_custom ? SLICE("input") : SLICE("arguments"), SLICE(""));
    json_end_object(&w);
    if (chat_is_telling(&block->opaque)) {
        chat_write_wrapped_signature(&w, &block->opaque, &state->scratch);
    }
    json_end_object(&w);
    json_end_array(&w);
    end_delta(state, &w);
}

// ---- blocks

static void write_detail(struct state *state, const struct answer_context *context, struct buf *out,
                         const struct neutral_block *block, const struct neutral_opaque *opaque)
{
    struct per_candidate *candidate = state->candidates[block->candidate];
    if (!context->shows_reasoning || !chat_is_telling(opaque)) {
        return;
    }
    struct json_writer w = begin_delta(state, out, block->candidate);
    json_key(&w, SLICE("reasoning_details"));
    json_begin_array(&w);
    chat_write_wrapped_detail(&w, opaque, candidate->n_details++, &state->scratch);
    json_end_array(&w);
    end_delta(state, &w);
}

static void on_opaque(struct state *state, const struct answer_context *context, struct buf *out,
                      const struct neutral_block *block, const struct neutral_opaque *opaque)
{
    if (block->kind != BLOCK_CALL) {
        write_detail(state, context, out, block, opaque);
    } else if (chat_is_telling(opaque)) {
        write_call_opaque(state, out, block, opaque);
    }
}

static void write_image(struct state *state, struct buf *out, const struct neutral_block *block)
{
    struct json_writer w = begin_delta(state, out, block->candidate);
    json_key(&w, SLICE("images"));
    json_begin_array(&w);
    chat_write_answered_image(&w, &block->media);
    json_end_array(&w);
    end_delta(state, &w);
}

static void on_open(struct state *state, const struct answer_context *context, struct buf *out,
                    struct neutral_block *block)
{
    struct per_candidate *candidate = candidate_at(state, context, block->candidate, block->kind == BLOCK_CALL, out);
    switch (block->kind) {
    case BLOCK_CALL: open_call(state, out, block); break;
    case BLOCK_REFUSAL: candidate->has_refused = true; break;
    case BLOCK_MEDIA:
        if (chat_is_answered_image(&block->media)) {
            write_image(state, out, block);
        }
        break;
    case BLOCK_TEXT:
    case BLOCK_REASONING: write_detail(state, context, out, block, &block->opaque); break;
    case BLOCK_NATIVE: break;
    }
}

// Parts and blocks of reasoning have an empty line between them.
static void write_reasoning(struct state *state, struct buf *out, struct neutral_block *block, struct slice text)
{
    struct per_candidate *candidate = state->candidates[block->candidate];
    bool is_new_block = !block->encoder && candidate->has_reasoned;
    write_text_chunk(state, out, block->candidate,
                     is_new_block ? SLICE("\"reasoning_content\":\"\\n\\n") : SLICE("\"reasoning_content\":\""), text,
                     SLICE("\""));
    block->encoder = block;
    candidate->has_reasoned = true;
}

static void on_delta(struct state *state, const struct answer_context *context, struct buf *out,
                     struct neutral_block *block, struct slice text)
{
    switch (block->kind) {
    case BLOCK_TEXT: write_text_chunk(state, out, block->candidate, SLICE("\"content\":\""), text, SLICE("\"")); break;
    case BLOCK_CALL: write_arguments(state, out, block, text); break;
    case BLOCK_REASONING:
        if (context->shows_reasoning) {
            write_reasoning(state, out, block, text);
        }
        break;
    case BLOCK_REFUSAL:
        write_text_chunk(state, out, block->candidate, SLICE("\"refusal\":\""), text, SLICE("\""));
        break;
    case BLOCK_MEDIA:
    case BLOCK_NATIVE: break;
    }
}

static void on_close(const struct state *state, struct buf *out, struct neutral_block *block)
{
    if (block->kind == BLOCK_CALL && !block->encoder && block->tool_kind != TOOL_CUSTOM) {
        write_arguments(state, out, block, SLICE("{}"));
    }
}

static void on_citation(const struct state *state, const struct answer_context *context, struct buf *out,
                        const struct neutral_event *event)
{
    struct json_writer w = begin_delta(state, out, event->block->candidate);
    json_key(&w, SLICE("annotations"));
    json_begin_array(&w);
    chat_write_annotation(&w, event->raw, context->arena);
    json_end_array(&w);
    end_delta(state, &w);
}

static void on_logprobs(const struct state *state, struct buf *out, const struct neutral_event *event)
{
    begin_chunk(state, out, event->block->candidate);
    buf_append(out, SLICE("},\"logprobs\":{\"content\":"));
    buf_append(out, event->raw);
    buf_append(out, SLICE(",\"refusal\":null},\"finish_reason\":null}]"));
    buf_append(out, state->suffix);
}

// ---- the end

static void on_finish(struct state *state, const struct answer_context *context, struct buf *out,
                      const struct neutral_event *event)
{
    struct per_candidate *candidate = candidate_at(state, context, event->candidate, false, out);
    begin_chunk(state, out, event->candidate);
    buf_append(out, SLICE("},\"finish_reason\":\""));
    buf_append(out, chat_finish_word(event->finish->reason, candidate->has_refused));
    buf_append(out, SLICE("\"}]"));
    buf_append(out, state->suffix);
}

static void on_end(const struct state *state, const struct answer_context *context, struct buf *out)
{
    static const struct slice TAIL = SLICE_INIT("{\"index\":");
    bool is_known = state->usage.input >= 0 || state->usage.output >= 0;
    if (context->req->includes_usage && is_known) {
        struct json_writer w;
        buf_append(out, slice_of(state->prefix.ptr, state->prefix.len - TAIL.len));
        buf_append(out, SLICE("],\"usage\":"));
        json_writer_init(&w, out);
        chat_write_usage(&w, &state->usage);
        buf_append(out, SLICE("}\n\n"));
    }
    buf_append(out, SLICE("data: [DONE]\n\n"));
}

static void write_event(void *arg, const struct answer_context *context, const struct neutral_event *event,
                        struct buf *out)
{
    struct state *state = arg;
    switch (event->kind) {
    case EVENT_START: on_start(state, context, event->head); break;
    case EVENT_OPEN: on_open(state, context, out, event->block); break;
    case EVENT_DELTA: on_delta(state, context, out, event->block, event->text); break;
    case EVENT_OPAQUE: on_opaque(state, context, out, event->block, event->opaque); break;
    case EVENT_PART:
        if (context->shows_reasoning) {
            write_reasoning(state, out, event->block, SLICE("\\n\\n"));
        }
        break;
    case EVENT_CITATION: on_citation(state, context, out, event); break;
    case EVENT_LOGPROBS: on_logprobs(state, out, event); break;
    case EVENT_CLOSE: on_close(state, out, event->block); break;
    case EVENT_USAGE: state->usage = *event->usage; break;
    case EVENT_FINISH: on_finish(state, context, out, event); break;
    case EVENT_ERROR: fault_write_error_event(event->error, DIALECT_CHAT, SLICE_EMPTY, out); break;
    case EVENT_END: on_end(state, context, out); break;
    }
}

static void deinit(void *arg)
{
    struct state *state = arg;
    buf_deinit(&state->scratch);
}

const struct answer_encoder chat_encoder = {
    .state_size = sizeof(struct state),
    .takes_overlap = true,
    .write_event = write_event,
    .deinit = deinit,
    .write_body = chat_write_body,
};
