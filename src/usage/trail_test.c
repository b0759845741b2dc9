// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "usage/trail.h"
#include "json/json_reader.h"

struct fixture {
    struct arena arena;
    struct trail trail;
    struct buf out;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    arena_init(&f->arena, 1024);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    buf_deinit(&f->out);
    mem_free(f);
    return 0;
}

static const char *text_of(struct fixture *f)
{
    return arena_cstr(&f->arena, buf_slice(&f->out));
}

static const char *line(struct fixture *f)
{
    buf_clear(&f->out);
    trail_write_line(&f->trail, &f->out);
    return text_of(f);
}

static const char *json(struct fixture *f)
{
    buf_clear(&f->out);
    trail_write_json(&f->trail, &f->out);
    return text_of(f);
}

static const struct trail_entry refused = {
    .endpoint = SLICE_INIT("main"),
    .model = SLICE_INIT("sim"),
    .key = SLICE_INIT("key_1"),
    .outcome = "http_4xx",
    .reason = "key_model",
    .status = 429,
    .began_ms = 1,
    .took_ms = 12,
};
static const struct trail_entry waited = {.outcome = "waited", .began_ms = 13, .took_ms = 1000};
static const struct trail_entry skipped = {
    .endpoint = SLICE_INIT("main"), .outcome = "skipped", .reason = "breaker", .began_ms = 1013};
static const struct trail_entry served = {
    .endpoint = SLICE_INIT("backup"),
    .model = SLICE_INIT("sim2"),
    .outcome = "ok",
    .status = 200,
    .began_ms = 1013,
    .took_ms = 0,
};

static void nothing_is_an_empty_list(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(line(f), "");
    assert_string_equal(json(f), "[]");
}

static void it_is_told_to_people_and_to_programs(void **state)
{
    struct fixture *f = *state;
    trail_add(&f->trail, &f->arena, &refused);
    trail_add(&f->trail, &f->arena, &waited);
    trail_add(&f->trail, &f->arena, &skipped);
    trail_add(&f->trail, &f->arena, &served);
    assert_string_equal(line(f), "main/sim key_1: http_4xx 429 key_model 12 ms; waited 1000 ms; main: skipped breaker; "
                                 "backup/sim2: ok 200 0 ms");
    assert_string_equal(json(f),
                        "[{\"endpoint\":\"main\",\"model\":\"sim\",\"key\":\"key_1\",\"outcome\":\"http_4xx\","
                        "\"reason\":\"key_model\",\"status\":429,\"began_ms\":1,\"took_ms\":12},"
                        "{\"outcome\":\"waited\",\"began_ms\":13,\"took_ms\":1000},"
                        "{\"endpoint\":\"main\",\"outcome\":\"skipped\",\"reason\":\"breaker\",\"began_ms\":1013,"
                        "\"took_ms\":0},"
                        "{\"endpoint\":\"backup\",\"model\":\"sim2\",\"outcome\":\"ok\",\"status\":200,"
                        "\"began_ms\":1013,\"took_ms\":0}]");
}

static void parts_of_a_place_may_be_missing(void **state)
{
    static const struct {
        struct slice endpoint, model, key;
        const char *line;
    } rows[] = {
        {SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("k"), "k: connect"},
        {SLICE_INIT(""), SLICE_INIT("m"), SLICE_INIT(""), "m: connect"},
        {SLICE_INIT("e"), SLICE_INIT(""), SLICE_INIT("k"), "e k: connect"},
        {SLICE_INIT(""), SLICE_INIT("m"), SLICE_INIT("k"), "m k: connect"},
        {SLICE_INIT("e\r\n"), SLICE_INIT("\x7fm\t"), SLICE_INIT("\xc3\xa4"),
         "e??"
         "/?m? \xc3\xa4: connect"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture *f = *state;
        struct trail_entry entry = {
            .endpoint = rows[i].endpoint, .model = rows[i].model, .key = rows[i].key, .outcome = "connect"};
        f->trail = (struct trail){0};
        trail_add(&f->trail, &f->arena, &entry);
        assert_string_equal(line(f), rows[i].line);
    }
}

static void json_is_ascii(void **state)
{
    static const struct {
        struct slice model;
        const char *escaped;
    } rows[] = {
        {SLICE_INIT("a\"b\\c/d"), "a\\\"b\\\\c/d"},
        {SLICE_INIT("\r\n\t\x7f"), "\\u000d\\u000a\\u0009\\u007f"},
        {SLICE_INIT("a\0b"), "a\\u0000b"},
        {SLICE_INIT("\xc3\xa4"), "\\u00e4"},
        {SLICE_INIT("\xe2\x82\xac"), "\\u20ac"},
        {SLICE_INIT("\xef\xbf\xbf"), "\\uffff"},
        {SLICE_INIT("\xf0\x9f\x98\x80"), "\\ud83d\\ude00"},
        {SLICE_INIT("\xf4\x8f\xbf\xbf"), "\\udbff\\udfff"},
        {SLICE_INIT("\xe2\x82"), "\\ufffd\\ufffd"},            // cut
        {SLICE_INIT("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd"}, // half of a pair
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture *f = *state;
        struct trail_entry entry = {.model = rows[i].model, .outcome = "ok"};
        char wanted[128];
        f->trail = (struct trail){0};
        trail_add(&f->trail, &f->arena, &entry);
        snprintf(wanted, sizeof(wanted), "[{\"model\":\"%s\",\"outcome\":\"ok\",\"began_ms\":0,\"took_ms\":0}]",
                 rows[i].escaped);
        assert_string_equal(json(f), wanted);
    }
}

static struct slice random_name(struct fixture *f, uint64_t *seed)
{
    size_t len = *seed >> 33 & 15;
    char *name = arena_text(&f->arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
        name[i] = (char)(*seed >> 40);
    }
    return slice_of(name, len);
}

// Parses what was written; how many elements there are, and how many entries those that were omitted stand for.
static size_t read_json(struct fixture *f, size_t *n_omitted_r)
{
    struct json_doc doc;
    const struct json_node *value = NULL;
    size_t n = 0;
    *n_omitted_r = 0;
    for (size_t i = 0; i < f->out.len; i++) {
        assert_true(f->out.ptr[i] >= 0x20 && f->out.ptr[i] < 0x7f);
    }
    assert_int_equal(json_parse(&doc, &f->arena, buf_slice(&f->out), NULL), 0);
    while (json_next_element(&doc, json_root(&doc), &value)) {
        const struct json_node *omitted = json_get(&doc, value, SLICE("omitted"));
        int64_t n_omitted = 0;
        if (omitted) {
            assert_true(json_int64(&doc, omitted, &n_omitted) && n_omitted > 0);
            assert_int_equal(*n_omitted_r, 0); // there is one gap
            *n_omitted_r = (size_t)n_omitted;
        } else {
            assert_non_null(json_get(&doc, value, SLICE("outcome")));
            n++;
        }
    }
    return n;
}

static void any_bytes_give_json_for_a_header(void **state)
{
    uint64_t seed = 1;
    size_t n_omitted;
    for (size_t round = 0; round < 500; round++) {
        struct fixture *f = *state;
        arena_reset(&f->arena);
        f->trail = (struct trail){0};
        size_t n = round % 20;
        for (size_t i = 0; i < n; i++) {
            struct trail_entry entry = {.outcome = "ok", .took_ms = (uint32_t)i};
            entry.endpoint = random_name(f, &seed);
            entry.model = random_name(f, &seed);
            entry.key = random_name(f, &seed);
            trail_add(&f->trail, &f->arena, &entry);
        }
        json(f);
        assert_int_equal(read_json(f, &n_omitted), n);
        assert_int_equal(n_omitted, 0);
        assert_null(strpbrk(line(f), "\r\n"));
    }
}

static void add_numbered(struct fixture *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct trail_entry entry = refused;
        entry.began_ms = (uint32_t)i;
        trail_add(&f->trail, &f->arena, &entry);
    }
}

static void of_many_the_first_and_the_last_are_kept(void **state)
{
    struct fixture *f = *state;
    size_t n_omitted;
    add_numbered(f, 100);
    assert_int_equal(f->trail.n, TRAIL_MAX);
    assert_int_equal(f->trail.cap, TRAIL_MAX);
    assert_int_equal(f->trail.n_dropped, 36);
    for (uint32_t i = 0; i < TRAIL_MAX; i++) {
        assert_int_equal(f->trail.entries[i].began_ms, i < TRAIL_MAX / 2 ? i : i + 36);
    }
    const char *text = json(f);
    assert_int_equal(read_json(f, &n_omitted), TRAIL_MAX);
    assert_int_equal(n_omitted, 36);
    assert_non_null(strstr(text, "\"began_ms\":31,\"took_ms\":12},{\"omitted\":36},{"));
    assert_non_null(strstr(line(f), " 12 ms; 36 more; main/sim "));
}

static void a_header_has_a_size(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 9, TRAIL_MAX, 100};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct fixture *f = *state;
        f->trail = (struct trail){0};
        add_numbered(f, counts[i]);
        size_t n_before = 0;
        for (size_t max = 0; max < 12000; max += max < 600 ? 1 : 97) {
            size_t n_omitted = 0;
            buf_clear(&f->out);
            trail_write_header_json(&f->trail, max, &f->out);
            assert_true(f->out.len <= max);
            if (max < 2) {
                continue;
            }
            size_t n = read_json(f, &n_omitted);
            assert_true(n >= n_before); // more room, more entries
            assert_true(n + n_omitted == counts[i] || f->out.len == 2);
            n_before = n;
        }
        assert_int_equal(n_before, f->trail.n); // all that is kept
    }
}

static void a_small_header_tells_how_it_ended(void **state)
{
    struct fixture *f = *state;
    add_numbered(f, 70);
    trail_add(&f->trail, &f->arena, &served);
    trail_write_header_json(&f->trail, 150, &f->out);
    assert_string_equal(text_of(f), "[{\"omitted\":70},{\"endpoint\":\"backup\",\"model\":\"sim2\",\"outcome\":\"ok\","
                                    "\"status\":200,\"began_ms\":1013,\"took_ms\":0}]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_an_empty_list),
        TEST(it_is_told_to_people_and_to_programs),
        TEST(parts_of_a_place_may_be_missing),
        TEST(json_is_ascii),
        TEST(any_bytes_give_json_for_a_header),
        TEST(of_many_the_first_and_the_last_are_kept),
        TEST(a_header_has_a_size),
        TEST(a_small_header_tells_how_it_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
