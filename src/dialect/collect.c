// SPDX-License-Identifier: MIT
#include "dialect/collect.h"

enum { TEXT_FIRST = 256, LIST_FIRST = 4 };

struct collector {
    struct arena *arena; // borrowed
    bool borrows;
    struct neutral_response response;
};

struct collector *collector_new(struct arena *arena, bool borrows)
{
    struct collector *collector = arena_zalloc(arena, sizeof(*collector));
    collector->arena = arena;
    collector->borrows = borrows;
    collector->response.usage = USAGE_UNKNOWN;
    return collector;
}

const struct neutral_response *collector_response(const struct collector *collector)
{
    return &collector->response;
}

// ---- what grows

static struct slice keep(struct collector *collector, struct slice text)
{
    return text.len && !collector->borrows ? arena_dup(collector->arena, text) : text;
}

static void *grow_list(struct arena *arena, void *list, size_t n, size_t size)
{
    if (n == 0) {
        return arena_alloc(arena, LIST_FIRST * size);
    }
    bool is_full = n >= LIST_FIRST && (n & (n - 1)) == 0;
    return is_full ? arena_grow(arena, list, n * size, 2 * n * size) : list;
}

// A first piece that stays is not copied: most texts of whole answers have no second one.
static void append(struct collector *collector, struct slice *text, size_t *cap, struct slice more)
{
    if (!text->len && collector->borrows) {
        *text = more;
        return;
    }
    size_t len = text->len + more.len;
    char *bytes = (char *)text->ptr;
    if (len > *cap) {
        size_t new_cap = len < TEXT_FIRST ? TEXT_FIRST : 2 * len;
        bytes = *cap ? arena_grow(collector->arena, bytes, *cap, new_cap) : arena_alloc(collector->arena, new_cap);
        if (!*cap && text->len) {
            memcpy(bytes, text->ptr, text->len);
        }
        *cap = new_cap;
    }
    memcpy(bytes + text->len, more.ptr, more.len);
    *text = slice_of(bytes, len);
}

// ---- blocks

static struct neutral_content *content_of(const struct neutral_event *event)
{
    return event->block->encoder;
}

static struct neutral_candidate *candidate_at(struct collector *collector, uint32_t index)
{
    struct neutral_response *response = &collector->response;
    while (response->n_candidates <= index) {
        response->candidates =
            grow_list(collector->arena, response->candidates, response->n_candidates, sizeof(*response->candidates));
        response->candidates[response->n_candidates++] = (struct neutral_candidate){0};
    }
    return &response->candidates[index];
}

static void on_open(struct collector *collector, struct neutral_block *block)
{
    struct neutral_content *content = arena_zalloc(collector->arena, sizeof(*content));
    struct neutral_candidate *candidate = candidate_at(collector, block->candidate);
    content->block = block;
    content->opaque = block->opaque;
    block->encoder = content;
    *(candidate->content ? candidate->_last : &candidate->content) = content;
    candidate->_last = &content->next;
}

// Where the text is at last is not known yet: a part has its length only.
static void begin_part(struct collector *collector, struct neutral_content *content)
{
    content->parts = grow_list(collector->arena, content->parts, content->n_parts, sizeof(*content->parts));
    content->parts[content->n_parts++] = SLICE_EMPTY;
}

static void on_delta(struct collector *collector, struct neutral_content *content, struct slice text)
{
    if (content->block->kind == BLOCK_REASONING) {
        if (content->n_parts == 0) {
            begin_part(collector, content);
        }
        content->parts[content->n_parts - 1].len += text.len;
    }
    append(collector, &content->text, &content->_text_cap, text);
}

static void on_opaque(struct collector *collector, struct neutral_content *content, const struct neutral_opaque *opaque)
{
    content->opaque.kind = opaque->kind;
    content->opaque.data = keep(collector, opaque->data);
    content->opaque.item_id = keep(collector, opaque->item_id);
}

static void on_citation(struct collector *collector, struct neutral_content *content, struct slice raw)
{
    content->citations =
        grow_list(collector->arena, content->citations, content->n_citations, sizeof(*content->citations));
    content->citations[content->n_citations++] = keep(collector, raw);
}

// What is between the brackets of an array, without white space at the ends.
static struct slice elements_of(struct slice raw)
{
    size_t from = 1;
    size_t to = raw.len - 1;
    while (from < to && (unsigned char)raw.ptr[from] <= ' ') {
        from++;
    }
    while (from < to && (unsigned char)raw.ptr[to - 1] <= ' ') {
        to--;
    }
    return from < to ? slice_of(raw.ptr + from, to - from) : SLICE_EMPTY;
}

// Arrays are joined.
static void on_logprobs(struct collector *collector, struct neutral_content *content, struct slice raw)
{
    struct slice elements = elements_of(raw);
    if (!elements.len) {
        return;
    }
    if (content->logprobs.len) {
        append(collector, &content->logprobs, &content->_logprobs_cap, SLICE(","));
    }
    append(collector, &content->logprobs, &content->_logprobs_cap, elements);
}

static void on_close(struct neutral_content *content, bool is_partial)
{
    const char *at = content->text.ptr;
    content->is_partial = is_partial;
    for (size_t i = 0; i < content->n_parts; i++) {
        content->parts[i].ptr = at;
        at += content->parts[i].len;
    }
}

// ---- the whole

static void on_error(struct collector *collector, const struct neutral_error *error)
{
    struct neutral_response *response = &collector->response;
    response->has_error = true;
    response->is_over = true;
    response->error = (struct neutral_error){
        .fault = error->fault,
        .message = keep(collector, error->message),
        .type = keep(collector, error->type),
        .code = keep(collector, error->code),
        .param = keep(collector, error->param),
        .retry_after_s = error->retry_after_s,
    };
}

static void take(void *arg, const struct neutral_event *event)
{
    struct collector *collector = arg;
    switch (event->kind) {
    case EVENT_START: collector->response.head = *event->head; break;
    case EVENT_OPEN: on_open(collector, event->block); break;
    case EVENT_DELTA: on_delta(collector, content_of(event), event->text); break;
    case EVENT_OPAQUE: on_opaque(collector, content_of(event), event->opaque); break;
    case EVENT_PART: begin_part(collector, content_of(event)); break;
    case EVENT_CITATION: on_citation(collector, content_of(event), event->raw); break;
    case EVENT_LOGPROBS: on_logprobs(collector, content_of(event), event->raw); break;
    case EVENT_CLOSE: on_close(content_of(event), event->is_partial); break;
    case EVENT_USAGE: collector->response.usage = *event->usage; break;
    case EVENT_FINISH: candidate_at(collector, event->candidate)->finish = *event->finish; break;
    case EVENT_ERROR: on_error(collector, event->error); break;
    case EVENT_END: collector->response.is_over = true; break;
    }
}

struct event_sink collector_sink(struct collector *collector)
{
    return (struct event_sink){take, collector};
}
