// SPDX-License-Identifier: MIT
#include "simulator/critic_internal.h"

#include <stdarg.h>
#include <stdio.h>

bool critic_blame(struct critic *critic, const char *format, ...)
{
    if (critic->fault.len == 0) {
        char message[512];
        va_list args;
        va_start(args, format);
        int len = vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        size_t kept = (size_t)len < sizeof(message) ? (size_t)len : sizeof(message) - 1;
        critic->fault = arena_dup(critic->arena, slice_of(message, kept));
    }
    return false;
}

bool critic_knows(const char *words, struct slice word)
{
    struct slice rest = slice_from_cstr(words);
    while (rest.ptr) {
        if (slice_eq(slice_split(&rest, ' '), word)) {
            return true;
        }
    }
    return false;
}

// "some_name" as "someName".
static struct slice camel_case(struct critic *critic, struct slice name)
{
    char *out = arena_text(critic->arena, name.len);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        bool is_upper = i > 0 && name.ptr[i - 1] == '_' && name.ptr[i] >= 'a' && name.ptr[i] <= 'z';
        if (name.ptr[i] != '_') {
            out[len++] = (char)(is_upper ? name.ptr[i] - 'a' + 'A' : name.ptr[i]);
        }
    }
    return slice_of(out, len);
}

static bool blame_unknown(struct critic *critic, const char *where, struct slice name)
{
    switch (critic->ask->provider) {
    case PROVIDER_ANTHROPIC:
        return critic_blame(critic, "%s%s%.*s: Extra inputs are not permitted", where, *where ? "." : "",
                            SLICE_ARG(name));
    case PROVIDER_CHAT:
    case PROVIDER_RESPONSES:
        return critic_blame(critic, "Unknown parameter: '%s%s%.*s'.", where, *where ? "." : "", SLICE_ARG(name));
    case PROVIDER_GEMINI:
        return critic_blame(critic, "Invalid JSON payload received. Unknown name \"%.*s\" at '%s': Cannot find field.",
                            SLICE_ARG(name), where);
    }
    return false;
}

bool critic_only(struct critic *critic, const struct json_node *object, const char *where, const char *names)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    if (!json_is(object, JSON_OBJECT)) {
        return critic_blame(critic, "%s: must be an object", where);
    }
    while (json_next_member(&critic->doc, object, &key, &value)) {
        struct slice name = json_string(&critic->doc, key, critic->arena);
        struct slice known = critic->ask->provider == PROVIDER_GEMINI ? camel_case(critic, name) : name;
        if (!critic_knows(names, known)) {
            return blame_unknown(critic, where, name);
        }
    }
    return true;
}

// "someName" as "some_name".
static struct slice snake_case(struct critic *critic, struct slice name)
{
    char *out = arena_text(critic->arena, name.len * 2);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        bool is_upper = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z';
        if (is_upper) {
            out[len++] = '_';
        }
        out[len++] = (char)(is_upper ? name.ptr[i] - 'A' + 'a' : name.ptr[i]);
    }
    return slice_of(out, len);
}

const struct json_node *critic_get(struct critic *critic, const struct json_node *object, const char *name)
{
    const struct json_node *node = json_get(&critic->doc, object, slice_from_cstr(name));
    if (!node && critic->ask->provider == PROVIDER_GEMINI) {
        node = json_get(&critic->doc, object, snake_case(critic, slice_from_cstr(name)));
    }
    return node;
}

struct slice critic_text(struct critic *critic, const struct json_node *object, const char *name)
{
    return json_string(&critic->doc, critic_get(critic, object, name), critic->arena);
}

bool critic_is(struct critic *critic, const struct json_node *object, const char *name, const char *value)
{
    return json_string_is(&critic->doc, critic_get(critic, object, name), slice_from_cstr(value));
}

bool critic_next(struct critic *critic, const struct json_node *array, const struct json_node **value)
{
    return json_is(array, JSON_ARRAY) && json_next_element(&critic->doc, array, value);
}

size_t critic_count(struct critic *critic, const struct json_node *array)
{
    size_t n = 0;
    for (const struct json_node *value = NULL; critic_next(critic, array, &value);) {
        n++;
    }
    return n;
}

bool critic_is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n", text.ptr[i]) || text.ptr[i] == '\0') {
            return false;
        }
    }
    return true;
}

bool critic_is_name(struct slice text, const char *others, size_t len_max)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && (c == '\0' || !strchr(others, c))) {
            return false;
        }
    }
    return text.len > 0 && text.len <= len_max;
}

void critic_add_call(struct critic_calls *calls, struct slice id)
{
    if (calls->n < CRITIC_CALLS_MAX) {
        calls->is_answered[calls->n] = false;
        calls->ids[calls->n++] = id;
    }
}

bool critic_answer_call(struct critic_calls *calls, struct slice id)
{
    for (size_t i = 0; i < calls->n; i++) {
        if (!calls->is_answered[i] && slice_eq(calls->ids[i], id)) {
            calls->is_answered[i] = true;
            return true;
        }
    }
    return false;
}

struct slice critic_open_call(const struct critic_calls *calls)
{
    for (size_t i = 0; i < calls->n; i++) {
        if (!calls->is_answered[i]) {
            return calls->ids[i];
        }
    }
    return SLICE_EMPTY;
}

struct slice critic_find_fault(const struct ask *ask, struct arena *arena, struct slice body)
{
    struct critic critic = {.ask = ask, .arena = arena};
    if (json_parse(&critic.doc, arena, body, NULL) != 0) {
        return SLICE("the body is not JSON");
    }
    switch (ask->provider) {
    case PROVIDER_ANTHROPIC: critic_read_anthropic(&critic); break;
    case PROVIDER_CHAT: critic_read_chat(&critic); break;
    case PROVIDER_RESPONSES: critic_read_responses(&critic); break;
    case PROVIDER_GEMINI: critic_read_gemini(&critic); break;
    }
    return critic.fault;
}

struct slice critic_find_prefill(const struct ask *ask, struct arena *arena, struct slice body)
{
    static const char *const members[] = {
        [PROVIDER_ANTHROPIC] = "messages",
        [PROVIDER_CHAT] = "messages",
        [PROVIDER_RESPONSES] = "input",
        [PROVIDER_GEMINI] = "contents",
    };
    struct critic critic = {.ask = ask, .arena = arena};
    if (json_parse(&critic.doc, arena, body, NULL) != 0) {
        return SLICE_EMPTY;
    }
    const struct json_node *turns = critic_get(&critic, json_root(&critic.doc), members[ask->provider]);
    const struct json_node *last = NULL;
    for (const struct json_node *turn = NULL; critic_next(&critic, turns, &turn);) {
        last = turn;
    }
    bool is_prefill = critic_is(&critic, last, "role", "assistant") || critic_is(&critic, last, "role", "model");
    return is_prefill ? SLICE("This model does not support assistant message prefill. The conversation must end with a "
                              "user message.")
                      : SLICE_EMPTY;
}
