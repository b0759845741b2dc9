// SPDX-License-Identifier: MIT
// Bodies and queries against the shape of every route: what is wrong is told in a few whole characters, and the same
// thing each time.
#include <assert.h>
#include <stdint.h>

#include "admin/admin_internal.h"
#include "admin/router.h"
#include "admin/shape.h"
#include "json/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { DEPTH_MAX = 32, PROBLEM_MAX = 512 };

static void check(struct slice problem, struct slice again)
{
    assert(problem.len < PROBLEM_MAX);
    assert(slice_eq(problem, again));
    assert(!problem.len || slice_ends_with(problem, SLICE(".")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct json_options options = {.max_depth = DEPTH_MAX};
    struct config config = {0};
    struct admin admin = {.config = &config};
    struct server_exchange ex = {.user = NULL};
    struct admin_exchange x = {.admin = &admin, .ex = &ex};
    size_t n;
    const struct admin_route *routes = router_routes(&n);
    arena_init(&ex.arena, 4096);
    x.query = slice_of((const char *)data, len);
    bool is_object = json_parse(&x.doc, &ex.arena, x.query, &options) == 0 && json_is(json_root(&x.doc), JSON_OBJECT);
    for (size_t i = 0; i < n; i++) {
        if (routes[i].query) {
            check(shape_query_problem(&x, routes[i].query), shape_query_problem(&x, routes[i].query));
        }
        if (routes[i].body && is_object) {
            struct slice problem = shape_body_problem(&x, routes[i].body);
            check(problem, shape_body_problem(&x, routes[i].body));
            assert(utf8_valid_len(problem) == problem.len);
        }
    }
    arena_deinit(&ex.arena);
    return 0;
}
