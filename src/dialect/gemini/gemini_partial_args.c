// SPDX-License-Identifier: MIT
#include "dialect/gemini/gemini_partial_args.h"

#include "json/json_writer.h"

enum { DEPTH_MAX = 32, INDEX_MAX = 16 * 1024, TEXT_FIRST = 64 };

enum value_kind { VALUE_NONE, VALUE_OBJECT, VALUE_ARRAY, VALUE_STRING, VALUE_RAW };

struct value {
    struct value *next; // in its object in the order of coming, in its array by index
    struct value *children;
    struct slice name; // plain; of a member
    uint64_t index;    // of an element
    enum value_kind kind;
    struct slice text; // STRING: escaped. RAW: JSON
    size_t text_cap;
    bool goes_on; // the text
};

struct gemini_partial_args {
    struct arena *arena; // borrowed
    struct value root;
};

struct gemini_partial_args *gemini_partial_args_new(struct arena *arena)
{
    struct gemini_partial_args *args = arena_zalloc(arena, sizeof(*args));
    args->arena = arena;
    args->root.kind = VALUE_OBJECT;
    return args;
}

// ---- paths

struct step {
    bool is_index;
    uint64_t index;
    struct slice name;
};

static struct slice take(struct slice *rest, size_t len)
{
    struct slice taken = slice_of(rest->ptr, len);
    *rest = slice_after(*rest, len);
    return taken;
}

static bool take_dotted(struct slice *rest, struct step *step_r)
{
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != '.' && rest->ptr[len] != '[') {
        len++;
    }
    *step_r = (struct step){.name = take(rest, len)};
    return len > 0;
}

// [3], ['a name'], ["a name"]
static bool take_bracketed(struct slice *rest, struct step *step_r)
{
    char quote = rest->len ? rest->ptr[0] : '\0';
    bool is_quoted = quote == '\'' || quote == '"';
    size_t len = slice_find(*rest, quote == '\'' ? SLICE("']") : quote == '"' ? SLICE("\"]") : SLICE("]"));
    if (len == SLICE_NOT_FOUND || len == 0) {
        return false;
    }
    struct slice inner = take(rest, len);
    *rest = slice_after(*rest, is_quoted ? 2 : 1);
    *step_r = (struct step){.is_index = !is_quoted, .name = is_quoted ? slice_after(inner, 1) : SLICE_EMPTY};
    return is_quoted || (slice_to_u64(inner, &step_r->index) && step_r->index < INDEX_MAX);
}

static bool take_step(struct slice *rest, struct step *step_r)
{
    char sign = rest->ptr[0];
    *rest = slice_after(*rest, 1);
    if (sign == '.') {
        return take_dotted(rest, step_r);
    }
    return sign == '[' && take_bracketed(rest, step_r);
}

// ---- places

static bool is_at(const struct value *value, const struct step *step)
{
    return step->is_index ? value->index == step->index : slice_eq(value->name, step->name);
}

// The value at that step of `parent`, made if there is none; NULL when the parent is of another kind.
static struct value *descend(struct gemini_partial_args *args, struct value *parent, const struct step *step)
{
    enum value_kind kind = step->is_index ? VALUE_ARRAY : VALUE_OBJECT;
    if (parent->kind == VALUE_NONE) {
        parent->kind = kind;
    }
    if (parent->kind != kind) {
        return NULL;
    }
    struct value **place = &parent->children;
    while (*place && !is_at(*place, step) && !(step->is_index && (*place)->index > step->index)) {
        place = &(*place)->next;
    }
    if (*place && is_at(*place, step)) {
        return *place;
    }
    struct value *value = arena_zalloc(args->arena, sizeof(*value));
    value->name = arena_dup(args->arena, step->name);
    value->index = step->index;
    value->next = *place;
    *place = value;
    return value;
}

static struct value *find_place(struct gemini_partial_args *args, struct slice path)
{
    struct value *value = &args->root;
    struct step step;
    int depth = 0;
    if (!path.len || path.ptr[0] != '$') {
        return NULL;
    }
    path = slice_after(path, 1);
    while (value && path.len) {
        value = depth++ < DEPTH_MAX && take_step(&path, &step) ? descend(args, value, &step) : NULL;
    }
    return value == &args->root ? NULL : value;
}

// ---- values

static void append_text(struct arena *arena, struct value *value, struct slice more)
{
    size_t len = value->text.len + more.len;
    char *bytes = (char *)value->text.ptr;
    if (len > value->text_cap) {
        size_t cap = len < TEXT_FIRST ? TEXT_FIRST : 2 * len;
        bytes = value->text_cap ? arena_grow(arena, bytes, value->text_cap, cap) : arena_alloc(arena, cap);
        value->text_cap = cap;
    }
    if (more.len) {
        memcpy(bytes + value->text.len, more.ptr, more.len);
    }
    value->text = slice_of(bytes, len);
}

static void set_string(struct arena *arena, struct value *value, struct slice escaped, bool goes_on)
{
    if (!value->goes_on) {
        value->text.len = 0;
    }
    value->kind = VALUE_STRING;
    value->goes_on = goes_on;
    append_text(arena, value, escaped);
}

static void set_raw(struct arena *arena, struct value *value, struct slice json)
{
    *value = (struct value){.next = value->next,
                            .name = value->name,
                            .index = value->index,
                            .kind = VALUE_RAW,
                            .text = arena_dup(arena, json)};
}

void gemini_partial_args_add(struct gemini_partial_args *args, const struct json_doc *doc,
                             const struct json_node *piece)
{
    const struct json_node *text = json_get(doc, piece, SLICE("stringValue"));
    const struct json_node *number = json_get(doc, piece, SLICE("numberValue"));
    const struct json_node *truth = json_get(doc, piece, SLICE("boolValue"));
    const struct json_node *null = json_get(doc, piece, SLICE("nullValue"));
    const struct json_node *path = json_get(doc, piece, SLICE("jsonPath"));
    struct value *value = find_place(args, json_string(doc, path, args->arena));
    if (!value || value->kind == VALUE_OBJECT || value->kind == VALUE_ARRAY) {
        return;
    }
    if (json_is(text, JSON_STRING)) {
        bool goes_on = json_is(json_get(doc, piece, SLICE("willContinue")), JSON_TRUE);
        set_string(args->arena, value, json_escaped(doc, text), goes_on);
    } else if (json_is(number, JSON_NUMBER)) {
        set_raw(args->arena, value, json_raw(doc, number));
    } else if (json_is(truth, JSON_TRUE) || json_is(truth, JSON_FALSE)) {
        set_raw(args->arena, value, json_raw(doc, truth));
    } else if (null) {
        set_raw(args->arena, value, SLICE("null"));
    }
}

// ---- writing; as deep as the paths were

static void write_value(struct json_writer *w, const struct value *value);

static void write_members(struct json_writer *w, const struct value *object)
{
    json_begin_object(w);
    for (const struct value *child = object->children; child; child = child->next) {
        json_key(w, child->name);
        write_value(w, child);
    }
    json_end_object(w);
}

static void write_elements(struct json_writer *w, const struct value *array)
{
    uint64_t index = 0;
    json_begin_array(w);
    for (const struct value *child = array->children; child; child = child->next) {
        for (; index < child->index; index++) {
            json_write_null(w);
        }
        write_value(w, child);
        index++;
    }
    json_end_array(w);
}

static void write_value(struct json_writer *w, const struct value *value)
{
    switch (value->kind) {
    case VALUE_OBJECT: write_members(w, value); break;
    case VALUE_ARRAY: write_elements(w, value); break;
    case VALUE_STRING: json_write_escaped(w, value->text); break;
    case VALUE_RAW: json_write_raw(w, value->text); break;
    case VALUE_NONE: json_write_null(w); break;
    }
}

struct slice gemini_partial_args_json(const struct gemini_partial_args *args)
{
    struct buf out = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &out);
    write_value(&w, &args->root);
    struct slice json = arena_dup(args->arena, buf_slice(&out));
    buf_deinit(&out);
    return json;
}
