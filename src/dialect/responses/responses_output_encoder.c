// SPDX-License-Identifier: MIT
// The output of a response as it grows, item by item and part by part, and the events that tell of it.
//
// Everything is written as JSON once, into `items`. An event that announces something takes what is there of it and
// ends it with the text that closes an empty one; an event that ends something takes it whole.
#include "dialect/responses/responses_internal.h"

struct item_form {
    struct slice prefix; // of its id
    struct slice in_progress;
    struct slice completed;
    struct slice incomplete;
};

static const struct item_form ITEMS[] = {
    [NO_ITEM] = {.prefix = SLICE_INIT("")},
    [ITEM_OF_TEXTS] = {SLICE_INIT("msg_"), SLICE_INIT("],\"status\":\"in_progress\"}"),
                       SLICE_INIT("],\"status\":\"completed\"}"), SLICE_INIT("],\"status\":\"incomplete\"}")},
    [ITEM_OF_THOUGHTS] = {SLICE_INIT("rs_"), SLICE_INIT("]}"), SLICE_INIT("}"), SLICE_INIT("}")},
    [ITEM_OF_CALL] = {SLICE_INIT("fc_"), SLICE_INIT("\",\"status\":\"in_progress\"}"),
                      SLICE_INIT("\",\"status\":\"completed\"}"), SLICE_INIT("\",\"status\":\"incomplete\"}")},
};

#define HEAD(name) SLICE_INIT("event: response." name "\ndata: {\"type\":\"response." name "\",\"sequence_number\":")

struct part_form {
    struct slice opener; // in the item; of a call it belongs to the item itself
    struct slice empty;  // what closes an empty one
    struct slice index;  // name of its place
    struct slice added;  // heads of events; those of a call's arguments have no such part
    struct slice delta;
    struct slice delta_end;
    struct slice text_done;
    struct slice text_member;
    struct slice part_done;
};

static const struct part_form PARTS[] = {
    [PART_OF_TEXT] = {SLICE_INIT("{\"type\":\"output_text\",\"text\":\""),
                      SLICE_INIT("\",\"annotations\":[],\"logprobs\":[]}"), SLICE_INIT(",\"content_index\":"),
                      HEAD("content_part.added"), HEAD("output_text.delta"), SLICE_INIT("\",\"logprobs\":[]}\n\n"),
                      HEAD("output_text.done"), SLICE_INIT(",\"text\":\""), HEAD("content_part.done")},
    [PART_OF_REFUSAL] = {SLICE_INIT("{\"type\":\"refusal\",\"refusal\":\""), SLICE_INIT("\"}"),
                         SLICE_INIT(",\"content_index\":"), HEAD("content_part.added"), HEAD("refusal.delta"),
                         SLICE_INIT("\"}\n\n"), HEAD("refusal.done"), SLICE_INIT(",\"refusal\":\""),
                         HEAD("content_part.done")},
    [PART_OF_SUMMARY] = {SLICE_INIT("{\"type\":\"summary_text\",\"text\":\""), SLICE_INIT("\"}"),
                         SLICE_INIT(",\"summary_index\":"), HEAD("reasoning_summary_part.added"),
                         HEAD("reasoning_summary_text.delta"), SLICE_INIT("\"}\n\n"),
                         HEAD("reasoning_summary_text.done"), SLICE_INIT(",\"text\":\""),
                         HEAD("reasoning_summary_part.done")},
    [PART_OF_THOUGHT] = {SLICE_INIT("{\"type\":\"reasoning_text\",\"text\":\""), SLICE_INIT("\"}"),
                         SLICE_INIT(",\"content_index\":"), HEAD("content_part.added"), HEAD("reasoning_text.delta"),
                         SLICE_INIT("\"}\n\n"), HEAD("reasoning_text.done"), SLICE_INIT(",\"text\":\""),
                         HEAD("content_part.done")},
    [PART_OF_FUNCTION] = {.delta = HEAD("function_call_arguments.delta"),
                          .delta_end = SLICE_INIT("\"}\n\n"),
                          .text_done = HEAD("function_call_arguments.done"),
                          .text_member = SLICE_INIT(",\"arguments\":\"")},
    [PART_OF_CUSTOM] = {.delta = HEAD("custom_tool_call_input.delta"),
                        .delta_end = SLICE_INIT("\"}\n\n"),
                        .text_done = HEAD("custom_tool_call_input.done"),
                        .text_member = SLICE_INIT(",\"input\":\"")},
};

void responses_output_deinit(struct responses_output *o)
{
    buf_deinit(&o->items);
    buf_deinit(&o->place);
    buf_deinit(&o->secret);
    buf_deinit(&o->citations);
    buf_deinit(&o->logprobs);
}

// ---- events

static struct slice from(const struct buf *buf, size_t offset)
{
    return slice_of(buf->ptr + offset, buf->len - offset);
}

void responses_output_event(struct responses_output *o, struct slice head)
{
    buf_append(o->events, head);
    buf_append_u64(o->events, (uint64_t)o->sequence_number++);
}

// The piece of an event between its head and what is particular to it.
static void begin_placed_event(struct responses_output *o, struct slice head)
{
    responses_output_event(o, head);
    buf_append(o->events, buf_slice(&o->place));
}

static void append_member(struct buf *out, struct slice name, struct slice plain)
{
    buf_append(out, name);
    buf_append_char(out, '"');
    json_escape(out, plain);
    buf_append_char(out, '"');
}

// An event with the item as it is by now, and `closing` behind it.
static void tell_item(struct responses_output *o, struct slice head, struct slice closing)
{
    if (o->events) {
        responses_output_event(o, head);
        buf_append(o->events, SLICE(",\"output_index\":"));
        buf_append_u64(o->events, o->n_items);
        buf_append(o->events, SLICE(",\"item\":"));
        buf_append(o->events, from(&o->items, o->item_start));
        buf_append(o->events, closing);
        buf_append(o->events, SLICE("}\n\n"));
    }
}

// ---- parts

static void open_part(struct responses_output *o, enum responses_part part)
{
    const struct part_form *form = &PARTS[part];
    o->part = part;
    o->is_part_open = true;
    if (o->n_parts) {
        buf_append_char(&o->items, ',');
    }
    o->part_start = o->items.len;
    buf_append(&o->items, form->opener);
    o->text_start = o->items.len;
    o->place.len = o->item_place;
    buf_append(&o->place, form->index);
    buf_append_u64(&o->place, o->n_parts);
    if (o->events) {
        begin_placed_event(o, form->added);
        buf_append(o->events, SLICE(",\"part\":"));
        buf_append(o->events, from(&o->items, o->part_start));
        buf_append(o->events, form->empty);
        buf_append(o->events, SLICE("}\n\n"));
    }
}

static char *put(char *at, struct slice text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

// Most events are this one, so it is written at one go.
static void tell_delta(struct responses_output *o, struct slice escaped)
{
    enum { NUMBER_MAX = 20 };
    static const struct slice MEMBER = SLICE_INIT(",\"delta\":\"");
    const struct part_form *form = &PARTS[o->part];
    size_t len = form->delta.len + NUMBER_MAX + o->place.len + MEMBER.len + escaped.len + form->delta_end.len;
    char *start = buf_reserve(o->events, len);
    char *at = put(start, form->delta);
    at += format_u64(at, (uint64_t)o->sequence_number++);
    at = put(at, buf_slice(&o->place));
    at = put(at, MEMBER);
    at = put(at, escaped);
    at = put(at, form->delta_end);
    o->events->len += (size_t)(at - start);
}

static void write_delta(struct responses_output *o, struct slice escaped)
{
    buf_append(&o->items, escaped);
    if (o->events) {
        tell_delta(o, escaped);
    }
}

static void tell_text_done(struct responses_output *o)
{
    const struct part_form *form = &PARTS[o->part];
    begin_placed_event(o, form->text_done);
    buf_append(o->events, form->text_member);
    buf_append(o->events, from(&o->items, o->text_start));
    if (o->part == PART_OF_TEXT) {
        buf_append(o->events, SLICE("\",\"logprobs\":["));
        buf_append(o->events, buf_slice(&o->logprobs));
        buf_append(o->events, SLICE("]}\n\n"));
    } else {
        buf_append(o->events, SLICE("\"}\n\n"));
    }
}

static void close_text(struct responses_output *o)
{
    if (o->part != PART_OF_TEXT) {
        buf_append(&o->items, PARTS[o->part].empty);
        return;
    }
    buf_append(&o->items, SLICE("\",\"annotations\":["));
    buf_append(&o->items, buf_slice(&o->citations));
    buf_append(&o->items, SLICE("],\"logprobs\":["));
    buf_append(&o->items, buf_slice(&o->logprobs));
    buf_append(&o->items, SLICE("]}"));
    buf_clear(&o->citations);
    buf_clear(&o->logprobs);
    o->n_citations = 0;
}

static void close_part(struct responses_output *o)
{
    if (!o->is_part_open) {
        return;
    }
    if (o->events) {
        tell_text_done(o);
    }
    close_text(o);
    if (o->events) {
        begin_placed_event(o, PARTS[o->part].part_done);
        buf_append(o->events, SLICE(",\"part\":"));
        buf_append(o->events, from(&o->items, o->part_start));
        buf_append(o->events, SLICE("}\n\n"));
    }
    o->is_part_open = false;
    o->n_parts++;
}

// ---- items

// Ids are ours, and unique: the token has one length within an answer.
static void append_id(struct responses_output *o, struct slice prefix, struct slice given)
{
    size_t start = o->place.len;
    if (given.len) {
        json_escape(&o->place, given);
    } else {
        buf_append(&o->place, prefix);
        buf_append(&o->place, o->context->token);
        buf_append_u64(&o->place, o->n_items);
    }
    o->id_len = o->place.len - start;
}

// Up to the id and the type; `id` is empty where it is ours to choose.
static void begin_item(struct responses_output *o, enum responses_item item, struct slice type, struct slice prefix,
                       struct slice id)
{
    static const struct slice BEFORE_ID = SLICE_INIT(",\"item_id\":\"");
    o->item = item;
    o->n_parts = 0;
    buf_clear(&o->place);
    buf_append(&o->place, BEFORE_ID);
    append_id(o, prefix, id);
    buf_append(&o->place, SLICE("\",\"output_index\":"));
    buf_append_u64(&o->place, o->n_items);
    o->item_place = o->place.len;
    if (o->items.len) {
        buf_append_char(&o->items, ',');
    }
    o->item_start = o->items.len;
    buf_append(&o->items, SLICE("{\"id\":\""));
    buf_append(&o->items, slice_of(o->place.ptr + BEFORE_ID.len, o->id_len));
    buf_append(&o->items, SLICE("\",\"type\":\""));
    buf_append(&o->items, type);
    buf_append_char(&o->items, '"');
}

static void close_thoughts(struct responses_output *o)
{
    buf_append_char(&o->items, ']');
    if (o->secret.len) {
        append_member(&o->items, SLICE(",\"encrypted_content\":"), buf_slice(&o->secret));
        buf_clear(&o->secret);
    }
}

static void close_item(struct responses_output *o, bool is_partial)
{
    const struct item_form *form = &ITEMS[o->item];
    if (o->item == NO_ITEM) {
        return;
    }
    close_part(o);
    if (o->item == ITEM_OF_THOUGHTS) {
        close_thoughts(o);
    } else if (o->item == ITEM_OF_CALL && o->events) {
        tell_text_done(o);
    }
    buf_append(&o->items, is_partial ? form->incomplete : form->completed);
    tell_item(o, RESPONSES_EVENT("response.output_item.done"), SLICE_EMPTY);
    o->n_items++;
    o->item = NO_ITEM;
}

// ---- messages

static void need_message(struct responses_output *o, const struct neutral_block *block)
{
    if (o->item == ITEM_OF_TEXTS && slice_eq(o->phase, block->phase)) {
        return;
    }
    close_item(o, false);
    o->phase = block->phase;
    begin_item(o, ITEM_OF_TEXTS, SLICE("message"), ITEMS[ITEM_OF_TEXTS].prefix, SLICE_EMPTY);
    buf_append(&o->items, SLICE(",\"role\":\"assistant\""));
    if (block->phase.len) {
        append_member(&o->items, SLICE(",\"phase\":"), block->phase);
    }
    buf_append(&o->items, SLICE(",\"content\":["));
    tell_item(o, RESPONSES_EVENT("response.output_item.added"), ITEMS[ITEM_OF_TEXTS].in_progress);
}

// With its first characters: an empty text is not worth an item.
static void need_text(struct responses_output *o, const struct neutral_block *block)
{
    if (!o->is_part_open) {
        need_message(o, block);
        open_part(o, block->kind == BLOCK_REFUSAL ? PART_OF_REFUSAL : PART_OF_TEXT);
        o->has_refusal = o->has_refusal || block->kind == BLOCK_REFUSAL;
    }
}

// ---- reasoning

// What the provider encrypted is bound to the id of its item. Where that id is not the item's, it goes into the
// wrapper, as does everything of other providers.
static void keep_secret(struct responses_output *o, const struct neutral_opaque *opaque, bool has_its_id)
{
    buf_clear(&o->secret);
    if (opaque->kind == OPAQUE_NONE) {
        return;
    }
    if (has_its_id) {
        buf_append(&o->secret, opaque->data);
    } else {
        opaque_wrap(opaque, &o->secret);
    }
}

static void begin_thoughts(struct responses_output *o, const struct neutral_opaque *opaque, bool is_summary)
{
    bool has_its_id = opaque->kind == OPAQUE_OPENAI_ENCRYPTED && opaque->item_id.len;
    close_item(o, false);
    keep_secret(o, opaque, has_its_id);
    begin_item(o, ITEM_OF_THOUGHTS, SLICE("reasoning"), ITEMS[ITEM_OF_THOUGHTS].prefix,
               has_its_id ? opaque->item_id : SLICE_EMPTY);
    buf_append(&o->items, is_summary ? SLICE(",\"summary\":[") : SLICE(",\"summary\":[],\"content\":["));
    tell_item(o, RESPONSES_EVENT("response.output_item.added"), ITEMS[ITEM_OF_THOUGHTS].in_progress);
}

// An item that holds a signature and nothing else.
static void write_secret_item(struct responses_output *o, const struct neutral_opaque *opaque)
{
    begin_thoughts(o, opaque, true);
    close_item(o, false);
}

// ---- calls

static void begin_call(struct responses_output *o, const struct neutral_block *block)
{
    bool is_custom = block->tool_kind == TOOL_CUSTOM;
    close_item(o, false);
    // Gemini signs its calls; the client hands the signature back with an item that stands before the call.
    if (block->opaque.kind != OPAQUE_NONE) {
        write_secret_item(o, &block->opaque);
    }
    begin_item(o, ITEM_OF_CALL, is_custom ? SLICE("custom_tool_call") : SLICE("function_call"),
               is_custom ? SLICE("ctc_") : ITEMS[ITEM_OF_CALL].prefix, SLICE_EMPTY);
    append_member(&o->items, SLICE(",\"call_id\":"), block->call_id);
    append_member(&o->items, SLICE(",\"name\":"), block->name);
    if (block->name_space.len) {
        append_member(&o->items, SLICE(",\"namespace\":"), block->name_space);
    }
    buf_append(&o->items, is_custom ? SLICE(",\"input\":\"") : SLICE(",\"arguments\":\""));
    o->text_start = o->items.len;
    o->part = is_custom ? PART_OF_CUSTOM : PART_OF_FUNCTION;
    tell_item(o, RESPONSES_EVENT("response.output_item.added"), ITEMS[ITEM_OF_CALL].in_progress);
}

static void end_call(struct responses_output *o, bool is_partial)
{
    if (o->items.len == o->text_start && o->part == PART_OF_FUNCTION && !is_partial) {
        write_delta(o, SLICE("{}"));
    }
    close_item(o, is_partial);
}

// ---- what is complete at once

static struct slice image_format(struct slice mime_type)
{
    if (slice_eq(mime_type, SLICE("image/webp"))) {
        return SLICE("webp");
    }
    return slice_eq(mime_type, SLICE("image/jpeg")) ? SLICE("jpeg") : SLICE("png");
}

static void lose(const struct responses_output *o, struct slice what)
{
    if (o->context->loss) {
        loss_warn_path(o->context->loss, LOSS_DROPPED, what);
    }
}

static void write_image(struct responses_output *o, const struct media *media)
{
    close_item(o, false);
    begin_item(o, ITEM_OF_CALL, SLICE("image_generation_call"), SLICE("ig_"), SLICE_EMPTY);
    o->part = PART_OF_FUNCTION;
    append_member(&o->items, SLICE(",\"output_format\":"), image_format(media->mime_type));
    // Its own events would only say that it is under way.
    buf_append(&o->items, SLICE(",\"result\":"));
    size_t before = o->items.len;
    buf_append(&o->items, SLICE("null,\"status\":\"in_progress\"}"));
    tell_item(o, RESPONSES_EVENT("response.output_item.added"), SLICE_EMPTY);
    o->items.len = before;
    buf_append_char(&o->items, '"');
    buf_append(&o->items, media->data);
    buf_append(&o->items, SLICE("\",\"status\":\"completed\"}"));
    tell_item(o, RESPONSES_EVENT("response.output_item.done"), SLICE_EMPTY);
    o->n_items++;
    o->item = NO_ITEM;
}

static void write_media(struct responses_output *o, const struct media *media)
{
    if (media->form == MEDIA_BASE64 && slice_starts_with(media->mime_type, SLICE("image/"))) {
        write_image(o, media);
    } else {
        lose(o, SLICE("output.media"));
    }
}

static void write_native(struct responses_output *o, struct slice raw)
{
    if (o->context->upstream != DIALECT_RESPONSES) {
        lose(o, SLICE("output.server_tool"));
        return;
    }
    close_item(o, false);
    if (o->items.len) {
        buf_append_char(&o->items, ',');
    }
    o->item_start = o->items.len;
    buf_append(&o->items, raw);
    tell_item(o, RESPONSES_EVENT("response.output_item.added"), SLICE_EMPTY);
    tell_item(o, RESPONSES_EVENT("response.output_item.done"), SLICE_EMPTY);
    o->n_items++;
}

// ---- blocks

void responses_output_open(struct responses_output *o, const struct neutral_block *block)
{
    switch (block->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: keep_secret(o, &block->opaque, false); break;
    case BLOCK_REASONING: begin_thoughts(o, &block->opaque, block->is_summary); break;
    case BLOCK_CALL: begin_call(o, block); break;
    case BLOCK_MEDIA: write_media(o, &block->media); break;
    case BLOCK_NATIVE: write_native(o, block->raw); break;
    }
}

void responses_output_delta(struct responses_output *o, const struct neutral_block *block, struct slice escaped)
{
    switch (block->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: need_text(o, block); break;
    case BLOCK_REASONING:
        if (!o->is_part_open) {
            open_part(o, block->is_summary ? PART_OF_SUMMARY : PART_OF_THOUGHT);
        }
        break;
    case BLOCK_CALL: break;
    case BLOCK_MEDIA:
    case BLOCK_NATIVE: return;
    }
    write_delta(o, escaped);
}

void responses_output_part(struct responses_output *o, const struct neutral_block *block)
{
    if (block->kind == BLOCK_REASONING) {
        close_part(o);
    }
}

void responses_output_opaque(struct responses_output *o, const struct neutral_block *block,
                             const struct neutral_opaque *opaque)
{
    if (block->kind == BLOCK_CALL) {
        lose(o, SLICE("output.signature")); // its place was before the call
    } else {
        bool has_its_id = block->kind == BLOCK_REASONING && opaque->kind == OPAQUE_OPENAI_ENCRYPTED &&
                          block->opaque.kind == OPAQUE_OPENAI_ENCRYPTED && opaque->item_id.len &&
                          slice_eq(block->opaque.item_id, opaque->item_id);
        keep_secret(o, opaque, has_its_id);
    }
}

static void add_element(struct buf *list, struct slice element)
{
    if (list->len) {
        buf_append_char(list, ',');
    }
    buf_append(list, element);
}

void responses_output_citation(struct responses_output *o, const struct neutral_block *block, struct slice raw)
{
    need_text(o, block);
    add_element(&o->citations, raw);
    if (o->events) {
        begin_placed_event(o, RESPONSES_EVENT("response.output_text.annotation.added"));
        buf_append(o->events, SLICE(",\"annotation_index\":"));
        buf_append_u64(o->events, o->n_citations);
        buf_append(o->events, SLICE(",\"annotation\":"));
        buf_append(o->events, raw);
        buf_append(o->events, SLICE("}\n\n"));
    }
    o->n_citations++;
}

// They come apart from the text that they are about, so they get an event with no text of its own.
void responses_output_logprobs(struct responses_output *o, const struct neutral_block *block, struct slice elements)
{
    if (!elements.len) {
        return;
    }
    need_text(o, block);
    add_element(&o->logprobs, elements);
    if (o->events) {
        begin_placed_event(o, PARTS[PART_OF_TEXT].delta);
        buf_append(o->events, SLICE(",\"delta\":\"\",\"logprobs\":["));
        buf_append(o->events, elements);
        buf_append(o->events, SLICE("]}\n\n"));
    }
}

static void end_text(struct responses_output *o)
{
    close_part(o);
    if (o->secret.len) {
        // Where a text was signed the signature stands in an item behind it: only then is it known.
        struct buf secret = o->secret;
        o->secret = BUF_EMPTY;
        begin_thoughts(o, &(struct neutral_opaque){0}, true);
        buf_deinit(&o->secret);
        o->secret = secret;
        close_item(o, false);
    }
}

void responses_output_close(struct responses_output *o, const struct neutral_block *block, bool is_partial)
{
    switch (block->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL: end_text(o); break;
    case BLOCK_REASONING: close_item(o, is_partial); break;
    case BLOCK_CALL: end_call(o, is_partial); break;
    case BLOCK_MEDIA:
    case BLOCK_NATIVE: break;
    }
}

void responses_output_end(struct responses_output *o)
{
    close_item(o, o->is_incomplete);
}

struct slice responses_output_closed_items(const struct responses_output *o)
{
    if (o->item == NO_ITEM) {
        return buf_slice(&o->items);
    }
    return slice_of(o->items.ptr, o->item_start ? o->item_start - 1 : 0); // without the comma before it
}
