// SPDX-License-Identifier: MIT
// What the metering tap reads out of an Anthropic answer.
#include "dialect/anthropic/anthropic.h"

// The figures of message_delta are totals like those of message_start and replace them.
static const struct usage_row ROWS[] = {
    {SLICE_INIT(""), SLICE_INIT("input_tokens"), FIGURE_INPUT},
    {SLICE_INIT(""), SLICE_INIT("cache_read_input_tokens"), FIGURE_CACHE_READ},
    {SLICE_INIT(""), SLICE_INIT("cache_creation_input_tokens"), FIGURE_CACHE_WRITE},
    {SLICE_INIT(""), SLICE_INIT("output_tokens"), FIGURE_OUTPUT},
    {SLICE_INIT("output_tokens_details"), SLICE_INIT("thinking_tokens"), FIGURE_REASONING},
};

static bool is_telling(struct slice name, struct slice data, const struct usage_seen *seen)
{
    struct slice type = usage_peek_type(data);
    if (!seen->has_content || slice_eq(name, SLICE("error"))) {
        return true;
    }
    if (type.len) {
        return slice_starts_with(type, SLICE("message_")) || slice_eq(type, SLICE("error"));
    }
    return slice_starts_with(name, SLICE("message_")) || slice_find(data, SLICE("\"message_")) != SLICE_NOT_FOUND ||
           usage_states(data, &SLICE("error"), 1);
}

// A block begins empty unless it is a tool call or something else that comes whole.
static bool is_block_filled(const struct usage_event *event)
{
    const struct json_doc *doc = event->doc;
    const struct json_node *block = json_get(doc, event->root, SLICE("content_block"));
    const struct json_node *type = json_get(doc, block, SLICE("type"));
    if (json_string_is(doc, type, SLICE("text"))) {
        return usage_is_filled(doc, json_get(doc, block, SLICE("text")));
    }
    if (json_string_is(doc, type, SLICE("thinking"))) {
        return usage_is_filled(doc, json_get(doc, block, SLICE("thinking")));
    }
    return type != NULL;
}

static void read_event(const struct usage_event *event, struct usage_seen *seen)
{
    const struct json_doc *doc = event->doc;
    if (slice_eq(event->kind, SLICE("content_block_delta"))) {
        seen->has_content = true;
    } else if (slice_eq(event->kind, SLICE("content_block_start"))) {
        seen->has_content = seen->has_content || is_block_filled(event);
    } else if (slice_eq(event->kind, SLICE("message_start"))) {
        const struct json_node *message = json_get(doc, event->root, SLICE("message"));
        usage_read_rows(&anthropic_usage, doc, json_get(doc, message, SLICE("usage")), seen);
    } else if (slice_eq(event->kind, SLICE("message_delta"))) {
        usage_read_rows(&anthropic_usage, doc, json_get(doc, event->root, SLICE("usage")), seen);
    } else if (slice_eq(event->kind, SLICE("message_stop"))) {
        seen->is_complete = true;
    } else if (slice_eq(event->kind, SLICE("error")) || usage_has_error_member(event)) {
        seen->has_error = true;
    }
}

static const struct slice TEXTS[] = {SLICE_INIT("\"text\":\""), SLICE_INIT("\"thinking\":\""),
                                     SLICE_INIT("\"partial_json\":\"")};

const struct usage_grammar anthropic_usage = {
    .rows = ROWS,
    .n_rows = sizeof(ROWS) / sizeof(ROWS[0]),
    .usage_member = SLICE_INIT("usage"),
    .quoted_usage_member = SLICE_INIT("\"usage\""),
    .count_member = SLICE_INIT("input_tokens"),
    .is_cache_beside_input = true,
    .texts = TEXTS,
    .n_texts = sizeof(TEXTS) / sizeof(TEXTS[0]),
    .is_telling = is_telling,
    .read_event = read_event,
};
