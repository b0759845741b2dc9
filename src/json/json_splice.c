// SPDX-License-Identifier: MIT
// Edits are only noted down until the result is asked for. Then, in this order:
//   - per object and array: which of its edits count, and what they mean for commas (settle_object, settle_array)
//   - all edits by their place in the text: untouched and new text in turn (write_pieces)
// Edits are sorted, not searched: an outsider may bring very many members to remove.
#include "json/json_splice.h"

#include <assert.h>
#include <stdlib.h>

#include "json/json_scan.h"
#include "json/json_writer.h"

#define NO_PARENT UINT32_MAX

enum { EDITS_CAP_MIN = 8, SLICES_PER_EDIT = 4 };

enum edit_kind {
    EDIT_TEXT,    // text goes and comes, commas do not matter
    EDIT_SET,     // a member gets another value
    EDIT_INSERT,  // a member behind the others
    EDIT_REMOVE,  // a member or an element goes
    EDIT_PREPEND, // an element before the others
    EDIT_DROPPED, // an insert that a later one of the same name stands for
};

struct json_edit {
    enum edit_kind kind;
    uint32_t parent; // node of the object or array whose commas matter, or NO_PARENT
    uint32_t member; // where the member begins; so that the edits of one are neighbours
    uint32_t order;  // of the calls
    uint32_t start;  // what goes from the text
    uint32_t end;
    struct slice name;    // borrowed: of a member
    struct slice text[3]; // what comes instead, in parts; borrowed or arena
};

void json_splice_init(struct json_splice *splice, struct arena *arena, const struct json_doc *doc)
{
    *splice = (struct json_splice){.doc = doc, .arena = arena};
}

static struct json_edit *add_edit(struct json_splice *splice, enum edit_kind kind, uint32_t start, uint32_t end)
{
    size_t n = splice->_n_edits++;
    if (n == splice->_cap) {
        splice->_cap = n ? n * 2 : EDITS_CAP_MIN;
        size_t size = splice->_cap * sizeof(*splice->_edits);
        splice->_edits = n ? arena_grow(splice->arena, splice->_edits, n * sizeof(*splice->_edits), size)
                           : arena_alloc(splice->arena, size);
    }
    splice->_edits[n] = (struct json_edit){
        .kind = kind, .parent = NO_PARENT, .member = start, .order = (uint32_t)n, .start = start, .end = end};
    return &splice->_edits[n];
}

static struct json_edit *add_edit_inside(struct json_splice *splice, const struct json_node *parent,
                                         enum edit_kind kind, uint32_t start, uint32_t end)
{
    struct json_edit *edit = add_edit(splice, kind, start, end);
    edit->parent = (uint32_t)(parent - splice->doc->nodes);
    return edit;
}

void json_splice_replace(struct json_splice *splice, const struct json_node *node, struct slice raw)
{
    add_edit(splice, EDIT_TEXT, node->start, node->end)->text[1] = raw;
}

void json_splice_set(struct json_splice *splice, const struct json_node *object, struct slice name, struct slice raw)
{
    assert(json_is(object, JSON_OBJECT) && !object->is_unrecorded);
    const struct json_node *value = json_get(splice->doc, object, name);
    struct json_edit *edit = value ? add_edit_inside(splice, object, EDIT_SET, value->start, value->end)
                                   : add_edit_inside(splice, object, EDIT_INSERT, object->end, object->end);
    edit->member = value ? (value - 1)->start : object->end;
    edit->name = name;
    edit->text[1] = raw;
}

void json_splice_remove(struct json_splice *splice, const struct json_node *object, struct slice name)
{
    assert(!object || !object->is_unrecorded);
    const struct json_node *key;
    const struct json_node *value = NULL;
    while (json_next_member(splice->doc, object, &key, &value)) {
        if (json_string_is(splice->doc, key, name)) {
            add_edit_inside(splice, object, EDIT_REMOVE, key->start, value->end);
        }
    }
}

void json_splice_prepend(struct json_splice *splice, const struct json_node *array, struct slice raw)
{
    assert(json_is(array, JSON_ARRAY));
    add_edit_inside(splice, array, EDIT_PREPEND, array->start + 1, array->start + 1)->text[1] = raw;
}

void json_splice_remove_element(struct json_splice *splice, const struct json_node *array,
                                const struct json_node *element)
{
    assert(json_is(array, JSON_ARRAY) && element->start > array->start && element->end < array->end);
    add_edit_inside(splice, array, EDIT_REMOVE, element->start, element->end);
}

void json_splice_prefix_string(struct json_splice *splice, const struct json_node *string, struct slice escaped)
{
    assert(json_is(string, JSON_STRING));
    add_edit(splice, EDIT_TEXT, string->start + 1, string->start + 1)->text[1] = escaped;
}

// Where the white space from `at` on ends.
static uint32_t after_space(const char *text, uint32_t at)
{
    while (json_is_space(text[at])) {
        at++;
    }
    return at;
}

// Where the white space before `at` begins.
static uint32_t before_space(const char *text, uint32_t at)
{
    while (json_is_space(text[at - 1])) {
        at--;
    }
    return at;
}

// The edits of one member: when it is both removed and set, the last value that was set moves to the end. Other values
// go with the member, or are outdone where they stand.
static void settle_member(struct json_edit *edits, size_t n)
{
    struct json_edit *last_set = NULL;
    bool is_removed = false;
    for (struct json_edit *edit = edits; edit < edits + n; edit++) {
        if (edit->kind == EDIT_REMOVE) {
            is_removed = true;
        } else {
            last_set = edit;
        }
    }
    if (last_set && is_removed) {
        last_set->kind = EDIT_INSERT;
    }
}

static void settle_members(struct json_edit *edits, size_t n)
{
    size_t from = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i == n || edits[i].member != edits[from].member) {
            if (edits[from].kind != EDIT_INSERT) {
                settle_member(edits + from, i - from);
            }
            from = i;
        }
    }
}

// A member goes with the comma and white space behind it. The last one goes with the comma before it, and with the
// removed ones up to it: so these edits may cover each other. Returns whether members are left.
static bool settle_removals(const char *text, struct json_edit *edits, size_t n)
{
    uint32_t run_start = 0; // of removed members without others between them
    uint32_t run_end = 0;
    for (struct json_edit *edit = edits; edit < edits + n; edit++) {
        if (edit->kind != EDIT_REMOVE) {
            continue;
        }
        run_start = edit->start == run_end ? run_start : edit->start;
        uint32_t behind = after_space(text, edit->end);
        if (text[behind] == ',') {
            run_end = edit->end = after_space(text, behind + 1);
            continue;
        }
        edit->start = before_space(text, run_start);
        if (text[edit->start - 1] != ',') {
            edit->end = behind;
            return false;
        }
        edit->start = before_space(text, edit->start - 1);
    }
    return true;
}

static void settle_array(struct json_splice *splice, struct json_edit *edits, size_t n)
{
    const char *text = splice->doc->text.ptr;
    bool was_empty = text[after_space(text, splice->doc->nodes[edits->parent].start + 1)] == ']';
    bool has_elements = settle_removals(text, edits, n) && !was_empty;
    struct json_edit *last = NULL;
    for (struct json_edit *edit = edits; edit < edits + n; edit++) {
        if (edit->kind == EDIT_PREPEND) {
            edit->text[2] = SLICE(",");
            last = edit;
        }
    }
    if (last && !has_elements) {
        last->text[2] = SLICE_EMPTY;
    }
}

static struct slice encode_name(struct arena *arena, struct slice name)
{
    struct buf escaped = BUF_EMPTY;
    json_escape(&escaped, name);
    struct slice parts[] = {SLICE(",\""), buf_slice(&escaped), SLICE("\":")};
    struct slice text = arena_concat(arena, parts, sizeof(parts) / sizeof(*parts));
    buf_deinit(&escaped);
    return text;
}

static bool has_later_insert(const struct json_edit *edit, const struct json_edit *end)
{
    for (const struct json_edit *other = edit + 1; other < end; other++) {
        if (other->kind == EDIT_INSERT && slice_eq(other->name, edit->name)) {
            return true;
        }
    }
    return false;
}

static void settle_inserts(struct arena *arena, struct json_edit *edits, size_t n, uint32_t place, bool needs_comma)
{
    struct json_edit *first = NULL;
    for (struct json_edit *edit = edits; edit < edits + n; edit++) {
        if (edit->kind != EDIT_INSERT) {
            continue;
        }
        if (has_later_insert(edit, edits + n)) {
            edit->kind = EDIT_DROPPED;
            continue;
        }
        edit->start = edit->end = place;
        edit->text[0] = encode_name(arena, edit->name);
        first = first && first->order < edit->order ? first : edit;
    }
    if (first && !needs_comma) {
        first->text[0] = slice_after(first->text[0], 1);
    }
}

static void settle_object(struct json_splice *splice, struct json_edit *edits, size_t n)
{
    const char *text = splice->doc->text.ptr;
    uint32_t close = splice->doc->nodes[edits->parent].end - 1;
    uint32_t last_end = before_space(text, close);
    bool has_members = text[last_end - 1] != '{';
    settle_members(edits, n);
    bool is_emptied = !settle_removals(text, edits, n);
    settle_inserts(splice->arena, edits, n, is_emptied ? close : last_end, has_members && !is_emptied);
}

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int by_parent(const void *left, const void *right)
{
    const struct json_edit *a = left;
    const struct json_edit *b = right;
    int r = compare(a->parent, b->parent);
    r = r ? r : compare(a->member, b->member);
    return r ? r : compare(a->order, b->order);
}

// Of edits at one place those come first that only insert, then whatever covers the others.
static int by_place(const void *left, const void *right)
{
    const struct json_edit *a = left;
    const struct json_edit *b = right;
    int r = compare(a->start, b->start);
    r = r ? r : compare(a->start < a->end, b->start < b->end);
    r = r ? r : compare(b->end, a->end);
    return r ? r : compare(a->order, b->order);
}

static void settle(struct json_splice *splice, struct json_edit *edits, size_t n)
{
    qsort(edits, n, sizeof(*edits), by_parent);
    size_t from = 0;
    for (size_t i = 1; i <= n && edits[from].parent != NO_PARENT; i++) {
        if (i == n || edits[i].parent != edits[from].parent) {
            if (splice->doc->nodes[edits[from].parent].type == JSON_ARRAY) {
                settle_array(splice, edits + from, i - from);
            } else {
                settle_object(splice, edits + from, i - from);
            }
            from = i;
        }
    }
    qsort(edits, n, sizeof(*edits), by_place);
}

static bool is_same_place(const struct json_edit *a, const struct json_edit *b)
{
    return a->start == b->start && a->end == b->end && a->start < a->end;
}

static struct slice *put_slice(struct slice *out, struct slice s)
{
    *out = s;
    return out + (s.len > 0);
}

static struct slice *write_pieces(struct slice text, const struct json_edit *edits, size_t n, struct slice *out)
{
    uint32_t at = 0;
    uint32_t removed_end = 0;
    for (const struct json_edit *edit = edits; edit < edits + n; edit++) {
        bool is_gone = edit->start < removed_end && edit->end <= removed_end;
        bool is_outdone = edit + 1 < edits + n && is_same_place(edit, edit + 1);
        if (edit->kind == EDIT_DROPPED || is_gone || is_outdone) {
            continue;
        }
        assert(edit->start >= at); // edits do not overlap
        out = put_slice(out, slice_of(text.ptr + at, edit->start - at));
        for (size_t i = 0; i < sizeof(edit->text) / sizeof(*edit->text); i++) {
            out = put_slice(out, edit->text[i]);
        }
        at = edit->end;
        removed_end = edit->kind == EDIT_REMOVE ? at : removed_end;
    }
    return put_slice(out, slice_of(text.ptr + at, text.len - at));
}

struct slice *json_splice_result(struct json_splice *splice, size_t *n_r, size_t *len_r)
{
    // Settled in a copy, so that more edits may follow.
    size_t n = splice->_n_edits;
    struct json_edit *edits = arena_alloc(splice->arena, (n + 1) * sizeof(*edits));
    if (n) {
        memcpy(edits, splice->_edits, n * sizeof(*edits));
        settle(splice, edits, n);
    }
    struct slice *slices = arena_alloc(splice->arena, (n * SLICES_PER_EDIT + 1) * sizeof(*slices));
    *n_r = (size_t)(write_pieces(splice->doc->text, edits, n, slices) - slices);
    *len_r = 0;
    for (size_t i = 0; i < *n_r; i++) {
        *len_r += slices[i].len;
    }
    return slices;
}
