// SPDX-License-Identifier: MIT
// What the metering tap reads out of a Gemini answer.
#include "dialect/gemini/gemini.h"

// Later chunks replace earlier ones; what is 0 is often left out.
static const struct usage_row ROWS[] = {
    {SLICE_INIT(""), SLICE_INIT("promptTokenCount"), FIGURE_INPUT},
    {SLICE_INIT(""), SLICE_INIT("toolUsePromptTokenCount"), FIGURE_TOOL_INPUT},
    {SLICE_INIT(""), SLICE_INIT("cachedContentTokenCount"), FIGURE_CACHE_READ},
    {SLICE_INIT(""), SLICE_INIT("candidatesTokenCount"), FIGURE_OUTPUT},
    {SLICE_INIT(""), SLICE_INIT("thoughtsTokenCount"), FIGURE_REASONING},
};

static bool is_telling(struct slice name, struct slice data, const struct usage_seen *seen)
{
    static const struct slice MEMBERS[] = {SLICE_INIT("usageMetadata"), SLICE_INIT("error"), SLICE_INIT("finishReason"),
                                           SLICE_INIT("blockReason")};
    return !seen->has_content || slice_eq(name, SLICE("error")) ||
           usage_states(data, MEMBERS, seen->is_complete ? 2 : 4);
}

// A part is text, or an object under the name of its kind (functionCall, inlineData, …).
static bool is_part_filled(const struct json_doc *doc, const struct json_node *part)
{
    const struct json_node *value = NULL;
    if (usage_is_filled(doc, json_get(doc, part, SLICE("text")))) {
        return true;
    }
    while (json_is(part, JSON_OBJECT) && json_next_member(doc, part, NULL, &value)) {
        if (value->type == JSON_OBJECT) {
            return true;
        }
    }
    return false;
}

static void read_candidate(const struct json_doc *doc, const struct json_node *candidate, struct usage_seen *seen)
{
    const struct json_node *content = json_get(doc, candidate, SLICE("content"));
    const struct json_node *parts = json_get(doc, content, SLICE("parts"));
    const struct json_node *part = NULL;
    if (usage_is_filled(doc, json_get(doc, candidate, SLICE("finishReason")))) {
        usage_finish_choice(doc, candidate, seen);
    }
    while (!seen->has_content && json_is(parts, JSON_ARRAY) && json_next_element(doc, parts, &part)) {
        seen->has_content = is_part_filled(doc, part);
    }
}

static void read_event(const struct usage_event *event, struct usage_seen *seen)
{
    const struct json_doc *doc = event->doc;
    const struct json_node *candidates = json_get(doc, event->root, SLICE("candidates"));
    const struct json_node *feedback = json_get(doc, event->root, SLICE("promptFeedback"));
    const struct json_node *candidate = NULL;
    if (usage_has_error_member(event) || slice_eq(event->kind, SLICE("error"))) {
        seen->has_error = true;
    }
    while (json_is(candidates, JSON_ARRAY) && json_next_element(doc, candidates, &candidate)) {
        read_candidate(doc, candidate, seen);
    }
    // A blocked prompt has no candidate that could finish.
    if (usage_is_filled(doc, json_get(doc, feedback, SLICE("blockReason")))) {
        seen->is_complete = true;
    }
    usage_read_rows(&gemini_usage, doc, json_get(doc, event->root, SLICE("usageMetadata")), seen);
}

static const struct slice TEXTS[] = {SLICE_INIT("\"text\":\"")};

const struct usage_grammar gemini_usage = {
    .rows = ROWS,
    .n_rows = sizeof(ROWS) / sizeof(ROWS[0]),
    .usage_member = SLICE_INIT("usageMetadata"),
    .quoted_usage_member = SLICE_INIT("\"usageMetadata\""),
    .count_member = SLICE_INIT("totalTokens"),
    .is_reasoning_beside_output = true,
    .texts = TEXTS,
    .n_texts = sizeof(TEXTS) / sizeof(TEXTS[0]),
    .is_telling = is_telling,
    .read_event = read_event,
};
