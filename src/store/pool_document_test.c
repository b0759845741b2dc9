// SPDX-License-Identifier: MIT
// The document as text: random pools with members of others at every level come back as they were.
#include "store/pool_document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static void parse(struct pool_document *document, struct slice text)
{
    struct slice problem;
    int r = pool_document_parse(document, &arena, text, &problem);
    if (r != 0) {
        fail_msg("%.*s:\n%.*s", SLICE_ARG(problem), SLICE_ARG(text));
    }
}

static struct document_key read_key(const char *entry)
{
    struct pool_document document;
    struct document_key key;
    struct slice raw;
    const struct json_node *at = NULL;
    parse(&document, arena_printf(&arena, "{\"keys\":[%s]}", entry));
    assert_true(pool_document_next_key(&document, &at, &arena, &key, &raw));
    assert_slice(raw, entry);
    return key;
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        int r;
        const char *problem;
    } cases[] = {
        {"", JSON_E_SYNTAX, "line 1, column 1: "},
        {"{\"keys\":[\n{\"id\":1}\n,]}", JSON_E_SYNTAX, "line 3, column 2: "},
        {"[]", POOL_DOCUMENT_E_SHAPE, "it is JSON, but no pool of keys"},
        {"null", POOL_DOCUMENT_E_SHAPE, "it is JSON, but no pool of keys"},
        {"{\"keys\":{}}", POOL_DOCUMENT_E_SHAPE, "it is JSON, but no pool of keys"},
        {"{\"poolGroups\":\"g\"}", POOL_DOCUMENT_E_SHAPE, "it is JSON, but no pool of keys"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pool_document document;
        struct slice problem;
        assert_int_equal(pool_document_parse(&document, &arena, slice_from_cstr(cases[i].text), &problem), cases[i].r);
        assert_true(slice_starts_with(problem, slice_from_cstr(cases[i].problem)));
    }
}

static void wrong_types_count_as_missing(void **state)
{
    (void)state;
    struct document_key key = read_key(
        "{\"id\":5,\"key\":[1],\"status\":\"expired\",\"usage_count\":-3,\"error_count\":\"many\",\"created_at\":"
        "\"soon\","
        "\"last_used_at\":true,\"weight\":-1,\"maxInflight\":1e99,\"notes\":null,\"tokens\":7,\"quota\":{\"day\":1,"
        "\"month\":\"2026-13\"},\"window\":[1,[2],[],[3,4,5]],\"balance\":{\"allowance\":-2},"
        "\"model_cooldowns\":[{},7,{\"model\":3}],\"last_test_result\":1}");
    assert_slice(key.id, "5");
    assert_int_equal(key.secret.len, 0);
    assert_int_equal(key.status, KEY_DISABLED); // one that is not known is not used
    assert_int_equal(key.usage_count, 0);
    assert_int_equal(key.error_count, 0);
    assert_int_equal(key.created_ms, 0);
    assert_int_equal(key.last_used_ms, 0);
    assert_true(key.weight > 0.99 && key.weight < 1.01);
    assert_int_equal(key.max_inflight, 0);
    assert_int_equal(key.month, 0);
    assert_int_equal(key.allowance, -1);
    assert_int_equal(key.window[0].period, 2);
    assert_int_equal(key.window[1].tokens, 4);
    assert_int_equal(key.cooldowns[0].model, 3);
    assert_int_equal(key.cooldowns[1].model, 0);
    assert_int_equal(key.rest.len, 0);
    key = read_key("7");
    assert_int_equal(key.id.len, 0);
}

// A time that is none would be awaited for ever, or overflow where times are compared.
static void numbers_that_are_no_times_count_as_missing(void **state)
{
    static const struct {
        const char *number;
        int64_t ms;
    } cases[] = {
        {"1700000000001", 1700000000001},
        {"1700000000001.5", 1700000000001},
        {"0", 0},
        {"-1", 0},
        {"253402300799999", 253402300799999}, // the end of the year 9999
        {"253402300800000", 0},
        {"253402300800000.5", 0},
        {"9223372036854775807", 0},
        {"-9223372036854775808", 0},
        {"1e400", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slice entry =
            arena_printf(&arena, "{\"cooldown_until\":%s,\"model_cooldowns\":[{\"model\":1,\"until\":%s}]}",
                         cases[i].number, cases[i].number);
        struct document_key key = read_key(entry.ptr);
        assert_int_equal(key.cooldown_until_ms, cases[i].ms);
        assert_int_equal(key.cooldowns[0].until_ms, cases[i].ms);
    }
}

static void an_older_document_counted_uses_only(void **state)
{
    (void)state;
    assert_int_equal(read_key("{\"usage_count\":5}").total_requests, 5);
    assert_int_equal(read_key("{\"total_requests\":4,\"usage_count\":5}").total_requests, 4);
    assert_int_equal(read_key("{\"usage_count\":5,\"error_count\":2}").success_requests, 3);
    assert_int_equal(read_key("{\"usage_count\":5,\"error_count\":6}").success_requests, 0);
    assert_int_equal(read_key("{\"usage_count\":5,\"success_requests\":1}").success_requests, 1);
}

static void an_empty_pool(void **state)
{
    struct buf text = BUF_EMPTY;
    const struct document_tail tail = {.n_groups = 0};
    (void)state;
    pool_document_begin(&text);
    pool_document_end(&text, &tail);
    assert_slice(buf_slice(&text), "{\"keys\":[\n],\n\"poolGroups\":[],\n\"config\":{},\n"
                                   "\"stats\":{\"last_rotation_index\":0}}\n");
    buf_deinit(&text);
}

// What the guide names stands there always, in its order; ours where it says something.
static void a_written_key(void **state)
{
    struct buf text = BUF_EMPTY;
    struct document_key key = document_key_default;
    (void)state;
    key.id = SLICE("i");
    key.secret = SLICE("k\"");
    key.provider = SLICE("factory");
    key.group = SLICE("default");
    key.total_requests = 3;
    key.success_requests = 2;
    key.weight_score = 70.05;
    pool_document_add(&text, &key, true);
    assert_slice(
        buf_slice(&text),
        "\n{\"id\":\"i\",\"key\":\"k\\\"\",\"status\":\"active\",\"provider\":\"factory\",\"poolGroup\":\"default\","
        "\"created_at\":null,\"last_used_at\":null,\"usage_count\":0,\"total_requests\":3,\"success_requests\":2,"
        "\"error_count\":0,\"success_rate\":0.6667,\"weight_score\":70.05,\"last_error\":null,\"last_test_at\":null,"
        "\"last_test_result\":\"untested\",\"banned_at\":null,\"banned_reason\":null,\"notes\":\"\"}");
    buf_clear(&text);
    key.weight = 0.5;
    key.cooldown_until_ms = 1767323045678;
    key.cooldown_n = 1;
    key.cooldowns[2] = (struct document_cooldown){.model = 5, .n = 2, .until_ms = 1767323045678};
    key.day = 20455;
    key.month = 2026 * 12;
    key.day_tokens = 1;
    key.window[3] = (struct document_bucket){.period = 8, .tokens = 9};
    key.allowance = 0;
    key.input_tokens = 1;
    key.rest = SLICE("\"x\": 1");
    pool_document_add(&text, &key, false);
    size_t ours = slice_find(buf_slice(&text), SLICE("\"weight\":"));
    assert_slice(slice_after(buf_slice(&text), ours),
                 "\"weight\":0.5,\"cooldown_until\":\"2026-01-02T03:04:05.678Z\",\"cooldown_count\":1,"
                 "\"model_cooldowns\":[{\"model\":5,\"until\":\"2026-01-02T03:04:05.678Z\",\"n\":2}],"
                 "\"tokens\":{\"input\":1,\"output\":0},\"quota\":{\"day\":\"2026-01-02\",\"day_tokens\":1,"
                 "\"month\":\"2026-01\",\"month_tokens\":0},\"window\":[[8,9]],\"balance\":{\"allowance\":0,\"used\":0,"
                 "\"tokens_at_sync\":0,\"synced_at\":null},\"x\": 1}");
    buf_deinit(&text);
}

// ---- random pools

static struct slice random_text(size_t max_len)
{
    static const char *const pieces[] = {"a", "Z",  "0",    " ",        "\"",           "\\",
                                         "/", "\n", "\x01", "\xC3\xA4", "\xE2\x80\xA8", "\xF0\x9F\x94\x91"};
    struct buf text = BUF_EMPTY;
    for (size_t n = (size_t)rand() % (max_len + 1); n > 0; n--) {
        buf_append(&text, slice_from_cstr(pieces[(size_t)rand() % (sizeof(pieces) / sizeof(*pieces))]));
    }
    struct slice copy = arena_dup(&arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

static struct slice random_rest(void)
{
    static const char *const rests[] = {
        "",
        "\"x\":1",
        "\"\\u0061\" : [ {} , null ],\"b\":\"\\ud83d\"",
        "\"deep\":{\"keys\":[{\"id\":\"no\"}]}",
        "\"same\":1,\"same\":1.50e+3",
        "\"\":true",
    };
    return slice_from_cstr(rests[(size_t)rand() % (sizeof(rests) / sizeof(*rests))]);
}

static int64_t random_time(void)
{
    return rand() % 3 == 0 ? 0 : (int64_t)rand() << 10;
}

static uint64_t random_count(void)
{
    return rand() % 3 == 0 ? 0 : (uint64_t)rand() << rand() % 20;
}

static struct document_key random_key(void)
{
    struct document_key key = document_key_default;
    key.id = random_text(20);
    key.secret = random_text(20);
    key.provider = random_text(5);
    key.group = random_text(5);
    key.notes = random_text(30);
    key.proxy = random_text(3);
    key.last_error = random_text(9);
    key.banned_reason = random_text(9);
    key.rest = random_rest();
    key.weight = rand() % 2 ? 1 : 1 + rand() / 1000.0;
    key.max_inflight = (uint32_t)random_count();
    key.status = (enum key_status)(rand() % 3);
    key.test_result = (enum key_test_result)(rand() % 3);
    key.created_ms = random_time();
    key.last_used_ms = random_time();
    key.last_test_ms = random_time();
    key.last_error_ms = random_time();
    key.banned_ms = random_time();
    key.usage_count = random_count();
    key.total_requests = random_count();
    key.success_requests = random_count();
    key.error_count = random_count();
    key.input_tokens = random_count();
    key.output_tokens = random_count();
    key.errors_in_row = (uint32_t)rand() % 5;
    key.cooldown_n = (uint32_t)rand() % 5;
    key.cooldown_until_ms = random_time();
    for (int i = 0, n = rand() % (KEY_MODEL_COOLDOWNS + 1); i < n; i++) {
        key.cooldowns[i] = (struct document_cooldown){1 + (uint32_t)rand(), (uint32_t)rand() % 9, random_time()};
    }
    for (int i = 0, n = rand() % (KEY_WINDOW_BUCKETS + 1); i < n; i++) {
        key.window[i] = (struct document_bucket){1 + (uint32_t)rand(), 1 + (uint32_t)rand()};
    }
    if (rand() % 2) {
        key.day = (uint32_t)rand() % 40000;
        key.month = (1970 + (uint32_t)rand() % 200) * 12 + (uint32_t)rand() % 12;
        key.day_tokens = 1 + random_count();
        key.month_tokens = 1 + random_count();
    }
    if (rand() % 2) {
        key.allowance = (int64_t)random_count();
        key.used = (int64_t)random_count();
        key.tokens_at_sync = random_count();
        key.synced_ms = random_time();
    }
    return key;
}

static void assert_same_key(const struct document_key *a, const struct document_key *b)
{
    assert_true(slice_eq(a->id, b->id));
    assert_true(slice_eq(a->secret, b->secret));
    assert_true(slice_eq(a->provider, b->provider));
    assert_true(slice_eq(a->group, b->group));
    assert_true(slice_eq(a->notes, b->notes));
    assert_true(slice_eq(a->proxy, b->proxy));
    assert_true(slice_eq(a->last_error, b->last_error));
    assert_true(slice_eq(a->banned_reason, b->banned_reason));
    // Texts compared, and not to be compared again below.
    struct document_key first = *a;
    struct document_key second = *b;
    first.id = second.id = first.secret = second.secret = first.provider = second.provider = SLICE_EMPTY;
    first.group = second.group = first.notes = second.notes = first.proxy = second.proxy = SLICE_EMPTY;
    first.last_error = second.last_error = first.banned_reason = second.banned_reason = SLICE_EMPTY;
    first.rest = second.rest = SLICE_EMPTY;
    assert_memory_equal(&first, &second, sizeof(first));
}

enum { KEYS_MAX = 8, GROUPS_MAX = 4 };

struct random_pool {
    struct document_key keys[KEYS_MAX];
    size_t n_keys;
    struct document_group groups[GROUPS_MAX];
    struct document_tail tail;
};

static void make_pool(struct random_pool *pool)
{
    memset(pool, 0, sizeof(*pool));
    pool->n_keys = (size_t)rand() % KEYS_MAX;
    for (size_t i = 0; i < pool->n_keys; i++) {
        pool->keys[i] = random_key();
    }
    pool->tail.n_groups = (size_t)rand() % GROUPS_MAX;
    for (size_t i = 0; i < pool->tail.n_groups; i++) {
        pool->groups[i] = (struct document_group){random_text(9), random_text(9), random_text(9),
                                                  (int32_t)(rand() % 2001 - 1000), random_rest()};
    }
    pool->tail.groups = pool->groups;
    pool->tail.config = rand() % 2 ? SLICE("{\"x\": [1 ,2]}") : SLICE_EMPTY;
    pool->tail.last_rotation_index = rand() % 100;
    pool->tail.stats_rest = random_rest();
    pool->tail.rejected_keys = rand() % 2 ? SLICE("{\"a\":1} , 5") : SLICE_EMPTY;
    pool->tail.rejected_groups = rand() % 2 ? SLICE("null") : SLICE_EMPTY;
    pool->tail.rest = random_rest();
}

static void write_pool(const struct random_pool *pool, struct buf *text)
{
    pool_document_begin(text);
    for (size_t i = 0; i < pool->n_keys; i++) {
        pool_document_add(text, &pool->keys[i], i == 0);
    }
    pool_document_end(text, &pool->tail);
}

// The names of rests, which are written as they stand; white space around them is not.
static size_t count_colons(struct slice rest)
{
    size_t n = 0;
    for (size_t i = 0; i < rest.len; i++) {
        n += rest.ptr[i] == ':';
    }
    return n;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 500; round++) {
        static struct random_pool pool;
        struct pool_document document;
        struct document_key key;
        struct document_group group;
        struct slice raw;
        struct buf text = BUF_EMPTY;
        make_pool(&pool);
        write_pool(&pool, &text);
        parse(&document, buf_slice(&text));
        const struct json_node *at = NULL;
        for (size_t i = 0; i < pool.n_keys; i++) {
            assert_true(pool_document_next_key(&document, &at, &arena, &key, &raw));
            assert_same_key(&key, &pool.keys[i]);
            assert_int_equal(count_colons(key.rest), count_colons(pool.keys[i].rest));
        }
        assert_false(pool_document_next_key(&document, &at, &arena, &key, &raw));
        at = NULL;
        for (size_t i = 0; i < pool.tail.n_groups; i++) {
            assert_true(pool_document_next_group(&document, &at, &arena, &group, &raw));
            assert_true(slice_eq(group.id, pool.groups[i].id) && slice_eq(group.name, pool.groups[i].name));
            assert_true(slice_eq(group.description, pool.groups[i].description));
            assert_int_equal(group.priority, pool.groups[i].priority);
            assert_int_equal(count_colons(group.rest), count_colons(pool.groups[i].rest));
        }
        assert_false(pool_document_next_group(&document, &at, &arena, &group, &raw));
        assert_true(slice_eq(document.config, pool.tail.config.len ? pool.tail.config : SLICE("{}")));
        assert_int_equal(document.last_rotation_index, pool.tail.last_rotation_index);
        assert_int_equal(count_colons(document.stats_rest), count_colons(pool.tail.stats_rest));
        assert_int_equal(count_colons(document.rest), count_colons(pool.tail.rest));
        assert_true(slice_eq(document.rejected_keys, pool.tail.rejected_keys));
        assert_true(slice_eq(document.rejected_groups, pool.tail.rejected_groups));
        buf_deinit(&text);
        arena_reset(&arena);
    }
}

// Half a document is none, wherever it is cut.
static void no_truncation_is_a_document(void **state)
{
    static struct random_pool pool;
    struct buf text = BUF_EMPTY;
    (void)state;
    srand(3);
    make_pool(&pool);
    write_pool(&pool, &text);
    size_t len = slice_find_last(buf_slice(&text), SLICE("}"));
    for (size_t cut = 0; cut <= len; cut++) {
        struct arena small;
        struct pool_document document;
        struct slice problem;
        arena_init(&small, 4096);
        assert_int_not_equal(pool_document_parse(&document, &small, slice_of(text.ptr, cut), &problem), 0);
        arena_deinit(&small);
    }
    buf_deinit(&text);
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
        cmocka_unit_test_setup_teardown(wrong_types_count_as_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_are_no_times_count_as_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_document_counted_uses_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_written_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_truncation_is_a_document, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
