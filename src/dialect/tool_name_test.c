// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/tool_name.h"

#define N50 "01234567890123456789012345678901234567890123456789"

struct row {
    enum dialect target;
    const char *name_space; // NULL: none
    const char *name;
    const char *expected; // a '#' stands for eight digits of a hash
};

static const struct row ROWS[] = {
    {DIALECT_CHAT, NULL, "get_weather-2", "get_weather-2"},
    {DIALECT_CHAT, NULL, "2nd", "2nd"},
    {DIALECT_CHAT, "", "f", "f"},
    {DIALECT_CHAT, NULL, "a.b", "a_b_#"},
    {DIALECT_CHAT, NULL, "a b\xC3\xA4", "a_b___#"},
    {DIALECT_CHAT, NULL, "", "_#"},
    {DIALECT_CHAT, NULL, N50 "01234567890123", N50 "01234567890123"},
    {DIALECT_CHAT, NULL, N50 "012345678901234", N50 "01234_#"},
    {DIALECT_CHAT, "mcp", "f", "mcp__f"},
    {DIALECT_ANTHROPIC, "mcp", "f.g", "mcp__f_g_#"},
    {DIALECT_ANTHROPIC, N50, "0123456789012", N50 "__012_#"},
    {DIALECT_RESPONSES, "mcp", "f", "f"},
    {DIALECT_RESPONSES, "mcp", "f/g", "f_g_#"},
    {DIALECT_GEMINI, NULL, "a.b:c-d_1", "a.b:c-d_1"},
    {DIALECT_GEMINI, NULL, "_x", "_x"},
    {DIALECT_GEMINI, NULL, "2nd", "_nd_#"},
    {DIALECT_GEMINI, NULL, "-x", "_x_#"},
    {DIALECT_GEMINI, "2", "x", "___x_#"},
};

static bool is_hash(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("0123456789abcdef", text.ptr[i])) {
            return false;
        }
    }
    return text.len == 8;
}

static bool fits(struct slice found, const char *expected)
{
    struct slice start = slice_from_cstr(expected);
    if (!slice_ends_with(start, SLICE("#"))) {
        return slice_eq(found, start);
    }
    start.len--;
    return slice_starts_with(found, start) && is_hash(slice_after(found, start.len));
}

static void names_fit_their_target(void **state)
{
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct slice space = slice_from_cstr(ROWS[i].name_space);
        struct slice name = slice_from_cstr(ROWS[i].name);
        struct slice found = tool_target_name(&arena, ROWS[i].target, space, name);
        if (!fits(found, ROWS[i].expected)) {
            fail_msg("%s: %.*s", ROWS[i].name, SLICE_ARG(found));
        }
        assert_true(slice_eq(found, tool_target_name(&arena, ROWS[i].target, space, name)));
    }
    arena_deinit(&arena);
}

static void different_names_stay_apart(void **state)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct slice a = tool_target_name(&arena, DIALECT_CHAT, SLICE_EMPTY, SLICE("a.b"));
    struct slice b = tool_target_name(&arena, DIALECT_CHAT, SLICE_EMPTY, SLICE("a:b"));
    assert_false(slice_eq(a, b));
    arena_deinit(&arena);
}

static struct neutral_tool *add(struct arena *arena, struct neutral_request *req, const char *space, const char *name)
{
    struct neutral_tool *tool = neutral_tool_new(arena, TOOL_FUNCTION, NULL);
    tool->name_space = slice_from_cstr(space);
    tool->name = slice_from_cstr(name);
    struct neutral_tool **last = &req->tools;
    while (*last) {
        last = &(*last)->next;
    }
    *last = tool;
    return tool;
}

// Two that become the same are told apart; the way back finds each.
static void every_tool_is_found_again(void **state)
{
    for (int target = 0; target < N_DIALECTS; target++) {
        struct arena arena;
        struct neutral_request req;
        arena_init(&arena, 4096);
        neutral_request_init(&req, DIALECT_RESPONSES, NULL);
        struct neutral_tool *tools[] = {
            add(&arena, &req, NULL, "a__b"), add(&arena, &req, "a", "b"), add(&arena, &req, NULL, "b"),
            add(&arena, &req, NULL, "b"),    add(&arena, &req, NULL, ""), add(&arena, &req, NULL, "x.y"),
        };
        tool_names_settle(&arena, &req, (enum dialect)target);
        for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
            bool is_shared = target == DIALECT_RESPONSES && (i == 1 || i == 2); // b, and b within a
            assert_true(is_shared || tool_of_target_name(&req, tools[i]->target_name) == tools[i]);
            assert_in_range(tools[i]->target_name.len, 1, 64);
        }
        assert_null(tool_of_target_name(&req, SLICE("nobody")));
        arena_deinit(&arena);
    }
}

static void the_history_calls_them_the_same(void **state)
{
    struct arena arena;
    struct neutral_request req;
    arena_init(&arena, 4096);
    neutral_request_init(&req, DIALECT_RESPONSES, NULL);
    add(&arena, &req, NULL, "a__b");
    struct neutral_tool *second = add(&arena, &req, "a", "b");
    tool_names_settle(&arena, &req, DIALECT_CHAT);
    assert_true(slice_eq(tool_history_name(&arena, &req, DIALECT_CHAT, SLICE("a"), SLICE("b")), second->target_name));
    assert_true(slice_eq(tool_history_name(&arena, &req, DIALECT_CHAT, SLICE_EMPTY, SLICE("a__b")), SLICE("a__b")));
    assert_true(slice_eq(tool_history_name(&arena, &req, DIALECT_CHAT, SLICE("c"), SLICE("d")), SLICE("c__d")));
    arena_deinit(&arena);
}

static void tools_of_the_provider_keep_their_kind(void **state)
{
    struct arena arena;
    struct neutral_request req;
    arena_init(&arena, 4096);
    neutral_request_init(&req, DIALECT_RESPONSES, NULL);
    struct neutral_tool *server = add(&arena, &req, NULL, "web_search");
    server->kind = TOOL_SERVER;
    struct neutral_tool *own = add(&arena, &req, NULL, "web_search");
    tool_names_settle(&arena, &req, DIALECT_CHAT);
    assert_true(slice_eq(own->target_name, SLICE("web_search")));
    assert_ptr_equal(tool_of_target_name(&req, SLICE("web_search")), own);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_fit_their_target),
        cmocka_unit_test(different_names_stay_apart),
        cmocka_unit_test(every_tool_is_found_again),
        cmocka_unit_test(the_history_calls_them_the_same),
        cmocka_unit_test(tools_of_the_provider_keep_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
