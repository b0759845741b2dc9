// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"
#include "base/map.h"

// Eight keys whose order by each field is known: key n was used n times, …
enum { N = 8 };

static void fill(struct admin_fixture *f)
{
    admin_fixture_add_group(f, "main");
    for (unsigned i = 0; i < N; i++) {
        char secret[64];
        snprintf(secret, sizeof(secret), "%s-secret-of-key-number-%u-with-a-tail%u", i % 4 == 3 ? "sk-ant" : "fk", i,
                 i);
        admin_fixture_add(f, secret, i % 2 ? "main" : "default");
        struct key_slot *slot = key_of(&f->table, admin_fixture_slot(f, secret));
        slot->usage_count = (i * 5) % N;
        slot->total_requests = 10;
        slot->success_requests = (i * 3) % N;
        slot->last_used_ms = 1700000000000 + (i * 7) % N;
        if (i >= 6) {
            admin_fixture_put_aside(f, secret, i == 6 ? KEY_BANNED : KEY_DISABLED);
        }
    }
}

// Which key of the eight is at this place of the page, by its masked secret.
static int number_at(struct admin_fixture *f, size_t place)
{
    char path[32];
    snprintf(path, sizeof(path), "data.keys.%zu.key", place);
    const char *masked = admin_fixture_text(f, path);
    return masked[strlen(masked) - 1] - '0';
}

static void pages(void **state)
{
    static const struct {
        const char *query;
        size_t n;
        int first; // -1: none
        int last;
        int total;
        int total_pages;
    } rows[] = {
        {"", 8, 0, 7, 8, 1},
        {"?limit=3", 3, 0, 2, 8, 3},
        {"?limit=3&page=2", 3, 3, 5, 8, 3},
        {"?limit=3&page=3", 2, 6, 7, 8, 3},
        {"?limit=3&page=4", 0, -1, -1, 8, 3},
        {"?limit=1000&page=4294967295", 0, -1, -1, 8, 1},
        {"?limit=8", 8, 0, 7, 8, 1},
        {"?order=desc&limit=2", 2, 7, 6, 8, 4},
        {"?status=active", 6, 0, 5, 6, 1},
        {"?status=banned", 1, 6, 6, 1, 1},
        {"?status=disabled", 1, 7, 7, 1, 1},
        {"?status=all", 8, 0, 7, 8, 1},
        {"?poolGroup=main", 4, 1, 7, 4, 1},
        {"?poolGroup=default&limit=2&page=2", 2, 4, 6, 4, 2},
        {"?poolGroup=nowhere", 0, -1, -1, 0, 0},
        {"?provider=anthropic", 2, 3, 7, 2, 1},
        {"?provider=anthropic&status=active", 1, 3, 3, 1, 1},
        {"?q=ail5", 1, 5, 5, 1, 1},
        {"?q=AIL5", 1, 5, 5, 1, 1},
        {"?q=fk-secr%E2%80%A6", 6, 0, 6, 6, 1},
        {"?q=number", 0, -1, -1, 0, 0}, // that is hidden
        {"?q=key_", 8, 0, 7, 8, 1},
        {"?q=nothing+like+it", 0, -1, -1, 0, 0},
    };
    struct admin_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char target[128];
        snprintf(target, sizeof(target), "/admin/keys%s", rows[i].query);
        admin_fixture_ask(f, "GET", target, NULL);
        admin_fixture_expect(f, 200);
        size_t n = admin_fixture_count(f, "data.keys");
        if (n != rows[i].n || admin_fixture_int(f, "data.pagination.total") != rows[i].total) {
            fail_msg("%s: %.*s", rows[i].query, SLICE_ARG(f->body));
        }
        assert_int_equal(admin_fixture_int(f, "data.pagination.total_pages"), rows[i].total_pages);
        if (n) {
            assert_int_equal(number_at(f, 0), rows[i].first);
            assert_int_equal(number_at(f, n - 1), rows[i].last);
        }
    }
}

static void notes_are_searched(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "POST", "/admin/keys", "{\"key\":\"fk-one\",\"notes\":\"Bought in May\"}");
    admin_fixture_ask(f, "POST", "/admin/keys", "{\"key\":\"fk-two\"}");
    admin_fixture_ask(f, "GET", "/admin/keys?q=bought+in", NULL);
    assert_int_equal(admin_fixture_int(f, "data.pagination.total"), 1);
    assert_string_equal(admin_fixture_text(f, "data.keys.0.notes"), "Bought in May");
}

// Every field sorts, up and down, with ties in the order of the document: compared with what the answer itself says.
static void sorting(void **state)
{
    static const char *const fields[] = {
        "id",           "key",          "notes",          "provider",
        "poolGroup",    "status",       "created_at",     "last_used_at",
        "last_test_at", "usage_count",  "total_requests", "success_requests",
        "error_count",  "success_rate", "weight_score",   "inflight",
        "tokens",       "remaining",    "weight",         "cooldown_until",
    };
    struct admin_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        int up[N];
        char target[128];
        unsigned seen = 0;
        snprintf(target, sizeof(target), "/admin/keys?sort=%s", fields[i]);
        admin_fixture_ask(f, "GET", target, NULL);
        admin_fixture_expect(f, 200);
        for (size_t at = 0; at < N; at++) {
            up[at] = number_at(f, at);
            seen |= 1U << up[at];
        }
        assert_int_equal(seen, (1U << N) - 1);
        snprintf(target, sizeof(target), "/admin/keys?sort=%s&order=desc", fields[i]);
        admin_fixture_ask(f, "GET", target, NULL);
        for (size_t at = 0; at < N; at++) {
            assert_int_equal(number_at(f, at), up[N - 1 - at]);
        }
    }
    admin_fixture_ask(f, "GET", "/admin/keys?sort=usage_count", NULL);
    for (int at = 0; at < N; at++) {
        assert_int_equal(number_at(f, (size_t)at) * 5 % N, at);
    }
    admin_fixture_ask(f, "GET", "/admin/keys?sort=success_rate", NULL);
    for (int at = 0; at < N; at++) {
        assert_int_equal(number_at(f, (size_t)at) * 3 % N, at);
    }
    admin_fixture_ask(f, "GET", "/admin/keys?sort=last_used_at&order=desc", NULL);
    for (int at = 0; at < N; at++) {
        assert_int_equal(number_at(f, (size_t)at) * 7 % N, N - 1 - at);
    }
    admin_fixture_ask(f, "GET", "/admin/keys?sort=provider", NULL);
    assert_int_equal(number_at(f, 0), 3); // anthropic before factory, and the two in the order of the document
    assert_int_equal(number_at(f, 1), 7);
    assert_int_equal(number_at(f, 2), 0);
}

// Whatever its size, a page has the piece of the whole that it should have.
static void pages_of_a_sorted_list_make_up_the_whole(void **state)
{
    enum { N_MANY = 300 };
    static const unsigned limits[] = {1, 7, 64, 299, 300, 1000};
    struct admin_fixture *f = *state;
    struct buf body = BUF_EMPTY;
    buf_append(&body, SLICE("{\"keys\":\""));
    for (unsigned i = 0; i < N_MANY; i++) {
        buf_printf(&body, "fk-%u\\n", i);
    }
    buf_append(&body, SLICE("\"}"));
    admin_fixture_ask_with(f, "POST", "/admin/keys/batch", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", buf_slice(&body));
    buf_deinit(&body);
    for (unsigned i = 0; i < N_MANY; i++) { // with ties
        key_of(&f->table, key_store_key(f->store, i)->slot)->usage_count = i * 7919 % 50;
    }
    for (size_t i = 0; i < 2 * sizeof(limits) / sizeof(*limits); i++) {
        unsigned limit = limits[i / 2];
        int64_t last = i % 2 ? INT64_MAX : -1;
        size_t n = 0;
        struct map seen;
        struct arena ids;
        map_init(&seen);
        arena_init(&ids, 4096);
        for (unsigned page = 1; page <= (N_MANY + limit - 1) / limit; page++) {
            char target[128];
            snprintf(target, sizeof(target), "/admin/keys?sort=usage_count&order=%s&limit=%u&page=%u",
                     i % 2 ? "desc" : "asc", limit, page);
            admin_fixture_ask(f, "GET", target, NULL);
            size_t n_here = admin_fixture_count(f, "data.keys");
            for (size_t at = 0; at < n_here; at++, n++) {
                char path[64];
                snprintf(path, sizeof(path), "data.keys.%zu.usage_count", at);
                int64_t count = admin_fixture_int(f, path);
                assert_true(i % 2 ? count <= last : count >= last);
                last = count;
                snprintf(path, sizeof(path), "data.keys.%zu.id", at);
                assert_null(map_set(&seen, arena_dup(&ids, slice_from_cstr(admin_fixture_text(f, path))), f));
            }
        }
        assert_int_equal(n, N_MANY);
        map_deinit(&seen);
        arena_deinit(&ids);
    }
}

static void counters_are_told(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add(f, "fk-one", "default");
    struct key_slot *slot = key_of(&f->table, admin_fixture_slot(f, "fk-one"));
    slot->total_requests = 3;
    slot->success_requests = 2;
    slot->error_count = 1;
    slot->input_tokens = 1234567890123;
    slot->output_tokens = 7;
    slot->last_used_ms = 1700000000000;
    slot->cooldown_until_ms = 4000000000000;
    key_set_last_error(slot, SLICE("too \"many\" requests"), 1700000000000);
    admin_fixture_ask(f, "GET", "/admin/keys?includeTokenUsage=true", NULL);
    assert_int_equal(admin_fixture_int(f, "data.keys.0.tokens.input"), 1234567890123);
    assert_int_equal(admin_fixture_int(f, "data.keys.0.tokens.output"), 7);
    assert_string_equal(admin_fixture_text(f, "data.keys.0.last_used_at"), "2023-11-14T22:13:20.000Z");
    assert_string_equal(admin_fixture_text(f, "data.keys.0.cooldown_until"), "2096-10-02T07:06:40.000Z");
    assert_string_equal(admin_fixture_text(f, "data.keys.0.last_error"), "too \"many\" requests");
    assert_true(admin_fixture_is_null(f, "data.keys.0.token_usage"));
    double rate = 0;
    assert_true(json_double(&f->doc, admin_fixture_find(f, "data.keys.0.success_rate"), &rate));
    assert_true(rate > 0.6666 && rate < 0.6668);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages),
        TEST(notes_are_searched),
        TEST(sorting),
        TEST(pages_of_a_sorted_list_make_up_the_whole),
        TEST(counters_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
