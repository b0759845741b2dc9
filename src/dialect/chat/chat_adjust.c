// SPDX-License-Identifier: MIT
// What configuration changes in a Chat Completions request.
#include "dialect/chat/chat.h"

// A message of its own, also where the client begins with one.
void chat_adjust_system(struct json_splice *splice, struct slice prompt)
{
    const struct json_node *messages = json_get(splice->doc, json_root(splice->doc), SLICE("messages"));
    if (json_is(messages, JSON_ARRAY)) {
        json_splice_prepend(splice, messages, adjust_wrap(splice, "{\"role\":\"system\",\"content\":", prompt, "}"));
    }
}

void chat_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *effort = json_get(splice->doc, root, SLICE("reasoning_effort"));
    if (adjustments->reasoning == ADJUST_OFF) {
        json_splice_remove(splice, root, SLICE("reasoning_effort"));
        json_splice_remove(splice, root, SLICE("reasoning")); // OpenRouter's
    } else if (adjust_is_unset(effort) || effort->type == JSON_STRING) {
        json_splice_set(splice, root, SLICE("reasoning_effort"),
                        adjust_quote(splice, adjust_effort(adjustments->reasoning)));
    }
}

void chat_adjust_fast(struct json_splice *splice)
{
    const struct json_node *root = json_root(splice->doc);
    if (!json_get(splice->doc, root, SLICE("service_tier"))) {
        json_splice_set(splice, root, SLICE("service_tier"), SLICE("\"priority\""));
    }
}
