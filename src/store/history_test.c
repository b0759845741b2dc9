// SPDX-License-Identifier: MIT
// What is told is in the answers, exactly, before and after it is written, and after a restart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/history_fixture.h"
#include "store/history_internal.h"

static void assert_json(struct history_fixture *f, const char *part)
{
    if (slice_find(buf_slice(&f->json), slice_from_cstr(part)) == SLICE_NOT_FOUND) {
        fail_msg("\"%s\" is not in %.*s", part, SLICE_ARG(buf_slice(&f->json)));
    }
}

static size_t n_of(struct history_fixture *f, const char *part)
{
    size_t n = 0;
    struct slice rest = buf_slice(&f->json);
    for (size_t at; (at = slice_find(rest, slice_from_cstr(part))) != SLICE_NOT_FOUND; n++) {
        rest = slice_after(rest, at + 1);
    }
    return n;
}

static void nothing_is_made_before_it_is_needed(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_close(f);
    assert_false(store_fixture_has(&f->store, "usage.db"));
}

static void sums_are_exact_before_and_after_they_are_written(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 100);
    history_fixture_assert_exact(f);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    history_fixture_tell_some(f, 100);
    history_fixture_assert_exact(f);
    history_fixture_close(f);
    history_fixture_open(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 200);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request"), 200);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request_mark"), 200);
}

static void files_are_for_their_owner_only(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct history_fixture *f = *state;
    struct stat found;
    history_fixture_tell_some(f, 1);
    history_fixture_write(f);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const char *path = arena_printf(&f->store.arena, "%s/usage.db%s", f->store.folder, endings[i]).ptr;
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
    }
}

static void requests_are_listed_and_found(void **state)
{
    struct history_fixture *f = *state;
    struct request_filter filter = {.limit = 7};
    history_fixture_tell_some(f, 100);
    for (int i = 0; i < 2; i++) { // not written, written
        history_fixture_ask_requests(f, &filter);
        assert_int_equal(n_of(f, "\"id\":"), 7);
        history_fixture_ask_request(f, "request-50");
        assert_json(f, "\"id\":\"request-50\"");
        history_fixture_ask_request(f, "request-500");
        assert_int_equal(f->json.len, 0);
        history_fixture_write(f);
    }
    history_fixture_close(f);
    history_fixture_open(f); // what is recent is in the file only
    history_fixture_ask_requests(f, &filter);
    assert_int_equal(n_of(f, "\"id\":"), 7);
    history_fixture_ask_request(f, "request-50");
    assert_json(f, "\"id\":\"request-50\"");
    assert_int_equal(f->problem.len, 0);
}

static int set_up(void **state)
{
    static struct history_fixture fixture;
    history_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    history_fixture_deinit(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_made_before_it_is_needed),
        TEST(sums_are_exact_before_and_after_they_are_written),
        TEST(files_are_for_their_owner_only),
        TEST(requests_are_listed_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
