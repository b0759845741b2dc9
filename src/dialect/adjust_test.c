// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dialect/adjust.h"

#define PROMPT .system_prompt = SLICE_INIT("Be \"kind\"\n")
#define PROMPT_JSON "Be \\\"kind\\\"\\n"
#define MODEL .model = SLICE_INIT("big")
#define LEVEL(level) .reasoning = ADJUST_##level, .reasoning_budget = 4096

struct adjust_case {
    enum dialect dialect;
    struct adjustments adjustments;
    const char *body;
    const char *expected; // NULL: the body as it is
};

static const struct adjust_case CASES[] = {
    // ---- nothing asked for
    {DIALECT_ANTHROPIC, {.reasoning = ADJUST_AUTO}, "{\"model\" : \"a\",\"thinking\":{}}", NULL},
    {DIALECT_GEMINI, {.reasoning_budget = 4096}, "{}", NULL},

    // ---- model
    {DIALECT_ANTHROPIC, {MODEL}, "{ \"model\" : \"a\" , \"x\":1.50}", "{ \"model\" : \"big\" , \"x\":1.50}"},
    {DIALECT_CHAT, {MODEL}, "{\"x\":{\"model\":\"a\"},\"model\":\"a\"}", "{\"x\":{\"model\":\"a\"},\"model\":\"big\"}"},
    {DIALECT_RESPONSES, {MODEL}, "{}", "{\"model\":\"big\"}"},
    {DIALECT_CHAT, {MODEL}, "{\"model\":7}", NULL},
    {DIALECT_GEMINI, {MODEL}, "{\"model\":\"a\"}", NULL},
    {DIALECT_GEMINI, {MODEL, .has_model_member = true}, "{\"model\":\"a\"}", "{\"model\":\"big\"}"},

    // ---- system prompt
    {DIALECT_ANTHROPIC, {PROMPT}, "{\"a\":1}", "{\"a\":1,\"system\":\"" PROMPT_JSON "\"}"},
    {DIALECT_ANTHROPIC, {PROMPT}, "{\"system\":null}", "{\"system\":\"" PROMPT_JSON "\"}"},
    {DIALECT_ANTHROPIC, {PROMPT}, "{\"system\":\"\\u00e9\"}", "{\"system\":\"" PROMPT_JSON "\\n\\n\\u00e9\"}"},
    {DIALECT_ANTHROPIC, {PROMPT}, "{\"system\":\"\"}", "{\"system\":\"" PROMPT_JSON "\"}"},
    {DIALECT_ANTHROPIC,
     {PROMPT},
     "{\"system\":[ {\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]}",
     "{\"system\":[{\"type\":\"text\",\"text\":\"" PROMPT_JSON
     "\"}, {\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]}"},
    {DIALECT_ANTHROPIC, {PROMPT}, "{\"system\":[]}", "{\"system\":[{\"type\":\"text\",\"text\":\"" PROMPT_JSON "\"}]}"},
    {DIALECT_CHAT,
     {PROMPT},
     "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}",
     "{\"messages\":[{\"role\":\"system\",\"content\":\"" PROMPT_JSON "\"},{\"role\":\"system\",\"content\":\"x\"}]}"},
    {DIALECT_CHAT,
     {PROMPT},
     "{\"messages\":[]}",
     "{\"messages\":[{\"role\":\"system\",\"content\":\"" PROMPT_JSON "\"}]}"},
    {DIALECT_CHAT, {PROMPT}, "{\"model\":\"a\"}", NULL},
    {DIALECT_RESPONSES, {PROMPT}, "{\"input\":\"x\"}", "{\"input\":\"x\",\"instructions\":\"" PROMPT_JSON "\"}"},
    {DIALECT_RESPONSES, {PROMPT}, "{\"instructions\": null}", "{\"instructions\": \"" PROMPT_JSON "\"}"},
    {DIALECT_RESPONSES, {PROMPT}, "{\"instructions\":\"x\"}", "{\"instructions\":\"" PROMPT_JSON "\\n\\nx\"}"},
    {DIALECT_GEMINI, {PROMPT}, "{}", "{\"systemInstruction\":{\"parts\":[{\"text\":\"" PROMPT_JSON "\"}]}}"},
    {DIALECT_GEMINI,
     {PROMPT},
     "{\"systemInstruction\":{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}}",
     "{\"systemInstruction\":{\"role\":\"user\",\"parts\":[{\"text\":\"" PROMPT_JSON "\"},{\"text\":\"x\"}]}}"},
    {DIALECT_GEMINI,
     {PROMPT},
     "{\"system_instruction\":{\"parts\":[]}}",
     "{\"system_instruction\":{\"parts\":[{\"text\":\"" PROMPT_JSON "\"}]}}"},
    {DIALECT_GEMINI,
     {PROMPT},
     "{\"system_instruction\":{}}",
     "{\"system_instruction\":{\"parts\":[{\"text\":\"" PROMPT_JSON "\"}]}}"},

    // ---- reasoning off
    {DIALECT_ANTHROPIC, {LEVEL(OFF)}, "{\"a\":1,\"thinking\" : {\"type\":\"adaptive\"},\"b\":2}", "{\"a\":1,\"b\":2}"},
    {DIALECT_CHAT, {LEVEL(OFF)}, "{\"reasoning_effort\":\"low\",\"reasoning\":{}}", "{}"},
    {DIALECT_RESPONSES, {LEVEL(OFF)}, "{\"reasoning\":{\"effort\":\"low\"},\"b\":2}", "{\"b\":2}"},
    {DIALECT_GEMINI,
     {LEVEL(OFF)},
     "{\"generationConfig\":{\"topK\":1,\"thinkingConfig\":{\"thinkingBudget\":1}}}",
     "{\"generationConfig\":{\"topK\":1}}"},
    {DIALECT_GEMINI, {LEVEL(OFF)}, "{\"generation_config\":{\"thinking_config\":{}}}", "{\"generation_config\":{}}"},
    {DIALECT_CHAT, {LEVEL(OFF)}, "{\"a\":{\"reasoning_effort\":\"low\"}}", NULL},

    // ---- reasoning at a level
    {DIALECT_ANTHROPIC,
     {LEVEL(LOW)},
     "{\"max_tokens\":8000}",
     "{\"max_tokens\":8000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096}}"},
    {DIALECT_ANTHROPIC,
     {LEVEL(LOW)},
     "{\"max_tokens\":4096,\"thinking\":{\"type\":\"disabled\"}}",
     "{\"max_tokens\":8192,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096}}"},
    {DIALECT_ANTHROPIC,
     {LEVEL(LOW)},
     "{\"max_tokens\":4097}",
     "{\"max_tokens\":4097,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096}}"},
    {DIALECT_ANTHROPIC,
     {LEVEL(LOW)},
     "{\"max_tokens\":\"x\"}",
     "{\"max_tokens\":\"x\",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096}}"},
    {DIALECT_ANTHROPIC,
     {.reasoning = ADJUST_HIGH, .reasoning_budget = UINT32_MAX},
     "{\"max_tokens\":4294967295}",
     "{\"max_tokens\":8589934590,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4294967295}}"},
    {DIALECT_ANTHROPIC, {.reasoning = ADJUST_HIGH}, "{\"max_tokens\":1}", NULL},
    {DIALECT_CHAT, {LEVEL(HIGH)}, "{}", "{\"reasoning_effort\":\"high\"}"},
    {DIALECT_CHAT, {LEVEL(XHIGH)}, "{\"reasoning_effort\":\"low\"}", "{\"reasoning_effort\":\"xhigh\"}"},
    {DIALECT_RESPONSES,
     {LEVEL(MEDIUM)},
     "{\"reasoning\":{\"effort\":\"low\",\"summary\":null}}",
     "{\"reasoning\":{\"effort\":\"medium\",\"summary\":\"auto\"}}"},
    {DIALECT_RESPONSES, {LEVEL(LOW)}, "{\"a\":1}", "{\"a\":1,\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"}}"},
    {DIALECT_GEMINI,
     {LEVEL(LOW)},
     "{}",
     "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":4096,\"includeThoughts\":true}}}"},
    {DIALECT_GEMINI,
     {LEVEL(LOW)},
     "{\"generationConfig\":{\"topK\":1}}",
     "{\"generationConfig\":{\"topK\":1,\"thinkingConfig\":{\"thinkingBudget\":4096,\"includeThoughts\":true}}}"},
    {DIALECT_GEMINI,
     {LEVEL(LOW)},
     "{\"generation_config\":{\"thinking_config\":{\"thinking_level\":\"HIGH\"}}}",
     "{\"generation_config\":{\"thinking_config\":{\"thinkingBudget\":4096,\"includeThoughts\":true}}}"},
    {DIALECT_GEMINI, {.reasoning = ADJUST_HIGH}, "{}", NULL},

    // ---- fast
    {DIALECT_CHAT, {.fast = true}, "{}", "{\"service_tier\":\"priority\"}"},
    {DIALECT_RESPONSES, {.fast = true}, "{\"a\":1}", "{\"a\":1,\"service_tier\":\"priority\"}"},
    {DIALECT_ANTHROPIC, {.fast = true}, "{}", "{\"speed\":\"fast\"}"},
    {DIALECT_CHAT, {.fast = true}, "{\"service_tier\":\"flex\"}", NULL},
    {DIALECT_RESPONSES, {.fast = true}, "{\"service_tier\":\"default\"}", NULL},
    {DIALECT_ANTHROPIC, {.fast = true}, "{\"speed\":\"standard\"}", NULL},
    {DIALECT_GEMINI, {.fast = true}, "{}", NULL},

    // ---- all together
    {DIALECT_ANTHROPIC,
     {MODEL, PROMPT, LEVEL(LOW), .fast = true},
     "{\"model\":\"a\",\"max_tokens\":10,\"system\":\"x\",\"n\":1e2}",
     "{\"model\":\"big\",\"max_tokens\":4106,\"system\":\"" PROMPT_JSON
     "\\n\\nx\",\"n\":1e2,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096},\"speed\":\"fast\"}"},
    {DIALECT_GEMINI,
     {MODEL, PROMPT, LEVEL(LOW), .has_model_member = true, .fast = true},
     "{\"model\":\"a\",\"generationConfig\":null}",
     "{\"model\":\"big\",\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":4096,\"includeThoughts\":true}},"
     "\"systemInstruction\":{\"parts\":[{\"text\":\"" PROMPT_JSON "\"}]}}"},

    // ---- what the client got wrong stays wrong
    {DIALECT_ANTHROPIC, {PROMPT, LEVEL(LOW)}, "{\"system\":7,\"thinking\":true,\"max_tokens\":1}", NULL},
    {DIALECT_ANTHROPIC, {PROMPT}, "{\"system\":{\"type\":\"text\"}}", NULL},
    {DIALECT_CHAT, {PROMPT, LEVEL(LOW)}, "{\"messages\":\"x\",\"reasoning_effort\":3}", NULL},
    {DIALECT_RESPONSES, {PROMPT, LEVEL(LOW)}, "{\"instructions\":[\"x\"],\"reasoning\":\"high\"}", NULL},
    {DIALECT_GEMINI, {PROMPT, LEVEL(LOW)}, "{\"systemInstruction\":\"x\",\"generationConfig\":[]}", NULL},
    {DIALECT_GEMINI, {PROMPT, LEVEL(LOW)}, "{\"systemInstruction\":{\"parts\":{}},\"generationConfig\":1}", NULL},
    {DIALECT_GEMINI, {LEVEL(LOW)}, "{\"generationConfig\":{\"thinkingConfig\":false}}", NULL},
    {DIALECT_GEMINI, {LEVEL(OFF)}, "{\"generationConfig\":\"x\"}", NULL},
};

static struct slice adjusted(enum dialect dialect, const struct adjustments *adjustments, struct slice body,
                             struct arena *arena)
{
    struct json_options options = {.record_depth = ADJUST_RECORD_DEPTH};
    struct json_doc doc;
    struct json_splice splice;
    size_t n;
    size_t len;
    assert_int_equal(json_parse(&doc, arena, body, &options), 0);
    json_splice_init(&splice, arena, &doc);
    adjust_request(dialect, adjustments, &splice);
    const struct slice *pieces = json_splice_result(&splice, &n, &len);
    struct slice text = arena_concat(arena, pieces, n);
    assert_int_equal(text.len, len);
    return text;
}

static void test_exact_bytes(void **state)
{
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const struct adjust_case *c = &CASES[i];
        struct slice expected = slice_from_cstr(c->expected ? c->expected : c->body);
        struct arena arena;
        arena_init(&arena, 4096);
        struct slice found = adjusted(c->dialect, &c->adjustments, slice_from_cstr(c->body), &arena);
        if (!slice_eq(found, expected)) {
            fail_msg("%s: %s\n became %.*s\n not    %.*s", dialect_name(c->dialect), c->body, SLICE_ARG(found),
                     SLICE_ARG(expected));
        }
        arena_deinit(&arena);
    }
}

// ---- any member with any value: always JSON, and the same again without the members that may be touched

static const char *const NAMES[] = {
    "model",        "system",         "messages",          "instructions", "systemInstruction", "system_instruction",
    "thinking",     "max_tokens",     "reasoning",         "speed",        "reasoning_effort",  "generationConfig",
    "service_tier", "thinkingConfig", "generation_config", "parts",
};
static const char *const VALUES[] = {
    "null",
    "true",
    "-1",
    "1",
    "1e400",
    "\"\"",
    "\"\\ud800\"",
    "[]",
    "[[]]",
    "[null]",
    "{}",
    "{\"parts\":null}",
    "{\"parts\":[{}]}",
    "{\"parts\":\"\"}",
    "{\"thinkingConfig\":null}",
    "{\"thinking_config\":{},\"thinkingConfig\":1}",
    "{\"thinkingConfig\":{},\"thinkingConfig\":{}}",
};
enum { N_NAMES = sizeof(NAMES) / sizeof(NAMES[0]), N_VALUES = sizeof(VALUES) / sizeof(VALUES[0]) };

static void check_odd_body(struct slice body, struct arena *arena)
{
    static const enum adjust_reasoning LEVELS[] = {ADJUST_OFF, ADJUST_XHIGH};
    for (int d = 0; d < N_DIALECTS; d++) {
        for (size_t level = 0; level < 2; level++) {
            struct adjustments adjustments = {
                MODEL,       PROMPT, .has_model_member = true, .reasoning = LEVELS[level], .reasoning_budget = 9,
                .fast = true};
            struct json_doc doc;
            struct slice text = adjusted((enum dialect)d, &adjustments, body, arena);
            assert_int_equal(json_parse(&doc, arena, text, NULL), 0);
            // What no adjustment knows is still there.
            assert_true(json_string_is(&doc, json_get(&doc, json_root(&doc), SLICE("first")), SLICE("1")));
            assert_true(json_string_is(&doc, json_get(&doc, json_root(&doc), SLICE("last")), SLICE("9")));
        }
    }
}

static void test_odd_bodies(void **state)
{
    for (size_t name = 0; name < N_NAMES; name++) {
        for (size_t value = 0; value < N_VALUES; value++) {
            for (size_t other = 0; other < N_VALUES; other++) {
                struct arena arena;
                arena_init(&arena, 16 * 1024);
                // The second name is the same one at times, so that members come twice.
                check_odd_body(arena_printf(&arena, "{\"first\":\"1\",\"%s\":%s,\"%s\" : %s ,\"last\":\"9\"}",
                                            NAMES[name], VALUES[value], NAMES[(name + other) % N_NAMES], VALUES[other]),
                               &arena);
                arena_deinit(&arena);
            }
        }
    }
}

static void test_beta_flag(void **state)
{
    struct adjustments fast = {.fast = true};
    struct adjustments slow = {.fast = false};
    assert_true(slice_eq(adjust_beta_flag(DIALECT_ANTHROPIC, &fast), SLICE("fast-mode-2026-02-01")));
    assert_int_equal(adjust_beta_flag(DIALECT_ANTHROPIC, &slow).len, 0);
    assert_int_equal(adjust_beta_flag(DIALECT_CHAT, &fast).len, 0);
    assert_int_equal(adjust_beta_flag(DIALECT_GEMINI, &fast).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_bytes),
        cmocka_unit_test(test_odd_bodies),
        cmocka_unit_test(test_beta_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
