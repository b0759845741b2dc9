// SPDX-License-Identifier: MIT
// What is and is not JSON is also asked of JSONTestSuite: json_suite_test.c.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/json_reader.h"

static void parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    arena_init(arena, 1024);
    if (json_parse(doc, arena, text, NULL) != 0) {
        fail_msg("%s at %zu of %.*s", doc->error, doc->error_offset, SLICE_ARG(text));
    }
}

#define N_OF(table) (sizeof(table) / sizeof(*(table)))

// --- Failures
// ---------------------------------------------------------------------------------------------------------

static void failures_name_the_place_and_the_reason(void **state)
{
    static const struct {
        struct slice text;
        size_t offset;
        const char *error;
    } cases[] = {
        {SLICE_INIT(""), 0, "unexpected end"},
        {SLICE_INIT(" \n"), 2, "unexpected end"},
        {SLICE_INIT("{\"a\":"), 5, "unexpected end"},
        {SLICE_INIT("{\"a\""), 4, "unexpected end"},
        {SLICE_INIT("{"), 1, "unexpected end"},
        {SLICE_INIT("[1"), 2, "unexpected end"},
        {SLICE_INIT("[1,"), 3, "unexpected end"},
        {SLICE_INIT("\"abc"), 4, "unexpected end"},
        {SLICE_INIT("-"), 1, "unexpected end"},
        {SLICE_INIT("1."), 2, "unexpected end"},
        {SLICE_INIT("1e+"), 3, "unexpected end"},
        {SLICE_INIT("\0"), 0, "unexpected character"},
        {SLICE_INIT("1\0"), 1, "text behind the value"},
        {SLICE_INIT("tru"), 0, "unexpected character"},
        {SLICE_INIT("nulL"), 0, "unexpected character"},
        {SLICE_INIT("+1"), 0, "unexpected character"},
        {SLICE_INIT("[1 2]"), 3, "comma or closing bracket expected"},
        {SLICE_INIT("[1}"), 2, "comma or closing bracket expected"},
        {SLICE_INIT("{\"a\":1]"), 6, "comma or closing bracket expected"},
        {SLICE_INIT("[1,]"), 3, "unexpected character"},
        {SLICE_INIT("[,1]"), 1, "unexpected character"},
        {SLICE_INIT("{\"a\":1,}"), 7, "key expected"},
        {SLICE_INIT("{a:1}"), 1, "key expected"},
        {SLICE_INIT("{\"a\" 1}"), 5, "colon expected"},
        {SLICE_INIT("{} {}"), 3, "text behind the value"},
        {SLICE_INIT("01"), 0, "number with a leading zero"},
        {SLICE_INIT("-x"), 1, "digit expected"},
        {SLICE_INIT("1.e1"), 2, "digit expected"},
        {SLICE_INIT("1ex"), 2, "digit expected"},
        {SLICE_INIT("\"\n\""), 1, "control character in a string"},
        {SLICE_INIT("\"\\x\""), 1, "unknown escape"},
        {SLICE_INIT("\"\\u12g4\""), 1, "\\u needs four hexadecimal digits"},
        {SLICE_INIT("[\"\xC3\x28\"]"), 2, "not UTF-8"},
        {SLICE_INIT("\xEF\xBB\xBF{}"), 0, "unexpected character"},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 1024);
        int r = json_parse(&doc, &arena, cases[i].text, NULL);
        if (r != JSON_E_SYNTAX || doc.error_offset != cases[i].offset || strcmp(doc.error, cases[i].error) != 0) {
            fail_msg("case %zu: %d, %s at %zu", i, r, doc.error, doc.error_offset);
        }
        assert_null(json_root(&doc));
        assert_int_equal(doc.n_nodes, 0);
        arena_deinit(&arena);
    }
}

static const char sample[] =
    "{\"model\": \"m\", \"messages\": [{\"role\":\"user\",\"content\":\"a \\\"long\\\" text with "
    "\\u00e9\\ud83d\\ude00 \xE4\xB8\xAD\xE6\x96\x87 and \\\\ more of it, over the end of a "
    "block\"}, [], {}, [[1.5e-3, -0, true, false, null]]], \"n\" : 12345 }";

// Every beginning of an object is incomplete. Each is parsed from memory that ends where it ends.
static void no_beginning_of_a_text_is_enough(void **state)
{
    for (size_t len = 0; len < sizeof(sample) - 1; len++) {
        char *text = malloc(len ? len : 1);
        memcpy(text, sample, len);
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 1024);
        assert_int_equal(json_parse(&doc, &arena, slice_of(text, len), NULL), JSON_E_SYNTAX);
        assert_true(doc.error_offset <= len);
        arena_deinit(&arena);
        free(text);
    }
}

// Of the bytes that a string may not have, one alone is found wherever it is.
static void a_bad_byte_is_found_at_every_place_of_a_string(void **state)
{
    enum { LEN = 150 };
    static const unsigned char bad_bytes[] = {0x00, 0x0A, 0x1F, 0x80, 0xC0, 0xFF};
    for (size_t i = 0; i < N_OF(bad_bytes); i++) {
        for (size_t at = 1; at < LEN - 1; at++) {
            char text[LEN];
            struct arena arena;
            struct json_doc doc;
            memset(text, 'x', sizeof(text));
            text[0] = text[LEN - 1] = '"';
            text[at] = (char)bad_bytes[i];
            arena_init(&arena, 1024);
            assert_int_equal(json_parse(&doc, &arena, slice_of(text, LEN), NULL), JSON_E_SYNTAX);
            assert_int_equal(doc.error_offset, at);
            arena_deinit(&arena);
        }
    }
}

// Runs of backslashes of every length at every place: an odd one escapes what follows.
static void an_odd_run_of_backslashes_escapes_what_follows(void **state)
{
    enum { LEN = 150, RUN_MAX = 70 };
    static const char followers[] = "\"nux";
    for (size_t f = 0; f < sizeof(followers) - 1; f++) {
        for (size_t at = 1; at < 70; at++) {
            for (size_t run = 0; run < RUN_MAX; run++) {
                char text[LEN];
                struct arena arena;
                struct json_doc doc;
                memset(text, '0', sizeof(text));
                text[0] = text[LEN - 1] = '"';
                memset(text + at, '\\', run);
                text[at + run] = followers[f];
                bool is_escaped = run % 2;
                bool is_valid = followers[f] == '"' ? is_escaped : followers[f] == 'x' ? !is_escaped : true;
                arena_init(&arena, 1024);
                int r = json_parse(&doc, &arena, slice_of(text, LEN), NULL);
                assert_int_equal(r, is_valid ? 0 : JSON_E_SYNTAX);
                if (r == 0) {
                    assert_int_equal(json_root(&doc)->has_escapes, run > 0);
                    size_t len = LEN - 2 - run / 2 - (is_escaped ? followers[f] == 'u' ? 6 - 1 : 1 : 0);
                    assert_int_equal(json_string(&doc, json_root(&doc), &arena).len, len);
                } else {
                    assert_int_equal(doc.error_offset, at + run + (followers[f] == '"' ? 1 : -1));
                }
                arena_deinit(&arena);
            }
        }
    }
}

static int parse_nested(size_t depth, char opener, const struct json_options *options, size_t *offset_r)
{
    struct arena arena;
    struct json_doc doc;
    struct buf text = BUF_EMPTY;
    for (size_t i = 0; i < depth; i++) {
        buf_append(&text, opener == '[' ? SLICE("[") : SLICE("{\"a\":"));
    }
    buf_append(&text, SLICE("1"));
    for (size_t i = 0; i < depth; i++) {
        buf_append_char(&text, opener == '[' ? ']' : '}');
    }
    arena_init(&arena, 1024);
    int r = json_parse(&doc, &arena, buf_slice(&text), options);
    *offset_r = doc.error_offset;
    arena_deinit(&arena);
    buf_deinit(&text);
    return r;
}

static void depth_is_limited(void **state)
{
    size_t offset;
    assert_int_equal(parse_nested(512, '[', NULL, &offset), 0);
    assert_int_equal(parse_nested(512, '{', NULL, &offset), 0);
    assert_int_equal(parse_nested(513, '[', NULL, &offset), JSON_E_DEPTH);
    assert_int_equal(offset, 512);
    assert_int_equal(parse_nested(513, '{', &(struct json_options){.record_depth = 1}, &offset), JSON_E_DEPTH);
    assert_int_equal(parse_nested(100000, '[', &(struct json_options){.max_depth = 100000}, &offset), JSON_E_DEPTH);
    assert_int_equal(parse_nested(3, '[', &(struct json_options){.max_depth = 3}, &offset), 0);
    assert_int_equal(parse_nested(4, '[', &(struct json_options){.max_depth = 3}, &offset), JSON_E_DEPTH);
    assert_int_equal(offset, 3);
    assert_int_equal(parse_nested(0, '[', &(struct json_options){.max_depth = 1}, &offset), 0);
}

static void nodes_are_limited(void **state)
{
    struct slice text = SLICE("[1,{\"a\":2},[],\"x\"]"); // seven nodes
    for (uint32_t max = 1; max <= 20; max++) {
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 1024);
        int r = json_parse(&doc, &arena, text, &(struct json_options){.max_nodes = max});
        assert_int_equal(r, max < 7 ? JSON_E_SIZE : 0);
        assert_int_equal(doc.n_nodes, r ? 0 : 7);
        // What is not recorded does not count.
        r = json_parse(&doc, &arena, text, &(struct json_options){.max_nodes = max, .record_depth = 1});
        assert_int_equal(r, max < 5 ? JSON_E_SIZE : 0);
        arena_deinit(&arena);
    }
}

static void a_text_of_4_gib_is_refused_unread(void **state)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 1024);
    // The pointer is good for one byte only: reading on would crash.
    assert_int_equal(json_parse(&doc, &arena, slice_of("1", (size_t)UINT32_MAX + 1), NULL), JSON_E_SIZE);
    arena_deinit(&arena);
}

// --- The tape
// ---------------------------------------------------------------------------------------------------------

struct expected_node {
    enum json_type type;
    uint32_t next;
    const char *raw;
};

static void assert_tape(const struct json_doc *doc, const struct expected_node *expected, size_t n)
{
    assert_int_equal(doc->n_nodes, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(doc->nodes[i].type, expected[i].type);
        assert_int_equal(doc->nodes[i].next, expected[i].next);
        assert_true(slice_eq(json_raw(doc, &doc->nodes[i]), slice_from_cstr(expected[i].raw)));
    }
}

static const char tape_text[] = " {\"a\":[1, {\"b\":null}],\"c\" : {} ,\"d\\n\":true}\n";

static void the_tape_is_the_text_in_order(void **state)
{
    static const struct expected_node expected[] = {
        {JSON_OBJECT, 11, "{\"a\":[1, {\"b\":null}],\"c\" : {} ,\"d\\n\":true}"},
        {JSON_STRING, 2, "\"a\""},
        {JSON_ARRAY, 7, "[1, {\"b\":null}]"},
        {JSON_NUMBER, 4, "1"},
        {JSON_OBJECT, 7, "{\"b\":null}"},
        {JSON_STRING, 6, "\"b\""},
        {JSON_NULL, 7, "null"},
        {JSON_STRING, 8, "\"c\""},
        {JSON_OBJECT, 9, "{}"},
        {JSON_STRING, 10, "\"d\\n\""},
        {JSON_TRUE, 11, "true"},
    };
    struct arena arena;
    struct json_doc doc;
    parse(&doc, &arena, slice_from_cstr(tape_text));
    assert_tape(&doc, expected, N_OF(expected));
    assert_false(doc.nodes[1].has_escapes);
    assert_true(doc.nodes[9].has_escapes);
    arena_deinit(&arena);
}

static void below_the_record_depth_nothing_is_on_the_tape(void **state)
{
    static const struct expected_node expected[] = {
        {JSON_OBJECT, 7, "{\"a\":[1, {\"b\":null}],\"c\" : {} ,\"d\\n\":true}"},
        {JSON_STRING, 2, "\"a\""},
        {JSON_ARRAY, 3, "[1, {\"b\":null}]"},
        {JSON_STRING, 4, "\"c\""},
        {JSON_OBJECT, 5, "{}"},
        {JSON_STRING, 6, "\"d\\n\""},
        {JSON_TRUE, 7, "true"},
    };
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 1024);
    struct json_options options = {.record_depth = 1};
    assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(tape_text), &options), 0);
    assert_tape(&doc, expected, N_OF(expected));
    assert_false(doc.nodes[0].is_unrecorded);
    assert_true(doc.nodes[2].is_unrecorded);
    assert_true(doc.nodes[4].is_unrecorded);
    const struct json_node *value = NULL;
    assert_false(json_next_element(&doc, &doc.nodes[2], &value));
    arena_deinit(&arena);
}

// Up to the record depth, the tape says what the full one says.
static void a_shallow_tape_is_the_upper_part_of_the_full_one(void **state)
{
    struct arena arena;
    struct json_doc full;
    parse(&full, &arena, slice_from_cstr(sample));
    for (uint32_t record_depth = 1; record_depth < 6; record_depth++) {
        struct json_doc shallow;
        struct json_options options = {.record_depth = record_depth};
        assert_int_equal(json_parse(&shallow, &arena, slice_from_cstr(sample), &options), 0);
        uint32_t at = 0;
        for (uint32_t i = 0; i < full.n_nodes; i++) {
            uint32_t depth = 0;
            for (uint32_t above = 0; above < i; above++) {
                depth += full.nodes[above].next > i;
            }
            if (depth <= record_depth) {
                assert_true(at < shallow.n_nodes);
                const struct json_node *node = &shallow.nodes[at++];
                assert_int_equal(node->start, full.nodes[i].start);
                assert_int_equal(node->end, full.nodes[i].end);
                assert_int_equal(node->type, full.nodes[i].type);
                assert_int_equal(node->has_escapes, full.nodes[i].has_escapes);
                bool is_container = node->type == JSON_ARRAY || node->type == JSON_OBJECT;
                assert_int_equal(node->is_unrecorded, is_container && depth == record_depth);
            }
        }
        assert_int_equal(at, shallow.n_nodes);
    }
    arena_deinit(&arena);
}

static void a_tape_may_grow_long(void **state)
{
    enum { N = 100000 };
    struct buf text = BUF_EMPTY;
    buf_append(&text, SLICE("[0"));
    for (int i = 1; i < N; i++) {
        buf_append(&text, i % 1000 ? SLICE(",1") : SLICE(",[2]"));
    }
    buf_append(&text, SLICE("]"));
    struct arena arena;
    struct json_doc doc;
    parse(&doc, &arena, buf_slice(&text));
    const struct json_node *value = NULL;
    int n = 0;
    for (; json_next_element(&doc, json_root(&doc), &value); n++) {
        assert_int_equal(value->type, n % 1000 || n == 0 ? JSON_NUMBER : JSON_ARRAY);
    }
    assert_int_equal(n, N);
    arena_deinit(&arena);
    buf_deinit(&text);
}

// --- Members and elements
// ---------------------------------------------------------------------------------------------

static void members_are_found_by_their_decoded_name(void **state)
{
    static const struct {
        struct slice name;
        const char *raw; // NULL: none
    } cases[] = {
        {SLICE_INIT("a"), "3"},    {SLICE_INIT("n\n"), "4"},       {SLICE_INIT("\xC3\xA9"), "5"},
        {SLICE_INIT(""), "6"},     {SLICE_INIT("nul\0"), "7"},     {SLICE_INIT("\xF0\x9F\x98\x80"), "8"},
        {SLICE_INIT("nul"), NULL}, {SLICE_INIT("n"), NULL},        {SLICE_INIT("n\n "), NULL},
        {SLICE_INIT("\\n"), NULL}, {SLICE_INIT("x"), "{\"a\":9}"},
    };
    struct arena arena;
    struct json_doc doc;
    parse(&doc, &arena,
          SLICE("{\"a\":1,\"x\":{\"a\":9},\"\\u0061\":3,\"n\\n\":4,\"\\u00E9\":5,\"\":6,\"nul\\u0000\":7,"
                "\"\\uD83d\\uDE00\":8}"));
    for (size_t i = 0; i < N_OF(cases); i++) {
        const struct json_node *value = json_get(&doc, json_root(&doc), cases[i].name);
        assert_int_equal(value == NULL, cases[i].raw == NULL);
        assert_true(!value || slice_eq(json_raw(&doc, value), slice_from_cstr(cases[i].raw)));
    }
    struct slice path[] = {SLICE("x"), SLICE("a"), SLICE("none")};
    assert_true(slice_eq(json_raw(&doc, json_get_path(&doc, json_root(&doc), path, 2)), SLICE("9")));
    assert_null(json_get_path(&doc, json_root(&doc), path, 3));
    assert_ptr_equal(json_get_path(&doc, json_root(&doc), path, 0), json_root(&doc));
    assert_null(json_get(&doc, NULL, SLICE("a")));
    arena_deinit(&arena);
}

// A name of each length beside one of each other length, plain or with an escape, and at two depths.
static void a_name_is_found_whatever_its_length(void **state)
{
    enum { LONGEST = 40 };
    static const char *const letters[] = {"a", "\\u0061"};
    char wanted[LONGEST];
    memset(wanted, 'a', sizeof(wanted));
    for (size_t i = 0; i <= LONGEST * N_OF(letters); i++) {
        for (size_t other = 0; other <= LONGEST; other++) {
            struct buf text = BUF_EMPTY;
            struct arena arena;
            struct json_doc doc;
            size_t len = i / N_OF(letters);
            buf_append(&text, SLICE("{\"inner\":{\""));
            for (size_t n = 0; n < len; n++) {
                buf_append(&text, slice_from_cstr(letters[i % N_OF(letters)]));
            }
            buf_printf(&text, "\":1,\"%.*s\":2}}", (int)other, wanted);
            parse(&doc, &arena, buf_slice(&text));
            const struct json_node *inner = json_get(&doc, json_root(&doc), SLICE("inner"));
            for (size_t n = 0; n <= LONGEST; n++) {
                const struct json_node *value = json_get(&doc, inner, slice_of(wanted, n));
                const char *expected = n == other ? "2" : n == len ? "1" : NULL;
                assert_int_equal(value == NULL, expected == NULL);
                assert_true(!value || slice_eq(json_raw(&doc, value), slice_from_cstr(expected)));
            }
            arena_deinit(&arena);
            buf_deinit(&text);
        }
    }
}

static void walks_end_and_do_not_start_on_other_types(void **state)
{
    struct arena arena;
    struct json_doc doc;
    parse(&doc, &arena, SLICE("[[],{},1,\"x\",[2,[3,4],5]]"));
    const struct json_node *value = NULL;
    const struct json_node *key = NULL;
    const struct json_node *inner = NULL;
    assert_false(json_next_member(&doc, json_root(&doc), &key, &inner));
    assert_false(json_next_member(&doc, NULL, &key, &inner));
    assert_false(json_next_element(&doc, NULL, &inner));
    size_t n = 0;
    size_t n_inner = 0;
    while (json_next_element(&doc, json_root(&doc), &value)) {
        n++;
        inner = NULL;
        assert_false(json_next_member(&doc, value, NULL, &inner));
        while (json_next_element(&doc, value, &inner)) {
            n_inner++;
        }
    }
    assert_int_equal(n, 5);
    assert_int_equal(n_inner, 3);
    arena_deinit(&arena);
}

// --- Strings and numbers
// ----------------------------------------------------------------------------------------------

static void strings_are_decoded(void **state)
{
    static const struct {
        const char *raw;
        struct slice decoded;
    } cases[] = {
        {"\"\"", SLICE_INIT("")},
        {"\"plain\"", SLICE_INIT("plain")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SLICE_INIT("\"\\/\b\f\n\r\t")},
        {"\"a\\u0000b\"", SLICE_INIT("a\0b")},
        {"\"\\u007f\\u0080\\u07FF\\u0800\\uFFFF\"", SLICE_INIT("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF")},
        {"\"\\ud800\\udc00\\uDBFF\\uDFFF\"", SLICE_INIT("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF")},
        {"\"\\ud800\"", SLICE_INIT("\xEF\xBF\xBD")},
        {"\"\\udc00\\ud800x\"", SLICE_INIT("\xEF\xBF\xBD\xEF\xBF\xBDx")},
        {"\"\\ud800\\ud801\\udc01\"", SLICE_INIT("\xEF\xBF\xBD\xF0\x90\x90\x81")},
        {"\"\\ud800\\ue000\"", SLICE_INIT("\xEF\xBF\xBD\xEE\x80\x80")},
        {"\"\\ud800\\n\"", SLICE_INIT("\xEF\xBF\xBD\n")},
        {"\"\\ud800\\u0041\"", SLICE_INIT("\xEF\xBF\xBD"
                                          "A")},
        {"\"\\ud83dude00\"", SLICE_INIT("\xEF\xBF\xBDude00")},
        {"\"x\\\\\"", SLICE_INIT("x\\")},
        {"\"\\\\u0041\"", SLICE_INIT("\\u0041")},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct arena arena;
        struct json_doc doc;
        parse(&doc, &arena, slice_from_cstr(cases[i].raw));
        const struct json_node *root = json_root(&doc);
        struct slice decoded = json_string(&doc, root, &arena);
        if (!slice_eq(decoded, cases[i].decoded)) {
            fail_msg("%s became %.*s", cases[i].raw, SLICE_ARG(decoded));
        }
        assert_true(json_string_is(&doc, root, decoded));
        assert_false(json_string_is(&doc, root, SLICE("other")));
        assert_true(slice_eq(json_unescape(json_escaped(&doc, root), &arena), decoded));
        // One character less, or one more, is not the same.
        assert_false(decoded.len && json_string_is(&doc, root, slice_of(decoded.ptr, decoded.len - 1)));
        struct slice longer[] = {decoded, SLICE("x")};
        assert_false(json_string_is(&doc, root, arena_concat(&arena, longer, 2)));
        arena_deinit(&arena);
    }
}

static void a_plain_string_is_not_copied(void **state)
{
    struct arena arena;
    struct json_doc doc;
    struct slice text = SLICE("[\"plain\",1]");
    parse(&doc, &arena, text);
    struct slice string = json_string(&doc, json_root(&doc) + 1, &arena);
    assert_ptr_equal(string.ptr, text.ptr + 2);
    // Nor a long one, though a backslash follows soon.
    text = SLICE(
        "[\"plain and long enough for a block to reach into the next\",\"\\n\",\"xxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]");
    struct json_doc other;
    assert_int_equal(json_parse(&other, &arena, text, NULL), 0);
    assert_ptr_equal(json_string(&other, json_root(&other) + 1, &arena).ptr, text.ptr + 2);
    assert_true(other.nodes[2].has_escapes);
    assert_null(json_string(&doc, json_root(&doc) + 2, &arena).ptr);
    assert_null(json_string(&doc, NULL, &arena).ptr);
    assert_null(json_escaped(&doc, json_root(&doc)).ptr);
    assert_false(json_string_is(&doc, json_root(&doc) + 2, SLICE("1")));
    assert_false(json_string_is(&doc, NULL, SLICE_EMPTY));
    arena_deinit(&arena);
}

static void whole_numbers_are_exact_or_refused(void **state)
{
    static const struct {
        const char *raw;
        bool is_whole;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-0.000e-5", true, 0},
        {"0e999999999999999999999", true, 0},
        {"1", true, 1},
        {"1.0", true, 1},
        {"1e2", true, 100},
        {"1E+2", true, 100},
        {"100e-2", true, 1},
        {"0.001e3", true, 1},
        {"0.00105e5", true, 105},
        {"12.50e1", true, 125},
        {"1000000000000000000000000e-24", true, 1},
        {"9223372036854775807", true, INT64_MAX},
        {"922337203685477580.7e1", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"100000000000000000000000000000000000001", false, 0},
        {"1e19", false, 0},
        {"1e99999999999999999999", false, 0},
        {"1e-99999999999999999999", false, 0},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"12.55e1", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
        {"[1]", false, 0},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct arena arena;
        struct json_doc doc;
        int64_t value = 77;
        parse(&doc, &arena, slice_from_cstr(cases[i].raw));
        if (json_int64(&doc, json_root(&doc), &value) != cases[i].is_whole ||
            value != (cases[i].is_whole ? cases[i].value : 77)) {
            fail_msg("%s became %lld", cases[i].raw, (long long)value);
        }
        arena_deinit(&arena);
    }
    struct json_doc none = {0};
    int64_t value;
    assert_false(json_int64(&none, NULL, &value));
}

static void doubles_are_the_nearest_or_refused(void **state)
{
    struct slice long_number =
        SLICE("0.10000000000000000000000000000000000000000000000000000000000000000000000000000000"
              "00000000000000000000000000000000000000000000000000000000000000000000000000000001");
    static const struct {
        const char *raw;
        bool is_number;
        double value;
    } cases[] = {
        {"0.1", true, 0.1},       {"-1e2", true, -100}, {"1e400", false, 0},
        {"1e-999", true, 0},      {"\"1\"", false, 0},  {"1.7976931348623157e308", true, 1.7976931348623157e308},
        {"5e-324", true, 5e-324},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct arena arena;
        struct json_doc doc;
        double value = 77;
        parse(&doc, &arena, slice_from_cstr(cases[i].raw));
        assert_int_equal(json_double(&doc, json_root(&doc), &value), cases[i].is_number);
        assert_true(value == (cases[i].is_number ? cases[i].value : 77));
        arena_deinit(&arena);
    }
    struct arena arena;
    struct json_doc doc;
    double value = 0;
    parse(&doc, &arena, long_number);
    assert_true(json_double(&doc, json_root(&doc), &value) && value == 0.1);
    arena_deinit(&arena);
}

static void positions_count_lines_and_bytes(void **state)
{
    static const struct {
        size_t offset;
        size_t line;
        size_t column;
    } cases[] = {{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {6, 3, 3}};
    for (size_t i = 0; i < N_OF(cases); i++) {
        size_t line;
        size_t column;
        json_position(SLICE("ab\n\ncd"), cases[i].offset, &line, &column);
        assert_int_equal(line, cases[i].line);
        assert_int_equal(column, cases[i].column);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_name_the_place_and_the_reason),
        cmocka_unit_test(no_beginning_of_a_text_is_enough),
        cmocka_unit_test(a_bad_byte_is_found_at_every_place_of_a_string),
        cmocka_unit_test(an_odd_run_of_backslashes_escapes_what_follows),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(nodes_are_limited),
        cmocka_unit_test(a_text_of_4_gib_is_refused_unread),
        cmocka_unit_test(the_tape_is_the_text_in_order),
        cmocka_unit_test(below_the_record_depth_nothing_is_on_the_tape),
        cmocka_unit_test(a_shallow_tape_is_the_upper_part_of_the_full_one),
        cmocka_unit_test(a_tape_may_grow_long),
        cmocka_unit_test(members_are_found_by_their_decoded_name),
        cmocka_unit_test(a_name_is_found_whatever_its_length),
        cmocka_unit_test(walks_end_and_do_not_start_on_other_types),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(a_plain_string_is_not_copied),
        cmocka_unit_test(whole_numbers_are_exact_or_refused),
        cmocka_unit_test(doubles_are_the_nearest_or_refused),
        cmocka_unit_test(positions_count_lines_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
