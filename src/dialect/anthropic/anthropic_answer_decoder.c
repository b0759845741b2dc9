// SPDX-License-Identifier: MIT
// Answers of Anthropic Messages, decoded.
//
// Happy path: message_start, blocks one after the other, message_delta with reason and figures, message_stop.
// Failure modes: an error event; a second message that begins within the first one.
// Ends when: message_stop, or the body's end.
#include "dialect/anthropic/anthropic_internal.h"

enum { OPEN_MAX = 16 }; // blocks that are open together; there should be one

// A block between its start and its stop.
struct open_block {
    int64_t index; // as the upstream counts
    struct neutral_block *block;
    struct slice input; // raw, of a call that came with its arguments and has no deltas so far
    struct anthropic_native *native;
};

struct state {
    struct open_block open[OPEN_MAX];
    size_t n_open;
    struct usage_seen usage;
    struct slice id; // of the message
    bool has_started;
    bool has_call;
};

// ---- what stands in a message as well as in a stream

static struct slice plain_member(struct answer *answer, const struct json_doc *doc, const struct json_node *object,
                                 struct slice name)
{
    return json_string(doc, json_get(doc, object, name), answer_context(answer)->arena);
}

static void read_head(struct answer *answer, const struct json_doc *doc, const struct json_node *message)
{
    struct answer_head head = {
        .id = plain_member(answer, doc, message, SLICE("id")),
        .model = plain_member(answer, doc, message, SLICE("model")),
    };
    answer_start(answer, &head);
}

static void forget_usage(struct usage_seen *seen)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        seen->figures[i] = -1;
    }
}

static void read_usage(struct answer *answer, const struct json_doc *doc, const struct json_node *owner,
                       struct usage_seen *seen)
{
    usage_read_rows(&anthropic_usage, doc, json_get(doc, owner, SLICE("usage")), seen);
    struct usage usage = usage_of_seen(&anthropic_usage, seen);
    answer_usage(answer, &usage);
}

static const struct {
    struct slice word;
    enum finish_reason reason;
} REASONS[] = {
    {SLICE_INIT("end_turn"), FINISH_STOP},
    {SLICE_INIT("tool_use"), FINISH_TOOL_CALLS},
    {SLICE_INIT("max_tokens"), FINISH_LENGTH},
    {SLICE_INIT("stop_sequence"), FINISH_STOP_SEQUENCE},
    {SLICE_INIT("refusal"), FINISH_REFUSAL},
    {SLICE_INIT("pause_turn"), FINISH_PAUSE},
    {SLICE_INIT("model_context_window_exceeded"), FINISH_CONTEXT_WINDOW},
    {SLICE_INIT("compaction"), FINISH_COMPACTION},
};

static enum finish_reason reason_of(struct slice word)
{
    for (size_t i = 0; i < sizeof(REASONS) / sizeof(*REASONS); i++) {
        if (slice_eq(word, REASONS[i].word)) {
            return REASONS[i].reason;
        }
    }
    return FINISH_OTHER;
}

// `owner` is the message, or the delta of a stream.
static void read_finish(struct answer *answer, const struct json_doc *doc, const struct json_node *owner)
{
    struct slice word = plain_member(answer, doc, owner, SLICE("stop_reason"));
    if (!word.len) {
        return;
    }
    const struct json_node *details = json_get(doc, owner, SLICE("stop_details"));
    struct finish finish = {
        .reason = reason_of(word),
        .native = word,
        .stop_sequence = neutral_escaped(doc, json_get(doc, owner, SLICE("stop_sequence"))),
        .detail = neutral_escaped(doc, json_get(doc, details, SLICE("explanation"))),
        .category = neutral_escaped(doc, json_get(doc, details, SLICE("category"))),
    };
    answer_finish(answer, 0, &finish);
}

static void read_error(struct answer *answer, const struct json_doc *doc)
{
    struct neutral_error error = {.fault = FAULT_UPSTREAM_SERVER, .retry_after_s = -1};
    anthropic_read_error(doc, 0, answer_context(answer)->arena, &error);
    answer_error(answer, &error);
}

// ---- blocks

static void tell_text(struct answer *answer, struct neutral_block *block, const struct json_doc *doc,
                      const struct json_node *object, struct slice name)
{
    answer_delta(answer, block, json_escaped(doc, json_get(doc, object, name)));
}

static void tell_signature(struct answer *answer, struct neutral_block *block, const struct json_doc *doc,
                           const struct json_node *object)
{
    struct slice signature = plain_member(answer, doc, object, SLICE("signature"));
    if (signature.len) {
        struct neutral_opaque opaque = {.kind = OPAQUE_ANTHROPIC_SIGNATURE, .data = signature};
        answer_opaque(answer, block, &opaque);
    }
}

static void tell_arguments(struct answer *answer, struct neutral_block *block, struct slice raw)
{
    struct buf escaped = BUF_EMPTY;
    json_escape(&escaped, raw);
    // What is told of a whole body is not copied.
    answer_delta(answer, block, arena_dup(answer_context(answer)->arena, buf_slice(&escaped)));
    buf_deinit(&escaped);
}

// Where a target without schemas was given one as a tool (see anthropic_format_tool), its arguments are the text.
static bool is_format_tool(struct answer *answer, struct slice name)
{
    const struct neutral_request *req = answer_context(answer)->req;
    return req && req->format.kind == FORMAT_SCHEMA && slice_eq(name, anthropic_format_tool) &&
           !tool_of_target_name(req, name);
}

static struct neutral_block *open_call(struct answer *answer, const struct json_doc *doc, const struct json_node *block)
{
    struct slice name = plain_member(answer, doc, block, SLICE("name"));
    struct neutral_block call = {
        .kind = BLOCK_CALL, .name = name, .call_id = plain_member(answer, doc, block, SLICE("id"))};
    struct neutral_block text = {.kind = BLOCK_TEXT};
    return answer_open(answer, 0, is_format_tool(answer, name) ? &text : &call);
}

static struct neutral_block *open_redacted(struct answer *answer, const struct json_doc *doc,
                                           const struct json_node *block)
{
    struct neutral_block redacted = {
        .kind = BLOCK_REASONING,
        .is_summary = true,
        .opaque = {.kind = OPAQUE_ANTHROPIC_REDACTED, .data = plain_member(answer, doc, block, SLICE("data"))},
    };
    return answer_open(answer, 0, &redacted);
}

enum content_type { CONTENT_TEXT, CONTENT_CALL, CONTENT_THINKING, CONTENT_REDACTED, CONTENT_NATIVE };

static enum content_type content_type(const struct json_doc *doc, const struct json_node *block)
{
    static const struct {
        struct slice type;
        enum content_type content;
    } types[] = {
        {SLICE_INIT("text"), CONTENT_TEXT},
        {SLICE_INIT("tool_use"), CONTENT_CALL},
        {SLICE_INIT("thinking"), CONTENT_THINKING},
        {SLICE_INIT("redacted_thinking"), CONTENT_REDACTED},
    };
    const struct json_node *type = json_get(doc, block, SLICE("type"));
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (json_string_is(doc, type, types[i].type)) {
            return types[i].content;
        }
    }
    return CONTENT_NATIVE;
}

// Opens the block and tells what it has with it, except for arguments. NULL: it is not known yet what it will be.
static struct neutral_block *open_block(struct answer *answer, const struct json_doc *doc,
                                        const struct json_node *content)
{
    struct neutral_block *block = NULL;
    switch (content_type(doc, content)) {
    case CONTENT_TEXT:
        block = answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
        tell_text(answer, block, doc, content, SLICE("text"));
        break;
    case CONTENT_CALL: block = open_call(answer, doc, content); break;
    case CONTENT_THINKING:
        block = answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING, .is_summary = true});
        tell_text(answer, block, doc, content, SLICE("thinking"));
        tell_signature(answer, block, doc, content);
        break;
    case CONTENT_REDACTED: block = open_redacted(answer, doc, content); break;
    case CONTENT_NATIVE: break;
    }
    return block;
}

static void open_native(struct answer *answer, struct slice raw)
{
    (void)answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_NATIVE, .raw = raw});
}

// ---- streams

static struct open_block *find_open(struct state *state, const struct json_doc *doc)
{
    int64_t index;
    if (!json_int64(doc, json_get(doc, json_root(doc), SLICE("index")), &index)) {
        return NULL;
    }
    for (size_t i = 0; i < state->n_open; i++) {
        if (state->open[i].index == index) {
            return &state->open[i];
        }
    }
    return NULL;
}

// A message that was begun anew. One of texts is taken as it is, the second one goes on behind it; but of a call that
// was given up the client has heard already, and can no longer be told that it does not count.
static void begin_again(struct state *state, struct answer *answer, struct slice id)
{
    if (state->has_call) {
        answer_fail(answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream began a second message within the first one"));
        return;
    }
    answer_close_all(answer, 0, true);
    state->n_open = 0;
    state->id = arena_dup(answer_context(answer)->arena, id);
    forget_usage(&state->usage);
}

static void on_message_start(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    const struct json_node *message = json_get(doc, json_root(doc), SLICE("message"));
    struct slice id = plain_member(answer, doc, message, SLICE("id"));
    if (!state->has_started) {
        state->has_started = true;
        state->id = id.len ? arena_dup(answer_context(answer)->arena, id) : SLICE_EMPTY;
        forget_usage(&state->usage);
        read_head(answer, doc, message);
    } else if (!slice_eq(id, state->id)) {
        begin_again(state, answer, id);
    }
    read_usage(answer, doc, message, &state->usage);
}

static void on_start(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    const struct json_node *content = json_get(doc, json_root(doc), SLICE("content_block"));
    const struct json_node *input = json_get(doc, content, SLICE("input"));
    struct arena *arena = answer_context(answer)->arena;
    struct open_block open = {.index = -1};
    if (!json_is(content, JSON_OBJECT) || state->n_open == OPEN_MAX) {
        return;
    }
    (void)json_int64(doc, json_get(doc, json_root(doc), SLICE("index")), &open.index);
    open.block = open_block(answer, doc, content);
    if (!open.block) {
        open.native = anthropic_native_new(arena, doc, content);
    } else if (content_type(doc, content) == CONTENT_CALL) {
        state->has_call = state->has_call || open.block->kind == BLOCK_CALL;
        open.input = usage_is_filled(doc, input) ? arena_dup(arena, json_raw(doc, input)) : SLICE_EMPTY;
    }
    state->open[state->n_open++] = open;
}

static const struct {
    struct slice type;
    struct slice member;
} TEXT_DELTAS[] = {
    {SLICE_INIT("text_delta"), SLICE_INIT("text")},
    {SLICE_INIT("input_json_delta"), SLICE_INIT("partial_json")},
    {SLICE_INIT("thinking_delta"), SLICE_INIT("thinking")},
};

static void on_delta(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    const struct json_node *delta = json_get(doc, json_root(doc), SLICE("delta"));
    const struct json_node *type = json_get(doc, delta, SLICE("type"));
    struct open_block *open = find_open(state, doc);
    if (!open) {
        return;
    }
    if (open->native) {
        anthropic_native_add(open->native, doc, delta);
        return;
    }
    for (size_t i = 0; i < sizeof(TEXT_DELTAS) / sizeof(*TEXT_DELTAS); i++) {
        if (json_string_is(doc, type, TEXT_DELTAS[i].type)) {
            struct slice text = json_escaped(doc, json_get(doc, delta, TEXT_DELTAS[i].member));
            open->input = text.len ? SLICE_EMPTY : open->input;
            answer_delta(answer, open->block, text);
            return;
        }
    }
    if (json_string_is(doc, type, SLICE("signature_delta"))) {
        tell_signature(answer, open->block, doc, delta);
    }
}

static void close_block(struct answer *answer, struct open_block *open)
{
    if (open->native) {
        open_native(answer, anthropic_native_raw(open->native));
        return;
    }
    if (open->input.len) {
        tell_arguments(answer, open->block, open->input);
    }
    answer_close(answer, open->block, false);
}

static void on_stop(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    struct open_block *open = find_open(state, doc);
    if (open) {
        close_block(answer, open);
        *open = state->open[--state->n_open];
    }
}

static void on_message_delta(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    read_finish(answer, doc, json_get(doc, json_root(doc), SLICE("delta")));
    read_usage(answer, doc, json_root(doc), &state->usage);
}

static void on_message_stop(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    (void)state;
    (void)doc;
    answer_end(answer, true);
}

static void on_error(struct state *state, struct answer *answer, const struct json_doc *doc)
{
    (void)state;
    read_error(answer, doc);
}

static const struct {
    struct slice type;
    void (*read)(struct state *state, struct answer *answer, const struct json_doc *doc);
} EVENTS[] = {
    {SLICE_INIT("content_block_delta"), on_delta},
    {SLICE_INIT("content_block_start"), on_start},
    {SLICE_INIT("content_block_stop"), on_stop},
    {SLICE_INIT("message_start"), on_message_start},
    {SLICE_INIT("message_delta"), on_message_delta},
    {SLICE_INIT("message_stop"), on_message_stop},
    {SLICE_INIT("error"), on_error},
};

static void read_event(void *state, struct answer *answer, const struct json_doc *doc, struct slice name)
{
    const struct json_node *type = json_get(doc, json_root(doc), SLICE("type"));
    struct slice kind = json_is(type, JSON_STRING) ? json_escaped(doc, type) : name;
    for (size_t i = 0; i < sizeof(EVENTS) / sizeof(*EVENTS); i++) {
        if (slice_eq(kind, EVENTS[i].type)) {
            EVENTS[i].read(state, answer, doc);
            return;
        }
    }
    if (json_is(json_get(doc, json_root(doc), SLICE("error")), JSON_OBJECT)) {
        read_error(answer, doc);
    }
}

// A reason alone is no end: message_stop is, and then the answer is over already.
static void read_end(void *state, struct answer *answer)
{
    (void)state;
    answer_break_off(answer);
}

// ---- whole bodies

static void read_content(struct answer *answer, const struct json_doc *doc, const struct json_node *content)
{
    struct neutral_block *block = open_block(answer, doc, content);
    const struct json_node *input = json_get(doc, content, SLICE("input"));
    if (!block) {
        open_native(answer, json_raw(doc, content));
        return;
    }
    if (content_type(doc, content) == CONTENT_CALL && input) {
        tell_arguments(answer, block, json_raw(doc, input));
    }
    answer_close(answer, block, false);
}

static void read_body(struct answer *answer, const struct json_doc *doc)
{
    const struct json_node *root = json_root(doc);
    const struct json_node *contents = json_get(doc, root, SLICE("content"));
    const struct json_node *content = NULL;
    struct usage_seen usage;
    if (json_is(json_get(doc, root, SLICE("error")), JSON_OBJECT)) {
        read_error(answer, doc);
        return;
    }
    if (!json_is(contents, JSON_ARRAY)) {
        answer_fail(answer, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's answer is no message"));
        return;
    }
    forget_usage(&usage);
    read_head(answer, doc, root);
    read_usage(answer, doc, root, &usage);
    while (json_next_element(doc, contents, &content)) {
        if (json_is(content, JSON_OBJECT)) {
            read_content(answer, doc, content);
        }
    }
    read_finish(answer, doc, root);
    answer_end(answer, true);
}

const struct answer_decoder anthropic_decoder = {
    .state_size = sizeof(struct state),
    .read_event = read_event,
    .read_end = read_end,
    .read_body = read_body,
};
