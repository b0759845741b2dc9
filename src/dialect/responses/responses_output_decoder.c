// SPDX-License-Identifier: MIT
// What a response puts out, decoded.
//
// An answer is a list of output items, known by their place (output_index): their ids may change from event to event.
// What an item holds comes up to five times: as deltas, as the end of a text, of a part, of the item, and within the
// last event. Whatever of it has not been told by then is told; so an answer with all of these, with the last event
// only, or in one body comes out the same.
#include "base/fnv.h"
#include "dialect/responses/responses_internal.h"

enum item_type { ITEM_UNKNOWN, ITEM_MESSAGE, ITEM_REASONING, ITEM_FUNCTION, ITEM_CUSTOM, ITEM_HOSTED };

// Finding one takes a walk, so an answer has no more than so many items, and an item no more parts: what is beyond is
// left out.
enum { ITEMS_MAX = 4096, PARTS_MAX = 4096 };

// What has been told of a text, to see whether its final value begins with it: length and hash of the bytes.
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

// A place in the output; -1 where the event does not say.
static int64_t place(const struct responses_reading *r, const char *name)
{
    int64_t value = -1;
    (void)json_int64(r->doc, responses_get(r, r->root, name), &value);
    return value;
}

// A place among the parts of an item.
static int64_t part_place(const struct responses_reading *r, const char *name)
{
    int64_t value = place(r, name);
    return value < 0 ? 0 : value;
}

// ---- texts

static void note_told(struct part *part, struct slice escaped)
{
    if (part->told.len == 0) {
        part->told.hash = FNV_START;
    }
    part->told.hash = fnv_add(part->told.hash, escaped);
    part->told.len += escaped.len;
}

void responses_more_text(void *decoding, struct answer *answer, struct slice escaped)
{
    struct part *part = ((struct responses_decoding *)decoding)->told_last;
    note_told(part, escaped);
    answer_delta(answer, part->block, escaped);
}

static void tell(const struct responses_reading *r, struct part *part, struct slice escaped)
{
    note_told(part, escaped);
    r->decoder->told_last = part;
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
    bool is_prefix = part->told.len == 0 || fnv_add(FNV_START, slice_of(final.ptr, part->told.len)) == part->told.hash;
    return is_prefix ? slice_after(final, part->told.len) : SLICE_EMPTY;
}

// ---- items and parts

static enum item_type item_type(const struct responses_reading *r, const struct json_node *item)
{
    static const struct {
        const char *name;
        enum item_type type;
    } TYPES[] = {{"message", ITEM_MESSAGE},
                 {"reasoning", ITEM_REASONING},
                 {"function_call", ITEM_FUNCTION},
                 {"custom_tool_call", ITEM_CUSTOM}};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (responses_is_text(r, item, "type", TYPES[i].name)) {
            return TYPES[i].type;
        }
    }
    return json_is(responses_get(r, item, "type"), JSON_STRING) ? ITEM_HOSTED : ITEM_UNKNOWN;
}

// Without a place it is the newest.
static struct item *find_item(const struct responses_reading *r, int64_t index)
{
    struct item *item = r->decoder->items;
    while (item && index >= 0 && item->index != index) {
        item = item->next;
    }
    return item;
}

// NULL: there are too many.
static struct item *add_item(const struct responses_reading *r, int64_t index, enum item_type type)
{
    if (r->decoder->n_items == ITEMS_MAX) {
        return NULL;
    }
    struct item *item = arena_zalloc(responses_arena(r), sizeof(*item));
    item->index = index >= 0 ? index : (int64_t)r->decoder->n_items;
    item->type = type;
    item->next = r->decoder->items;
    r->decoder->items = item;
    r->decoder->n_items++;
    return item;
}

// The item of a delta, whose beginning may have been left out.
static struct item *item_of_delta(const struct responses_reading *r, enum item_type type)
{
    int64_t index = place(r, "output_index");
    struct item *item = find_item(r, index);
    if (!item && (type == ITEM_MESSAGE || type == ITEM_REASONING)) {
        item = add_item(r, index, type);
    }
    return item && item->type == type && !item->is_done ? item : NULL;
}

static struct part *part_at(const struct responses_reading *r, struct item *item, int64_t index, enum block_kind kind,
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
        part = arena_zalloc(responses_arena(r), sizeof(*part));
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
static void open_reasoning(const struct responses_reading *r, struct item *item, struct part *part)
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

static void open_part(const struct responses_reading *r, struct item *item, struct part *part)
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
static void tell_part(const struct responses_reading *r, struct item *item, struct part *part, struct slice escaped)
{
    if (escaped.len) {
        open_part(r, item, part);
        tell(r, part, escaped);
    }
}

// ---- calls

static void open_call(const struct responses_reading *r, struct item *item, const struct json_node *node)
{
    struct neutral_block template = {
        .kind = BLOCK_CALL,
        .call_id = responses_plain(r, node, "call_id"),
        .name = responses_plain(r, node, "name"),
        .name_space = responses_plain(r, node, "namespace"),
        .tool_kind = item->type == ITEM_CUSTOM ? TOOL_CUSTOM : TOOL_FUNCTION,
    };
    item->block = answer_open(r->answer, 0, &template);
    part_at(r, item, 0, BLOCK_CALL, false)->block = item->block;
    r->decoder->has_call = true;
}

static void tell_arguments(const struct responses_reading *r, struct item *item, const struct json_node *final)
{
    struct part *part = part_at(r, item, 0, BLOCK_CALL, false);
    if (part->block) {
        tell(r, part, tail_of(part, json_escaped(r->doc, final)));
    }
}

static void end_call(const struct responses_reading *r, struct item *item, const struct json_node *node)
{
    if (!item->block) {
        open_call(r, item, node);
    }
    tell_arguments(r, item, responses_get(r, node, item->type == ITEM_CUSTOM ? "input" : "arguments"));
    answer_close(r->answer, item->block, responses_is_text(r, node, "status", "incomplete"));
}

// ---- messages

static void tell_citations(const struct responses_reading *r, struct item *item, struct part *part,
                           const struct json_node *annotations)
{
    const struct json_node *annotation = NULL;
    size_t n = 0;
    while (json_next_element(r->doc, annotations, &annotation)) {
        if (responses_is_text(r, annotation, "type", "url_citation") && n++ >= part->n_citations) {
            open_part(r, item, part);
            answer_citation(r->answer, part->block, json_raw(r->doc, annotation));
        }
    }
    part->n_citations = n > part->n_citations ? n : part->n_citations;
}

static void tell_logprobs(const struct responses_reading *r, struct part *part, const struct json_node *logprobs)
{
    if (part->block && json_is(logprobs, JSON_ARRAY) && logprobs->next - (logprobs - r->doc->nodes) > 1) {
        answer_logprobs(r->answer, part->block, json_raw(r->doc, logprobs));
    }
}

static void end_part(const struct responses_reading *r, struct item *item, int64_t index, const struct json_node *node)
{
    bool is_refusal = responses_is_text(r, node, "type", "refusal");
    if (!is_refusal && !responses_is_text(r, node, "type", "output_text")) {
        return;
    }
    struct part *part = part_at(r, item, index, is_refusal ? BLOCK_REFUSAL : BLOCK_TEXT, false);
    bool is_untold = part->told.len == 0;
    tell_part(r, item, part,
              tail_of(part, json_escaped(r->doc, responses_get(r, node, is_refusal ? "refusal" : "text"))));
    if (is_untold) {
        tell_logprobs(r, part, responses_get(r, node, "logprobs"));
    }
    tell_citations(r, item, part, responses_get(r, node, "annotations"));
    if (part->block) {
        answer_close(r->answer, part->block, false);
    }
}

static void end_message(const struct responses_reading *r, struct item *item, const struct json_node *node)
{
    const struct json_node *content = responses_get(r, node, "content");
    const struct json_node *part = NULL;
    int64_t index = 0;
    item->phase = responses_plain(r, node, "phase");
    while (json_next_element(r->doc, content, &part)) {
        end_part(r, item, index++, part);
    }
}

// ---- reasoning

static void end_thoughts(const struct responses_reading *r, struct item *item, const struct json_node *array,
                         bool is_summary)
{
    const struct json_node *node = NULL;
    int64_t index = 0;
    while (json_next_element(r->doc, array, &node)) {
        struct part *part = part_at(r, item, index++, BLOCK_REASONING, is_summary);
        tell_part(r, item, part, tail_of(part, json_escaped(r->doc, responses_get(r, node, "text"))));
    }
}

// Only the finished item has the whole of it. Behind another gateway like this one it is somebody else's.
static struct neutral_opaque read_opaque(const struct responses_reading *r, const struct json_node *node)
{
    struct neutral_opaque opaque = {0};
    struct slice text = responses_plain(r, node, "encrypted_content");
    if (!text.len || opaque_unwrap(responses_arena(r), text, &opaque)) {
        return opaque;
    }
    return (struct neutral_opaque){OPAQUE_OPENAI_ENCRYPTED, text, responses_plain(r, node, "id")};
}

static void end_reasoning(const struct responses_reading *r, struct item *item, const struct json_node *node)
{
    struct neutral_opaque opaque = read_opaque(r, node);
    end_thoughts(r, item, responses_get(r, node, "summary"), true);
    end_thoughts(r, item, responses_get(r, node, "content"), false);
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

static bool is_for_client(const struct responses_reading *r, const struct json_node *node)
{
    static const char *const TYPES[] = {"computer_call", "local_shell_call", "shell_call", "apply_patch_call",
                                        "mcp_approval_request"};
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (responses_is_text(r, node, "type", TYPES[i])) {
            return true;
        }
    }
    return false;
}

static struct slice image_type(const struct responses_reading *r, const struct json_node *node)
{
    if (responses_is_text(r, node, "output_format", "webp")) {
        return SLICE("image/webp");
    }
    return responses_is_text(r, node, "output_format", "jpeg") ? SLICE("image/jpeg") : SLICE("image/png");
}

static void end_hosted(const struct responses_reading *r, const struct json_node *node)
{
    struct slice image = json_escaped(r->doc, responses_get(r, node, "result"));
    struct neutral_block template = {.kind = BLOCK_NATIVE};
    if (responses_is_text(r, node, "type", "image_generation_call") && image.len) {
        template.kind = BLOCK_MEDIA;
        template.media = (struct media){.form = MEDIA_BASE64, .data = image, .mime_type = image_type(r, node)};
    } else {
        template.raw = json_raw(r->doc, node);
    }
    r->decoder->has_call = r->decoder->has_call || is_for_client(r, node);
    (void)answer_open(r->answer, 0, &template);
}

// ---- items as a whole

static void end_item(const struct responses_reading *r, struct item *item, const struct json_node *node)
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

void responses_item_added(const struct responses_reading *r)
{
    const struct json_node *node = responses_get(r, r->root, "item");
    int64_t index = place(r, "output_index");
    enum item_type type = item_type(r, node);
    if (type == ITEM_UNKNOWN || (index >= 0 && find_item(r, index))) {
        return;
    }
    struct item *item = add_item(r, index, type);
    if (item && type == ITEM_MESSAGE) {
        item->phase = arena_dup(responses_arena(r), responses_plain(r, node, "phase"));
    } else if (item && (type == ITEM_FUNCTION || type == ITEM_CUSTOM)) {
        open_call(r, item, node);
    }
}

void responses_item_done(const struct responses_reading *r)
{
    const struct json_node *node = responses_get(r, r->root, "item");
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

void responses_text_delta(const struct responses_reading *r, enum block_kind kind)
{
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item) {
        struct part *part = part_at(r, item, part_place(r, "content_index"), kind, false);
        tell_part(r, item, part, json_escaped(r->doc, responses_get(r, r->root, "delta")));
        tell_logprobs(r, part, responses_get(r, r->root, "logprobs"));
    }
}

void responses_reasoning_delta(const struct responses_reading *r, bool is_summary)
{
    struct item *item = item_of_delta(r, ITEM_REASONING);
    if (item) {
        int64_t index = part_place(r, is_summary ? "summary_index" : "content_index");
        struct part *part = part_at(r, item, index, BLOCK_REASONING, is_summary);
        tell_part(r, item, part, json_escaped(r->doc, responses_get(r, r->root, "delta")));
    }
}

void responses_arguments_delta(const struct responses_reading *r, bool is_custom)
{
    struct item *item = item_of_delta(r, is_custom ? ITEM_CUSTOM : ITEM_FUNCTION);
    if (item) {
        tell(r, part_at(r, item, 0, BLOCK_CALL, false), json_escaped(r->doc, responses_get(r, r->root, "delta")));
    }
}

void responses_arguments_done(const struct responses_reading *r, bool is_custom)
{
    struct item *item = item_of_delta(r, is_custom ? ITEM_CUSTOM : ITEM_FUNCTION);
    if (item) {
        tell_arguments(r, item, responses_get(r, r->root, is_custom ? "input" : "arguments"));
    }
}

void responses_text_done(const struct responses_reading *r, enum block_kind kind)
{
    const char *member = kind == BLOCK_REFUSAL ? "refusal" : "text";
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item) {
        struct part *part = part_at(r, item, part_place(r, "content_index"), kind, false);
        tell_part(r, item, part, tail_of(part, json_escaped(r->doc, responses_get(r, r->root, member))));
    }
}

void responses_reasoning_done(const struct responses_reading *r, bool is_summary)
{
    struct item *item = item_of_delta(r, ITEM_REASONING);
    if (item) {
        int64_t index = part_place(r, is_summary ? "summary_index" : "content_index");
        struct part *part = part_at(r, item, index, BLOCK_REASONING, is_summary);
        tell_part(r, item, part, tail_of(part, json_escaped(r->doc, responses_get(r, r->root, "text"))));
    }
}

void responses_annotation_added(const struct responses_reading *r)
{
    const struct json_node *annotation = responses_get(r, r->root, "annotation");
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item && responses_is_text(r, annotation, "type", "url_citation")) {
        struct part *part = part_at(r, item, part_place(r, "content_index"), BLOCK_TEXT, false);
        open_part(r, item, part);
        part->n_citations++;
        answer_citation(r->answer, part->block, json_raw(r->doc, annotation));
    }
}

void responses_part_done(const struct responses_reading *r)
{
    struct item *item = item_of_delta(r, ITEM_MESSAGE);
    if (item) {
        end_part(r, item, part_place(r, "content_index"), responses_get(r, r->root, "part"));
    }
}

// What has not been told of the output yet. Proxies leave it empty, or count its items otherwise than their events do:
// items that never came are believed only where it has more of them.
void responses_rest_of_output(const struct responses_reading *r, const struct json_node *response)
{
    const struct json_node *output = responses_get(r, response, "output");
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
