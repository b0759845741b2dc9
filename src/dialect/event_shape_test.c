// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dialect/event_shape.h"
#include "json/json_reader.h"

static const struct shape_member NOISE[] = {
    {SLICE_INIT("\"n\":"), HOLE_NUMBER},
    {SLICE_INIT("\"pad\":\""), HOLE_STRING},
};

#define LEARNT "{\"type\":\"delta\",\"n\":7,\"text\":\"Hello\",\"pad\":\"xyz\", \"end\":[1]}"

static struct event_shape learn(const char *data)
{
    struct event_shape shape = {0};
    struct slice all = slice_from_cstr(data);
    size_t at = slice_find(all, SLICE("Hello"));
    assert_int_not_equal(at, SLICE_NOT_FOUND);
    event_shape_learn(&shape, SLICE("event"), all, slice_of(all.ptr + at, 5), NOISE, 2);
    return shape;
}

static void the_same_but_for_text_and_noise_matches(void **state)
{
    static const struct {
        const char *data;
        const char *text; // NULL: no match
    } rows[] = {
        {LEARNT, "Hello"},
        {"{\"type\":\"delta\",\"n\":8,\"text\":\"\",\"pad\":\"\", \"end\":[1]}", ""},
        {"{\"type\":\"delta\",\"n\":0,\"text\":\"a\\n\\\"b\\\" \\u00e4 \xc3\xa4\",\"pad\":\"q\", \"end\":[1]}",
         "a\\n\\\"b\\\" \\u00e4 \xc3\xa4"},
        {"{\"type\":\"delta\",\"n\":07,\"text\":\"a\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":,\"text\":\"a\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7.5,\"text\":\"a\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\\x\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\\u12g4\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\nb\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"\xc3\",\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\",\"pad\":\"\\n\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\",\"pad\":\"\", \"end\":[2]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\",\"pad\":\"\", \"end\":[1]} ", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\",\"more\":1,\"pad\":\"\", \"end\":[1]}", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a", NULL},
        {"{\"type\":\"delta\",\"n\":7,\"text\":\"a\\", NULL},
        {"", NULL},
    };
    struct event_shape shape = learn(LEARNT);
    (void)state;
    assert_true(shape.is_set);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct slice text = SLICE_EMPTY;
        bool matches = event_shape_match(&shape, SLICE("event"), slice_from_cstr(rows[i].data), &text);
        if (matches != (rows[i].text != NULL) || (matches && !slice_eq(text, slice_from_cstr(rows[i].text)))) {
            fail_msg("row %zu: %s", i, rows[i].data);
        }
    }
}

static void another_name_is_another_shape(void **state)
{
    struct event_shape shape = learn(LEARNT);
    struct slice text;
    (void)state;
    assert_false(event_shape_match(&shape, SLICE("events"), SLICE(LEARNT), &text));
    assert_false(event_shape_match(&shape, SLICE_EMPTY, SLICE(LEARNT), &text));
}

static void what_is_too_long_or_unclear_is_not_learnt(void **state)
{
    char data[SHAPE_BYTES_MAX + 64];
    char name[SHAPE_NAME_MAX + 1];
    struct event_shape shape = learn(LEARNT);
    (void)state;
    int len = snprintf(data, sizeof(data), "{\"text\":\"Hello\",\"x\":\"%0*d\"}", SHAPE_BYTES_MAX, 0);
    event_shape_learn(&shape, SLICE_EMPTY, slice_of(data, (size_t)len), slice_of(data + 9, 5), NOISE, 2);
    assert_false(shape.is_set);
    memset(name, 'n', sizeof(name));
    event_shape_learn(&shape, slice_of(name, sizeof(name)), SLICE("{\"a\":\"b\"}"), SLICE("b"), NOISE, 0);
    assert_false(shape.is_set);
    // Noise that is there twice stays what it is.
    shape = learn("{\"n\":1,\"text\":\"Hello\",\"o\":{\"n\":2}}");
    struct slice text;
    assert_true(event_shape_match(&shape, SLICE("event"), SLICE("{\"n\":1,\"text\":\"x\",\"o\":{\"n\":2}}"), &text));
    assert_false(event_shape_match(&shape, SLICE("event"), SLICE("{\"n\":2,\"text\":\"x\",\"o\":{\"n\":2}}"), &text));
}

// Whatever bytes are changed: what matches is JSON, and its text is what a parser finds.
static void what_matches_is_what_a_parser_reads(void **state)
{
    static const char bytes[] = "\"\\{}[],:0 7nu\n\xc3\xa4\x80zt";
    struct event_shape shape = learn(LEARNT);
    uint64_t dice = 1;
    size_t n_matches = 0;
    (void)state;
    for (int round = 0; round < 200000; round++) {
        char data[sizeof(LEARNT)];
        memcpy(data, LEARNT, sizeof(data));
        for (int i = 0; i < 1 + round % 3; i++) {
            dice = dice * 6364136223846793005U + 1442695040888963407U;
            data[(dice >> 40) % (sizeof(data) - 1)] = bytes[(dice >> 20) % (sizeof(bytes) - 1)];
        }
        struct slice all = slice_of(data, sizeof(data) - 1);
        struct slice text;
        if (!event_shape_match(&shape, SLICE("event"), all, &text)) {
            continue;
        }
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 1024);
        n_matches++;
        assert_int_equal(json_parse(&doc, &arena, all, NULL), 0);
        struct slice read = json_escaped(&doc, json_get(&doc, json_root(&doc), SLICE("text")));
        assert_ptr_equal(read.ptr, text.ptr);
        assert_int_equal(read.len, text.len);
        arena_deinit(&arena);
    }
    assert_in_range(n_matches, 1000, 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_but_for_text_and_noise_matches),
        cmocka_unit_test(another_name_is_another_shape),
        cmocka_unit_test(what_is_too_long_or_unclear_is_not_learnt),
        cmocka_unit_test(what_matches_is_what_a_parser_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
