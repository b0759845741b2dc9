// SPDX-License-Identifier: MIT
#include "store/key_settings_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static struct arena arena;

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static const struct json_node *parse(struct json_doc *doc, struct slice text)
{
    assert_int_equal(json_parse(doc, &arena, text, NULL), 0);
    return json_root(doc);
}

static struct slice print(const struct key_settings *settings)
{
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &text);
    key_settings_write(&w, settings);
    struct slice copy = arena_dup(&arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

static void assert_same(const struct key_settings *a, const struct key_settings *b)
{
    struct slice first = print(a);
    struct slice second = print(b);
    if (!slice_eq(first, second)) {
        fail_msg("%.*s\nis not\n%.*s", SLICE_ARG(first), SLICE_ARG(second));
    }
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *json;
        const char *problem;
    } cases[] = {
        {"[]", "the settings are no object"},
        {"{\"retry\":{\"maxRetries\":-1}}", "retry.maxRetries is -1; it may be a whole number from 0 to 100"},
        {"{\"retry\":{\"max\":101}}", "retry.max is 101; it may be a whole number from 0 to 100"},
        {"{\"retry\":{\"maxRetries\":1.5}}", "retry.maxRetries is 1.5; it may be a whole number from 0 to 100"},
        {"{\"retry\":{\"maxRetries\":\"3\"}}", "retry.maxRetries is \"3\"; it may be a whole number from 0 to 100"},
        {"{\"retry\":{\"enabled\":1}}", "retry.enabled is 1; it may be true or false"},
        {"{\"retry\":5}", "retry is 5; it may be an object"},
        {"{\"autoBan\":{\"ban_402\":\"yes\"}}", "autoBan.ban_402 is \"yes\"; it may be true or false"},
        {"{\"autoBan\":{\"errorThreshold\":0}}",
         "autoBan.errorThreshold is 0; it may be a whole number from 1 to 100000"},
        {"{\"algorithm\":\"fastest\"}",
         "algorithm is \"fastest\"; it may be one of round-robin, random, least-used, weighted-score, "
         "least-token-used, max-remaining, weighted-usage, quota-aware, time-window"},
        {"{\"algorithm\":{\"a\":\n1}}",
         "algorithm is {\"a\": 1}; it may be one of round-robin, random, least-used, weighted-score, "
         "least-token-used, max-remaining, weighted-usage, quota-aware, time-window"},
        {"{\"affinity\":{\"mode\":\"on\"}}", "affinity.mode is \"on\"; it may be one of off, auto"},
        {"{\"quotaLimits\":{\"warning_threshold\":80}}",
         "quotaLimits.warning_threshold is 80; it may be a number from 0 to 1"},
        {"{\"quotaLimits\":{\"per_key_daily_limit\":-5}}",
         "quotaLimits.per_key_daily_limit is -5; it may be a whole number from 0 to 9007199254740991"},
        {"{\"timeWindowHours\":0}", "timeWindowHours is 0; it may be a whole number from 1 to 744"},
        {"{\"maxInflightPerKey\":\"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"
         "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"
         "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\"}",
         "maxInflightPerKey is \"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"
         "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"
         "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4…; it may be a whole number from 0 "
         "to "
         "1000000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json_doc doc;
        struct key_settings settings = key_settings_default;
        struct buf problem = BUF_EMPTY;
        assert_false(key_settings_merge(&settings, &doc, parse(&doc, slice_from_cstr(cases[i].json)), &problem));
        assert_slice(buf_slice(&problem), cases[i].problem);
        assert_same(&settings, &key_settings_default);
        buf_deinit(&problem);
    }
}

static void a_refused_object_changes_nothing(void **state)
{
    struct json_doc doc;
    struct key_settings settings = key_settings_default;
    struct buf problem = BUF_EMPTY;
    (void)state;
    assert_false(key_settings_merge(
        &settings, &doc, parse(&doc, SLICE("{\"algorithm\":\"random\",\"maxInflightPerKey\":-1}")), &problem));
    assert_same(&settings, &key_settings_default);
    buf_deinit(&problem);
}

static void both_spellings_are_read(void **state)
{
    struct json_doc doc;
    struct key_settings settings = key_settings_default;
    struct buf problem = BUF_EMPTY;
    (void)state;
    const struct json_node *object =
        parse(&doc, SLICE("{\"retry\":{\"max\":7},\"autoBan\":{\"ban_402\":false,\"ban_401\":true},\"x\":1}"));
    assert_true(key_settings_merge(&settings, &doc, object, &problem));
    assert_int_equal(settings.retry_max, 7);
    assert_false(settings.bans_402);
    assert_true(settings.bans_401);
    object = parse(&doc, SLICE("{\"retry\":{\"maxRetries\":8,\"max\":9,\"enabled\":null},\"autoBan\":null}"));
    assert_true(key_settings_merge(&settings, &doc, object, &problem));
    assert_int_equal(settings.retry_max, 8); // the guide's spelling counts
    assert_int_equal(settings.retries, key_settings_default.retries);
    assert_true(settings.bans_401);
    assert_int_equal(problem.len, 0);
}

static void wrong_ones_among_good_ones(void **state)
{
    struct json_doc doc;
    struct key_settings settings = key_settings_default;
    struct buf problems = BUF_EMPTY;
    (void)state;
    const struct json_node *object =
        parse(&doc, SLICE("{\"algorithm\":\"random\",\"retry\":[],\"autoBan\":{\"errorThreshold\":-3,\"ban401\":true},"
                          "\"maxInflightPerKey\":4}"));
    key_settings_merge_good(&settings, &doc, object, &problems);
    assert_slice(buf_slice(&problems), "retry is []; it may be an object\n"
                                       "autoBan.errorThreshold is -3; it may be a whole number from 1 to 100000\n");
    assert_int_equal(settings.algorithm, KEY_RANDOM);
    assert_true(settings.bans_401);
    assert_int_equal(settings.max_inflight, 4);
    assert_int_equal(settings.ban_threshold, key_settings_default.ban_threshold);
    buf_clear(&problems);
    key_settings_merge_good(&settings, &doc, parse(&doc, SLICE("7")), &problems);
    assert_slice(buf_slice(&problems), "the settings are no object\n");
    buf_deinit(&problems);
}

static struct key_settings random_settings(void)
{
    struct key_settings s = key_settings_default;
    s.algorithm = (uint32_t)rand() % KEY_ALGORITHM_COUNT;
    s.retries = rand() % 2;
    s.retry_max = (uint32_t)rand() % 101;
    s.retry_delay_ms = (uint32_t)rand() % 3600001;
    s.bans = rand() % 2;
    s.ban_threshold = 1 + (uint32_t)rand() % 100000;
    s.bans_402 = rand() % 2;
    s.bans_401 = rand() % 2;
    s.probe_minutes = (uint32_t)rand() % 10081;
    s.concurrent_limit = 1 + (uint32_t)rand() % 100000;
    s.request_timeout_ms = (uint32_t)rand() % 86400001;
    s.has_tiers = rand() % 2;
    s.falls_back = rand() % 2;
    s.is_strict = rand() % 2;
    s.daily_limit = (uint64_t)rand() << 20;
    s.monthly_limit = (uint64_t)rand() << 22;
    s.warning_ratio = rand() / (double)RAND_MAX;
    s.window_hours = 1 + (uint32_t)rand() % 744;
    s.has_affinity = rand() % 2;
    s.max_inflight = (uint32_t)rand() % 1000001;
    return s;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 1000; i++) {
        struct key_settings given = random_settings();
        struct key_settings read = random_settings();
        struct json_doc doc;
        struct buf problem = BUF_EMPTY;
        assert_true(key_settings_merge(&read, &doc, parse(&doc, print(&given)), &problem));
        assert_same(&given, &read);
        arena_reset(&arena);
    }
}

static void an_edit_makes_only_what_differs_explicit(void **state)
{
    static const struct {
        const char *before;
        const char *after;
    } cases[] = {
        {"", "{\"retry\":{\"maxRetries\":9},\"maxInflightPerKey\":2}"},
        {"[1]", "{\"retry\":{\"maxRetries\":9},\"maxInflightPerKey\":2}"},
        {"{\"x\": 1}", "{\"x\": 1,\"retry\":{\"maxRetries\":9},\"maxInflightPerKey\":2}"},
        {"{\"retry\": {\"max\": 3, \"y\": [ 2 ]}}",
         "{\"retry\": {\"y\": [ 2 ],\"maxRetries\":9},\"maxInflightPerKey\":2}"},
        {"{\"maxInflightPerKey\": \"many\",\"retry\": {\"maxRetries\": 3}}",
         "{\"maxInflightPerKey\": 2,\"retry\": {\"maxRetries\": 9}}"},
        {"{\"retry\": 5}", "{\"retry\": {\"maxRetries\":9},\"maxInflightPerKey\":2}"},
    };
    struct key_settings after = key_settings_default;
    (void)state;
    after.retry_max = 9;
    after.max_inflight = 2;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_slice(key_settings_edit(slice_from_cstr(cases[i].before), &key_settings_default, &after, &arena),
                     cases[i].after);
    }
    assert_slice(key_settings_edit(SLICE("{ }"), &after, &after, &arena), "{ }");
}

// Editing a random document by random settings gives these settings, and keeps what is not known.
static void an_edited_document_says_what_was_set(void **state)
{
    (void)state;
    srand(2);
    for (int i = 0; i < 1000; i++) {
        struct key_settings before = random_settings();
        struct key_settings after = random_settings();
        struct key_settings read = before;
        struct json_doc doc;
        struct buf problem = BUF_EMPTY;
        struct slice config =
            rand() % 2 ? print(&before) : SLICE("{\"x\":{\"y\":1},\"retry\":{\"z\":2},\"autoBan\":{\"ban_402\":true}}");
        struct slice edited = key_settings_edit(config, &before, &after, &arena);
        assert_true(key_settings_merge(&read, &doc, parse(&doc, edited), &problem));
        read.bans_402 = after.bans_402; // explicit already, and not what is said to be in force
        assert_same(&read, &after);
        assert_int_equal(slice_find(edited, SLICE("\"y\":1")) != SLICE_NOT_FOUND,
                         slice_find(config, SLICE("\"y\":1")) != SLICE_NOT_FOUND);
        arena_reset(&arena);
    }
}

static void stripped_of_what_is_known(void **state)
{
    static const struct {
        const char *before;
        const char *after;
    } cases[] = {
        {"", "{}"},
        {"5", "{}"},
        {"{\"x\":1}", "{\"x\":1}"},
        {"{\"algorithm\":\"random\",\"retry\":{\"max\":1,\"maxRetries\":2},\"autoBan\":7}", "{}"},
        {"{\"retry\":{\"max\":1,\"z\":2,\"enabled\":true},\"timeWindowHours\":5,\"x\":{}}",
         "{\"retry\":{\"z\":2},\"x\":{}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_slice(key_settings_strip(slice_from_cstr(cases[i].before), &arena), cases[i].after);
    }
    assert_slice(key_settings_strip(print(&key_settings_default), &arena), "{}");
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_object_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_spellings_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_ones_among_good_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_edit_makes_only_what_differs_explicit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_edited_document_says_what_was_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stripped_of_what_is_known, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
