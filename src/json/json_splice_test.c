// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json_splice.h"
#include "json/json_writer.h"

// --- Examples
// ---------------------------------------------------------------------------------------------------------

enum op { NOTHING, SET, REMOVE, PREPEND, PREFIX, REPLACE };

struct call {
    enum op op;
    const char *name; // of a member of the root; "" is the root itself where it is what is edited
    const char *text;
};

struct example {
    const char *before;
    struct call calls[5];
    const char *after;
};

static const struct example examples[] = {
    // Nothing to do.
    {"{ \"a\" : 1e2 }", {{NOTHING, "", NULL}}, "{ \"a\" : 1e2 }"},
    {"{\"a\":1}", {{REMOVE, "b", NULL}}, "{\"a\":1}"},
    {"[]", {{REMOVE, "b", NULL}}, "[]"},
    // Set.
    {"{\"a\":1}", {{SET, "a", "2"}}, "{\"a\":2}"},
    {" { \"a\" : 1 } ", {{SET, "a", "[2]"}}, " { \"a\" : [2] } "},
    {"{\"a\":1,\"a\":2}", {{SET, "a", "3"}}, "{\"a\":1,\"a\":3}"},
    {"{\"\\u0061\":1}", {{SET, "a", "3"}}, "{\"\\u0061\":3}"},
    {"{\"a\":1}", {{SET, "a", "2"}, {SET, "a", "3"}}, "{\"a\":3}"},
    {"{\"a\":1}", {{SET, "a", "2"}, {REPLACE, "a", "3"}}, "{\"a\":3}"},
    // Insert.
    {"{}", {{SET, "a", "1"}}, "{\"a\":1}"},
    {"{ }", {{SET, "a", "1"}}, "{\"a\":1 }"},
    {"{\"b\":2 }", {{SET, "a", "1"}}, "{\"b\":2,\"a\":1 }"},
    {"{}", {{SET, "a", "1"}, {SET, "b", "2"}, {SET, "c", "3"}}, "{\"a\":1,\"b\":2,\"c\":3}"},
    {"{}", {{SET, "a", "1"}, {SET, "b", "2"}, {SET, "a", "3"}}, "{\"b\":2,\"a\":3}"},
    {"{}", {{SET, "\"\n", "1"}}, "{\"\\\"\\n\":1}"},
    // Remove the first, one in the middle, the last, the only one, several.
    {"{ \"a\" : 1 , \"b\" : 2 , \"c\" : 3 }", {{REMOVE, "a", NULL}}, "{ \"b\" : 2 , \"c\" : 3 }"},
    {"{ \"a\" : 1 , \"b\" : 2 , \"c\" : 3 }", {{REMOVE, "b", NULL}}, "{ \"a\" : 1 , \"c\" : 3 }"},
    {"{ \"a\" : 1 , \"b\" : 2 , \"c\" : 3 }", {{REMOVE, "c", NULL}}, "{ \"a\" : 1 , \"b\" : 2 }"},
    {"{ \"a\" : 1 }", {{REMOVE, "a", NULL}}, "{}"},
    {"{\"a\":1}", {{REMOVE, "a", NULL}}, "{}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{REMOVE, "c", NULL}, {REMOVE, "b", NULL}}, "{\"a\":1}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{REMOVE, "a", NULL}, {REMOVE, "b", NULL}}, "{\"c\":3}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{REMOVE, "a", NULL}, {REMOVE, "c", NULL}}, "{\"b\":2}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{REMOVE, "a", NULL}, {REMOVE, "b", NULL}, {REMOVE, "c", NULL}}, "{}"},
    {"{\"a\":1,\"b\":2,\"c\":3}", {{REMOVE, "c", NULL}, {REMOVE, "b", NULL}, {REMOVE, "a", NULL}}, "{}"},
    {"{\"a\":1,\"a\":2,\"b\":3,\"a\":4}", {{REMOVE, "a", NULL}}, "{\"b\":3}"},
    {"{\"a\":1,\"a\":2}", {{REMOVE, "a", NULL}, {REMOVE, "a", NULL}}, "{}"},
    // Remove and insert.
    {"{\"a\":1,\"b\":2}", {{REMOVE, "a", NULL}, {SET, "c", "3"}}, "{\"b\":2,\"c\":3}"},
    {"{\"a\":1,\"b\":2}", {{REMOVE, "b", NULL}, {SET, "c", "3"}}, "{\"a\":1,\"c\":3}"},
    {"{ \"a\":1 }", {{REMOVE, "a", NULL}, {SET, "c", "3"}}, "{\"c\":3}"},
    {"{ \"a\":1 }", {{SET, "c", "3"}, {SET, "d", "4"}, {REMOVE, "a", NULL}}, "{\"c\":3,\"d\":4}"},
    {"{\"a\":1,\"b\":2}", {{REMOVE, "a", NULL}, {SET, "a", "3"}}, "{\"b\":2,\"a\":3}"},
    {"{\"a\":1,\"b\":2}", {{SET, "a", "3"}, {REMOVE, "a", NULL}}, "{\"b\":2,\"a\":3}"},
    {"{\"a\":1,\"a\":2}", {{REMOVE, "a", NULL}, {SET, "a", "3"}, {SET, "a", "4"}}, "{\"a\":4}"},
    {"{\"a\":1,\"b\":2}",
     {{SET, "c", "3"}, {REMOVE, "a", NULL}, {REMOVE, "b", NULL}, {SET, "b", "4"}},
     "{\"c\":3,\"b\":4}"},
    // What is inside a removed member goes with it.
    {"{\"a\":[1],\"b\":2}", {{PREPEND, "a", "0"}, {REMOVE, "a", NULL}}, "{\"b\":2}"},
    {"{\"a\":\"x\"}", {{PREFIX, "a", "y"}, {REMOVE, "a", NULL}, {SET, "z", "0"}}, "{\"z\":0}"},
    {"{\"b\":0,\"a\":\"x\"}", {{REPLACE, "a", "y"}, {REMOVE, "a", NULL}}, "{\"b\":0}"},
    // Arrays and strings.
    {"[]", {{PREPEND, "", "1"}}, "[1]"},
    {"[ ]", {{PREPEND, "", "1"}, {PREPEND, "", "2"}}, "[1,2 ]"},
    {"[ 3]", {{PREPEND, "", "1"}, {PREPEND, "", "2"}}, "[1,2, 3]"},
    {"[[]]", {{PREPEND, "", "1"}}, "[1,[]]"},
    {"{\"a\":\"x\"}", {{PREFIX, "a", "\\n"}, {PREFIX, "a", "y"}}, "{\"a\":\"\\nyx\"}"},
    {"\"\"", {{PREFIX, "", "y"}}, "\"y\""},
    {" 1 ", {{REPLACE, "", "2"}}, " 2 "},
};

static struct slice joined(struct json_splice *splice)
{
    size_t n;
    size_t len;
    struct slice *slices = json_splice_result(splice, &n, &len);
    struct slice text = arena_concat(splice->arena, slices, n);
    assert_int_equal(text.len, len);
    for (size_t i = 0; i < n; i++) {
        assert_true(slices[i].len > 0);
    }
    return text;
}

static void call(struct json_splice *splice, const struct call *call)
{
    const struct json_node *root = json_root(splice->doc);
    struct slice name = slice_from_cstr(call->name);
    struct slice text = slice_from_cstr(call->text);
    const struct json_node *node = name.len ? json_get(splice->doc, root, name) : root;
    switch (call->op) {
    case NOTHING: break;
    case SET: json_splice_set(splice, root, name, text); break;
    case REMOVE: json_splice_remove(splice, root, name); break;
    case PREPEND: json_splice_prepend(splice, node, text); break;
    case PREFIX: json_splice_prefix_string(splice, node, text); break;
    case REPLACE: json_splice_replace(splice, node, text); break;
    }
}

static void examples_come_out_as_written(void **state)
{
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        const struct example *e = &examples[i];
        struct arena arena;
        struct json_doc doc;
        struct json_splice splice;
        arena_init(&arena, 1024);
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(e->before), NULL), 0);
        json_splice_init(&splice, &arena, &doc);
        for (size_t c = 0; c < sizeof(e->calls) / sizeof(*e->calls); c++) {
            call(&splice, &e->calls[c]);
        }
        // Twice: asking for the result changes nothing.
        struct slice first = joined(&splice);
        struct slice second = joined(&splice);
        if (!slice_eq(first, slice_from_cstr(e->after)) || !slice_eq(first, second)) {
            fail_msg("example %zu: %s became %.*s, not %s", i, e->before, SLICE_ARG(first), e->after);
        }
        arena_deinit(&arena);
    }
}

// --- Properties over random documents
// ---------------------------------------------------------------------------------

struct dice {
    uint64_t state;
};

static unsigned roll(struct dice *dice, unsigned n)
{
    dice->state = dice->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((dice->state >> 33) % n);
}

#define PICK(dice, table) (table)[roll(dice, sizeof(table) / sizeof(*(table)))]

static const char *const spaces[] = {"", "", "", "", " ", "\n  ", "\t", "\r\n"};
static const char *const keys[] = {"\"a\"", "\"b\"", "\"\\u0061\"", "\"\"", "\"\xE9\x95\xBF\"", "\"q\\\"q\""};
static const char *const names[] = {"a", "b", "", "\xE9\x95\xBF", "q\"q", "new", "n\n\"w"};
static const char *const scalars[] = {
    "0",
    "-1.50e+07",
    "123456789012345678901234567890",
    "true",
    "false",
    "null",
    "\"\"",
    "\"\\ud83d\\ude00 \\\"\\\\\"",
    "\"{\\\"a\\\":1\"",
    "\",]}\"",
    "1E400",
    "\"\\ud800\"",
};
static const char *const new_values[] = {"17", "\"new\"", "{\"n\":[]}", "[ ]"};

static void put(struct buf *out, const char *text)
{
    buf_append(out, slice_from_cstr(text));
}

static void put_key(struct dice *dice, struct buf *out)
{
    put(out, PICK(dice, keys));
    put(out, PICK(dice, spaces));
    put(out, ":");
    put(out, PICK(dice, spaces));
}

// A document whose root is an object.
static void roll_document(struct dice *dice, struct buf *out)
{
    enum { DEPTH_MAX = 6 };
    char closers[DEPTH_MAX];
    unsigned depth = 0;
    int n_left = 5 + (int)roll(dice, 60);
    buf_clear(out);
    put(out, PICK(dice, spaces));
    do {
        unsigned kind = depth == 0 ? 0 : depth == DEPTH_MAX ? 4 : roll(dice, 6);
        n_left--;
        if (kind < 3) {
            closers[depth++] = kind < 2 ? '}' : ']';
            put(out, kind < 2 ? "{" : "[");
            put(out, PICK(dice, spaces));
            if (roll(dice, 6) && n_left > 0) {
                if (kind < 2) {
                    put_key(dice, out);
                }
                continue;
            }
            buf_append_char(out, closers[--depth]);
        } else {
            put(out, PICK(dice, scalars));
        }
        put(out, PICK(dice, spaces));
        while (depth && (n_left <= 0 || roll(dice, 4) == 0)) {
            buf_append_char(out, closers[--depth]);
            put(out, PICK(dice, spaces));
        }
        if (depth) {
            put(out, ",");
            put(out, PICK(dice, spaces));
            if (closers[depth - 1] == '}') {
                put_key(dice, out);
            }
        }
    } while (depth);
}

// One random edit, addressed by the index of a node.
struct edit {
    enum op op;
    uint32_t node;
    struct slice name;
    struct slice text;
};

static bool is_scalar(const struct json_node *node)
{
    return !json_is(node, JSON_OBJECT) && !json_is(node, JSON_ARRAY);
}

static bool is_element(const struct json_doc *doc, uint32_t index)
{
    for (uint32_t i = index; i-- > 0;) {
        if (doc->nodes[i].next > index) {
            return doc->nodes[i].type == JSON_ARRAY;
        }
    }
    return false;
}

// Chooses an edit that does not overlap others: only scalars get a new value, and only elements a new text.
static bool roll_edit(struct dice *dice, const struct json_doc *doc, struct edit *edit)
{
    edit->node = roll(dice, doc->n_nodes);
    edit->name = slice_from_cstr(PICK(dice, names));
    edit->text = slice_from_cstr(PICK(dice, new_values));
    const struct json_node *node = &doc->nodes[edit->node];
    switch ((enum json_type)node->type) {
    case JSON_OBJECT:
        edit->op = roll(dice, 2) ? SET : REMOVE;
        return edit->op == REMOVE || is_scalar(json_get(doc, node, edit->name));
    case JSON_ARRAY: edit->op = PREPEND; return true;
    case JSON_STRING:
        edit->op = PREFIX;
        edit->text = SLICE("\\\"");
        return is_element(doc, edit->node);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER: edit->op = REPLACE; return is_element(doc, edit->node);
    }
    return false;
}

static void apply(struct json_splice *splice, const struct edit *edit)
{
    const struct json_node *node = &splice->doc->nodes[edit->node];
    switch (edit->op) {
    case NOTHING: break;
    case SET: json_splice_set(splice, node, edit->name, edit->text); break;
    case REMOVE: json_splice_remove(splice, node, edit->name); break;
    case PREPEND: json_splice_prepend(splice, node, edit->text); break;
    case PREFIX: json_splice_prefix_string(splice, node, edit->text); break;
    case REPLACE: json_splice_replace(splice, node, edit->text); break;
    }
}

// Parses, applies the edits in one go, and returns the new text.
static struct slice edited(struct arena *arena, struct slice text, const struct edit *edits, size_t n)
{
    struct json_doc doc;
    struct json_splice splice;
    if (json_parse(&doc, arena, text, NULL) != 0) {
        fail_msg("%s at %zu of %.*s", doc.error, doc.error_offset, SLICE_ARG(text));
    }
    json_splice_init(&splice, arena, &doc);
    for (size_t i = 0; i < n; i++) {
        apply(&splice, &edits[i]);
    }
    return joined(&splice);
}

struct member {
    struct slice key; // raw
    struct slice value;
};

// Members of an object that has no more than `max`.
static size_t list_members(const struct json_doc *doc, const struct json_node *object, struct member *members,
                           size_t max)
{
    const struct json_node *key;
    const struct json_node *value = NULL;
    size_t n = 0;
    while (json_next_member(doc, object, &key, &value)) {
        assert_true(n < max);
        members[n++] = (struct member){json_raw(doc, key), json_raw(doc, value)};
    }
    return n;
}

enum { MEMBERS_MAX = 128 };

static size_t remove_from_model(struct arena *arena, struct member *members, size_t n, struct slice name)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        struct slice key = json_unescape(slice_of(members[i].key.ptr + 1, members[i].key.len - 2), arena);
        if (!slice_eq(key, name)) {
            members[n_left++] = members[i];
        }
    }
    return n_left;
}

static size_t set_in_model(struct arena *arena, struct member *members, size_t n, struct slice name, struct slice raw)
{
    for (size_t i = n; i-- > 0;) {
        struct slice key = json_unescape(slice_of(members[i].key.ptr + 1, members[i].key.len - 2), arena);
        if (slice_eq(key, name)) {
            members[i].value = raw;
            return n;
        }
    }
    struct buf key = BUF_EMPTY;
    struct json_writer writer;
    json_writer_init(&writer, &key);
    json_write_string(&writer, name);
    members[n] = (struct member){arena_dup(arena, buf_slice(&key)), raw};
    buf_deinit(&key);
    return n + 1;
}

static void assert_members_are(const struct json_doc *doc, const struct json_node *object,
                               const struct member *expected, size_t n_expected)
{
    struct member members[MEMBERS_MAX];
    assert_int_equal(list_members(doc, object, members, MEMBERS_MAX), n_expected);
    for (size_t i = 0; i < n_expected; i++) {
        assert_true(slice_eq(members[i].key, expected[i].key));
        assert_true(slice_eq(members[i].value, expected[i].value));
    }
}

// What is before and behind the edited value is the same, byte for byte.
static void assert_frame_stays(struct slice before, struct slice after, const struct json_node *node)
{
    struct slice head = slice_of(before.ptr, node->start + 1);
    struct slice tail = slice_of(before.ptr + node->end - 1, before.len - node->end + 1);
    assert_true(after.len >= head.len + tail.len);
    assert_true(slice_starts_with(after, head));
    assert_true(slice_ends_with(after, tail));
}

static void one_edit_of_an_object_does_that_and_no_more(void **state)
{
    struct buf text = BUF_EMPTY;
    struct dice dice = {1};
    for (int round = 0; round < 5000; round++) {
        struct arena arena;
        struct json_doc doc;
        struct json_doc doc_after;
        struct edit edit;
        struct member members[MEMBERS_MAX + 1];
        arena_init(&arena, 4096);
        roll_document(&dice, &text);
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&text), NULL), 0);
        if (roll_edit(&dice, &doc, &edit) && doc.nodes[edit.node].type == JSON_OBJECT) {
            const struct json_node *object = &doc.nodes[edit.node];
            size_t n = list_members(&doc, object, members, MEMBERS_MAX);
            n = edit.op == REMOVE ? remove_from_model(&arena, members, n, edit.name)
                                  : set_in_model(&arena, members, n, edit.name, edit.text);
            struct slice after = edited(&arena, buf_slice(&text), &edit, 1);
            assert_int_equal(json_parse(&doc_after, &arena, after, NULL), 0);
            assert_members_are(&doc_after, &doc_after.nodes[edit.node], members, n);
            assert_frame_stays(buf_slice(&text), after, object);
        }
        arena_deinit(&arena);
    }
    buf_deinit(&text);
}

static void no_edit_gives_the_text_itself(void **state)
{
    struct buf text = BUF_EMPTY;
    struct dice dice = {2};
    for (int round = 0; round < 1000; round++) {
        struct arena arena;
        arena_init(&arena, 4096);
        roll_document(&dice, &text);
        assert_true(slice_eq(edited(&arena, buf_slice(&text), NULL, 0), buf_slice(&text)));
        arena_deinit(&arena);
    }
    buf_deinit(&text);
}

static bool comes_before(const struct edit *a, const struct edit *b)
{
    return a->node != b->node ? a->node > b->node : a->op == REMOVE && b->op == SET;
}

// In an order in which they can be done one by one: what comes later in the text first, so that indices stay what they
// are; of one object removals first. Stable.
static void sort_edits(struct edit *edits, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct edit edit = edits[i];
        size_t at = i;
        for (; at > 0 && comes_before(&edit, &edits[at - 1]); at--) {
            edits[at] = edits[at - 1];
        }
        edits[at] = edit;
    }
}

// Prepended and prefixed texts keep their order when they are given together, but turn it when given one by one.
static bool is_repeated(const struct edit *edits, size_t n, const struct edit *edit)
{
    for (size_t i = 0; i < n; i++) {
        if (edits[i].node == edit->node && (edit->op == PREPEND || edit->op == PREFIX || edit->op == REPLACE)) {
            return true;
        }
        // Set twice is once for the splice: the place of the first and the value of the second would remain.
        if (edits[i].node == edit->node && edit->op == SET && edits[i].op == SET &&
            slice_eq(edits[i].name, edit->name)) {
            return true;
        }
    }
    return false;
}

static void edits_together_do_what_they_do_one_by_one(void **state)
{
    enum { EDITS_MAX = 10 };
    struct buf text = BUF_EMPTY;
    struct dice dice = {3};
    for (int round = 0; round < 5000; round++) {
        struct arena arena;
        struct json_doc doc;
        struct edit edits[EDITS_MAX];
        size_t n = 0;
        arena_init(&arena, 4096);
        roll_document(&dice, &text);
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&text), NULL), 0);
        for (int i = 0; i < 2 * EDITS_MAX && n < EDITS_MAX; i++) {
            n += roll_edit(&dice, &doc, &edits[n]) && !is_repeated(edits, n, &edits[n]);
        }
        struct slice together = edited(&arena, buf_slice(&text), edits, n);
        sort_edits(edits, n);
        struct slice one_by_one = buf_slice(&text);
        for (size_t i = 0; i < n; i++) {
            one_by_one = edited(&arena, one_by_one, &edits[i], 1);
        }
        if (!slice_eq(together, one_by_one)) {
            fail_msg("round %d: %.*s\nbecame %.*s\nnot    %.*s", round, SLICE_ARG(buf_slice(&text)),
                     SLICE_ARG(together), SLICE_ARG(one_by_one));
        }
        arena_deinit(&arena);
    }
    buf_deinit(&text);
}

// Every choice of elements of every short list, with and without others put before them.
static void elements_go_with_their_commas(void **state)
{
    static const char *const LISTS[] = {
        "[]", "[ ]", "[0]", "[ 0 ]", "[0,1]", "[ 0 ,\n1 , 2 ]", "[0,1,2,3,4]", "[[0],{\"a\":1},\"2\"]"};
    for (size_t i = 0; i < sizeof(LISTS) / sizeof(*LISTS) * 3; i++) {
        size_t n_before = i % 3;
        for (unsigned choice = 0; choice < 32; choice++) {
            struct arena arena;
            struct json_doc doc;
            struct json_doc after;
            struct json_splice splice;
            struct slice expected[8] = {SLICE("8"), SLICE("9")};
            size_t n_expected = n_before;
            arena_init(&arena, 1024);
            assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(LISTS[i / 3]), NULL), 0);
            json_splice_init(&splice, &arena, &doc);
            const struct json_node *element = NULL;
            for (size_t at = 0; json_next_element(&doc, json_root(&doc), &element); at++) {
                if (choice >> at & 1) {
                    json_splice_remove_element(&splice, json_root(&doc), element);
                } else {
                    expected[n_expected++] = json_raw(&doc, element);
                }
            }
            for (size_t at = 0; at < n_before; at++) {
                json_splice_prepend(&splice, json_root(&doc), expected[at]);
            }
            struct slice text = joined(&splice);
            assert_int_equal(json_parse(&after, &arena, text, NULL), 0);
            size_t n = 0;
            for (element = NULL; json_next_element(&after, json_root(&after), &element); n++) {
                assert_true(n < n_expected && slice_eq(json_raw(&after, element), expected[n]));
            }
            assert_int_equal(n, n_expected);
            arena_deinit(&arena);
        }
    }
}

static void what_is_edited_inside_a_removed_element_goes_with_it(void **state)
{
    struct arena arena;
    struct json_doc doc;
    struct json_splice splice;
    arena_init(&arena, 1024);
    assert_int_equal(json_parse(&doc, &arena, SLICE("{\"a\":[{\"b\":1,\"c\":2},[3, 4 ]]}"), NULL), 0);
    json_splice_init(&splice, &arena, &doc);
    const struct json_node *list = json_get(&doc, json_root(&doc), SLICE("a"));
    const struct json_node *first = NULL;
    assert_true(json_next_element(&doc, list, &first));
    const struct json_node *second = first;
    assert_true(json_next_element(&doc, list, &second));
    const struct json_node *last = NULL;
    while (json_next_element(&doc, second, &last) && json_raw(&doc, last).ptr[0] != '4') {
    }
    json_splice_remove(&splice, first, SLICE("c"));
    json_splice_set(&splice, first, SLICE("d"), SLICE("5"));
    json_splice_remove_element(&splice, list, first);
    json_splice_remove_element(&splice, second, last);
    assert_true(slice_eq(joined(&splice), SLICE("{\"a\":[[3 ]]}")));
    arena_deinit(&arena);
}

static void very_many_members_are_removed_in_no_time(void **state)
{
    enum { N = 200000 };
    struct buf text = BUF_EMPTY;
    struct buf expected = BUF_EMPTY;
    put(&text, "{\"z\":0");
    put(&expected, "{\"z\":0");
    for (int i = 0; i < N; i++) {
        put(&text, ",\"a\":1,\"b\":2");
        put(&expected, ",\"b\":2");
    }
    put(&text, "}");
    put(&expected, "}");
    struct arena arena;
    arena_init(&arena, 4096);
    struct edit edit = {REMOVE, 0, SLICE_INIT("a"), SLICE_EMPTY};
    assert_true(slice_eq(edited(&arena, buf_slice(&text), &edit, 1), buf_slice(&expected)));
    arena_deinit(&arena);
    buf_deinit(&text);
    buf_deinit(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_come_out_as_written),
        cmocka_unit_test(no_edit_gives_the_text_itself),
        cmocka_unit_test(one_edit_of_an_object_does_that_and_no_more),
        cmocka_unit_test(edits_together_do_what_they_do_one_by_one),
        cmocka_unit_test(elements_go_with_their_commas),
        cmocka_unit_test(what_is_edited_inside_a_removed_element_goes_with_it),
        cmocka_unit_test(very_many_members_are_removed_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
