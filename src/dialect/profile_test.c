// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/profile.h"

// ---- Anthropic

enum anthropic_age { OLD_3, BUDGET, SCHEMA, EITHER, LEVEL }; // what was added with each, in that order

struct anthropic_row {
    const char *model;
    enum anthropic_age age;
    int64_t max_output;
};

static const struct anthropic_row ANTHROPIC[] = {
    {"claude-2.1", OLD_3, 4096},
    {"claude-instant-1.2", OLD_3, 4096},
    {"claude-3-opus-20240229", OLD_3, 4096},
    {"claude-3-haiku-20240307", OLD_3, 4096},
    {"claude-3-5-sonnet-20240620", OLD_3, 8192},
    {"claude-3-5-haiku-latest", OLD_3, 8192},
    {"anthropic/claude-3.5-sonnet", OLD_3, 8192},
    {"claude-3-7-sonnet-20250219", BUDGET, 64000},
    {"claude-3.7-sonnet:thinking", BUDGET, 64000},
    {"claude-sonnet-4-20250514", BUDGET, 64000},
    {"claude-sonnet-4@20250514", BUDGET, 64000},
    {"claude-sonnet-4-0", BUDGET, 64000},
    {"claude-4-sonnet-20250514", BUDGET, 64000},
    {"us.anthropic.claude-sonnet-4-20250514-v1:0", BUDGET, 64000},
    {"claude-opus-4-20250514", BUDGET, 32000},
    {"claude-opus-4-0", BUDGET, 32000},
    {"claude-opus-4-1-20250805", SCHEMA, 32000},
    {"claude-haiku-4-5", SCHEMA, 64000},
    {"claude-sonnet-4-5-20250929", SCHEMA, 64000},
    {"CLAUDE-Sonnet-4.5", SCHEMA, 64000},
    {"anthropic.claude-haiku-4-5-20251001-v1:0", SCHEMA, 64000},
    {"claude-opus-4-5-20251101", SCHEMA, 64000},
    {"claude-opus-4-6", EITHER, 128000},
    {"claude-sonnet-4-6", EITHER, 64000},
    {"anthropic/claude-sonnet-4.6", EITHER, 64000},
    {"claude-opus-4-7", LEVEL, 128000},
    {"claude-opus-4-8", LEVEL, 128000},
    {"claude-sonnet-5", LEVEL, 64000},
    {"claude-opus-5-20260801", LEVEL, 128000},
    {"claude-mythos", LEVEL, 64000},
    {"sim~anything", LEVEL, 64000},
    {"", LEVEL, 64000},
    {"glm-4.6", BUDGET, 32000},
    {"deepseek-chat", BUDGET, 32000},
    {"moonshotai/kimi-k2", BUDGET, 32000},
};

static void check(const char *model, const char *what, int64_t found, int64_t expected)
{
    if (found != expected) {
        fail_msg("%s: %s is %lld", model, what, (long long)found);
    }
}

static void models_of_anthropic(void **state)
{
    for (size_t i = 0; i < sizeof(ANTHROPIC) / sizeof(ANTHROPIC[0]); i++) {
        const struct anthropic_row *row = &ANTHROPIC[i];
        struct profile p = profile_of(DIALECT_ANTHROPIC, slice_from_cstr(row->model));
        check(row->model, "max_output", p.max_output, row->max_output);
        check(row->model, "thinks", profile_thinks(&p), row->age >= BUDGET);
        check(row->model, "thinking", p.thinking,
              row->age == LEVEL    ? THINKING_BY_LEVEL
              : row->age == EITHER ? THINKING_BY_EITHER
                                   : THINKING_BY_BUDGET);
        check(row->model, "has_schema_output", p.has_schema_output, row->age >= SCHEMA);
        check(row->model, "rejects_both_sampling", p.rejects_both_sampling, row->age == SCHEMA || row->age == EITHER);
        check(row->model, "rejects_prefill", p.rejects_prefill, row->age >= EITHER);
        check(row->model, "rejects_sampling", p.rejects_sampling, row->age == LEVEL);
        check(row->model, "has_system_turns", p.has_system_turns, row->age == LEVEL);
        check(row->model, "switches off", p.can_switch_thinking_off, true);
        check(row->model, "xhigh", profile_thinks(&p) ? profile_effort(&p, EFFORT_XHIGH) : EFFORT_XHIGH,
              row->age == EITHER ? EFFORT_HIGH : EFFORT_XHIGH);
        check(row->model, "budget fits", p.budget_max < p.max_output, true);
    }
}

// ---- OpenAI

enum openai_kind { PLAIN, REASONING, COMPATIBLE, UNKNOWN };

struct openai_row {
    const char *model;
    enum openai_kind kind;
    enum effort least;
    enum effort most; // NONE: it does not think
    bool can_switch_off;
    bool has_no_roles; // neither system nor developer
};

static const struct openai_row OPENAI[] = {
    {"gpt-4o", PLAIN, 0, EFFORT_NONE, true, false},
    {"openai/gpt-4o-mini", PLAIN, 0, EFFORT_NONE, true, false},
    {"gpt-4o-2024-08-06", PLAIN, 0, EFFORT_NONE, true, false},
    {"gpt-4.1-nano", PLAIN, 0, EFFORT_NONE, true, false},
    {"gpt-4-1106-preview", PLAIN, 0, EFFORT_NONE, true, false},
    {"gpt-3.5-turbo", PLAIN, 0, EFFORT_NONE, true, false},
    {"chatgpt-4o-latest", PLAIN, 0, EFFORT_NONE, true, false},
    {"gpt-5-chat-latest", PLAIN, 0, EFFORT_NONE, true, false},
    {"gpt-5.2-chat-latest", PLAIN, 0, EFFORT_NONE, true, false},
    {"o1-mini", REASONING, 0, EFFORT_NONE, false, true},
    {"o1-preview-2024-09-12", REASONING, 0, EFFORT_NONE, false, true},
    {"o1", REASONING, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"o1-pro-2025-03-19", REASONING, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"o3", REASONING, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"o4-mini", REASONING, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"gpt-5", REASONING, EFFORT_MINIMAL, EFFORT_HIGH, false, false},
    {"gpt-5-2025-08-07", REASONING, EFFORT_MINIMAL, EFFORT_HIGH, false, false},
    {"GPT-5-mini", REASONING, EFFORT_MINIMAL, EFFORT_HIGH, false, false},
    {"gpt-5-pro", REASONING, EFFORT_HIGH, EFFORT_HIGH, false, false},
    {"gpt-5-codex", REASONING, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"gpt-5.1", REASONING, EFFORT_LOW, EFFORT_HIGH, true, false},
    {"gpt-5.1-codex-max", REASONING, EFFORT_LOW, EFFORT_XHIGH, true, false},
    {"gpt-5.1-codex-mini", REASONING, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"gpt-5.2-pro", REASONING, EFFORT_MEDIUM, EFFORT_XHIGH, false, false},
    {"gpt-5.2", REASONING, EFFORT_LOW, EFFORT_XHIGH, true, false},
    {"gpt-5.3-codex", REASONING, EFFORT_LOW, EFFORT_XHIGH, false, false},
    {"gpt-5.5", REASONING, EFFORT_LOW, EFFORT_XHIGH, true, false},
    {"gpt-5.6-sol", REASONING, EFFORT_LOW, EFFORT_MAX, true, false},
    {"openai.gpt-5.6-luna", REASONING, EFFORT_LOW, EFFORT_MAX, true, false},
    {"gpt-7", REASONING, EFFORT_LOW, EFFORT_MAX, true, false},
    {"openai/gpt-oss-120b", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"deepseek-reasoner", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"Qwen/Qwen3-235B-A22B", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"moonshotai/kimi-k2", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"glm-4.6", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"mistral-small-latest", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"meta-llama/Llama-3.3-70B-Instruct", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"grok-4", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"minimax/minimax-m2:free", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"models/gemini-2.5-pro", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"sonar", COMPATIBLE, EFFORT_LOW, EFFORT_HIGH, false, false},
    {"sim~chat", UNKNOWN, EFFORT_LOW, EFFORT_MAX, true, false},
    {"my-own-model", UNKNOWN, EFFORT_LOW, EFFORT_MAX, true, false},
    {"", UNKNOWN, EFFORT_LOW, EFFORT_MAX, true, false},
};

static void models_of_openai(void **state)
{
    for (size_t i = 0; i < sizeof(OPENAI) / sizeof(OPENAI[0]); i++) {
        const struct openai_row *row = &OPENAI[i];
        for (int dialect = DIALECT_CHAT; dialect <= DIALECT_RESPONSES; dialect++) {
            struct profile p = profile_of((enum dialect)dialect, slice_from_cstr(row->model));
            check(row->model, "rejects_sampling", p.rejects_sampling, row->kind == REASONING);
            check(row->model, "rejects_stops", p.rejects_stops, row->kind == REASONING);
            check(row->model, "is_compatible_server", p.is_compatible_server, row->kind == COMPATIBLE);
            check(row->model, "has_developer_role", p.has_developer_role,
                  row->kind != COMPATIBLE && !row->has_no_roles);
            check(row->model, "most", p.most_effort, row->most);
            check(row->model, "least", profile_thinks(&p) ? p.least_effort : 0, row->least);
            check(row->model, "switches off", p.can_switch_thinking_off, row->can_switch_off);
        }
    }
    struct profile o3_mini = profile_of(DIALECT_CHAT, SLICE("o3-mini"));
    assert_true(o3_mini.rejects_sampling && !o3_mini.rejects_stops);
}

// ---- Gemini

struct gemini_row {
    const char *model;
    int generation; // 2: up to 2.0; 25: 2.5; 3
    bool can_switch_off;
    enum effort least;
    int64_t budget_min;
    int64_t budget_max;
};

static const struct gemini_row GEMINI[] = {
    {"gemini-1.5-pro-002", 2, true, 0, 0, 0},
    {"models/gemini-2.0-flash", 2, true, 0, 0, 0},
    {"gemini-2.0-flash-001", 2, true, 0, 0, 0},
    {"gemma-3-27b-it", 2, true, 0, 0, 0},
    {"gemini-2.5-flash", 25, true, EFFORT_MINIMAL, 1, 24576},
    {"gemini-2.5-flash-preview-09-2025", 25, true, EFFORT_MINIMAL, 1, 24576},
    {"gemini-2.5-flash-lite", 25, true, EFFORT_MINIMAL, 512, 24576},
    {"google/gemini-2.5-pro", 25, false, EFFORT_MINIMAL, 128, 32768},
    {"gemini-2.5-pro-preview-05-06", 25, false, EFFORT_MINIMAL, 128, 32768},
    {"gemini-3-pro-preview", 3, false, EFFORT_LOW, 0, 0},
    {"gemini-3.1-pro-preview", 3, false, EFFORT_LOW, 0, 0},
    {"gemini-3-flash-preview", 3, false, EFFORT_MINIMAL, 0, 0},
    {"models/gemini-3.5-flash", 3, false, EFFORT_MINIMAL, 0, 0},
    {"publishers/google/models/gemini-3-flash", 3, false, EFFORT_MINIMAL, 0, 0},
    {"gemini-pro-latest", 3, false, EFFORT_LOW, 0, 0},
    {"sim~gemini", 3, false, EFFORT_MINIMAL, 0, 0},
};

static void models_of_gemini(void **state)
{
    for (size_t i = 0; i < sizeof(GEMINI) / sizeof(GEMINI[0]); i++) {
        const struct gemini_row *row = &GEMINI[i];
        struct profile p = profile_of(DIALECT_GEMINI, slice_from_cstr(row->model));
        check(row->model, "thinks", profile_thinks(&p), row->generation > 2);
        check(row->model, "thinking", p.thinking, row->generation == 3 ? THINKING_BY_LEVEL : THINKING_BY_BUDGET);
        check(row->model, "switches off", p.can_switch_thinking_off, row->can_switch_off);
        check(row->model, "least", p.least_effort, row->least);
        check(row->model, "budget_min", p.budget_min, row->budget_min);
        check(row->model, "budget_max", p.budget_max, row->budget_max);
        check(row->model, "takes_urls", p.takes_urls, row->generation > 2);
        check(row->model, "takes_media_results", p.takes_media_results, row->generation == 3);
        check(row->model, "mixes_schema_and_tools", p.mixes_schema_and_tools, row->generation == 3);
        check(row->model, "needs_signatures", p.needs_signatures, row->generation == 3);
    }
}

// ---- levels

struct effort_row {
    enum dialect dialect;
    const char *model;
    enum effort wanted;
    enum effort sent;
};

static const struct effort_row EFFORTS[] = {
    {DIALECT_CHAT, "o3", EFFORT_NONE, EFFORT_LOW},
    {DIALECT_CHAT, "o3", EFFORT_MINIMAL, EFFORT_LOW},
    {DIALECT_CHAT, "o3", EFFORT_MEDIUM, EFFORT_MEDIUM},
    {DIALECT_CHAT, "o3", EFFORT_MAX, EFFORT_HIGH},
    {DIALECT_RESPONSES, "gpt-5", EFFORT_NONE, EFFORT_MINIMAL},
    {DIALECT_RESPONSES, "gpt-5-pro", EFFORT_LOW, EFFORT_HIGH},
    {DIALECT_RESPONSES, "gpt-5.2", EFFORT_NONE, EFFORT_NONE},
    {DIALECT_RESPONSES, "gpt-5.2", EFFORT_MINIMAL, EFFORT_LOW},
    {DIALECT_RESPONSES, "gpt-5.2", EFFORT_MAX, EFFORT_XHIGH},
    {DIALECT_ANTHROPIC, "claude-opus-4-6", EFFORT_XHIGH, EFFORT_HIGH},
    {DIALECT_ANTHROPIC, "claude-opus-4-6", EFFORT_MAX, EFFORT_MAX},
    {DIALECT_ANTHROPIC, "claude-opus-4-7", EFFORT_XHIGH, EFFORT_XHIGH},
    {DIALECT_ANTHROPIC, "claude-opus-4-7", EFFORT_MINIMAL, EFFORT_LOW},
    {DIALECT_GEMINI, "gemini-3-pro", EFFORT_MEDIUM, EFFORT_HIGH},
    {DIALECT_GEMINI, "gemini-3-pro", EFFORT_NONE, EFFORT_LOW},
    {DIALECT_GEMINI, "gemini-3-flash", EFFORT_MEDIUM, EFFORT_MEDIUM},
    {DIALECT_GEMINI, "gemini-3-flash", EFFORT_XHIGH, EFFORT_HIGH},
};

static void levels_are_brought_within_reach(void **state)
{
    for (size_t i = 0; i < sizeof(EFFORTS) / sizeof(EFFORTS[0]); i++) {
        struct profile p = profile_of(EFFORTS[i].dialect, slice_from_cstr(EFFORTS[i].model));
        check(EFFORTS[i].model, "effort", profile_effort(&p, EFFORTS[i].wanted), EFFORTS[i].sent);
    }
}

// Names come from configuration, and may be anything.
static void odd_names_are_unknown(void **state)
{
    char name[4096];
    memset(name, '/', sizeof(name));
    assert_false(profile_of(DIALECT_CHAT, slice_of(name, sizeof(name))).is_compatible_server);
    memset(name, '-', sizeof(name));
    assert_false(profile_of(DIALECT_CHAT, slice_of(name, sizeof(name))).is_compatible_server);
    memset(name, '2', sizeof(name));
    name[0] = '-';
    name[2] = '0';
    assert_int_equal(profile_of(DIALECT_GEMINI, slice_of(name, sizeof(name))).thinking, THINKING_BY_LEVEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_of_anthropic),   cmocka_unit_test(models_of_openai),
        cmocka_unit_test(models_of_gemini),      cmocka_unit_test(levels_are_brought_within_reach),
        cmocka_unit_test(odd_names_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
