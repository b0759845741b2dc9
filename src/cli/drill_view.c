// SPDX-License-Identifier: MIT
#include "cli/drill_view.h"

#include "base/arena.h"
#include "json/json_reader.h"

// One event, parsed.
struct event {
    struct arena arena;
    struct json_doc doc;
    const struct json_node *root;
};

void drill_view_init(struct drill_view *view, enum drill_dialect dialect)
{
    *view = (struct drill_view){.dialect = dialect};
}

void drill_view_deinit(struct drill_view *view)
{
    buf_deinit(&view->text);
    buf_deinit(&view->model);
    buf_deinit(&view->error);
}

static const struct json_node *get(const struct event *event, const struct json_node *object, const char *name)
{
    return json_get(&event->doc, object, slice_from_cstr(name));
}

static const struct json_node *first_of(const struct event *event, const struct json_node *array)
{
    const struct json_node *element = NULL;
    return json_is(array, JSON_ARRAY) && json_next_element(&event->doc, array, &element) ? element : NULL;
}

static void append_string(struct event *event, const struct json_node *node, struct buf *out)
{
    buf_append(out, json_string(&event->doc, node, &event->arena));
}

// The first one that is named counts.
static void note_model(struct drill_view *view, struct event *event, const struct json_node *node)
{
    if (view->model.len == 0) {
        append_string(event, node, &view->model);
    }
}

static void note_usage(struct drill_view *view, const struct event *event, const struct json_node *usage,
                       const char *name)
{
    int64_t tokens;
    if (json_int64(&event->doc, get(event, usage, name), &tokens)) {
        view->usage = tokens;
    }
}

// An object `error` with a message is how all of them say it; Responses has it inside of the response, too, or its
// members at the top.
static bool note_error(struct drill_view *view, struct event *event, const struct json_node *error)
{
    const struct json_node *message = get(event, error, "message");
    if (!json_is(message, JSON_STRING)) {
        return false;
    }
    view->has_error = true;
    append_string(event, message, &view->error);
    buf_append_char(&view->error, ' ');
    append_string(event, get(event, error, "code"), &view->error);
    return true;
}

static void see_anthropic(struct drill_view *view, struct event *event)
{
    const struct json_node *root = event->root;
    note_model(view, event, get(event, get(event, root, "message"), "model"));
    append_string(event, get(event, get(event, root, "delta"), "text"), &view->text);
    if (json_string_is(&event->doc, get(event, root, "type"), SLICE("message_delta"))) {
        note_usage(view, event, get(event, root, "usage"), "output_tokens");
    }
    view->has_end |= json_string_is(&event->doc, get(event, root, "type"), SLICE("message_stop"));
}

static void see_responses(struct drill_view *view, struct event *event)
{
    const struct json_node *type = get(event, event->root, "type");
    const struct json_node *response = get(event, event->root, "response");
    note_model(view, event, get(event, response, "model"));
    if (json_string_is(&event->doc, type, SLICE("response.output_text.delta"))) {
        append_string(event, get(event, event->root, "delta"), &view->text);
    }
    note_usage(view, event, get(event, response, "usage"), "output_tokens");
    view->has_end |= json_string_is(&event->doc, type, SLICE("response.completed"));
    if (json_string_is(&event->doc, type, SLICE("response.failed"))) {
        view->has_error = true;
        (void)note_error(view, event, get(event, response, "error"));
    } else if (json_string_is(&event->doc, type, SLICE("error")) &&
               !json_is(get(event, event->root, "error"), JSON_OBJECT)) {
        (void)note_error(view, event, event->root);
    }
}

static void see_chat(struct drill_view *view, struct event *event)
{
    const struct json_node *choice = first_of(event, get(event, event->root, "choices"));
    note_model(view, event, get(event, event->root, "model"));
    append_string(event, get(event, get(event, choice, "delta"), "content"), &view->text);
    note_usage(view, event, get(event, event->root, "usage"), "completion_tokens");
    view->has_end |= json_is(get(event, choice, "finish_reason"), JSON_STRING);
}

static void see_gemini(struct drill_view *view, struct event *event)
{
    const struct json_node *candidate = first_of(event, get(event, event->root, "candidates"));
    const struct json_node *part = first_of(event, get(event, get(event, candidate, "content"), "parts"));
    note_model(view, event, get(event, event->root, "modelVersion"));
    append_string(event, get(event, part, "text"), &view->text);
    note_usage(view, event, get(event, event->root, "usageMetadata"), "candidatesTokenCount");
    view->has_end |= json_is(get(event, candidate, "finishReason"), JSON_STRING);
}

void drill_view_event(struct drill_view *view, struct slice data)
{
    struct event event;
    if (slice_eq(data, SLICE("[DONE]"))) {
        return;
    }
    arena_init(&event.arena, 4096);
    if (json_parse(&event.doc, &event.arena, data, NULL) != 0) {
        view->has_garbage = true;
        arena_deinit(&event.arena);
        return;
    }
    event.root = json_root(&event.doc);
    (void)note_error(view, &event, get(&event, event.root, "error"));
    switch (view->dialect) {
    case DRILL_ANTHROPIC: see_anthropic(view, &event); break;
    case DRILL_RESPONSES: see_responses(view, &event); break;
    case DRILL_CHAT: see_chat(view, &event); break;
    case DRILL_GEMINI: see_gemini(view, &event); break;
    }
    arena_deinit(&event.arena);
}

void drill_view_refusal(struct drill_view *view, struct slice body)
{
    struct event event;
    arena_init(&event.arena, 4096);
    if (json_parse(&event.doc, &event.arena, body, NULL) == 0) {
        event.root = json_root(&event.doc);
        (void)note_error(view, &event, get(&event, event.root, "error"));
    }
    arena_deinit(&event.arena);
}

bool drill_view_is_answer(const struct drill_view *view)
{
    return view->status == 200 && view->has_end && !view->has_error;
}

bool drill_view_is_half(const struct drill_view *view, struct slice expected)
{
    bool looks_done = view->has_end || view->is_whole;
    return view->status == 200 && !view->has_error && looks_done && !slice_eq(buf_slice(&view->text), expected);
}
