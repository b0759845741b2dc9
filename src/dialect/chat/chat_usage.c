// SPDX-License-Identifier: MIT
// What the metering tap reads out of a Chat Completions answer, from OpenAI and from the many that speak like it.
#include "dialect/chat/chat.h"

static const struct usage_row ROWS[] = {
    {SLICE_INIT(""), SLICE_INIT("prompt_tokens"), FIGURE_INPUT},
    {SLICE_INIT(""), SLICE_INIT("prompt_cache_hit_tokens"), FIGURE_CACHE_READ}, // DeepSeek
    {SLICE_INIT(""), SLICE_INIT("cached_tokens"), FIGURE_CACHE_READ},           // Moonshot
    {SLICE_INIT("prompt_tokens_details"), SLICE_INIT("cached_tokens"), FIGURE_CACHE_READ},
    {SLICE_INIT("prompt_tokens_details"), SLICE_INIT("cache_write_tokens"), FIGURE_CACHE_WRITE},
    {SLICE_INIT(""), SLICE_INIT("completion_tokens"), FIGURE_OUTPUT},
    {SLICE_INIT("completion_tokens_details"), SLICE_INIT("reasoning_tokens"), FIGURE_REASONING},
    {SLICE_INIT(""), SLICE_INIT("total_tokens"), FIGURE_TOTAL},
};

// The members of a delta that the model made.
static const struct slice CONTENT_MEMBERS[] = {
    SLICE_INIT("content"),    SLICE_INIT("reasoning_content"), SLICE_INIT("reasoning"), SLICE_INIT("reasoning_details"),
    SLICE_INIT("tool_calls"), SLICE_INIT("function_call"),     SLICE_INIT("refusal"),   SLICE_INIT("audio"),
};

static bool is_telling(struct slice name, struct slice data, const struct usage_seen *seen)
{
    static const struct slice MEMBERS[] = {SLICE_INIT("usage"), SLICE_INIT("error"), SLICE_INIT("finish_reason")};
    return !seen->has_content || slice_eq(name, SLICE("error")) ||
           usage_states(data, MEMBERS, seen->is_complete ? 2 : 3);
}

static bool is_delta_filled(const struct json_doc *doc, const struct json_node *delta)
{
    for (size_t i = 0; i < sizeof(CONTENT_MEMBERS) / sizeof(CONTENT_MEMBERS[0]); i++) {
        if (usage_is_filled(doc, json_get(doc, delta, CONTENT_MEMBERS[i]))) {
            return true;
        }
    }
    return false;
}

static void read_choice(const struct json_doc *doc, const struct json_node *choice, struct usage_seen *seen)
{
    if (usage_is_filled(doc, json_get(doc, choice, SLICE("finish_reason")))) {
        usage_finish_choice(doc, choice, seen);
    }
    if (!seen->has_content) {
        seen->has_content = is_delta_filled(doc, json_get(doc, choice, SLICE("delta")));
    }
    usage_read_rows(&chat_usage, doc, json_get(doc, choice, SLICE("usage")), seen); // Moonshot puts it here
}

static void read_event(const struct usage_event *event, struct usage_seen *seen)
{
    const struct json_doc *doc = event->doc;
    const struct json_node *choices = json_get(doc, event->root, SLICE("choices"));
    const struct json_node *choice = NULL;
    if (usage_has_error_member(event) || slice_eq(event->kind, SLICE("error"))) {
        seen->has_error = true;
    }
    while (json_is(choices, JSON_ARRAY) && json_next_element(doc, choices, &choice)) {
        read_choice(doc, choice, seen);
    }
    usage_read_rows(&chat_usage, doc, json_get(doc, event->root, SLICE("usage")), seen);
}

static const struct slice TEXTS[] = {SLICE_INIT("\"content\":\""), SLICE_INIT("\"reasoning_content\":\""),
                                     SLICE_INIT("\"reasoning\":\""), SLICE_INIT("\"arguments\":\"")};

const struct usage_grammar chat_usage = {
    .rows = ROWS,
    .n_rows = sizeof(ROWS) / sizeof(ROWS[0]),
    .usage_member = SLICE_INIT("usage"),
    .quoted_usage_member = SLICE_INIT("\"usage\""),
    .is_total_telling = true, // xAI leaves the reasoning out of completion_tokens
    .ends_with_done = true,
    .texts = TEXTS,
    .n_texts = sizeof(TEXTS) / sizeof(TEXTS[0]),
    .is_telling = is_telling,
    .read_event = read_event,
};
