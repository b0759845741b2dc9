// SPDX-License-Identifier: MIT
// What the metering tap reads out of a Responses answer.
#include "dialect/responses/responses.h"

static const struct usage_row ROWS[] = {
    {SLICE_INIT(""), SLICE_INIT("input_tokens"), FIGURE_INPUT},
    {SLICE_INIT("input_tokens_details"), SLICE_INIT("cached_tokens"), FIGURE_CACHE_READ},
    {SLICE_INIT("input_tokens_details"), SLICE_INIT("cache_write_tokens"), FIGURE_CACHE_WRITE},
    {SLICE_INIT(""), SLICE_INIT("output_tokens"), FIGURE_OUTPUT},
    {SLICE_INIT("output_tokens_details"), SLICE_INIT("reasoning_tokens"), FIGURE_REASONING},
};

// The events that end a stream. "response.done" is what early proxies called the first one.
static const struct slice ENDS[] = {SLICE_INIT("response.completed"), SLICE_INIT("response.incomplete"),
                                    SLICE_INIT("response.failed"), SLICE_INIT("response.done")};

// Events without anything generated. The first three echo the whole request, so they are better not parsed.
static const struct slice EMPTY_EVENTS[] = {
    SLICE_INIT("response.created"),
    SLICE_INIT("response.queued"),
    SLICE_INIT("response.in_progress"),
    SLICE_INIT("response.content_part.added"),
    SLICE_INIT("response.reasoning_summary_part.added"),
};
#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

static bool is_one_of(struct slice kind, const struct slice *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq(kind, table[i])) {
            return true;
        }
    }
    return false;
}

static bool is_end(struct slice kind)
{
    return is_one_of(kind, ENDS, N_OF(ENDS));
}

// Only for events without a type in front.
static bool has_end_in_text(struct slice data)
{
    for (size_t i = 0; i < N_OF(ENDS); i++) {
        if (slice_find(data, ENDS[i]) != SLICE_NOT_FOUND) {
            return true;
        }
    }
    return usage_states(data, &SLICE("error"), 1);
}

static bool is_telling(struct slice name, struct slice data, const struct usage_seen *seen)
{
    struct slice type = usage_peek_type(data);
    if (slice_eq(name, SLICE("error"))) {
        return true;
    }
    if (type.len) {
        bool may_be_content = !seen->has_content && !is_one_of(type, EMPTY_EVENTS, N_OF(EMPTY_EVENTS));
        return may_be_content || is_end(type) || slice_eq(type, SLICE("error"));
    }
    return !seen->has_content || is_end(name) || has_end_in_text(data);
}

static void read_end(const struct usage_event *event, struct usage_seen *seen)
{
    const struct json_node *response = json_get(event->doc, event->root, SLICE("response"));
    usage_read_rows(&responses_usage, event->doc, json_get(event->doc, response, SLICE("usage")), seen);
    seen->is_complete = true;
    seen->has_error = seen->has_error || slice_eq(event->kind, SLICE("response.failed"));
}

// A message or a piece of reasoning begins empty; a call begins with its name.
static bool is_item_filled(const struct usage_event *event)
{
    const struct json_node *item = json_get(event->doc, event->root, SLICE("item"));
    const struct json_node *type = json_get(event->doc, item, SLICE("type"));
    return type && !json_string_is(event->doc, type, SLICE("message")) &&
           !json_string_is(event->doc, type, SLICE("reasoning"));
}

static void read_event(const struct usage_event *event, struct usage_seen *seen)
{
    if (is_end(event->kind)) {
        read_end(event, seen);
    } else if (slice_eq(event->kind, SLICE("error")) || usage_has_error_member(event)) {
        seen->has_error = true;
    } else if (slice_starts_with(event->kind, SLICE("response.output_item."))) {
        seen->has_content = seen->has_content || is_item_filled(event);
    } else if (slice_starts_with(event->kind, SLICE("response."))) {
        seen->has_content = seen->has_content || !is_one_of(event->kind, EMPTY_EVENTS, N_OF(EMPTY_EVENTS));
    }
}

static const struct slice TEXTS[] = {SLICE_INIT("\"delta\":\"")};

const struct usage_grammar responses_usage = {
    .rows = ROWS,
    .n_rows = N_OF(ROWS),
    .usage_member = SLICE_INIT("usage"),
    .quoted_usage_member = SLICE_INIT("\"usage\""),
    .wrapper_member = SLICE_INIT("response"),
    .count_member = SLICE_INIT("input_tokens"),
    .texts = TEXTS,
    .n_texts = N_OF(TEXTS),
    .is_telling = is_telling,
    .read_event = read_event,
};
