// SPDX-License-Identifier: MIT
// What configuration changes in a Gemini request. Every member may come in camel or in snake case.
#include "dialect/gemini/gemini.h"

// The one of two names that the object has; `camel` when it has neither.
static struct slice name_in_use(const struct json_doc *doc, const struct json_node *object, struct slice camel,
                                struct slice snake)
{
    return !json_get(doc, object, camel) && json_get(doc, object, snake) ? snake : camel;
}

void gemini_adjust_system(struct json_splice *splice, struct slice prompt)
{
    const struct json_doc *doc = splice->doc;
    const struct json_node *root = json_root(doc);
    struct slice name = name_in_use(doc, root, SLICE("systemInstruction"), SLICE("system_instruction"));
    const struct json_node *system = json_get(doc, root, name);
    const struct json_node *parts = json_get(doc, system, SLICE("parts"));
    if (adjust_is_unset(system)) {
        json_splice_set(splice, root, name, adjust_wrap(splice, "{\"parts\":[{\"text\":", prompt, "}]}"));
    } else if (json_is(parts, JSON_ARRAY)) {
        json_splice_prepend(splice, parts, adjust_wrap(splice, "{\"text\":", prompt, "}"));
    } else if (system->type == JSON_OBJECT && adjust_is_unset(parts)) {
        json_splice_set(splice, system, SLICE("parts"), adjust_wrap(splice, "[{\"text\":", prompt, "}]"));
    }
}

static void set_thinking(struct json_splice *splice, uint32_t budget)
{
    const struct json_doc *doc = splice->doc;
    const struct json_node *root = json_root(doc);
    struct slice outer = name_in_use(doc, root, SLICE("generationConfig"), SLICE("generation_config"));
    const struct json_node *config = json_get(doc, root, outer);
    struct slice inner = name_in_use(doc, config, SLICE("thinkingConfig"), SLICE("thinking_config"));
    const struct json_node *own = json_get(doc, config, inner);
    struct slice thinking = arena_printf(splice->arena, "{\"thinkingBudget\":%u,\"includeThoughts\":true}", budget);
    if (adjust_is_unset(config)) {
        struct slice parts[] = {SLICE("{\"thinkingConfig\":"), thinking, SLICE("}")};
        json_splice_set(splice, root, outer, arena_concat(splice->arena, parts, 3));
    } else if (config->type == JSON_OBJECT && (adjust_is_unset(own) || own->type == JSON_OBJECT)) {
        json_splice_set(splice, config, inner, thinking);
    }
}

static void remove_thinking(struct json_splice *splice, struct slice outer)
{
    const struct json_node *config = json_get(splice->doc, json_root(splice->doc), outer);
    if (json_is(config, JSON_OBJECT)) {
        json_splice_remove(splice, config, SLICE("thinkingConfig"));
        json_splice_remove(splice, config, SLICE("thinking_config"));
    }
}

void gemini_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments)
{
    if (adjustments->reasoning == ADJUST_OFF) {
        remove_thinking(splice, SLICE("generationConfig"));
        remove_thinking(splice, SLICE("generation_config"));
    } else if (adjustments->reasoning_budget) {
        set_thinking(splice, adjustments->reasoning_budget);
    }
}
