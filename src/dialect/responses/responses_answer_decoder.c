// SPDX-License-Identifier: MIT
// Answers of Responses, decoded.
//
// An answer is a list of output items, known by their place (output_index): their ids may change from event to event.
// What an item holds comes up to five times: as deltas, as the end of a text, of a part, of the item, and within the
// last event. Whatever of it has not been told by then is told; so an answer with all of these, with the last event
// only, or in one body comes out the same.
#include "dialect/responses/responses_internal.h"

enum item_type { ITEM_UNKNOWN, ITEM_MESSAGE, ITEM_REASONING, ITEM_FUNCTION, ITEM_CUSTOM, ITEM_HOSTED };

// Finding one takes a walk, so an answer has no more than so many items, and an item no more parts: what is beyond is
// left out.
enum { ITEMS_MAX = 4096, PARTS_MAX = 4096 };

// What has been told of a text, to see whether its final value begins with it: length and FNV-1a of the bytes.
struct told {
    size_t len;
    uint64_t hash;
};

// A part of a message or of reasoning; of a call its arguments.
struct part {
    struct part *next;
    int64_t index;               // content_index or summary_index
    enum block_kind kind;        // of the block
    bool is_summary;             // of reasoning
    struct neutral_block *block; // NULL: not opened yet
    struct told told;
    size_t n_citations;
};

struct item {
    struct item *next; // the one before it in time
    int64_t index;
    enum item_type type;
    struct slice phase; // arena
    struct part *parts; // the newest first
    size_t n_parts;
    struct neutral_block *block;  // the newest of reasoning, or the call
    const struct part *last_part; // of reasoning: the one that the block is at
    bool is_done;
};

// State of a stream; a body uses one, too.
struct decoder {
    struct item *items; // the newest first
    size_t n_items;
    bool has_text;
    bool has_refusal;
    bool has_call; // something that the client has to execute
};

// One event or body under way.
struct reading {
    struct decoder *decoder;
    struct answer *answer;
    const struct json_doc *doc;
    const struct json_node *root; // the event
};

#define FNV_START 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

static struct arena *arena_of(const struct reading *r)
{
    return answer_context(r->answer)->arena;
}

static const struct json_node *get(const struct reading *r, const struct json_node *object, const char *name)
{
    return json_get(r->doc, object, slice_from_cstr(name));
}

static bool is_text(const struct reading *r, const struct json_node *object, const char *name, const char *text)
{
    return json_string_is(r->doc, get(r, object, name), slice_from_cstr(text));
}

static struct slice plain(const struct reading *r, const struct json_node *object, const char *name)
{
    return json_string(r->doc, get(r, object, name), arena_of(r));
}

// A place in the output; -1 where the event does not say.
static int64_t place(const struct reading *r, const char *name)
{
    int64_t value = -1;
    (void)json_int64(r->doc, get(r, r->root, name), &value);
    return value;
}

// A place among the parts of an item.
static int64_t part_place(const struct reading *r, const char *name)
{
    int64_t value = place(r, name);
    return value < 0 ? 0 : value;
}

// ---- texts

static uint64_t hash_on(uint64_t hash, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * FNV_PRIME;
    }
    return hash;
}

static void tell(const struct reading *r, struct part *part, struct slice escaped)
{
    if (part->told.len == 0) {
        part->told.hash = FNV_START;
    }
    part->told.hash = hash_on(part->told.hash, escaped);
    part->told.len += escaped.len;
    r->decoder->has_text = r->decoder->has_text || (part->kind == BLOCK_TEXT && escaped.len);
    r->decoder->has_refusal = r->decoder->has_refusal || (part->kind == BLOCK_REFUSAL && escaped.len);
    answer_delta(r->answer, part->block, escaped);
}

// What of the final value has not come as deltas. Where it is another text than those made, they stay.
static struct slice tail_of(const struct part *part, struct slice final)
{
    if (final.len <= part->told.len) {
        return SLICE_EMPTY;
    }
    bool is_prefix = part->told.len == 0 || hash_on(FNV_START, slice_of(final.ptr, part->told.len)) == part->told.hash;
    return is_prefix ? slice_after(final, part->told.len) : SLICE_EMPTY;
}

// ---- items and parts

static enum item_type item_type(const struct reading *r, const struct json_node *item)
{
    static const struct {
        const char *name;
        enum item_type type;
    } TYPES[] = {{"message", ITEM_MESSAGE},
                 {"reasoning", ITEM_REASONING},
                 {"function_call", ITEM_FUNCTION},
                 {"custom_tool_call", ITEM_CUSTOM}};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (is_text(r, item, "type", TYPES[i].name)) {
            return TYPES[i].type;
        }
    }
    return json_is(get(r, item, "type"), JSON_STRING) ? ITEM_HOSTED : ITEM_UNKNOWN;
}

// Without a place it is the newest.
static struct item *find_item(const struct reading *r, int64_t index)
{
    struct item *item = r->decoder->items;
    while (item && index >= 0 && item->index != index) {
        item = item->next;
    }
    return item;
}

// NULL: there are too many.
static struct item *add_item(const struct reading *r, int64_t index, enum item_type type)
{
    if (r->decoder->n_items == ITEMS_MAX) {
        return NULL;
    }
    struct item *item = arena_zalloc(arena_of(r), sizeof(*item));
    item->index = index >= 0 ? index : (int64_t)r->decoder->n_items;
    item->type = type;
    item->next = r->decoder->items;
    r->decoder->items = item;
    r->decoder->n_items++;
    return item;
}

// The item of a delta, whose beginning may have been left out.
static struct item *item_of_delta(const struct reading *r, enum item_type type)
{
    int64_t index = place(r, "output_index");
    struct item *item = find_item(r, index);
    if (!item && (type == ITEM_MESSAGE || type == ITEM_REASONING)) {
        item = add_item(r, index, type);
    }
    return item && item->type == type && !item->is_done ? item : NULL;
}

static struct part *part_at(const struct reading *r, struct item *item, int64_t index, enum block_kind kind,
                            bool is_summary)
{
    struct part *part = item->parts;
    while (part && (part->index != index || part->is_summary != is_summary || part->kind != kind)) {
        part = part->next;
    }
    if (!part && item->n_parts == PARTS_MAX) {
        return item->parts;
    }
    if (!part) {
        part = arena_zalloc(arena_of(r), sizeof(*part));
        part->index = index;
        part->kind = kind;
        part->is_summary = is_summary;
        part->next = item->parts;
        item->parts = part;
        item->n_parts++;
    }
    return part;
}

// The parts of an item's reasoning are one block, unless some are summaries and others the thoughts themselves.
static void open_reasoning(const struct reading *r, struct item *item, struct part *part)
{
    if (!item->block || item->block->is_summary != part->is_summary) {
        if (item->block) {
            answer_close(r->answer, item->block, false);
        }
        struct neutral_block template = {.kind = BLOCK_REASONING, .is_summary = part->is_summary};
        item->block = answer_open(r->answer, 0, &template);
    } else if (item->last_part != part) {
        answer_part(r->answer, item->block);
    }
    item->last_part = part;
    part->block = item->block;
}

static void open_part(const struct reading *r, struct item *item, struct part *part)
{
    if (item->type == ITEM_REASONING) {
        if (part->block != item->block || item->last_part != part || !part->block) {
            open_reasoning(r, item, part);
        }
    } else if (!part->block) {
        struct neutral_block template = {.kind = part->kind, .phase = item->phase};
        part->block = answer_open(r->answer, 0, &template);
    }
}

// The block of a text is opened with its first characters: empty ones are nothing that others need to know of.
static void tell_part(const struct reading *r, struct item *item, struct part *part, struct slice escaped)
{
    if (escaped.len) {
        open_part(r, item, part);
        tell(r, part, escaped);
    }
}

// ---- calls

static void open_call(const struct reading *r, struct item *item, const struct json_node *node)
{
    struct neutral_block template = {
        .kind = BLOCK_CALL,
        .call_id = plain(r, node, "call_id"),
        .name = plain(r, node, "name"),
        .name_space = plain(r, node, "namespace"),
        .tool_kind = item->type == ITEM_CUSTOM ? TOOL_CUSTOM : TOOL_FUNCTION,
    };
    item->block = answer_open(r->answer, 0, &template);
    part_at(r, item, 0, BLOCK_CALL, false)->block = item->block;
    r->decoder->has_call = true;
}

static void tell_arguments(const struct reading *r, struct item *item, const struct json_node *final)
{
    struct part *part = part_at(r, item, 0, BLOCK_CALL, false);
    if (part->block) {
        tell(r, part, tail_of(part, json_escaped(r->doc, final)));
    }
}

static void end_call(const struct reading *r, struct item *item, const struct json_node *node)
{
    if (!item->block) {
        open_call(r, item, node);
    }
    tell_arguments(r, item, get(r, node, item->type == ITEM_CUSTOM ? "input" : "arguments"));
    answer_close(r->answer, item->block, is_text(r, node, "status", "incomplete"));
}

// ---- messages

static void tell_citations(const struct reading *r, struct item *item, struct part *part,
                           const struct json_node *annotations)
{
    const struct json_node *annotation = NULL;
    size_t n = 0;
    while (json_next_element(r->doc, annotations, &annotation)) {
        if (is_text(r, annotation, "type", "url_citation") && n++ >= part->n_citations) {
            open_part(r, item, part);
            answer_citation(r->answer, part->block, json_raw(r->doc, annotation));
        }
    }
    part->n_citations = n > part->n_citations ? n : part->n_citations;
}

static void tell_logprobs(const struct reading *r, struct part *part, const struct json_node *logprobs)
{
    if (part->block && json_is(logprobs, JSON_ARRAY) && logprobs->next - (logprobs - r->doc->nodes) > 1) {
        answer_logprobs(r->answer, part->block, json_raw(r->doc, logprobs));
    }
}

static void end_part(const struct reading *r, struct item *item, int64_t index, const struct json_node *node)
{
    bool is_refusal = is_text(r, node, "type", "refusal");
    if (!is_refusal && !is_text(r, node, "type", "output_text")) {
        return;
    }
    struct part *part = part_at(r, item, index, is_refusal ? BLOCK_REFUSAL : BLOCK_TEXT, false);
    bool is_untold = part->told.len == 0;
    tell_part(r, item, part, tail_of(part, json_escaped(r->doc, get(r, node, is_refusal ? "refusal" : "text"))));
    if (is_untold) {
        tell_logprobs(r, part, get(r, node, "logprobs"));
    }
    tell_citations(r, item, part, get(r, node, "annotations"));
    if (part->block) {
        answer_close(r->answer, part->block, false);
    }
}

static void end_message(const struct reading *r, struct item *item, const struct json_node *node)
{
    const struct json_node *content = get(r, node, "content");
    const struct json_node *part = NULL;
    int64_t index = 0;
    item->phase = plain(r, node, "phase");
    while (json_next_element(r->doc, content, &part)) {
        end_part(r, item, index++, part);
    }
}

// ---- reasoning

static void end_thoughts(const struct reading *r, struct item *item, const struct json_node *array, bool is_summary)
{
    const struct json_node *node = NULL;
    int64_t index = 0;
    while (json_next_element(r->doc, array, &node)) {
        struct part *part = part_at(r, item, index++, BLOCK_REASONING, is_summary);
        tell_part(r, item, part, tail_of(part, json_escaped(r->doc, get(r, node, "text"))));
    }
}

// Only the finished item has the whole of it. Behind another gateway like this one it is somebody else's.
static struct neutral_opaque read_opaque(const struct reading *r, const struct json_node *node)
{
    struct neutral_opaque opaque = {0};
    struct slice text = plain(r, node, "encrypted_content");
    if (!text.len || opaque_unwrap(arena_of(r), text, &opaque)) {
        return opaque;
    }
    return (struct neutral_opaque){OPAQUE_OPENAI_ENCRYPTED, text, plain(r, node, "id")};
}

static void end_reasoning(const struct reading *r, struct item *item, const struct json_node *node)
{
    struct neutral_opaque opaque = read_opaque(r, node);
    end_thoughts(r, item, get(r, node, "summary"), true);
    end_thoughts(r, item, get(r, node, "content"), false);
    if (item->block) {
        answer_opaque(r->answer, item->block, &opaque);
    } else if (opaque.kind != OPAQUE_NONE) {
        struct neutral_block template = {.kind = BLOCK_REASONING, .is_summary = true, .opaque = opaque};
        item->block = answer_open(r->answer, 0, &template);
    }
    if (item->block) {
        answer_close(r->answer, item->block, false);
    }
}

// ---- what the provider, or only a client of its own, runs

static bool is_for_client(const struct reading *r, const struct json_node *node)
{
    static const char *const TYPES[] = {"computer_call", "local_shell_call", "shell_call", "apply_patch_call",
                                        "mcp_approval_request"};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (is_text(r, node, "type", TYPES[i])) {
            return true;
        }
    }
    return false;
}

static struct slice image_type(const struct reading *r, const struct json_node *node)
{
    if (is_text(r, node, "output_format", "webp")) {
        return SLICE("image/webp");
    }
    return is_text(r, node, "output_format", "jpeg") ? SLICE("image/jpeg") : SLICE("image/png");
}

static void end_hosted(const struct reading *r, const struct json_node *node)
{
    struct slice image = json_escaped(r->doc, get(r, node, "result"));
    struct neutral_block template = {.kind = BLOCK_NATIVE};
    if (is_text(r, node, "type", "image_generation_call") && image.len) {
        template.kind = BLOCK_MEDIA;
        template.media = (struct media){.form = MEDIA_BASE64, .data = image, .mime_type = image_type(r, node)};
    } else {
        template.raw = json_raw(r->doc, node);
    }
    r->decoder->has_call = r->decoder->has_call || is_for_client(r, node);
    (void)answer_open(r->answer, 0, &template);
}

// ---- items as a whole

static void end_item(const struct reading *r, struct item *item, const struct json_node *node)
{
    if (item->is_done || item->type != item_type(r, node)) {
        return;
    }
    item->is_done = true;
    switch (item->type) {
    case ITEM_MESSAGE: end_message(r, item, node); break;
    case ITEM_REASONING: end_reasoning(r, item, node); break;
    case ITEM_FUNCTION:
    case ITEM_CUSTOM: end_call(r, item, node); break;
    case ITEM_HOSTED: end_hosted(r, node); break;
    case ITEM_UNKNOWN: break;
    }
}

static void on_item_added(const struct reading *r)
{
    const struct json_node *node = get(r, r->root, "item");
    int64_t index = place(r, "output_index");
    enum item_type type = item_type(r, node);
    if (type == ITEM_UNKNOWN || (index >= 0 && find_item(r, index))) {
        return;
    }
    struct item *item = add_item(r, index, type);
    if (item && type == ITEM_MESSAGE) {
        item->phase = arena_dup(arena_of(r), plain(r, node, "phase"));
    } else if (item && (type == ITEM_FUNCTION || type == ITEM_CUSTOM)) {
        open_call(r, item, node);
    }
}

static void on_item_done(const struct reading *r)
{
    const struct json_node *node = get(r, r->root, "item");
    int64_t index = place(r, "output_index");
    enum item_type type = item_type(r, node);
    struct item *item = find_item(r, index);
    if (type == ITEM_UNKNOWN) {
        return;
    }
    if (!item || (index < 0 && item->is_done)) {
        item = add_item(r, index, type);
    }
    if (item) {
        end_item(r, item, node);
    }
}

// ---- deltas

static void on_text_delta(const struct reading *r, enum block_kind kind)
{
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item) {
        struct part *part = part_at(r, item, part_place(r, "content_index"), kind, false);
        tell_part(r, item, part, json_escaped(r->doc, get(r, r->root, "delta")));
        tell_logprobs(r, part, get(r, r->root, "logprobs"));
    }
}

static void on_reasoning_delta(const struct reading *r, bool is_summary)
{
    struct item *item = item_of_delta(r, ITEM_REASONING);
    if (item) {
        int64_t index = part_place(r, is_summary ? "summary_index" : "content_index");
        struct part *part = part_at(r, item, index, BLOCK_REASONING, is_summary);
        tell_part(r, item, part, json_escaped(r->doc, get(r, r->root, "delta")));
    }
}

static void on_arguments_delta(const struct reading *r, enum item_type type)
{
    struct item *item = item_of_delta(r, type);
    if (item) {
        tell(r, part_at(r, item, 0, BLOCK_CALL, false), json_escaped(r->doc, get(r, r->root, "delta")));
    }
}

static void on_arguments_done(const struct reading *r, enum item_type type, const char *member)
{
    struct item *item = item_of_delta(r, type);
    if (item) {
        tell_arguments(r, item, get(r, r->root, member));
    }
}

static void on_text_done(const struct reading *r, enum block_kind kind, const char *member)
{
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item) {
        struct part *part = part_at(r, item, part_place(r, "content_index"), kind, false);
        tell_part(r, item, part, tail_of(part, json_escaped(r->doc, get(r, r->root, member))));
    }
}

static void on_reasoning_done(const struct reading *r, bool is_summary)
{
    struct item *item = item_of_delta(r, ITEM_REASONING);
    if (item) {
        int64_t index = part_place(r, is_summary ? "summary_index" : "content_index");
        struct part *part = part_at(r, item, index, BLOCK_REASONING, is_summary);
        tell_part(r, item, part, tail_of(part, json_escaped(r->doc, get(r, r->root, "text"))));
    }
}

static void on_annotation(const struct reading *r)
{
    const struct json_node *annotation = get(r, r->root, "annotation");
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item && is_text(r, annotation, "type", "url_citation")) {
        struct part *part = part_at(r, item, part_place(r, "content_index"), BLOCK_TEXT, false);
        open_part(r, item, part);
        part->n_citations++;
        answer_citation(r->answer, part->block, json_raw(r->doc, annotation));
    }
}

static void on_part_done(const struct reading *r)
{
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item) {
        end_part(r, item, part_place(r, "content_index"), get(r, r->root, "part"));
    }
}

// ---- the response

static void read_head(const struct reading *r, const struct json_node *response)
{
    struct answer_head head = {
        .id = plain(r, response, "id"),
        .model = plain(r, response, "model"),
        .service_tier = plain(r, response, "service_tier"),
    };
    (void)json_int64(r->doc, get(r, response, "created_at"), &head.created_s);
    answer_start(r->answer, &head);
}

static void read_usage(const struct reading *r, const struct json_node *response)
{
    struct usage_seen seen = {0};
    for (size_t i = 0; i < N_FIGURES; i++) {
        seen.figures[i] = -1;
    }
    usage_read_rows(&responses_usage, r->doc, get(r, response, "usage"), &seen);
    struct usage usage = usage_of_seen(&responses_usage, &seen);
    answer_usage(r->answer, &usage);
}

// What has not been told of the output yet. Proxies leave it empty, or count its items otherwise than their events do:
// items that never came are believed only where it has more of them.
static void read_output(const struct reading *r, const struct json_node *response)
{
    const struct json_node *output = get(r, response, "output");
    const struct json_node *node = NULL;
    size_t n_seen = r->decoder->n_items;
    size_t n = 0;
    int64_t index = 0;
    while (json_next_element(r->doc, output, &node)) {
        n++;
    }
    for (node = NULL; json_next_element(r->doc, output, &node); index++) {
        struct item *item = find_item(r, index);
        enum item_type type = item_type(r, node);
        if (!item && n > n_seen && type != ITEM_UNKNOWN) {
            item = add_item(r, index, type);
        }
        if (item) {
            end_item(r, item, node);
        }
    }
}

static void fail(const struct reading *r, const struct json_node *error)
{
    struct neutral_error failure = {.fault = FAULT_UPSTREAM_SERVER, .retry_after_s = -1};
    if (json_is(error, JSON_OBJECT)) {
        responses_read_error_object(r->doc, error, arena_of(r), &failure);
    } else {
        failure.message = json_string(r->doc, error, arena_of(r));
    }
    if (!failure.message.len) {
        failure.message = SLICE("the upstream's response failed");
    }
    answer_error(r->answer, &failure);
}

static enum finish_reason completed_reason(const struct decoder *decoder)
{
    if (decoder->has_call) {
        return FINISH_TOOL_CALLS;
    }
    return decoder->has_refusal && !decoder->has_text ? FINISH_REFUSAL : FINISH_STOP;
}

static enum finish_reason incomplete_reason(const struct reading *r, struct slice reason)
{
    if (slice_eq(reason, SLICE("max_output_tokens"))) {
        return FINISH_LENGTH;
    }
    return slice_eq(reason, SLICE("content_filter")) ? FINISH_CONTENT_FILTER : FINISH_OTHER;
}

static void finish(const struct reading *r, enum finish_reason reason, struct slice native)
{
    answer_finish(r->answer, 0, &(struct finish){.reason = reason, .native = native});
}

static void end_response(const struct reading *r, const struct json_node *response, struct slice status)
{
    read_head(r, response);
    read_usage(r, response);
    read_output(r, response);
    if (slice_eq(status, SLICE("failed"))) {
        fail(r, get(r, response, "error"));
    } else if (slice_eq(status, SLICE("incomplete"))) {
        struct slice reason = plain(r, get(r, response, "incomplete_details"), "reason");
        answer_close_all(r->answer, 0, true);
        finish(r, incomplete_reason(r, reason), reason.len ? reason : status);
    } else if (slice_eq(status, SLICE("cancelled"))) {
        answer_close_all(r->answer, 0, true);
        finish(r, FINISH_CANCELLED, status);
    } else {
        finish(r, completed_reason(r->decoder), status);
    }
    answer_end(r->answer, true);
}

static struct slice status_of(const struct reading *r, const struct json_node *response, const char *usual)
{
    struct slice status = plain(r, response, "status");
    bool is_an_end = slice_eq(status, SLICE("completed")) || slice_eq(status, SLICE("incomplete")) ||
                     slice_eq(status, SLICE("failed")) || slice_eq(status, SLICE("cancelled"));
    return is_an_end ? status : slice_from_cstr(usual);
}

static void on_end(const struct reading *r, const char *usual)
{
    const struct json_node *response = get(r, r->root, "response");
    end_response(r, response, status_of(r, response, usual));
}

static void on_error(const struct reading *r)
{
    const struct json_node *error = get(r, r->root, "error");
    fail(r, json_is(error, JSON_OBJECT) || json_is(error, JSON_STRING) ? error : r->root);
}

// ---- events

enum event {
    ON_TEXT_DELTA,
    ON_ARGUMENTS_DELTA,
    ON_SUMMARY_DELTA,
    ON_THOUGHT_DELTA,
    ON_INPUT_DELTA,
    ON_ITEM_ADDED,
    ON_ITEM_DONE,
    ON_PART_DONE,
    ON_TEXT_DONE,
    ON_ARGUMENTS_DONE,
    ON_INPUT_DONE,
    ON_SUMMARY_DONE,
    ON_THOUGHT_DONE,
    ON_ANNOTATION,
    ON_REFUSAL_DELTA,
    ON_REFUSAL_DONE,
    ON_CREATED,
    ON_QUEUED,
    ON_PROGRESS,
    ON_COMPLETED,
    ON_DONE,
    ON_INCOMPLETE,
    ON_FAILED,
    ON_CANCELLED,
    ON_ERROR,
    N_EVENTS
};

// The frequent ones first.
static const struct slice EVENTS[N_EVENTS] = {
    [ON_TEXT_DELTA] = SLICE_INIT("response.output_text.delta"),
    [ON_ARGUMENTS_DELTA] = SLICE_INIT("response.function_call_arguments.delta"),
    [ON_SUMMARY_DELTA] = SLICE_INIT("response.reasoning_summary_text.delta"),
    [ON_THOUGHT_DELTA] = SLICE_INIT("response.reasoning_text.delta"),
    [ON_INPUT_DELTA] = SLICE_INIT("response.custom_tool_call_input.delta"),
    [ON_ITEM_ADDED] = SLICE_INIT("response.output_item.added"),
    [ON_ITEM_DONE] = SLICE_INIT("response.output_item.done"),
    [ON_PART_DONE] = SLICE_INIT("response.content_part.done"),
    [ON_TEXT_DONE] = SLICE_INIT("response.output_text.done"),
    [ON_ARGUMENTS_DONE] = SLICE_INIT("response.function_call_arguments.done"),
    [ON_INPUT_DONE] = SLICE_INIT("response.custom_tool_call_input.done"),
    [ON_SUMMARY_DONE] = SLICE_INIT("response.reasoning_summary_text.done"),
    [ON_THOUGHT_DONE] = SLICE_INIT("response.reasoning_text.done"),
    [ON_ANNOTATION] = SLICE_INIT("response.output_text.annotation.added"),
    [ON_REFUSAL_DELTA] = SLICE_INIT("response.refusal.delta"),
    [ON_REFUSAL_DONE] = SLICE_INIT("response.refusal.done"),
    [ON_CREATED] = SLICE_INIT("response.created"),
    [ON_QUEUED] = SLICE_INIT("response.queued"),
    [ON_PROGRESS] = SLICE_INIT("response.in_progress"),
    [ON_COMPLETED] = SLICE_INIT("response.completed"),
    [ON_DONE] = SLICE_INIT("response.done"), // what early proxies called the one above
    [ON_INCOMPLETE] = SLICE_INIT("response.incomplete"),
    [ON_FAILED] = SLICE_INIT("response.failed"),
    [ON_CANCELLED] = SLICE_INIT("response.cancelled"),
    [ON_ERROR] = SLICE_INIT("error"),
};

static enum event event_of(const struct reading *r, struct slice name)
{
    const struct json_node *type = get(r, r->root, "type");
    struct slice kind = json_is(type, JSON_STRING) ? json_escaped(r->doc, type) : name;
    enum event event = 0;
    while (event < N_EVENTS && !slice_eq(EVENTS[event], kind)) {
        event++;
    }
    // Whatever a proxy calls it.
    return event == N_EVENTS && json_is(get(r, r->root, "error"), JSON_OBJECT) ? ON_ERROR : event;
}

static void read_event(void *state, struct answer *answer, const struct json_doc *doc, struct slice name)
{
    struct reading reading = {.decoder = state, .answer = answer, .doc = doc, .root = json_root(doc)};
    const struct reading *r = &reading;
    if (!json_is(r->root, JSON_OBJECT) || answer_is_over(answer)) {
        return;
    }
    switch (event_of(r, name)) {
    case ON_TEXT_DELTA: on_text_delta(r, BLOCK_TEXT); break;
    case ON_ARGUMENTS_DELTA: on_arguments_delta(r, ITEM_FUNCTION); break;
    case ON_SUMMARY_DELTA: on_reasoning_delta(r, true); break;
    case ON_THOUGHT_DELTA: on_reasoning_delta(r, false); break;
    case ON_INPUT_DELTA: on_arguments_delta(r, ITEM_CUSTOM); break;
    case ON_ITEM_ADDED: on_item_added(r); break;
    case ON_ITEM_DONE: on_item_done(r); break;
    case ON_PART_DONE: on_part_done(r); break;
    case ON_TEXT_DONE: on_text_done(r, BLOCK_TEXT, "text"); break;
    case ON_ARGUMENTS_DONE: on_arguments_done(r, ITEM_FUNCTION, "arguments"); break;
    case ON_INPUT_DONE: on_arguments_done(r, ITEM_CUSTOM, "input"); break;
    case ON_SUMMARY_DONE: on_reasoning_done(r, true); break;
    case ON_THOUGHT_DONE: on_reasoning_done(r, false); break;
    case ON_ANNOTATION: on_annotation(r); break;
    case ON_REFUSAL_DELTA: on_text_delta(r, BLOCK_REFUSAL); break;
    case ON_REFUSAL_DONE: on_text_done(r, BLOCK_REFUSAL, "refusal"); break;
    case ON_CREATED:
    case ON_QUEUED:
    case ON_PROGRESS: read_head(r, get(r, r->root, "response")); break;
    case ON_COMPLETED:
    case ON_DONE: on_end(r, "completed"); break;
    case ON_INCOMPLETE: on_end(r, "incomplete"); break;
    case ON_FAILED: on_end(r, "failed"); break;
    case ON_CANCELLED: on_end(r, "cancelled"); break;
    case ON_ERROR: on_error(r); break;
    case N_EVENTS: break;
    }
}

// Not of this dialect, but who writes it says that nothing was cut off.
static void read_done(void *state, struct answer *answer)
{
    const struct decoder *decoder = state;
    if (decoder->n_items) {
        answer_end(answer, true);
    }
}

static void read_end(void *state, struct answer *answer)
{
    answer_end(answer, false);
}

// ---- bodies

static void read_body(struct answer *answer, const struct json_doc *doc)
{
    struct decoder decoder = {0};
    struct reading r = {.decoder = &decoder, .answer = answer, .doc = doc, .root = json_root(doc)};
    struct slice status = plain(&r, r.root, "status");
    bool has_output = json_is(get(&r, r.root, "output"), JSON_ARRAY);
    if (json_is(get(&r, r.root, "error"), JSON_OBJECT) || slice_eq(status, SLICE("failed"))) {
        fail(&r, get(&r, r.root, "error"));
    } else if (!has_output || slice_eq(status, SLICE("queued")) || slice_eq(status, SLICE("in_progress"))) {
        answer_error(answer, &(struct neutral_error){
                                 .fault = FAULT_UPSTREAM_PROTOCOL,
                                 .message = has_output ? SLICE("the upstream's response has not been completed")
                                                       : SLICE("the upstream's answer is no response"),
                                 .retry_after_s = -1,
                             });
    } else {
        end_response(&r, r.root, status.len ? status : SLICE("completed"));
    }
}

const struct answer_decoder responses_decoder = {
    .state_size = sizeof(struct decoder),
    .read_event = read_event,
    .read_done = read_done,
    .read_end = read_end,
    .read_body = read_body,
};
