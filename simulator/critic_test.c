// SPDX-License-Identifier: MIT
// Each rule of each provider has a request that breaks it, beside the good ones that must pass.
#include "simulator/critic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "simulator/seal.h"

struct row {
    const char *body;  // "$1", "$2" become seals, see below
    const char *fault; // part of the message; NULL: it is fine
};

// "$A" is a seal of Anthropic over "hm", "$R" one of Responses over "rs_1", "$G" one of Gemini over "f".
static struct slice fill_in(struct arena *arena, const char *body)
{
    struct slice rest = slice_from_cstr(body);
    struct buf out = BUF_EMPTY;
    for (;;) {
        buf_append(&out, slice_split(&rest, '$'));
        if (!rest.ptr) {
            break;
        }
        char who = rest.ptr[0];
        rest = slice_after(rest, 1);
        seal_append(&out, who == 'A' ? PROVIDER_ANTHROPIC : (who == 'R' ? PROVIDER_RESPONSES : PROVIDER_GEMINI), 7,
                    who == 'A' ? SLICE("hm") : (who == 'R' ? SLICE("rs_1") : SLICE("f")));
    }
    struct slice filled = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return filled;
}

static bool contains(struct slice text, const char *part)
{
    return slice_find(text, slice_from_cstr(part)) != SLICE_NOT_FOUND;
}

static void check_row(const struct ask *ask, const struct row *row)
{
    struct arena arena;
    arena_init(&arena, 1024);
    struct slice body = fill_in(&arena, row->body);
    struct slice fault = critic_find_fault(ask, &arena, body);
    bool is_as_expected = row->fault ? contains(fault, row->fault) : fault.len == 0;
    if (!is_as_expected) {
        print_error("%.*s\n  says: %.*s\n", SLICE_ARG(body), SLICE_ARG(fault));
    }
    assert_true(is_as_expected);
    arena_deinit(&arena);
}

static void check_rows(const struct ask *ask, const struct row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        check_row(ask, &rows[i]);
    }
}

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define ANTHROPIC(rest) "{\"model\":\"m\",\"max_tokens\":2000," rest "}"
#define TALK(messages) ANTHROPIC("\"messages\":[" messages "]")
#define CALL "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}"
#define RESULT "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"x\"}"
#define CALLED USER ",{\"role\":\"assistant\",\"content\":[" CALL "]}"

static void test_anthropic(void **state)
{
    static const struct row rows[] = {
        {TALK(USER), NULL},
        {"{\"model\":\"m\",\"messages\":[" USER "]}", "max_tokens: Field required"},
        {ANTHROPIC("\"messages\":[" USER "],\"n\":1"), "n: Extra inputs are not permitted"},
        {ANTHROPIC("\"messages\":[]"), "at least one message"},
        {TALK("{\"role\":\"assistant\",\"content\":\"hi\"}"), "first message"},
        {TALK("{\"role\":\"user\",\"content\":\"\"}"), "non-empty"},
        {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\" \"}]}"), "non-whitespace"},
        {TALK("{\"role\":\"user\",\"content\":[]}"), "non-empty content"},
        {TALK("{\"role\":\"tool\",\"content\":\"x\"}"), "messages.role"},
        {TALK("{\"role\":\"user\",\"content\":[" CALL "]}"), "not for this role"},
        {TALK(CALLED), "without `tool_result`"},
        {TALK(CALLED ",{\"role\":\"user\",\"content\":[" RESULT ",{\"type\":\"text\",\"text\":\"go\"}]}"), NULL},
        {TALK(CALLED ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go\"}," RESULT "]}"),
         "must come first"},
        {TALK(CALLED ",{\"role\":\"user\",\"content\":[" RESULT "," RESULT "]}"), "unexpected `tool_use_id`"},
        {TALK("{\"role\":\"user\",\"content\":[" RESULT "]}"), "unexpected `tool_use_id`"},
        {TALK(CALLED "," USER), "without `tool_result`"},
        {TALK(USER ",{\"role\":\"assistant\",\"content\":\"so \"}"), "trailing whitespace"},
        {TALK(USER ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
                   "\"$A\"}]}," USER),
         NULL},
        {TALK(USER ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"ham\",\"signature\":"
                   "\"$A\"}]}," USER),
         "Invalid `signature`"},
        {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
              "\"image/tiff\",\"data\":\"QUJD\"}}]}"),
         "image/tiff"},
        {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
              "\"image/png\",\"data\":\"QUJ\"}}]}"),
         "not base64"},
        {ANTHROPIC("\"messages\":[" USER "],\"temperature\":1.5"), "temperature"},
        {ANTHROPIC("\"messages\":[" USER "],\"metadata\":{\"a\":\"b\"}"), "Extra inputs"},
        {ANTHROPIC("\"messages\":[" USER "],\"system\":[{\"type\":\"text\",\"text\":\"\"}]"), "non-whitespace"},
        {ANTHROPIC("\"messages\":[" USER "],\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"),
         "less than max_tokens"},
        {ANTHROPIC("\"messages\":[" USER "],\"temperature\":0.5,\"thinking\":{\"type\":\"adaptive\"}"), "temperature"},
        {ANTHROPIC("\"messages\":[" CALLED ",{\"role\":\"user\",\"content\":[" RESULT
                   "]}],\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"),
         "Expected `thinking`"},
        {ANTHROPIC("\"messages\":[" USER "],\"tools\":[{\"name\":\"f\",\"input_schema\":{}}]"), "should be 'object'"},
        {ANTHROPIC("\"messages\":[" USER "],\"tools\":[{\"name\":\"a b\",\"input_schema\":{\"type\":\"object\"}}]"),
         "pattern"},
        {ANTHROPIC("\"messages\":[" USER "],\"tool_choice\":{\"type\":\"any\"}"), "providing tools"},
        {ANTHROPIC("\"messages\":[" USER "],\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
                   "\"type\":\"object\"}}}"),
         "additionalProperties"},
        {ANTHROPIC("\"messages\":[" USER "],\"stop_sequences\":[\" \"]"), "non-whitespace"},
    };
    struct ask ask = {.provider = PROVIDER_ANTHROPIC};
    check_rows(&ask, rows, sizeof(rows) / sizeof(*rows));
    static const struct row counts[] = {
        {"{\"model\":\"m\",\"messages\":[" USER "]}", NULL},
        {TALK(USER), "max_tokens: Extra inputs"},
    };
    ask.action = ASK_COUNT_TOKENS;
    check_rows(&ask, counts, 2);
}

#define CHAT(rest) "{\"model\":\"m\"," rest "}"
#define CHAT_TALK(messages) CHAT("\"messages\":[" messages "]")
#define CHAT_CALL                                                                                                      \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"     \
    "\"name\":\"f\",\"arguments\":\"{}\"}}]}"
#define CHAT_RESULT "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"x\"}"

static void test_chat(void **state)
{
    static const struct row rows[] = {
        {CHAT_TALK(USER), NULL},
        {CHAT_TALK(USER "," CHAT_CALL "," CHAT_RESULT), NULL},
        {CHAT_TALK(""), "empty array"},
        {CHAT("\"messages\":[" USER "],\"top_k\":1"), "Unknown parameter: 'top_k'"},
        {CHAT("\"messages\":[" USER "],\"tools\":[]"), "'tools': empty array"},
        {CHAT("\"messages\":[" USER "],\"tool_choice\":\"auto\""), "only allowed when 'tools'"},
        {CHAT("\"messages\":[" USER "],\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]"), "tools.function.name"},
        {CHAT("\"messages\":[" USER "],\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), "'stop'"},
        {CHAT("\"messages\":[" USER "],\"stream_options\":{}"), "stream_options"},
        {CHAT("\"messages\":[" USER "],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}"),
         "json_schema.name"},
        {CHAT_TALK(CHAT_RESULT), "preceding message"},
        {CHAT_TALK(USER "," CHAT_CALL "," USER), "must be followed by tool messages"},
        {CHAT_TALK(USER "," CHAT_CALL), "No tool message"},
        {CHAT_TALK(USER "," CHAT_CALL "," CHAT_RESULT "," CHAT_RESULT), "preceding message"},
        {CHAT_TALK(USER ",{\"role\":\"assistant\",\"content\":null}"), "got null"},
        {CHAT_TALK("{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"x\"}]}"), "Invalid value"},
        {CHAT_TALK("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}"),
         "no image"},
        {CHAT_TALK("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{}}]}"),
         "cache_control"},
    };
    struct ask ask = {.provider = PROVIDER_CHAT, .model = SLICE("m")};
    check_rows(&ask, rows, sizeof(rows) / sizeof(*rows));
    static const struct row reasoning = {CHAT("\"messages\":[" USER "],\"max_tokens\":5"), "Unsupported parameter"};
    ask.model = SLICE("gpt-5");
    check_rows(&ask, &reasoning, 1);
}

#define INPUT(items) "{\"model\":\"m\",\"input\":[" items "]}"
#define R_CALL "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define R_RESULT "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"x\"}"
#define R_THOUGHT "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"$R\"}"

static void test_responses(void **state)
{
    static const struct row rows[] = {
        {"{\"model\":\"m\",\"input\":\"hi\"}", NULL},
        {INPUT(USER "," R_THOUGHT "," R_CALL "," R_RESULT), NULL},
        {"{\"model\":\"m\",\"input\":[]}", "'input'"},
        {"{\"model\":\"m\",\"input\":\"hi\",\"stop\":\"x\"}", "Unknown parameter: 'stop'"},
        {INPUT(R_RESULT), "No tool call found"},
        {INPUT(R_CALL), "No tool output found"},
        {INPUT(R_CALL "," R_RESULT "," R_RESULT), "No tool call found"},
        {INPUT(USER "," R_THOUGHT), "required following item"},
        {INPUT(R_THOUGHT "," USER), "required following item"},
        {INPUT("{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}," R_CALL "," R_RESULT), "not found"},
        {INPUT("{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[],\"encrypted_content\":\"$R\"}," R_CALL),
         "could not be verified"},
        {INPUT("{\"role\":\"assistant\",\"content\":[{\"type\":\"input_text\",\"text\":\"x\"}]}"), "Invalid value"},
        {INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\"}]}"), "Invalid value"},
        {INPUT("{\"type\":\"message\",\"id\":\"toolu_1\",\"role\":\"user\",\"content\":\"x\"}"), "input.id"},
        {"{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}]}",
         "tools.strict"},
        {"{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"strict\":false}]}",
         "tools.parameters"},
        {"{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}}",
         "text.format.name"},
    };
    struct ask ask = {.provider = PROVIDER_RESPONSES};
    check_rows(&ask, rows, sizeof(rows) / sizeof(*rows));
    static const struct row count = {"{\"model\":\"m\",\"input\":\"x\",\"stream\":false}", "Unknown parameter"};
    ask.action = ASK_COUNT_TOKENS;
    check_rows(&ask, &count, 1);
}

#define CONTENT(role, parts) "{\"role\":\"" role "\",\"parts\":[" parts "]}"
#define HI CONTENT("user", "{\"text\":\"hi\"}")
#define G_CALL "{\"functionCall\":{\"name\":\"f\",\"args\":{}}}"
#define G_SIGNED "{\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"$G\"}"
#define G_RESULT "{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}"
#define CONTENTS(contents) "{\"contents\":[" contents "]}"

static void test_gemini(void **state)
{
    static const struct row rows[] = {
        {CONTENTS(HI), NULL},
        {"{\"contents\":[" HI "],\"system_instruction\":{\"parts\":[{\"text\":\"x\"}]}}", NULL},
        {CONTENTS(HI "," CONTENT("model", G_SIGNED) "," CONTENT("user", G_RESULT)), NULL},
        {"{\"contents\":[" HI "],\"max_tokens\":1}", "Unknown name \"max_tokens\""},
        {"{\"contents\":[]}", "not specified"},
        {CONTENTS(HI "," HI), "alternate"},
        {CONTENTS(CONTENT("model", "{\"text\":\"x\"}")), "first content"},
        {CONTENTS(CONTENT("user", "")), "must not be empty"},
        {CONTENTS(CONTENT("user", "{\"text\":\"\"}")), "must not be empty"},
        {CONTENTS(CONTENT("user", "{\"text\":\"a\",\"functionCall\":{\"name\":\"f\",\"args\":{}}}")),
         "one initialized"},
        {CONTENTS(HI "," CONTENT("model", G_SIGNED "," G_CALL) "," CONTENT("user", G_RESULT)), "number of function"},
        {CONTENTS(HI "," CONTENT("model", G_CALL) "," CONTENT("user", G_RESULT)), "missing a thought_signature"},
        {CONTENTS(HI "," CONTENT(
             "model",
             "{\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"QUJD\"}") "," CONTENT("user",
                                                                                                          G_RESULT)),
         "Corrupted"},
        {CONTENTS(HI "," CONTENT("model", G_CALL) "," CONTENT("user", G_RESULT) "," CONTENT("model",
                                                                                            "{\"text\":\"x\"}") "," HI),
         NULL}, // not of the current turn
        {"{\"contents\":[" HI "],\"tools\":[{\"functionDeclarations\":[{\"name\":\"1f\",\"description\":\"d\"}]}]}",
         "Invalid function name"},
        {"{\"contents\":[" HI "],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\","
         "\"parameters\":{\"type\":\"object\",\"additionalProperties\":false}}]}]}",
         "additionalProperties"},
        {"{\"contents\":[" HI "],\"generationConfig\":{\"responseJsonSchema\":{}}}", "response_mime_type"},
        {"{\"contents\":[" HI "],\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":1,\"thinkingLevel\":"
         "\"LOW\"}}}",
         "may not be set together"},
    };
    struct ask ask = {.provider = PROVIDER_GEMINI, .model = SLICE("gemini-3-pro")};
    check_rows(&ask, rows, sizeof(rows) / sizeof(*rows));
    static const struct row unsigned_call = {CONTENTS(HI "," CONTENT("model", G_CALL) "," CONTENT("user", G_RESULT)),
                                             NULL};
    ask.model = SLICE("gemini-2.5-pro");
    check_rows(&ask, &unsigned_call, 1);
    static const struct row counts[] = {
        {CONTENTS(HI), NULL},
        {"{\"generateContentRequest\":{\"model\":\"models/m\",\"contents\":[" HI "]}}", NULL},
        {"{\"generateContentRequest\":{\"model\":\"m\",\"contents\":[" HI "]}}", "models/"},
        {"{\"contents\":[" HI "],\"tools\":[]}", "Unknown name"},
    };
    ask.action = ASK_COUNT_TOKENS;
    check_rows(&ask, counts, 4);
}

static void test_seals(void **state)
{
    struct buf seal = BUF_EMPTY;
    seal_append(&seal, PROVIDER_ANTHROPIC, 5, SLICE("thoughts"));
    assert_int_equal(seal.len % 4, 0);
    assert_true(seal_is_intact(buf_slice(&seal), PROVIDER_ANTHROPIC, SLICE("thoughts")));
    assert_false(seal_is_intact(buf_slice(&seal), PROVIDER_ANTHROPIC, SLICE("thought")));
    assert_false(seal_is_intact(buf_slice(&seal), PROVIDER_GEMINI, SLICE("thoughts")));
    for (size_t i = 0; i < seal.len; i++) {
        seal.ptr[i] ^= 1;
        assert_false(seal_is_intact(buf_slice(&seal), PROVIDER_ANTHROPIC, SLICE("thoughts")));
        seal.ptr[i] ^= 1;
    }
    buf_deinit(&seal);
}

static void test_prefill(void **state)
{
    static const struct {
        enum provider provider;
        const char *body;
        bool is_prefill;
    } rows[] = {
        {PROVIDER_ANTHROPIC, "{\"messages\":[{\"role\":\"user\"},{\"role\":\"assistant\"}]}", true},
        {PROVIDER_ANTHROPIC, "{\"messages\":[{\"role\":\"assistant\"},{\"role\":\"user\"}]}", false},
        {PROVIDER_CHAT, "{\"messages\":[{\"role\":\"assistant\"}]}", true},
        {PROVIDER_RESPONSES, "{\"input\":[{\"role\":\"assistant\"}]}", true},
        {PROVIDER_RESPONSES, "{\"input\":\"hi\"}", false},
        {PROVIDER_GEMINI, "{\"contents\":[{\"role\":\"user\"},{\"role\":\"model\"}]}", true},
        {PROVIDER_GEMINI, "{\"contents\":[]}", false},
        {PROVIDER_GEMINI, "no JSON", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct ask ask = {.provider = rows[i].provider};
        arena_init(&arena, 1024);
        struct slice fault = critic_find_prefill(&ask, &arena, slice_from_cstr(rows[i].body));
        assert_int_equal(fault.len > 0, rows[i].is_prefill);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefill),   cmocka_unit_test(test_anthropic), cmocka_unit_test(test_chat),
        cmocka_unit_test(test_responses), cmocka_unit_test(test_gemini),    cmocka_unit_test(test_seals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
