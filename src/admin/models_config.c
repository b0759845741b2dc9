// SPDX-License-Identifier: MIT
// The part of config.json that says which models there are and where they are served.
#include <assert.h>

#include "admin/body.h"
#include "admin/config_change.h"
#include "admin/config_secrets.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "config/config_defaults.h"
#include "json/json_splice.h"

static const struct slice parts[] = {SLICE_INIT("models"), SLICE_INIT("endpoint"), SLICE_INIT("model_redirects"),
                                     SLICE_INIT("proxies"), SLICE_INIT("system_prompt")};
enum { N_PARTS = sizeof(parts) / sizeof(*parts) };

// What is in them is the loader's business: it names what is wrong.
static const struct shape_member members[] = {
    {.name = "models",
     .type = SHAPE_LIST,
     .may_be_null = true,
     .items = SHAPE_OBJECT,
     .help = "Replaces all of them. null: the built-in ones"},
    {.name = "endpoint",
     .type = SHAPE_LIST,
     .may_be_null = true,
     .items = SHAPE_OBJECT,
     .help = "Replaces all of them. null: the built-in ones. A header value *** stays as it was"},
    {.name = "model_redirects", .type = SHAPE_OBJECT, .may_be_null = true, .help = "Model ids and what they stand for"},
    {.name = "proxies",
     .type = SHAPE_LIST,
     .may_be_null = true,
     .items = SHAPE_OBJECT,
     .help = "Replaces all of them. A password *** in a url stays as it was"},
    {.name = "system_prompt",
     .type = SHAPE_TEXT,
     .may_be_null = true,
     .help = "Text that is put before the client's system prompt"},
    {.name = NULL},
};
const struct shape models_config_body = {.members = members};

// ---- texts ----------------------------------------------------------------------------------------------------------

static struct slice bom_of(struct slice text)
{
    struct slice bom = SLICE("\xef\xbb\xbf");
    return slice_starts_with(text, bom) ? slice_of(text.ptr, bom.len) : SLICE_EMPTY;
}

// A text that has been read before: the one in force, or our own work.
static void parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    int r = json_parse(doc, arena, text, NULL);
    assert(r == 0);
    (void)r;
}

// What is in force as the file would say it. Without a file, what would be written in its place.
static struct slice text_in_force(struct slice file_text)
{
    return file_text.ptr ? slice_after(file_text, bom_of(file_text).len) : config_defaults_json;
}

// One element or member a line, as the file is made in the beginning: it is for people, too.
static struct slice spread(struct arena *arena, const struct json_doc *doc, const struct json_node *part)
{
    struct buf out = BUF_EMPTY;
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    if (json_is(part, JSON_ARRAY)) {
        while (json_next_element(doc, part, &value)) {
            buf_append(&out, out.len ? SLICE(",\n    ") : SLICE("[\n    "));
            buf_append(&out, json_raw(doc, value));
        }
    } else if (json_is(part, JSON_OBJECT)) {
        while (json_next_member(doc, part, &key, &value)) {
            buf_append(&out, out.len ? SLICE(",\n    ") : SLICE("{\n    "));
            buf_append(&out, json_raw(doc, key));
            buf_append(&out, SLICE(": "));
            buf_append(&out, json_raw(doc, value));
        }
    }
    if (out.len) {
        buf_append(&out, json_is(part, JSON_ARRAY) ? SLICE("\n  ]") : SLICE("\n  }"));
    }
    struct slice text = out.len ? arena_dup(arena, buf_slice(&out)) : json_raw(doc, part);
    buf_deinit(&out);
    return text;
}

// ---- GET ------------------------------------------------------------------------------------------------------------

// Of the built-in models, those are in force for which there is an endpoint.
static void write_builtin_models(struct json_writer *w, const struct config *config, const struct json_doc *doc,
                                 struct arena *arena)
{
    const struct json_node *models = json_get(doc, json_root(doc), SLICE("models"));
    const struct json_node *model = NULL;
    json_begin_array(w);
    while (json_next_element(doc, models, &model)) {
        struct slice id = json_string(doc, json_get(doc, model, SLICE("id")), arena);
        const struct config_model *found = config_find_model(config, id);
        if (found && slice_eq(found->id, id)) {
            json_write_raw(w, json_raw(doc, model));
        }
    }
    json_end_array(w);
}

static void write_part(struct json_writer *w, struct admin_exchange *x, const struct json_doc *shown,
                       const struct json_doc *builtin, struct slice name)
{
    const struct json_node *part = json_get(shown, json_root(shown), name);
    json_key(w, name);
    if (part && !json_is(part, JSON_NULL)) {
        json_write_raw(w, json_raw(shown, part));
    } else if (slice_eq(name, SLICE("models"))) {
        write_builtin_models(w, x->admin->config, builtin, admin_arena(x));
    } else {
        json_write_raw(w, json_raw(builtin, json_get(builtin, json_root(builtin), name)));
    }
}

static void answer(struct admin_exchange *x, struct slice message)
{
    struct json_doc in_force;
    struct json_doc shown;
    struct json_doc builtin;
    struct reply reply;
    parse(&in_force, admin_arena(x), text_in_force(x->admin->config->file_text));
    parse(&shown, admin_arena(x), config_secrets_hide(&in_force, admin_arena(x)));
    parse(&builtin, admin_arena(x), config_defaults_json);
    reply_begin(&reply);
    json_begin_object(&reply.w);
    for (size_t i = 0; i < N_PARTS; i++) {
        write_part(&reply.w, x, &shown, &builtin, parts[i]);
    }
    json_end_object(&reply.w);
    reply_send(x, &reply, message);
}

void models_config_show(struct admin_exchange *x)
{
    answer(x, SLICE_EMPTY);
}

// ---- PUT ------------------------------------------------------------------------------------------------------------

static bool make_text(struct admin_exchange *x, struct slice file_text, struct slice *text_r, struct slice *problem_r)
{
    struct arena *arena = admin_arena(x);
    struct json_doc in_force;
    struct json_doc given;
    struct slice body;
    struct json_splice splice;
    parse(&in_force, arena, text_in_force(file_text));
    if (!config_secrets_restore(&x->doc, &in_force, arena, &body, problem_r)) {
        return false;
    }
    parse(&given, arena, body);
    json_splice_init(&splice, arena, &in_force);
    for (size_t i = 0; i < N_PARTS; i++) {
        const struct json_node *part = json_get(&given, json_root(&given), parts[i]);
        if (part) {
            json_splice_set(&splice, json_root(&in_force), parts[i], spread(arena, &given, part));
        }
    }
    size_t n;
    size_t len;
    struct slice *pieces = json_splice_result(&splice, &n, &len);
    const struct slice both[] = {bom_of(file_text), arena_concat(arena, pieces, n)};
    *text_r = arena_concat(arena, both, 2);
    return true;
}

static bool is_about_parts(struct slice line)
{
    for (size_t i = 0; i < N_PARTS; i++) {
        if (slice_starts_with(line, parts[i])) {
            return true;
        }
    }
    return false;
}

// Warnings about other things are no news to who changes these.
static void answer_change(struct admin_exchange *x, struct slice warnings)
{
    struct slice message = SLICE_EMPTY;
    while (warnings.ptr) {
        struct slice line = slice_split(&warnings, '\n');
        if (is_about_parts(line)) {
            message = arena_printf(admin_arena(x), "%.*s%s%.*s", SLICE_ARG(message), message.len ? "\n" : "",
                                   SLICE_ARG(line));
        }
    }
    answer(x, message);
}

static struct slice what_changes(struct admin_exchange *x)
{
    struct slice text = SLICE_EMPTY;
    for (size_t i = 0; i < N_PARTS; i++) {
        if (json_get(&x->doc, json_root(&x->doc), parts[i])) {
            text = arena_printf(admin_arena(x), "%.*s%s%.*s", SLICE_ARG(text), text.len ? ", " : "changed ",
                                SLICE_ARG(parts[i]));
        }
    }
    return text;
}

void models_config_change(struct admin_exchange *x)
{
    struct config_edit edit = {make_text, answer_change, what_changes(x)};
    if (edit.what.len == 0) {
        reply_fail(x, 400, SLICE("Send at least one of models, endpoint, model_redirects, proxies and system_prompt."));
        return;
    }
    config_change_start(x, &edit);
}
