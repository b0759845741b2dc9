// SPDX-License-Identifier: MIT
// What configuration changes in an Anthropic request.
#include "dialect/anthropic/anthropic.h"

// A block of its own in front leaves the client's blocks, and their cache marks, as they are.
void anthropic_adjust_system(struct json_splice *splice, struct slice prompt)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *system = json_get(splice->doc, root, SLICE("system"));
    if (adjust_is_unset(system)) {
        json_splice_set(splice, root, SLICE("system"), adjust_quote(splice, prompt));
    } else if (system->type == JSON_STRING) {
        adjust_prefix_string(splice, system, prompt);
    } else if (system->type == JSON_ARRAY) {
        json_splice_prepend(splice, system, adjust_wrap(splice, "{\"type\":\"text\",\"text\":", prompt, "}"));
    }
}

// max_tokens counts the thinking in and has to be above its budget. A client that left too little room gets what it
// asked for on top of the budget.
static void keep_room(struct json_splice *splice, uint32_t budget)
{
    const struct json_node *max_tokens = json_get(splice->doc, json_root(splice->doc), SLICE("max_tokens"));
    int64_t room;
    if (json_int64(splice->doc, max_tokens, &room) && room > 0 && room <= budget) {
        json_splice_replace(splice, max_tokens, arena_printf(splice->arena, "%lld", (long long)room + budget));
    }
}

void anthropic_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *thinking = json_get(splice->doc, root, SLICE("thinking"));
    uint32_t budget = adjustments->reasoning_budget;
    if (adjustments->reasoning == ADJUST_OFF) {
        json_splice_remove(splice, root, SLICE("thinking"));
    } else if (budget && (adjust_is_unset(thinking) || thinking->type == JSON_OBJECT)) {
        json_splice_set(splice, root, SLICE("thinking"),
                        arena_printf(splice->arena, "{\"type\":\"enabled\",\"budget_tokens\":%u}", budget));
        keep_room(splice, budget);
    }
}

void anthropic_adjust_fast(struct json_splice *splice)
{
    const struct json_node *root = json_root(splice->doc);
    if (!json_get(splice->doc, root, SLICE("speed"))) {
        json_splice_set(splice, root, SLICE("speed"), SLICE("\"fast\""));
    }
}
