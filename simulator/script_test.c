// SPDX-License-Identifier: MIT
#include "simulator/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int apply(struct script *script, struct arena *arena, const char *text, struct script_error *error)
{
    return script_apply(script, arena, slice_from_cstr(text), error);
}

static void test_bad_directives_are_named(void **state)
{
    static const struct {
        const char *text;
        const char *directive;
    } rows[] = {
        {"m~tokens=x", "tokens=x"},
        {"m~tokens=", "tokens="},
        {"m~tokens", "tokens"},
        {"m~tokens=-1", "tokens=-1"},
        {"m~tokens=1000001", "tokens=1000001"},
        {"m~tokens=99999999999999999999", "tokens=99999999999999999999"},
        {"m~size=0", "size=0"},
        {"m~kind=song", "kind=song"},
        {"m~kind=1", "kind=1"},
        {"m~pace=1.5", "pace=1.5"},
        {"m~status=199", "status=199"},
        {"m~status=600", "status=600"},
        {"m~hang=never", "hang=never"},
        {"m~cut=a", "cut=a"},
        {"m~reset=", "reset="},
        {"m~badevent=0", "badevent=0"},
        {"m~giant=0", "giant=0"},
        {"m~split=0", "split=0"},
        {"m~fail=0", "fail=0"},
        {"m~crlf=2", "crlf=2"},
        {"m~stamp=yes", "stamp=yes"},
        {"m~body=%zz", "body=%zz"},
        {"m~retry-after=soon", "retry-after=soon"},
        {"m~first=3600001", "first=3600001"},
        {"m~answer=xml", "answer=xml"},
        {"m~args=%", "args=%"},
        {"m~error=x", "error=x"},
        {"m~strict=2", "strict=2"},
        {"m~why=because", "why=because"},
        {"m~cut=last", "cut=last"},
        {"m~stall=0", "stall=0"},
        {"m~noprefill=2", "noprefill=2"},
        {"m~after=0", "after=0"},
        {"m~quota=some", "quota=some"},
        {"m~only=%", "only=%"},
        {"m~allowance=-1", "allowance=-1"},
        {"m~balance=200", "balance=200"},
        {"m~expires=soon", "expires=soon"},
        {"m~rotate=2", "rotate=2"},
        {"m~grant=%1", "grant=%1"},
        {"m~", ""},
        {"m~~tokens=1", ""},
        {"m~tokens=1~nonsense=1", "nonsense=1"},
        {"m~Tokens=1", "Tokens=1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct script script;
        struct script_error error = {SLICE_EMPTY, NULL};
        arena_init(&arena, 256);
        script_init(&script);
        assert_int_equal(apply(&script, &arena, rows[i].text, &error), SCRIPT_BAD);
        assert_true(slice_eq(error.directive, slice_from_cstr(rows[i].directive)));
        assert_non_null(error.reason);
        arena_deinit(&arena);
    }
}

static void test_contradictions(void **state)
{
    static const char *const texts[] = {
        "m~tokens=1000000~size=1000", "m~gzip=1~stamp=1",  "m~giant=5~gzip=1",  "m~giant=5~split=3", "m~giant=5~cut=3",
        "m~giant=5~pace=3",           "m~giant=5~close=1", "m~giant=5~error=1",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct arena arena;
        struct script script;
        struct script_error error = {SLICE_EMPTY, NULL};
        arena_init(&arena, 256);
        script_init(&script);
        assert_int_equal(apply(&script, &arena, texts[i], &error), 0);
        assert_int_equal(script_check(&script, &error), SCRIPT_BAD);
        assert_non_null(error.reason);
        arena_deinit(&arena);
    }
}

static void test_defaults(void **state)
{
    struct arena arena;
    struct script script;
    struct script_error error;
    arena_init(&arena, 256);
    script_init(&script);
    assert_int_equal(apply(&script, &arena, "a-model-without-directives", &error), 0);
    assert_int_equal(script_check(&script, &error), 0);
    assert_int_equal(script.kind, SCRIPT_KIND_UNSET);
    assert_int_equal(script.tokens, 20);
    assert_int_equal(script.size, 5);
    assert_int_equal(script.hang, SCRIPT_NONE);
    assert_int_equal(script.cut, SCRIPT_NONE);
    assert_int_equal(script.reset, SCRIPT_NONE);
    assert_int_equal(script.retry_after, SCRIPT_NONE);
    assert_null(script.body.ptr);
    arena_deinit(&arena);
}

static void test_values(void **state)
{
    struct arena arena;
    struct script script;
    struct script_error error;
    arena_init(&arena, 256);
    script_init(&script);
    assert_int_equal(apply(&script, &arena,
                           "m~kind=tools~tokens=0~size=7~pace=20~first=30~head=40~status=429~retry-after=0~cut=0"
                           "~reset=3~badevent=4~split=1~fail=2~garbage=1~crlf=1~nousage=1~nodone=1~gzip=1~stamp=0"
                           "~interim=1~close=1~http10=1~body=%7B%22a%22%3A%7E1%7D",
                           &error),
                     0);
    assert_int_equal(script.kind, SCRIPT_KIND_TOOLS);
    assert_int_equal(script.tokens, 0);
    assert_int_equal(script.size, 7);
    assert_int_equal(script.pace_ms, 20);
    assert_int_equal(script.first_ms, 30);
    assert_int_equal(script.head_ms, 40);
    assert_int_equal(script.status, 429);
    assert_int_equal(script.retry_after, 0);
    assert_int_equal(script.cut, 0);
    assert_int_equal(script.reset, 3);
    assert_int_equal(script.badevent, 4);
    assert_int_equal(script.split, 1);
    assert_int_equal(script.fail, 2);
    assert_true(script.is_garbage && script.crlf && script.no_usage && script.no_done && script.gzip);
    assert_true(script.interim && script.close && script.http10 && !script.stamp);
    assert_true(slice_eq(script.body, SLICE("{\"a\":~1}")));
    arena_deinit(&arena);
}

static void test_words_of_hang(void **state)
{
    struct arena arena;
    struct script script;
    struct script_error error;
    arena_init(&arena, 256);
    script_init(&script);
    assert_int_equal(apply(&script, &arena, "m~hang=before", &error), 0);
    assert_int_equal(script.hang, SCRIPT_HANG_BEFORE);
    assert_int_equal(apply(&script, &arena, "m~hang=head", &error), 0);
    assert_int_equal(script.hang, 0);
    assert_int_equal(apply(&script, &arena, "m~hang=7", &error), 0);
    assert_int_equal(script.hang, 7);
    arena_deinit(&arena);
}

static void test_the_key_wins(void **state)
{
    struct arena arena;
    struct script script;
    struct script_error error;
    arena_init(&arena, 256);
    script_init(&script);
    assert_int_equal(apply(&script, &arena, "m~tokens=5~pace=1", &error), 0);
    assert_int_equal(apply(&script, &arena, "key-one~tokens=6", &error), 0);
    assert_int_equal(script.tokens, 6);
    assert_int_equal(script.pace_ms, 1);
    arena_deinit(&arena);
}

static void test_healing_takes_only_the_faults(void **state)
{
    struct arena arena;
    struct script script;
    struct script_error error;
    arena_init(&arena, 256);
    script_init(&script);
    assert_int_equal(
        apply(
            &script, &arena,
            "m~tokens=5~pace=7~kind=tool~status=500~body=x~retry-after=1~hang=1~stall=5~cut=1~reset=1~junk=1~badevent=1"
            "~garbage=1~nodone=1~head=1~first=1~fail=3~why=quota",
            &error),
        0);
    script_heal(&script);
    struct script healthy;
    script_init(&healthy);
    healthy.tokens = 5;
    healthy.pace_ms = 7;
    healthy.kind = SCRIPT_KIND_TOOL;
    healthy.fail = 3;
    assert_memory_equal(&script, &healthy, sizeof(script));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_directives_are_named),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_words_of_hang),
        cmocka_unit_test(test_the_key_wins),
        cmocka_unit_test(test_healing_takes_only_the_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
