// SPDX-License-Identifier: MIT
// How a base_url's path is completed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/endpoint_path.h"

static void paths_are_completed(void **state)
{
    (void)state;
    static const struct {
        enum model_type type;
        const char *base;
        const char *path; // NULL: refused
        bool is_generate_route;
    } cases[] = {
        {MODEL_ANTHROPIC, "/", "/v1/messages", false},
        {MODEL_ANTHROPIC, "", "/v1/messages", false},
        {MODEL_ANTHROPIC, "/v1", "/v1/messages", false},
        {MODEL_ANTHROPIC, "/v1/", "/v1/messages", false},
        {MODEL_ANTHROPIC, "/v1/messages", "/v1/messages", false},
        {MODEL_ANTHROPIC, "/api/llm/a/v1/messages", "/api/llm/a/v1/messages", false},
        {MODEL_ANTHROPIC, "/v1/messages//", "/v1/messages", false},
        {MODEL_ANTHROPIC, "/anthropic", "/anthropic/v1/messages", false},
        {MODEL_ANTHROPIC, "/v1/responses", NULL, false},
        {MODEL_OPENAI, "/v1", "/v1/responses", false},
        {MODEL_OPENAI, "/", "/v1/responses", false},
        {MODEL_OPENAI, "/v1/chat/completions", NULL, false},
        {MODEL_COMMON, "/v1", "/v1/chat/completions", false},
        {MODEL_COMMON, "/api/paas/v4", "/api/paas/v4/chat/completions", false},
        {MODEL_COMMON, "/v1beta/", "/v1beta/chat/completions", false},
        {MODEL_COMMON, "/api/vendor", "/api/vendor/v1/chat/completions", false},
        {MODEL_COMMON, "/v", "/v/v1/chat/completions", false},
        {MODEL_COMMON, "/v1-x", "/v1-x/v1/chat/completions", false},
        {MODEL_COMMON, "/chat/completions", "/chat/completions", false},
        {MODEL_COMMON, "/completions", "/completions/v1/chat/completions", false},
        {MODEL_GOOGLE, "/", "/v1beta", false},
        {MODEL_GOOGLE, "/v1", "/v1", false},
        {MODEL_GOOGLE, "/v1beta/", "/v1beta", false},
        {MODEL_GOOGLE, "/v1beta/models", "/v1beta", false},
        {MODEL_GOOGLE, "/proxy", "/proxy/v1beta", false},
        {MODEL_GOOGLE, "/api/llm/g/v1/generate", "/api/llm/g/v1/generate", true},
        {MODEL_GOOGLE, "/v1/messages", NULL, false},
        {MODEL_ANTHROPIC, "/v1/generate", NULL, false},
    };
    struct arena arena;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slice path = SLICE_EMPTY;
        bool is_generate_route = false;
        int r = endpoint_path(cases[i].type, slice_from_cstr(cases[i].base), &arena, &path, &is_generate_route);
        assert_int_equal(r, cases[i].path ? 0 : ENDPOINT_PATH_E_OTHER_TYPE);
        assert_true(slice_eq(path, slice_from_cstr(cases[i].path)));
        assert_int_equal(is_generate_route, cases[i].is_generate_route);
    }
    arena_deinit(&arena);
}

// A completed path completes to itself: what was shown to an operator can be configured.
static void completing_twice_changes_nothing(void **state)
{
    (void)state;
    static const char *const bases[] = {"/", "/v1", "/a/b", "/a/v2beta3/"};
    struct arena arena;
    arena_init(&arena, 1024);
    for (unsigned type = 0; type < N_MODEL_TYPES; type++) {
        for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
            struct slice once;
            struct slice twice;
            bool is_generate_route;
            assert_int_equal(
                endpoint_path((enum model_type)type, slice_from_cstr(bases[i]), &arena, &once, &is_generate_route), 0);
            assert_int_equal(endpoint_path((enum model_type)type, once, &arena, &twice, &is_generate_route), 0);
            assert_true(slice_eq(once, twice));
        }
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_completed),
        cmocka_unit_test(completing_twice_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
