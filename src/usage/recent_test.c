// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "usage/recent.h"
#include "json/json_reader.h"
#include "json/utf8.h"

enum { N_RECORDS = 5 };

struct fixture {
    struct arena arena;
    struct recent *recent;
    struct buf out;
    struct json_doc doc;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    arena_init(&f->arena, 4096);
    f->recent = recent_new(N_RECORDS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    recent_free(f->recent);
    buf_deinit(&f->out);
    arena_deinit(&f->arena);
    mem_free(f);
    return 0;
}

static struct request_facts facts_of(const char *id)
{
    return (struct request_facts){
        .id = slice_from_cstr(id),
        .path = SLICE("/v1/messages"),
        .model = SLICE("asked"),
        .upstream_model = SLICE("served"),
        .endpoint = SLICE("main"),
        .key = SLICE("key_1"),
        .client = SLICE("192.0.2.1"),
        .route = SLICE("/v1/messages"),
        .dialect = SLICE("anthropic"),
        .time_ms = 1767323045678,
        .ttft_ms = 120,
        .duration_ms = 450,
        .usage = {100, 20, -1, 0, -1},
        .status = 200,
        .n_attempts = 1,
    };
}

static void add(struct fixture *f, const struct request_facts *facts)
{
    char record[REQUEST_RECORD_MAX];
    recent_add(f->recent, slice_of(record, request_record_encode(facts, record)));
    memset(record, '?', sizeof(record)); // it was copied
}

static void parse(struct fixture *f)
{
    assert_int_equal(json_parse(&f->doc, &f->arena, arena_dup(&f->arena, buf_slice(&f->out)), NULL), 0);
}

static bool ask(struct fixture *f, const char *id)
{
    buf_clear(&f->out);
    bool is_found = recent_write_json(f->recent, slice_from_cstr(id), &f->out);
    if (is_found) {
        parse(f);
    }
    return is_found;
}

static const char *member(struct fixture *f, const char *name)
{
    const struct json_node *node = json_get(&f->doc, json_root(&f->doc), slice_from_cstr(name));
    assert_non_null(node);
    return json_is(node, JSON_NULL) ? NULL : arena_cstr(&f->arena, json_string(&f->doc, node, &f->arena));
}

// The ids of a list, one behind the other.
static const char *list(struct fixture *f, struct request_filter filter)
{
    struct slice ids = SLICE_EMPTY;
    const struct json_node *value = NULL;
    buf_clear(&f->out);
    filter.limit = filter.limit ? filter.limit : 100;
    recent_write_list(f->recent, &filter, &f->out);
    parse(f);
    while (json_next_element(&f->doc, json_root(&f->doc), &value)) {
        struct slice id = json_string(&f->doc, json_get(&f->doc, value, SLICE("id")), &f->arena);
        assert_null(json_get(&f->doc, value, SLICE("trail")));
        ids = arena_printf(&f->arena, "%.*s%s%.*s", SLICE_ARG(ids), ids.len ? " " : "", SLICE_ARG(id));
    }
    return arena_cstr(&f->arena, ids);
}

static void nothing_is_remembered_at_first(void **state)
{
    struct fixture *f = *state;
    assert_false(ask(f, "a"));
    assert_false(ask(f, ""));
    assert_string_equal(list(f, (struct request_filter){0}), "");
}

static void a_request_is_told_whole(void **state)
{
    struct fixture *f = *state;
    struct trail_entry entries[] = {
        {SLICE("main"), SLICE("served"), SLICE("key_0"), "http_4xx", "key_model", 429, 0, 5},
        {SLICE("main"), SLICE("served"), SLICE("key_1"), "ok", NULL, 200, 6, 440},
    };
    struct trail trail = {.entries = entries, .n = 2};
    struct request_facts facts = facts_of("a");
    facts.trail = trail;
    add(f, &facts);
    assert_true(ask(f, "a"));
    assert_string_equal(
        arena_cstr(&f->arena, buf_slice(&f->out)),
        "{\"id\":\"a\",\"time\":\"2026-01-02T03:04:05.678Z\",\"route\":\"/v1/messages\",\"path\":\"/v1/messages\","
        "\"dialect\":\"anthropic\",\"model\":\"asked\",\"upstream_model\":\"served\",\"endpoint\":\"main\","
        "\"key\":\"key_1\",\"client\":\"192.0.2.1\",\"status\":200,\"fault\":null,\"attempts\":1,\"ttft_ms\":120,"
        "\"duration_ms\":450,\"tokens\":{\"input\":100,\"output\":20,\"reasoning\":null,\"cache_read\":0,"
        "\"cache_write\":null,\"is_partial\":false},\"trail\":["
        "{\"endpoint\":\"main\",\"model\":\"served\",\"key\":\"key_0\",\"outcome\":\"http_4xx\","
        "\"reason\":\"key_model\",\"status\":429,\"began_ms\":0,\"took_ms\":5},"
        "{\"endpoint\":\"main\",\"model\":\"served\",\"key\":\"key_1\",\"outcome\":\"ok\",\"status\":200,"
        "\"began_ms\":6,\"took_ms\":440}]}");
}

static void what_is_not_known_is_null(void **state)
{
    struct fixture *f = *state;
    struct request_facts facts = {.id = SLICE("b"), .ttft_ms = -1, .usage = USAGE_UNKNOWN, .is_partial = true};
    facts.fault = SLICE("invalid_json");
    add(f, &facts);
    assert_true(ask(f, "b"));
    assert_string_equal(
        arena_cstr(&f->arena, buf_slice(&f->out)),
        "{\"id\":\"b\",\"time\":\"1970-01-01T00:00:00.000Z\",\"route\":null,\"path\":null,\"dialect\":null,"
        "\"model\":null,\"upstream_model\":null,\"endpoint\":null,\"key\":null,\"client\":null,\"status\":null,"
        "\"fault\":\"invalid_json\",\"attempts\":0,\"ttft_ms\":null,\"duration_ms\":0,\"tokens\":{\"input\":null,"
        "\"output\":null,\"reasoning\":null,\"cache_read\":null,\"cache_write\":null,\"is_partial\":true},"
        "\"trail\":[]}");
}

static void what_few_have_is_told_where_it_is(void **state)
{
    struct fixture *f = *state;
    struct request_facts facts = facts_of("c");
    facts.counted_model = SLICE("counted");
    facts.trace_id = SLICE("0123456789abcdef0123456789abcdef");
    add(f, &facts);
    assert_true(ask(f, "c"));
    assert_string_equal(member(f, "counted_model"), "counted");
    assert_string_equal(member(f, "trace_id"), "0123456789abcdef0123456789abcdef");
    assert_string_equal(list(f, (struct request_filter){.model = SLICE("counted")}), "c");
}

static void what_is_no_record_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct request_facts facts = facts_of("a");
    add(f, &facts);
    recent_add(f->recent, SLICE("what is this?"));
    recent_add(f->recent, SLICE_EMPTY);
    assert_true(ask(f, "a"));
    assert_string_equal(list(f, (struct request_filter){0}), "a");
}

static void the_oldest_are_forgotten(void **state)
{
    struct fixture *f = *state;
    char id[16];
    for (unsigned i = 0; i < 13; i++) {
        snprintf(id, sizeof(id), "r%u", i);
        struct request_facts facts = facts_of(id);
        add(f, &facts);
        assert_true(ask(f, id));
        snprintf(id, sizeof(id), "r%u", i >= N_RECORDS ? i - N_RECORDS : 99);
        assert_false(ask(f, id));
    }
    assert_string_equal(list(f, (struct request_filter){0}), "r12 r11 r10 r9 r8");
    assert_string_equal(list(f, (struct request_filter){.limit = 2}), "r12 r11");
}

static void of_one_id_the_newest_counts(void **state)
{
    struct fixture *f = *state;
    struct request_facts facts = facts_of("same");
    add(f, &facts);
    facts.endpoint = SLICE("backup");
    add(f, &facts);
    assert_true(ask(f, "same"));
    assert_string_equal(member(f, "endpoint"), "backup");
}

static void lists_are_filtered(void **state)
{
    struct fixture *f = *state;
    struct trail_entry tried = {.key = SLICE("key_2"), .outcome = "connect"};
    struct trail trail = {.entries = &tried, .n = 1};
    struct request_facts facts = facts_of("a");
    facts.time_ms = 1000;
    add(f, &facts);
    facts = facts_of("b");
    facts.time_ms = 2000;
    facts.status = 429;
    facts.model = SLICE("other");
    add(f, &facts);
    facts = facts_of("c");
    facts.time_ms = 3000;
    facts.status = 503;
    facts.upstream_model = SLICE("other");
    facts.trail = trail;
    add(f, &facts);
    assert_string_equal(list(f, (struct request_filter){.before_ms = 3000}), "b a");
    assert_string_equal(list(f, (struct request_filter){.before_ms = 3000, .limit = 1}), "b");
    assert_string_equal(list(f, (struct request_filter){.before_ms = 1000}), "");
    assert_string_equal(list(f, (struct request_filter){.status_min = 429, .status_max = 429}), "b");
    assert_string_equal(list(f, (struct request_filter){.status_min = 400, .status_max = 599}), "c b");
    assert_string_equal(list(f, (struct request_filter){.model = SLICE("other")}), "c b");
    assert_string_equal(list(f, (struct request_filter){.model = SLICE("served")}), "b a");
    assert_string_equal(list(f, (struct request_filter){.model = SLICE("serve")}), "");
    assert_string_equal(list(f, (struct request_filter){.key = SLICE("key_1")}), "c b a");
    assert_string_equal(list(f, (struct request_filter){.key = SLICE("key_2")}), "c"); // only tried
    assert_string_equal(list(f, (struct request_filter){.key = SLICE("key_1"), .before_ms = 2000}), "a");
}

// Every text of the greatest length, and one more: they are cut, and found all the same.
static void long_texts_are_cut(void **state)
{
    struct fixture *f = *state;
    char long_text[7][300];
    struct slice texts[7];
    for (size_t i = 0; i < 7; i++) {
        memset(long_text[i], 'a' + (int)i, sizeof(long_text[i]));
        texts[i] = slice_of(long_text[i], sizeof(long_text[i]));
    }
    struct request_facts facts = {.id = texts[0],
                                  .path = texts[1],
                                  .model = texts[2],
                                  .upstream_model = texts[3],
                                  .endpoint = texts[4],
                                  .key = texts[5],
                                  .client = texts[6],
                                  .ttft_ms = -1};
    add(f, &facts);
    buf_clear(&f->out);
    assert_true(recent_write_json(f->recent, texts[0], &f->out));
    parse(f);
    assert_int_equal(strlen(member(f, "id")), REQUEST_ID_MAX);
    assert_int_equal(strlen(member(f, "path")), REQUEST_PATH_MAX);
    assert_int_equal(strlen(member(f, "model")), REQUEST_MODEL_MAX);
    assert_int_equal(strlen(member(f, "upstream_model")), REQUEST_MODEL_MAX);
    assert_int_equal(strlen(member(f, "endpoint")), REQUEST_ENDPOINT_MAX);
    assert_int_equal(strlen(member(f, "key")), REQUEST_KEY_MAX);
    assert_int_equal(strlen(member(f, "client")), REQUEST_CLIENT_MAX);
    assert_true(strlen(list(f, (struct request_filter){.model = texts[2], .key = texts[5]})) > 0);
    assert_string_equal(list(f, (struct request_filter){.model = texts[5]}), "");
}

static void texts_are_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    for (size_t pad = 0; pad < 5; pad++) {
        struct slice model = arena_printf(&f->arena, "%.*s", (int)pad, "aaaaa");
        for (size_t i = 0; i < 30; i++) {
            model = arena_printf(&f->arena, "%.*s%s", SLICE_ARG(model), "\xf0\x9f\x98\x80");
        }
        struct request_facts facts = facts_of("a");
        facts.model = model;
        add(f, &facts);
        assert_true(ask(f, "a"));
        struct slice kept = slice_from_cstr(member(f, "model"));
        assert_true(kept.len > REQUEST_MODEL_MAX - UTF8_MAX && kept.len <= REQUEST_MODEL_MAX);
        assert_true(slice_starts_with(model, kept));
        assert_int_equal(utf8_valid_len(kept), kept.len);
        assert_true(slice_find(kept, SLICE(UTF8_REPLACEMENT)) == SLICE_NOT_FOUND);
    }
}

// However many attempts with however long names: the record has room, and tells how it began and ended.
static void of_a_long_trail_both_ends_are_kept(void **state)
{
    struct fixture *f = *state;
    struct trail trail = {.entries = NULL};
    for (uint32_t i = 0; i < 100; i++) {
        struct trail_entry entry = {.outcome = "connect", .began_ms = i};
        entry.endpoint = arena_printf(&f->arena, "endpoint-%u-with-a-long-name-for-one-that-is-not-used-much", i);
        entry.model = arena_printf(&f->arena, "model-%u", i);
        entry.key = arena_printf(&f->arena, "key-%u", i);
        trail_add(&trail, &f->arena, &entry);
        struct request_facts facts = facts_of("a");
        facts.trail = trail;
        add(f, &facts);
    }
    assert_true(ask(f, "a"));
    const struct json_node *steps = json_get(&f->doc, json_root(&f->doc), SLICE("trail"));
    const struct json_node *step = NULL;
    int64_t number = 0;
    for (size_t i = 0; json_next_element(&f->doc, steps, &step); i++) {
        bool is_gap = i == REQUEST_TRAIL_MAX / 2;
        size_t wanted = is_gap                      ? 100 - REQUEST_TRAIL_MAX
                        : i < REQUEST_TRAIL_MAX / 2 ? i
                                                    : 100 - REQUEST_TRAIL_MAX + i - 1;
        const struct json_node *node = json_get(&f->doc, step, is_gap ? SLICE("omitted") : SLICE("began_ms"));
        assert_true(json_int64(&f->doc, node, &number));
        assert_int_equal(number, wanted);
        assert_true(i <= REQUEST_TRAIL_MAX);
    }
    assert_int_equal(number, 99);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_remembered_at_first),
        TEST(a_request_is_told_whole),
        TEST(what_is_not_known_is_null),
        TEST(what_few_have_is_told_where_it_is),
        TEST(what_is_no_record_is_passed_over),
        TEST(the_oldest_are_forgotten),
        TEST(of_one_id_the_newest_counts),
        TEST(lists_are_filtered),
        TEST(long_texts_are_cut),
        TEST(texts_are_cut_between_characters),
        TEST(of_a_long_trail_both_ends_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
