// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "admin/admin_internal.h"
#include "admin/shape.h"
#include "json/utf8.h"

static struct slice refuse_cats(struct admin_exchange *x, struct slice value)
{
    return slice_eq(value, SLICE("cat")) ? arena_printf(admin_arena(x), "'pet' must be no cat.") : SLICE_EMPTY;
}

static const struct shape_member inner[] = {
    {"max", SHAPE_INTEGER, .min = 1, .max = 9},
    {"id", SHAPE_TEXT, .is_required = true},
    {.name = NULL},
};
static const struct shape_member members[] = {
    {"name", SHAPE_TEXT, .min = 1, .max = 3, .may_be_null = true},
    {"word", SHAPE_TEXT, .max = 5},
    {"least", SHAPE_TEXT, .min = 2},
    {"mode", SHAPE_TEXT, .values = "on off auto"},
    {"pet", SHAPE_TEXT, .check = refuse_cats},
    {"whole", .type = SHAPE_INTEGER},
    {"small", SHAPE_INTEGER, .min = 0, .max = 10},
    {"days", SHAPE_INTEGER, .min = 1},
    {"weight", SHAPE_NUMBER, .is_above_min = true, .max = 100},
    {"much", SHAPE_NUMBER, .is_above_min = true},
    {"is", .type = SHAPE_BOOL},
    {"since", .type = SHAPE_TIME},
    {"inner", SHAPE_OBJECT, .members = inner},
    {"free", .type = SHAPE_OBJECT},
    {"list", SHAPE_LIST, .items = SHAPE_OBJECT, .members = inner, .max = 3},
    {"names", SHAPE_LIST, .items = SHAPE_TEXT, .values = "a b"},
    {"many", SHAPE_TEXT_OR_LIST, .items = SHAPE_ANY},
    {"any", .type = SHAPE_ANY},
    {"secret", SHAPE_TEXT, .is_secret = true, .max = 4},
    {.name = NULL},
};
static const struct shape shape = {.members = members};
static const struct shape_member required_members[] = {
    {"a", SHAPE_TEXT, .is_required = true},
    {"b", SHAPE_INTEGER, .is_required = true, .may_be_null = true},
    {.name = NULL},
};
static const struct shape required_shape = {.members = required_members};

static struct slice problem_of(struct admin_exchange *x, const struct shape *of, const char *body)
{
    assert_int_equal(json_parse(&x->doc, admin_arena(x), slice_from_cstr(body), NULL), 0);
    return shape_body_problem(x, of);
}

// ---- bodies ---------------------------------------------------------------------------------------------------------

static void what_is_wrong_with_a_body_is_told(void **state)
{
    static const struct {
        const char *body;
        const char *problem; // "": none
    } rows[] = {
        {"{}", ""},
        {"{\"unknown\":{\"name\":1}}", ""},
        {"{\"name\":\"\"}", "'name' must be a string of 1 to 3 characters; it is \"\"."},
        {"{\"name\":7}", "'name' must be a string of 1 to 3 characters; it is 7."},
        {"{\"name\":{\"a\":\"fk-one\"}}", "'name' must be a string of 1 to 3 characters; it is an object."},
        {"{\"name\":[\"fk-one\"]}", "'name' must be a string of 1 to 3 characters; it is a list."},
        {"{\"name\":true}", "'name' must be a string of 1 to 3 characters; it is true."},
        {"{\"name\":null}", ""},
        {"{\"name\":\"äöü\"}", ""},
        {"{\"name\":\"\\u00e4\\u00f6\\u00fc\"}", ""},
        {"{\"name\":\"äöüä\"}", "'name' must be a string of 1 to 3 characters; it is \"äöüä\"."},
        {"{\"n\\u0061me\":1}", "'name' must be a string of 1 to 3 characters; it is 1."},
        {"{\"word\":null}", "'word' must be a string of at most 5 characters; it is null."},
        {"{\"word\":\"\"}", ""},
        {"{\"least\":\"x\"}", "'least' must be a string of at least 2 characters; it is \"x\"."},
        {"{\"mode\":\"on\"}", ""},
        {"{\"mode\":\"of\"}", "'mode' must be on, off or auto; it is \"of\"."},
        {"{\"mode\":\"\"}", "'mode' must be on, off or auto; it is \"\"."},
        {"{\"mode\":\"on off\"}", "'mode' must be on, off or auto; it is \"on off\"."},
        {"{\"mode\":\"a\\nb\\u0000\"}", "'mode' must be on, off or auto; it is \"a\\nb\\u0000\"."},
        {"{\"pet\":\"dog\"}", ""},
        {"{\"pet\":\"cat\"}", "'pet' must be no cat."},
        {"{\"whole\":-5}", ""},
        {"{\"whole\":1e2}", ""},
        {"{\"whole\":1.5}", "'whole' must be a whole number; it is 1.5."},
        {"{\"whole\":1e999}", "'whole' must be a whole number; it is 1e999."},
        {"{\"whole\":\"1\"}", "'whole' must be a whole number; it is \"1\"."},
        {"{\"small\":0}", ""},
        {"{\"small\":10}", ""},
        {"{\"small\":11}", "'small' must be a whole number from 0 to 10; it is 11."},
        {"{\"small\":-1}", "'small' must be a whole number from 0 to 10; it is -1."},
        {"{\"days\":1}", ""},
        {"{\"days\":0}", "'days' must be a whole number of at least 1; it is 0."},
        {"{\"weight\":0.001}", ""},
        {"{\"weight\":0}", "'weight' must be a number above 0, up to 100; it is 0."},
        {"{\"weight\":100.5}", "'weight' must be a number above 0, up to 100; it is 100.5."},
        {"{\"weight\":1e999}", "'weight' must be a number above 0, up to 100; it is 1e999."},
        {"{\"much\":-1}", "'much' must be a number above 0; it is -1."},
        {"{\"is\":false}", ""},
        {"{\"is\":0}", "'is' must be true or false; it is 0."},
        {"{\"is\":null}", "'is' must be true or false; it is null."},
        {"{\"since\":\"2026-01-02\"}", ""},
        {"{\"since\":1700000000000}", ""},
        {"{\"since\":-1}", "'since' must be a time (2026-01-02T03:04:05.678Z) or milliseconds since 1970; it is -1."},
        {"{\"since\":\"now\"}",
         "'since' must be a time (2026-01-02T03:04:05.678Z) or milliseconds since 1970; it is \"now\"."},
        {"{\"inner\":{\"id\":\"i\",\"max\":9}}", ""},
        {"{\"inner\":[]}", "'inner' must be an object; it is a list."},
        {"{\"inner\":{}}", "'inner.id' is missing: it must be a string."},
        {"{\"inner\":{\"id\":1}}", "'inner.id' must be a string; it is 1."},
        {"{\"inner\":{\"id\":\"i\",\"max\":10}}", "'inner.max' must be a whole number from 1 to 9; it is 10."},
        {"{\"free\":{\"id\":1}}", ""},
        {"{\"list\":[{\"id\":\"i\"},{\"id\":\"i\"},{\"id\":\"i\"}]}", ""},
        {"{\"list\":[{\"id\":\"i\"},{\"id\":2}]}", "'list[1].id' must be a string; it is 2."},
        {"{\"list\":[{\"id\":\"i\"},3]}", "'list[1]' must be an object; it is 3."},
        {"{\"list\":[0,0,0,0]}", "'list' must be a list of at most 3 values; it is a list."},
        {"{\"names\":[\"a\",\"b\"]}", ""},
        {"{\"names\":[\"a\",\"c\"]}", "'names[1]' must be a or b; it is \"c\"."},
        {"{\"many\":\"x\"}", ""},
        {"{\"many\":[1,null]}", ""},
        {"{\"many\":{}}", "'many' must be a string or a list; it is an object."},
        {"{\"any\":[{}]}", ""},
        {"{\"secret\":\"fk-one\"}", "'secret' must be a string of at most 4 characters; it is a string."},
        {"{\"secret\":12345678}", "'secret' must be a string of at most 4 characters; it is a number."},
        // The first one in the order of the table; of two members the last one counts.
        {"{\"mode\":1,\"name\":1}", "'name' must be a string of 1 to 3 characters; it is 1."},
        {"{\"small\":99,\"small\":1}", ""},
        {"{\"small\":1,\"small\":99}", "'small' must be a whole number from 0 to 10; it is 99."},
    };
    struct server_exchange ex = {.user = NULL};
    struct admin_exchange x = {.ex = &ex};
    (void)state;
    arena_init(&ex.arena, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct slice problem = problem_of(&x, &shape, rows[i].body);
        if (!slice_eq(problem, slice_from_cstr(rows[i].problem))) {
            fail_msg("%s: %.*s", rows[i].body, SLICE_ARG(problem));
        }
    }
    arena_deinit(&ex.arena);
}

static void what_is_required_is_missed(void **state)
{
    static const struct {
        const char *body;
        const char *problem;
    } rows[] = {
        {"{}", "'a' is missing: it must be a string."},
        {"{\"a\":\"\"}", "'b' is missing: it must be a whole number."},
        {"{\"a\":null,\"b\":1}", "'a' must be a string; it is null."},
        {"{\"a\":\"\",\"b\":null}", ""},
    };
    struct server_exchange ex = {.user = NULL};
    struct admin_exchange x = {.ex = &ex};
    (void)state;
    arena_init(&ex.arena, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct slice problem = problem_of(&x, &required_shape, rows[i].body);
        assert_string_equal(arena_cstr(&ex.arena, problem), rows[i].problem);
    }
    arena_deinit(&ex.arena);
}

// What was given is shown up to a length, and characters stay whole wherever it is cut.
static void long_values_are_shortened(void **state)
{
    struct server_exchange ex = {.user = NULL};
    struct admin_exchange x = {.ex = &ex};
    (void)state;
    arena_init(&ex.arena, 1024);
    for (size_t n_before = 0; n_before < 60; n_before++) {
        struct buf body = BUF_EMPTY;
        buf_append(&body, SLICE("{\"mode\":\""));
        for (size_t i = 0; i < n_before; i++) {
            buf_append_char(&body, 'x');
        }
        for (size_t i = 0; i < 100000; i++) {
            buf_append(&body, SLICE("\xE4\xB8\xBB"));
        }
        buf_append(&body, SLICE("\"}"));
        buf_append_char(&body, '\0');
        struct slice problem = problem_of(&x, &shape, body.ptr);
        assert_in_range(problem.len, 40, 120);
        assert_int_equal(utf8_valid_len(problem), problem.len);
        assert_true(slice_ends_with(problem, SLICE("….")));
        buf_deinit(&body);
    }
    arena_deinit(&ex.arena);
}

static void a_hundred_thousand_elements_are_looked_at(void **state)
{
    struct server_exchange ex = {.user = NULL};
    struct admin_exchange x = {.ex = &ex};
    struct buf body = BUF_EMPTY;
    (void)state;
    arena_init(&ex.arena, 1024);
    buf_append(&body, SLICE("{\"names\":["));
    for (size_t i = 0; i < 100000; i++) {
        buf_append(&body, SLICE("\"a\","));
    }
    buf_append(&body, SLICE("\"z\"]}"));
    buf_append_char(&body, '\0');
    struct slice problem = problem_of(&x, &shape, body.ptr);
    assert_true(slice_starts_with(problem, SLICE("'names[100000]' must be a or b")));
    buf_deinit(&body);
    arena_deinit(&ex.arena);
}

// ---- queries --------------------------------------------------------------------------------------------------------

static void what_is_wrong_with_a_query_is_told(void **state)
{
    static const struct {
        const char *query;
        const char *problem;
    } rows[] = {
        {"", ""},
        {"unknown=%zz", ""},
        {"name=", ""},
        {"name", ""},
        {"name=abc", ""},
        {"name=abcd", "'name' must be a string of 1 to 3 characters; it is abcd."},
        {"name=%c3%a4%c3%a4%c3%a4", ""},
        {"n%61me=abcd", "'name' must be a string of 1 to 3 characters; it is abcd."},
        {"name=%zz", "'name' is not encoded as a query must be."},
        {"name=%00", "'name' is not encoded as a query must be."},
        {"name=a%0d%0ab", "'name' must be a string of 1 to 3 characters; it is a  b."},
        {"mode=auto", ""},
        {"mode=AUTO", "'mode' must be on, off or auto; it is AUTO."},
        {"pet=cat", "'pet' must be no cat."},
        {"whole=12", ""},
        {"whole=+12", "'whole' must be a whole number; it is  12."},
        {"whole=1e2", "'whole' must be a whole number; it is 1e2."},
        {"whole=99999999999999999999", "'whole' must be a whole number; it is 99999999999999999999."},
        {"small=11", "'small' must be a whole number from 0 to 10; it is 11."},
        {"weight=0.5", ""},
        {"weight=0", "'weight' must be a number above 0, up to 100; it is 0."},
        {"weight=nan", "'weight' must be a number above 0, up to 100; it is nan."},
        {"much=inf", "'much' must be a number above 0; it is inf."},
        {"much=1x", "'much' must be a number above 0; it is 1x."},
        {"is=TRUE", ""},
        {"is=0", ""},
        {"is=yes", "'is' must be true or false; it is yes."},
        {"since=2026-01-02T03%3A04", ""},
        {"since=1700000000000", ""},
        {"since=0", "'since' must be a time (2026-01-02T03:04:05.678Z) or milliseconds since 1970; it is 0."},
        {"since=soon", "'since' must be a time (2026-01-02T03:04:05.678Z) or milliseconds since 1970; it is soon."},
        {"secret=fk-one", "'secret' must be a string of at most 4 characters; it is something else."},
        // The first one counts.
        {"small=1&small=99", ""},
        {"small=99&small=1", "'small' must be a whole number from 0 to 10; it is 99."},
    };
    struct server_exchange ex = {.user = NULL};
    struct admin_exchange x = {.ex = &ex};
    (void)state;
    arena_init(&ex.arena, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        x.query = slice_from_cstr(rows[i].query);
        struct slice problem = shape_query_problem(&x, &shape);
        if (!slice_eq(problem, slice_from_cstr(rows[i].problem))) {
            fail_msg("%s: %.*s", rows[i].query, SLICE_ARG(problem));
        }
    }
    x.query = SLICE("a=");
    assert_string_equal(arena_cstr(&ex.arena, shape_query_problem(&x, &required_shape)),
                        "'a' is missing: it must be a string.");
    arena_deinit(&ex.arena);
}

static void listed_values_are_found(void **state)
{
    (void)state;
    assert_int_equal(shape_find_value("on off", SLICE("on")), 0);
    assert_int_equal(shape_find_value("on off", SLICE("off")), 1);
    assert_int_equal(shape_find_value("on off ", SLICE("")), -1);
    assert_int_equal(shape_find_value("on off", SLICE("on off")), -1);
    assert_int_equal(shape_find_value("", SLICE("on")), -1);
}

// ---- the document ---------------------------------------------------------------------------------------------------

static void schemas_tell_the_rules(void **state)
{
    static const char expected[] =
        "{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":[\"string\",\"null\"],\"minLength\":1,\"maxLength\":3},"
        "\"word\":{\"type\":\"string\",\"maxLength\":5},"
        "\"least\":{\"type\":\"string\",\"minLength\":2},"
        "\"mode\":{\"type\":\"string\",\"enum\":[\"on\",\"off\",\"auto\"]},"
        "\"pet\":{\"type\":\"string\"},"
        "\"whole\":{\"type\":\"integer\"},"
        "\"small\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10},"
        "\"days\":{\"type\":\"integer\",\"minimum\":1},"
        "\"weight\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":100},"
        "\"much\":{\"type\":\"number\",\"exclusiveMinimum\":0},"
        "\"is\":{\"type\":\"boolean\"},"
        "\"since\":{\"type\":[\"string\",\"integer\"]},"
        "\"inner\":{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{"
        "\"max\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},\"id\":{\"type\":\"string\"}}},"
        "\"free\":{\"type\":\"object\"},"
        "\"list\":{\"type\":\"array\",\"maxItems\":3,\"items\":{\"type\":\"object\",\"required\":[\"id\"],"
        "\"properties\":{\"max\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},\"id\":{\"type\":\"string\"}}}},"
        "\"names\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}},"
        "\"many\":{\"type\":[\"string\",\"array\"],\"items\":{}},"
        "\"any\":{},"
        "\"secret\":{\"type\":\"string\",\"maxLength\":4}}}";
    struct buf out = BUF_EMPTY;
    struct json_writer w;
    (void)state;
    json_writer_init(&w, &out);
    shape_write_schema(&w, &shape);
    buf_append_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_a_body_is_told),
        cmocka_unit_test(what_is_required_is_missed),
        cmocka_unit_test(long_values_are_shortened),
        cmocka_unit_test(a_hundred_thousand_elements_are_looked_at),
        cmocka_unit_test(what_is_wrong_with_a_query_is_told),
        cmocka_unit_test(listed_values_are_found),
        cmocka_unit_test(schemas_tell_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
