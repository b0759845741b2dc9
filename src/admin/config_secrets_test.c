// SPDX-License-Identifier: MIT
#include "admin/config_secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static struct json_doc parse(const char *text)
{
    struct json_doc doc;
    assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(text), NULL), 0);
    return doc;
}

static void assert_text(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\n%.*s\nis not\n%s", SLICE_ARG(given), expected);
    }
}

// What is shown of a text, and that it comes back as it was.
static void what_is_hidden(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
    } rows[] = {
        {"{}", "{}"},
        {"{\"models\":[{\"api_key\":\"k\"}]}", "{\"models\":[{\"api_key\":\"k\"}]}"}, // nobody looks there
        {"{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:pw@h:1\"}]}",
         "{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:***@h:1\"}]}"},
        {"{\"proxies\":[{\"url\":\"http://u:p:w@h:1\"}]}", "{\"proxies\":[{\"url\":\"http://u:***@h:1\"}]}"},
        {"{\"proxies\":[{\"url\":\"http:\\/\\/u:p\\u0077@h:1\"}]}", "{\"proxies\":[{\"url\":\"http://u:***@h:1\"}]}"},
        {"{\"proxies\":[{\"url\":\"http://token@[::1]:1\"}]}", "{\"proxies\":[{\"url\":\"http://***@[::1]:1\"}]}"},
        {"{\"proxies\":[{\"url\":\"http://u:@h:1\"}]}", "{\"proxies\":[{\"url\":\"http://u:@h:1\"}]}"},
        {"{\"proxies\":[{\"url\":\"http://h:1\"}, {\"url\":7}, 7]}",
         "{\"proxies\":[{\"url\":\"http://h:1\"}, {\"url\":7}, 7]}"},
        {"{\"proxies\":[{\"url\":\"http://a:one@h:1\"},{\"url\":\"http://b:two@h:1\"}]}",
         "{\"proxies\":[{\"url\":\"http://a:***@h:1\"},{\"url\":\"http://b:***@h:1\"}]}"},
        {"{\"endpoint\":[{\"name\":\"e\",\"auth\":\"x-api-key\",\"headers\":{\"Authorization\":\"Bearer x\","
         "\"X-API-KEY\":\"\\u0041\",\"x-plain\":\"a\",\"x-goog-api-key\":null,\"x-token\":\"\"}}]}",
         "{\"endpoint\":[{\"name\":\"e\",\"auth\":\"x-api-key\",\"headers\":{\"Authorization\":\"***\","
         "\"X-API-KEY\":\"***\",\"x-plain\":\"a\",\"x-goog-api-key\":null,\"x-token\":\"\"}}]}"},
        {"{ \"endpoint\" : [ { \"name\" : \"e\", \"password\" : \"p\" } ] , \"x\":1.0}",
         "{ \"endpoint\" : [ { \"name\" : \"e\", \"password\" : \"***\" } ] , \"x\":1.0}"},
        {"{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"Cookie\":\"***\"}}]}",
         "{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"Cookie\":\"***\"}}]}"},
        // Nobody reads the first one, but it is shown.
        {"{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-key\":\"one\"},\"headers\":{\"x-key\":\"one\"}}]}",
         "{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-key\":\"***\"},\"headers\":{\"x-key\":\"***\"}}]}"},
        {"{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:one@h:1\",\"url\":\"http://u:one@h:1\"}]}",
         "{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:***@h:1\",\"url\":\"http://u:***@h:1\"}]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct json_doc doc = parse(rows[i].text);
        struct slice shown = config_secrets_hide(&doc, &arena);
        assert_text(shown, rows[i].shown);
        struct json_doc shown_doc = parse(rows[i].shown);
        struct slice restored;
        struct slice problem;
        assert_true(config_secrets_restore(&shown_doc, &doc, &arena, &restored, &problem));
        struct json_doc restored_doc;
        assert_int_equal(json_parse(&restored_doc, &arena, restored, NULL), 0);
        // Escapes may have gone; what it says has not, which hiding it again shows.
        assert_text(config_secrets_hide(&restored_doc, &arena), rows[i].shown);
        if (!strchr(rows[i].text, '\\')) {
            assert_text(restored, rows[i].text);
        }
    }
}

#define BEFORE                                                                                                         \
    "{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:pw@h:1\"},{\"url\":\"http://v:\\\"@h:2\"},"                      \
    "{\"name\":\"bare\",\"url\":\"http://h:3\"}],"                                                                     \
    "\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-key\":\"one\",\"x-none\":null}},{\"name\":\"f\"}]}"

static void masks_mean_what_was_there(void **state)
{
    static const struct {
        const char *text;
        const char *restored; // NULL: a problem
        const char *problem;
    } rows[] = {
        {"{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:***@other:9\"}]}",
         "{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:pw@other:9\"}]}", NULL},
        {"{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:new@h:1\"}]}",
         "{\"proxies\":[{\"name\":\"p\",\"url\":\"http://u:new@h:1\"}]}", NULL},
        {"{\"proxies\":[{\"name\":\"p\",\"url\":\"no url ***\"}]}",
         "{\"proxies\":[{\"name\":\"p\",\"url\":\"no url ***\"}]}", NULL},
        {"{\"proxies\":[{\"name\":\"q\",\"url\":\"http://u:***@h:1\"}]}", NULL, "proxies[0].url"},
        {"{\"proxies\":[{\"url\":\"http://u:***@h:1\"}]}", NULL, "proxies[0].url"}, // it had a name
        {"{\"proxies\":[{},{\"name\":\"bare\",\"url\":\"http://u:***@h:3\"}]}", NULL, "proxies[1].url"},
        {"{\"proxies\":[{\"url\":\"http://v:***@h:3\"}]}", NULL, "proxies[0].url"},
        {"{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"X-Key\":\"***\"}}]}",
         "{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"X-Key\":\"one\"}}]}", NULL},
        {"{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-plain\":\"***\"}}]}",
         "{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-plain\":\"***\"}}]}", NULL},
        {"{\"endpoint\":[{\"name\":\"f\",\"headers\":{\"x-key\":\"***\"}}]}", NULL, "endpoint[0].headers[\"x-key\"]"},
        {"{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-none\":\"***\",\"x-key\":\"***\"}}]}",
         "{\"endpoint\":[{\"name\":\"e\",\"headers\":{\"x-none\":\"***\",\"x-key\":\"one\"}}]}",
         NULL}, // no secret's name
        {"{\"endpoint\":[{\"headers\":{\"x-key\":\"***\"}}]}", NULL, "endpoint[0].headers[\"x-key\"]"},
        {"{\"endpoint\":[{\"name\":\"e\",\"x_secret\":\"***\"}]}", NULL, "endpoint[0][\"x_secret\"]"},
        {"{\"endpoint\":7,\"proxies\":\"***\"}", "{\"endpoint\":7,\"proxies\":\"***\"}", NULL},
    };
    (void)state;
    struct json_doc before = parse(BEFORE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct json_doc doc = parse(rows[i].text);
        struct slice restored = SLICE_EMPTY;
        struct slice problem = SLICE_EMPTY;
        bool is_good = config_secrets_restore(&doc, &before, &arena, &restored, &problem);
        if (is_good != !rows[i].problem) {
            fail_msg("%s: %.*s%.*s", rows[i].text, SLICE_ARG(restored), SLICE_ARG(problem));
        }
        if (is_good) {
            assert_text(restored, rows[i].restored);
        } else if (!slice_starts_with(problem, slice_from_cstr(rows[i].problem))) {
            fail_msg("%s: %.*s", rows[i].text, SLICE_ARG(problem));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_hidden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(masks_mean_what_was_there, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("config_secrets", tests, NULL, NULL);
}
