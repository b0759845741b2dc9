// SPDX-License-Identifier: MIT
// What configuration changes in a Responses request.
#include "dialect/responses/responses.h"

void responses_adjust_system(struct json_splice *splice, struct slice prompt)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *instructions = json_get(splice->doc, root, SLICE("instructions"));
    if (adjust_is_unset(instructions)) {
        json_splice_set(splice, root, SLICE("instructions"), adjust_quote(splice, prompt));
    } else if (instructions->type == JSON_STRING) {
        adjust_prefix_string(splice, instructions, prompt);
    }
}

void responses_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *reasoning = json_get(splice->doc, root, SLICE("reasoning"));
    if (adjustments->reasoning == ADJUST_OFF) {
        json_splice_remove(splice, root, SLICE("reasoning"));
    } else if (adjust_is_unset(reasoning) || reasoning->type == JSON_OBJECT) {
        json_splice_set(
            splice, root, SLICE("reasoning"),
            adjust_wrap(splice, "{\"effort\":", adjust_effort(adjustments->reasoning), ",\"summary\":\"auto\"}"));
    }
}

void responses_adjust_fast(struct json_splice *splice)
{
    const struct json_node *root = json_root(splice->doc);
    if (!json_get(splice->doc, root, SLICE("service_tier"))) {
        json_splice_set(splice, root, SLICE("service_tier"), SLICE("\"priority\""));
    }
}
