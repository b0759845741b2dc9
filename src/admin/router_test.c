// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/router.h"

// Routes are told apart by their pattern; NULL: none.
static const struct {
    enum http_method method;
    const char *path;
    const char *pattern;
    const char *id;
    const char *allow;
} rows[] = {
    {HTTP_GET, "/admin", NULL, "", ""},
    {HTTP_GET, "/admin/", NULL, "", ""},
    {HTTP_GET, "/admin/nothing", NULL, "", ""},
    {HTTP_GET, "/admin/keys/", NULL, "", ""},
    {HTTP_GET, "/admin/keys//toggle", NULL, "", ""},
    {HTTP_GET, "/admin/keys/a/b/c", NULL, "", ""},
    {HTTP_GET, "/ADMIN/keys", NULL, "", ""},
    {HTTP_GET, "/admin/keys/%zz", NULL, "", ""},
    {HTTP_GET, "/admin/keys/%00", NULL, "", ""},
    // What others would make another path of is none.
    {HTTP_GET, "/admin//keys", NULL, "", ""},
    {HTTP_GET, "//admin/keys", NULL, "", ""},
    {HTTP_GET, "/admin/./keys", NULL, "", ""},
    {HTTP_GET, "/admin/keys/.", NULL, "", ""},
    {HTTP_GET, "/admin/keys/..", NULL, "", ""},
    {HTTP_GET, "/admin/keys/%2e%2E", NULL, "", ""},
    {HTTP_DELETE, "/admin/keys/.%2e", NULL, "", ""},
    {HTTP_PATCH, "/admin/keys/%2e/toggle", NULL, "", ""},
    {HTTP_GET, "/admin/%2e%2e/health", NULL, "", ""},
    {HTTP_GET, "/admin/../health", NULL, "", ""},
    {HTTP_GET, "/admin/keys/x/..", NULL, "", ""},
    {HTTP_GET, "/admin/stats.", NULL, "", ""},
    {HTTP_GET, "/admin/stats/", NULL, "", ""},
    {HTTP_GET, "/admin/%73tats", NULL, "", ""},
    {HTTP_GET, "/admin%2fstats", NULL, "", ""},
    {HTTP_GET, "/admin/keys%2Fx", NULL, "", ""},
    {HTTP_GET, "/admin/keys/x%2ftoggle", "/admin/keys/{id}", "x/toggle", "GET, HEAD, PUT, DELETE"},
    {HTTP_GET, "/admin/keys/...", "/admin/keys/{id}", "...", "GET, HEAD, PUT, DELETE"},
    {HTTP_GET, "/admin/openapi.json", "/admin/openapi.json", "", "GET, HEAD"},
    {HTTP_GET, "/admin/stats", "/admin/stats", "", "GET, HEAD"},
    {HTTP_HEAD, "/admin/stats", "/admin/stats", "", "GET, HEAD"},
    {HTTP_GET, "/admin/stats/summary", "/admin/stats/summary", "", "GET, HEAD"},
    {HTTP_GET, "/admin/stats/reset", NULL, "", "POST"},
    {HTTP_POST, "/admin/stats/reset", "/admin/stats/reset", "", "POST"},
    {HTTP_GET, "/admin/audit", "/admin/audit", "", "GET, HEAD"},
    {HTTP_POST, "/admin/stats", NULL, "", "GET, HEAD"},
    {HTTP_OPTIONS, "/admin/stats", NULL, "", "GET, HEAD"},
    {HTTP_METHOD_OTHER, "/admin/stats", NULL, "", "GET, HEAD"},
    {HTTP_GET, "/admin/keys", "/admin/keys", "", "GET, HEAD, POST"},
    {HTTP_POST, "/admin/keys", "/admin/keys", "", "GET, HEAD, POST"},
    {HTTP_DELETE, "/admin/keys", NULL, "", "GET, HEAD, POST"},
    {HTTP_GET, "/admin/keys/key_1", "/admin/keys/{id}", "key_1", "GET, HEAD, PUT, DELETE"},
    {HTTP_GET, "/admin/keys/a%2Fb%20c", "/admin/keys/{id}", "a/b c", "GET, HEAD, PUT, DELETE"},
    {HTTP_PATCH, "/admin/keys/key_1", NULL, "", "GET, HEAD, PUT, DELETE"},
    {HTTP_PATCH, "/admin/keys/key_1/toggle", "/admin/keys/{id}/toggle", "key_1", "PATCH"},
    {HTTP_GET, "/admin/keys/key_1/toggle", NULL, "", "PATCH"},
    {HTTP_DELETE, "/admin/keys/key_1/cooldown", "/admin/keys/{id}/cooldown", "key_1", "DELETE"},
    // A name goes before an id; with other methods it is one.
    {HTTP_GET, "/admin/keys/export", "/admin/keys/export", "", "GET, HEAD, PUT, DELETE"},
    {HTTP_PUT, "/admin/keys/export", "/admin/keys/{id}", "export", "GET, HEAD, PUT, DELETE"},
    {HTTP_DELETE, "/admin/keys/disabled", "/admin/keys/disabled", "", "GET, HEAD, PUT, DELETE"},
    {HTTP_DELETE, "/admin/keys/banned", "/admin/keys/banned", "", "GET, HEAD, PUT, DELETE"},
    {HTTP_POST, "/admin/keys/batch", "/admin/keys/batch", "", "GET, HEAD, POST, PUT, DELETE"},
    {HTTP_POST, "/admin/keys/test-all", "/admin/keys/test-all", "", "GET, HEAD, POST, PUT, DELETE"},
    {HTTP_POST, "/admin/keys/x/test", "/admin/keys/{id}/test", "x", "POST"},
    {HTTP_GET, "/admin/token/usage/key_1", "/admin/token/usage/{id}", "key_1", "GET, HEAD"},
    {HTTP_GET, "/admin/token/stats", "/admin/token/stats", "", "GET, HEAD"},
    {HTTP_DELETE, "/admin/token/cache", "/admin/token/cache", "", "DELETE"},
    {HTTP_POST, "/admin/config/reset", "/admin/config/reset", "", "POST"},
    {HTTP_PUT, "/admin/config", "/admin/config", "", "GET, HEAD, PUT"},
    {HTTP_GET, "/admin/cooldowns", "/admin/cooldowns", "", "GET, HEAD, DELETE"},
    {HTTP_DELETE, "/admin/cooldowns", "/admin/cooldowns", "", "GET, HEAD, DELETE"},
    {HTTP_GET, "/admin/requests", "/admin/requests", "", "GET, HEAD"},
    {HTTP_GET, "/admin/requests/a%2Fb", "/admin/requests/{id}", "a/b", "GET, HEAD"},
    {HTTP_GET, "/admin/requests/", NULL, "", ""},
    {HTTP_PUT, "/admin/pool-groups/main", "/admin/pool-groups/{id}", "main", "PUT, DELETE"},
};

static void paths_and_methods_find_their_routes(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct router_match match = router_find(&arena, slice_from_cstr(rows[i].path), rows[i].method);
        if (rows[i].pattern) {
            assert_non_null(match.route);
            assert_string_equal(match.route->pattern, rows[i].pattern);
        } else {
            assert_null(match.route);
        }
        assert_string_equal(arena_cstr(&arena, match.id), rows[i].id);
        assert_string_equal(arena_cstr(&arena, match.allow), rows[i].allow);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_methods_find_their_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
