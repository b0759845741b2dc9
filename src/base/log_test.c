// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

// A sink that remembers the last message.
struct sink {
    int n;
    enum log_level level;
    char area[32];
    char text[9000];
    size_t len;
    size_t short_len;
    int64_t wall_ms;
};

static void remember(void *arg, const struct log_message *message)
{
    struct sink *sink = arg;
    assert_true(message->text.len < sizeof(sink->text) && strlen(message->area) < sizeof(sink->area));
    sink->n++;
    sink->level = message->level;
    memcpy(sink->area, message->area, strlen(message->area) + 1);
    memcpy(sink->text, message->text.ptr, message->text.len);
    sink->len = message->text.len;
    sink->short_len = message->short_len;
    sink->wall_ms = message->wall_ms;
}

static int plug_in(void **state)
{
    static struct sink sink;
    sink = (struct sink){0};
    log_set_sink(remember, &sink);
    log_set_level(LOG_INFO);
    *state = &sink;
    return 0;
}

static int unplug(void **state)
{
    log_set_sink(NULL, NULL);
    log_set_level(LOG_INFO);
    return 0;
}

static void only_levels_that_are_on_reach_the_sink(void **state)
{
    struct sink *sink = *state;
    for (enum log_level level = LOG_DEBUG; level <= LOG_OFF; level++) {
        log_set_level(level);
        sink->n = 0;
        log_debug("test", "x");
        log_info("test", "x");
        log_warn("test", "x");
        log_error("test", "x");
        assert_int_equal(sink->n, LOG_OFF - level);
        assert_int_equal(log_is_on(LOG_ERROR), level <= LOG_ERROR);
    }
}

static void what_is_off_is_not_even_evaluated(void **state)
{
    int n_evaluated = 0;
    log_debug("test", "%d", ++n_evaluated);
    assert_int_equal(n_evaluated, 0);
    log_info("test", "%d", ++n_evaluated);
    assert_int_equal(n_evaluated, 1);
}

static void a_made_line_arrives_with_its_short_part(void **state)
{
    struct sink *sink = *state;
    log_emit(LOG_INFO, "access", SLICE("GET / 200 and more"), 9);
    assert_int_equal(sink->len, 18);
    assert_int_equal(sink->short_len, 9);
    log_info("access", "a formatted line is short as a whole");
    assert_int_equal(sink->short_len, sink->len);
}

static void a_message_arrives_with_all_its_parts(void **state)
{
    struct sink *sink = *state;
    int64_t before = clock_wall_ms();
    log_warn("config", "line %d: %s", 7, "what");
    assert_int_equal(sink->level, LOG_WARN);
    assert_string_equal(sink->area, "config");
    assert_true(slice_eq(slice_of(sink->text, sink->len), SLICE("line 7: what")));
    assert_true(sink->wall_ms >= before && sink->wall_ms <= clock_wall_ms());
}

// An outsider's text cannot make a line of its own, nor speak to a terminal.
static void control_characters_are_replaced(void **state)
{
    struct sink *sink = *state;
    log_error("test", "a\nb\r\x1b[31m\x7f\t\xC3\xA9");
    assert_true(slice_eq(slice_of(sink->text, sink->len), SLICE("a b  [31m  \xC3\xA9")));
}

static void long_messages_are_cut(void **state)
{
    struct sink *sink = *state;
    log_error("test", "%08191d", 1);
    assert_int_equal(sink->len, 8191);
    log_error("test", "%0100000d", 1);
    assert_int_equal(sink->len, 8191);
    assert_int_equal(sink->text[8190], '0');
}

static void levels_have_names(void **state)
{
    for (enum log_level level = LOG_DEBUG; level <= LOG_OFF; level++) {
        enum log_level found = LOG_OFF;
        assert_true(log_level_from_name(slice_from_cstr(log_level_name(level)), &found));
        assert_int_equal(found, level);
    }
    enum log_level found = LOG_WARN;
    assert_true(log_level_from_name(SLICE("ERROR"), &found));
    assert_int_equal(found, LOG_ERROR);
    assert_false(log_level_from_name(SLICE("errors"), &found));
    assert_false(log_level_from_name(SLICE("erro"), &found));
    assert_false(log_level_from_name(SLICE_EMPTY, &found));
    assert_int_equal(found, LOG_ERROR);
}

static void a_mask_shows_little_of_a_secret(void **state)
{
    static const struct {
        struct slice secret;
        const char *shown;
    } cases[] = {
        {SLICE_INIT(""), "(0 characters)"},
        {SLICE_INIT("x"), "(1 characters)"},
        {SLICE_INIT("0123456789abcde"), "(15 characters)"},
        {SLICE_INIT("0123456789abcdef"), "0123…cdef"},
        {SLICE_INIT("first-then-much-more-last"), "firs…last"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char out[LOG_MASK_SIZE];
        assert_string_equal(log_mask(cases[i].secret, out), cases[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_levels_that_are_on_reach_the_sink, plug_in, unplug),
        cmocka_unit_test_setup_teardown(what_is_off_is_not_even_evaluated, plug_in, unplug),
        cmocka_unit_test_setup_teardown(a_made_line_arrives_with_its_short_part, plug_in, unplug),
        cmocka_unit_test_setup_teardown(a_message_arrives_with_all_its_parts, plug_in, unplug),
        cmocka_unit_test_setup_teardown(control_characters_are_replaced, plug_in, unplug),
        cmocka_unit_test_setup_teardown(long_messages_are_cut, plug_in, unplug),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(a_mask_shows_little_of_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
