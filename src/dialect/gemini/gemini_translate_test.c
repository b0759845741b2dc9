// SPDX-License-Identifier: MIT
// What the recordings do not have: what is refused, what is left out and changed for whom, signatures on their way
// through the clients of others, answers that Gemini's own form has no room for.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/arena_fixture.h"
#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_partial_args.h"
#include "dialect/gemini_schema.h"
#include "dialect/translate.h"

static void parse(struct arena *arena, struct json_doc *doc, struct slice text)
{
    if (json_parse(doc, arena, text, NULL) != 0) {
        fail_msg("no JSON at %zu: %.*s", doc->error_offset, SLICE_ARG(text));
    }
}

static bool contains(struct slice text, const char *part)
{
    return slice_find(text, slice_from_cstr(part)) != SLICE_NOT_FOUND;
}

static void assert_text(struct slice found, const char *expected)
{
    if (!slice_eq(found, slice_from_cstr(expected))) {
        fail_msg("\n- %s\n+ %.*s", expected, SLICE_ARG(found));
    }
}

// ---- requests that are wrong

#define CONTENTS "\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]"
#define PARTS(role, part) "{\"contents\":[{\"role\":\"" role "\",\"parts\":[" part "]}]}"
#define CONFIG(member) "{\"generationConfig\":{" member "}," CONTENTS "}"
#define CALLING(member) "{\"toolConfig\":{\"functionCallingConfig\":{" member "}}," CONTENTS "}"

static const struct {
    const char *body;
    const char *param;
} WRONG[] = {
    {"{}", ""},
    {"{\"contents\":[]}", ""},
    {"{\"contents\":{}}", "contents"},
    {"{\"contents\":[1]}", "contents[0]"},
    {"{\"contents\":[{\"parts\":{}}]}", "contents[0].parts"},
    {PARTS("judge", ""), "contents[0].role"},
    {PARTS("user", "1"), "contents[0].parts[0]"},
    {PARTS("user", "{\"text\":1}"), "contents[0].parts[0].text"},
    {PARTS("user", "{\"text\":\"\"}"), ""},
    {PARTS("user", "{\"functionCall\":{\"name\":\"f\"}}"), "contents[0].parts[0]"},
    {PARTS("model", "{\"functionCall\":{}}"), "contents[0].parts[0].functionCall"},
    {PARTS("model", "{\"functionCall\":{\"name\":\"f\",\"args\":[]}}"), "contents[0].parts[0].functionCall.args"},
    {PARTS("model", "{\"text\":\"x\",\"thoughtSignature\":1}"), "contents[0].parts[0].thoughtSignature"},
    {PARTS("model", "{\"functionResponse\":{\"name\":\"f\"}}"), "contents[0].parts[0]"},
    {PARTS("user", "{\"functionResponse\":{\"name\":\"f\",\"response\":\"x\"}}"),
     "contents[0].parts[0].functionResponse.response"},
    {PARTS("user", "{\"inlineData\":{\"mimeType\":\"image/png\"}}"), "contents[0].parts[0].inlineData"},
    {PARTS("user", "{\"file_data\":{}}"), "contents[0].parts[0].file_data"},
    {"{\"systemInstruction\":1," CONTENTS "}", "systemInstruction"},
    {"{\"system_instruction\":{\"parts\":[{\"text\":1}]}," CONTENTS "}", "system_instruction.parts[0].text"},
    {"{\"tools\":{}," CONTENTS "}", "tools"},
    {"{\"tools\":[1]," CONTENTS "}", "tools[0]"},
    {"{\"tools\":[{\"functionDeclarations\":{}}]," CONTENTS "}", "tools[0].functionDeclarations"},
    {"{\"tools\":[{\"functionDeclarations\":[{}]}]," CONTENTS "}", "tools[0].functionDeclarations[0]"},
    {"{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":1}]}]," CONTENTS "}",
     "tools[0].functionDeclarations[0].parameters"},
    {CALLING("\"mode\":\"SOME\""), "toolConfig.functionCallingConfig.mode"},
    {CALLING("\"mode\":\"ANY\",\"allowedFunctionNames\":[\"g\"]"),
     "toolConfig.functionCallingConfig.allowedFunctionNames[0]"},
    {CONFIG("\"temperature\":\"hot\""), "generationConfig.temperature"},
    {CONFIG("\"maxOutputTokens\":0"), "generationConfig.maxOutputTokens"},
    {CONFIG("\"candidateCount\":1.5"), "generationConfig.candidateCount"},
    {CONFIG("\"stopSequences\":\"x\""), "generationConfig.stopSequences"},
    {CONFIG("\"stopSequences\":[1]"), "generationConfig.stopSequences[0]"},
    {CONFIG("\"responseLogprobs\":1"), "generationConfig.responseLogprobs"},
    {CONFIG("\"responseMimeType\":\"text/x.enum\""), "generationConfig.responseMimeType"},
    {CONFIG("\"responseSchema\":1"), "generationConfig.responseSchema"},
    {CONFIG("\"responseModalities\":[\"TEXT\",\"IMAGE\"]"), "generationConfig.responseModalities[1]"},
    {CONFIG("\"responseFormat\":[{\"audio\":{}}]"), "generationConfig.responseFormat[0]"},
    {CONFIG("\"thinkingConfig\":{\"thinkingBudget\":-2}"), "generationConfig.thinkingConfig.thinkingBudget"},
    {CONFIG("\"thinking_config\":{\"thinking_level\":\"MUCH\"}"), "generationConfig.thinking_config.thinking_level"},
    {"{\"cachedContent\":\"cachedContents/1\"," CONTENTS "}", "cachedContent"},
    {"{\"continuationToken\":\"x\"," CONTENTS "}", "continuationToken"},
    {"{\"store\":\"no\"," CONTENTS "}", "store"},
    {"{\"generateContentRequest\":[]}", "generateContentRequest"},
};

struct outcome {
    struct translated_request result;
    struct slice body; // ptr NULL: refused
    struct slice warnings;
};

static struct outcome translate(struct arena *arena, enum dialect client, enum dialect upstream, const char *model,
                                struct slice body)
{
    struct outcome outcome = {.body = SLICE_EMPTY};
    struct json_doc *doc = arena_zalloc(arena, sizeof(*doc));
    struct buf out = BUF_EMPTY;
    struct translate_options options = {
        .client = client, .upstream = upstream, .upstream_model = slice_from_cstr(model)};
    parse(arena, doc, body);
    if (translate_request(arena, doc, &options, &outcome.result, &out)) {
        struct json_doc written;
        outcome.body = arena_dup(arena, buf_slice(&out));
        parse(arena, &written, outcome.body);
    }
    outcome.warnings = loss_header(&outcome.result.loss);
    buf_deinit(&out);
    return outcome;
}

static void wrong_requests_are_refused_by_the_name_of_the_member(void **state)
{
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
        struct outcome outcome =
            translate(*state, DIALECT_GEMINI, DIALECT_CHAT, "gpt-5", slice_from_cstr(WRONG[i].body));
        if (outcome.body.ptr || !slice_eq(outcome.result.loss.param, slice_from_cstr(WRONG[i].param))) {
            fail_msg("%s: %.*s", WRONG[i].body, SLICE_ARG(outcome.result.loss.message));
        }
    }
}

// Every member with values of every type, for every upstream: refused or translated, but never a crash.
static void members_of_any_type_do_no_harm(void **state)
{
    static const char *const values[] = {"null", "true", "-1", "\"x\"", "[]", "[{}]", "[[null]]", "{}"};
    static const char *const places[] = {
        "{\"contents\":%s}",
        PARTS("user", "%s"),
        PARTS("model", "{\"functionCall\":%s}"),
        PARTS("model", "{\"functionCall\":{\"name\":\"f\",\"id\":%s}}"),
        PARTS("user", "{\"functionResponse\":%s}"),
        PARTS("user", "{\"functionResponse\":{\"name\":\"f\",\"parts\":%s}}"),
        PARTS("model", "{\"executableCode\":%s}"),
        PARTS("user", "{\"inlineData\":{\"data\":\"\",\"mimeType\":%s}}"),
        PARTS("user", "{\"text\":\"x\",\"thought\":%s}"),
        "{\"systemInstruction\":%s," CONTENTS "}",
        "{\"tools\":%s," CONTENTS "}",
        "{\"tools\":[{\"googleSearch\":%s}]," CONTENTS "}",
        "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parametersJsonSchema\":%s}]}]," CONTENTS "}",
        "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{\"properties\":%s}}]}]," CONTENTS "}",
        "{\"toolConfig\":%s," CONTENTS "}",
        "{\"generationConfig\":%s," CONTENTS "}",
        CONFIG("\"thinkingConfig\":%s"),
        CONFIG("\"responseFormat\":%s"),
        CONFIG("\"seed\":%s"),
        "{\"serviceTier\":%s," CONTENTS "}",
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
            struct slice place = slice_from_cstr(places[i]);
            size_t hole = slice_find(place, SLICE("%s"));
            struct slice body =
                arena_concat(*state,
                             (const struct slice[]){slice_of(place.ptr, hole), slice_from_cstr(values[j]),
                                                    slice_after(place, hole + 2)},
                             3);
            for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
                struct outcome outcome = translate(*state, DIALECT_GEMINI, (enum dialect)upstream, "x", body);
                assert_true(outcome.body.ptr || outcome.result.loss.message.len);
            }
        }
    }
}

// ---- what is written for whom

#define OLD "gemini-2.0-flash"
#define FLASH "gemini-2.5-flash"
#define PRO "gemini-2.5-pro"
#define NEW "gemini-3-flash-preview"
#define ASK "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CHAT(members) "{" members ASK "}"
#define ANTHROPIC(members) "{\"max_tokens\":9," members ASK "}"
#define TOOL "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\"}}"
#define CALL(id)                                                                                                       \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1.0}\"}}"
#define THINK(n) "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" #n "},"
#define IMAGE_URL                                                                                                      \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x/a."      \
    "PNG?b=1\",\"detail\":\"low\"}}]}]}"
#define LOOP(results)                                                                                                  \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"tool_calls\":[" CALL(              \
        "c1") "," CALL("c2") "]}," results "]}"
#define RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define SKIP "\"thoughtSignature\":\"skip_thought_signature_validator\""

struct request_row {
    const char *what;
    enum dialect client;
    const char *model;
    const char *body;
    const char *wanted; // NULL: it is refused
    const char *unwanted;
    const char *warnings;
};

static const struct request_row REQUESTS[] = {
    {"nothing that was not asked", DIALECT_CHAT, NEW, CHAT(""),
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}", NULL, ""},
    {"members of others", DIALECT_CHAT, NEW, CHAT("\"user\":\"u\",\"logit_bias\":{\"1\":2},"), "", "bias",
     "dropped:logit_bias"},
    {"sampling", DIALECT_CHAT, NEW, CHAT("\"temperature\":0.50,\"top_p\":1,\"seed\":7,\"presence_penalty\":1,"),
     "{\"temperature\":0.50,\"topP\":1,\"seed\":7,\"presencePenalty\":1}", NULL, ""},
    {"a seed of 64 bits", DIALECT_CHAT, NEW, CHAT("\"seed\":4294967298,"), "{\"seed\":3}", NULL, ""},
    {"five stop sequences", DIALECT_ANTHROPIC, NEW,
     ANTHROPIC("\"stop_sequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"],"),
     "\"stopSequences\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", NULL, ""},
    {"several answers", DIALECT_CHAT, NEW, CHAT("\"n\":2,"), "\"candidateCount\":2", NULL, ""},
    {"probabilities", DIALECT_CHAT, NEW, CHAT("\"logprobs\":true,\"top_logprobs\":2,"),
     "{\"responseLogprobs\":true,\"logprobs\":2}", NULL, ""},
    {"tiers", DIALECT_CHAT, NEW, CHAT("\"service_tier\":\"default\","), "\"serviceTier\":\"standard\"", NULL, ""},
    {"a tier of others", DIALECT_CHAT, NEW, CHAT("\"service_tier\":\"scale\","), "", "ier", "dropped:service_tier"},
    {"keeping", DIALECT_CHAT, NEW, CHAT("\"store\":true,"), "", "store", "dropped:store"},

    {"off", DIALECT_ANTHROPIC, FLASH, ANTHROPIC("\"thinking\":{\"type\":\"disabled\"},"), "\"thinkingBudget\":0}", NULL,
     ""},
    {"off for who cannot", DIALECT_ANTHROPIC, PRO, ANTHROPIC("\"thinking\":{\"type\":\"disabled\"},"),
     "\"thinkingBudget\":128}", NULL, "changed:thinking"},
    {"off in levels", DIALECT_CHAT, NEW, CHAT("\"reasoning_effort\":\"none\","), "{\"thinkingLevel\":\"MINIMAL\"}",
     NULL, "changed:reasoning_effort"},
    {"a budget as it is", DIALECT_ANTHROPIC, FLASH, ANTHROPIC(THINK(3000)), "\"thinkingBudget\":3000}", NULL, ""},
    {"a budget that is too large", DIALECT_ANTHROPIC, FLASH, ANTHROPIC(THINK(30000)), "\"thinkingBudget\":24576}", NULL,
     "changed:thinking"},
    {"a budget as a level", DIALECT_ANTHROPIC, NEW, ANTHROPIC(THINK(3000)), "\"thinkingLevel\":\"MEDIUM\"", "Budget",
     ""},
    {"an effort as a budget", DIALECT_CHAT, FLASH, CHAT("\"reasoning_effort\":\"low\","), "{\"thinkingBudget\":1024}",
     NULL, ""},
    {"an effort as a level", DIALECT_CHAT, NEW, CHAT("\"reasoning_effort\":\"low\","), "{\"thinkingLevel\":\"LOW\"}",
     NULL, ""},
    {"an effort above all levels", DIALECT_CHAT, NEW, CHAT("\"reasoning_effort\":\"xhigh\","),
     "{\"thinkingLevel\":\"HIGH\"}", NULL, "changed:reasoning_effort"},
    {"as much as the model likes", DIALECT_ANTHROPIC, FLASH, ANTHROPIC("\"thinking\":{\"type\":\"adaptive\"},"),
     "\"thinkingBudget\":-1", NULL, ""},
    {"as much as the model likes, in levels", DIALECT_ANTHROPIC, NEW,
     ANTHROPIC("\"thinking\":{\"type\":\"adaptive\"},"), "", "thinkingLevel", ""},
    {"on for who cannot", DIALECT_CHAT, OLD, CHAT("\"reasoning_effort\":\"low\","), "", "thinking",
     "dropped:reasoning_effort"},

    {"a function without a description", DIALECT_CHAT, NEW,
     CHAT("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"),
     "[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"f\"}]}]", NULL, ""},
    {"one that must be called", DIALECT_CHAT, NEW,
     CHAT("\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"),
     "{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}", NULL, ""},
    {"one call at a time", DIALECT_CHAT, NEW, CHAT("\"tools\":[" TOOL "],\"parallel_tool_calls\":false,"), "",
     "parallel", "dropped:parallel_tool_calls"},
    {"a forced choice without tools", DIALECT_CHAT, NEW, CHAT("\"tool_choice\":\"required\","), NULL, NULL, ""},
    {"a choice without tools", DIALECT_CHAT, NEW, CHAT("\"tool_choice\":\"auto\","), "", "toolConfig", ""},
    {"a free choice among some", DIALECT_CHAT, NEW,
     CHAT("\"tools\":[" TOOL ",{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],"
          "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[{\"type\":"
          "\"function\",\"function\":{\"name\":\"g\"}}]}},"),
     "[{\"functionDeclarations\":[{\"name\":\"g\",\"description\":\"g\"}]}],\"toolConfig\":{"
     "\"functionCallingConfig\":{\"mode\":\"AUTO\"}}",
     "allowedFunctionNames", ""},
    {"strict functions", DIALECT_CHAT, NEW,
     CHAT("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}],\"tool_choice\":"
          "\"auto\","),
     "\"mode\":\"VALIDATED\"", NULL, ""},
    {"strict functions of old", DIALECT_CHAT, FLASH,
     CHAT("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}],\"tool_choice\":"
          "\"auto\","),
     "\"mode\":\"AUTO\"", NULL, ""},
    {"a tool of another provider", DIALECT_ANTHROPIC, NEW,
     ANTHROPIC("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"},{\"name\":\"f\"}],"),
     "\"name\":\"f\"", "web_search", "dropped:tools[0]"},
    {"only a tool of another provider", DIALECT_ANTHROPIC, NEW,
     ANTHROPIC("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}],"), NULL, NULL, ""},

    {"JSON beside functions", DIALECT_CHAT, NEW,
     CHAT("\"tools\":[" TOOL "],\"response_format\":{\"type\":\"json_object\"},"),
     "{\"responseMimeType\":\"application/json\"}", NULL, ""},
    {"JSON beside functions for who cannot", DIALECT_CHAT, FLASH,
     CHAT("\"tools\":[" TOOL "],\"response_format\":{\"type\":\"json_object\"},"), NULL, NULL, ""},

    {"a picture by its URL", DIALECT_CHAT, NEW, IMAGE_URL,
     "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"http://x/a.PNG?b=1\"},"
     "\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_LOW\"}}",
     NULL, ""},
    {"a picture by its URL for who cannot", DIALECT_CHAT, OLD, IMAGE_URL, NULL, NULL, ""},
    {"a file of another provider", DIALECT_RESPONSES, NEW,
     "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"file-1\"}]}]}", NULL, NULL,
     ""},

    {"a document of texts and pictures", DIALECT_ANTHROPIC, NEW,
     "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"T\","
     "\"source\":{"
     "\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"source\":{\"type\":"
     "\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]}}]}]}",
     "[{\"text\":\"T\\n\\na\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]", NULL, ""},

    {"calls under way", DIALECT_CHAT, NEW, LOOP(RESULT("c2", "two") "," RESULT("c1", "one")),
     "{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{\"a\":1.0}}," SKIP
     "},{\"functionCall\":{\"id\":\"c2\",\"name\":\"f\",\"args\":{\"a\":1.0}}}]},{\"role\":\"user\",\"parts\":["
     "{\"functionResponse\":{\"id\":\"c1\",\"name\":\"f\",\"response\":{\"output\":\"one\"}}},"
     "{\"functionResponse\":{\"id\":\"c2\",\"name\":\"f\",\"response\":{\"output\":\"two\"}}}]}]",
     NULL, ""},
    {"calls under way, of old", DIALECT_CHAT, FLASH, LOOP(RESULT("c1", "one") "," RESULT("c2", "two")),
     "{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1.0}}}", "houghtSignature", ""},
    {"calls of long ago", DIALECT_CHAT, NEW,
     LOOP(RESULT("c1", "one") "," RESULT("c2", "two") ",{\"role\":\"assistant\",\"content\":\"so\"},"
                                                      "{\"role\":\"user\",\"content\":\"b\"}"),
     "functionCall", "thoughtSignature", ""},
    {"a word of the system in the middle", DIALECT_CHAT, NEW,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"}]}",
     "[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},{\"text\":\"<system-message>b</system-message>\"}]}]", NULL,
     "changed:messages[1]"},
    {"arguments that are no JSON", DIALECT_CHAT, FLASH,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
     "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]}," RESULT("c", "one") "]}",
     "\"args\":{\"_raw\":\"{\\\"a\"}", NULL, "changed:messages[1].tool_calls[0]"},
};

static void check_row(struct arena *arena, const struct request_row *row)
{
    struct outcome outcome = translate(arena, row->client, DIALECT_GEMINI, row->model, slice_from_cstr(row->body));
    bool is_refused = !outcome.body.ptr;
    bool is_good = is_refused == !row->wanted && slice_eq(outcome.warnings, slice_from_cstr(row->warnings));
    is_good = is_good && (!row->wanted || contains(outcome.body, row->wanted));
    is_good = is_good && !(row->unwanted && contains(outcome.body, row->unwanted));
    if (!is_good) {
        fail_msg("%s: %.*s\nwarnings %.*s\n%.*s", row->what, SLICE_ARG(outcome.body), SLICE_ARG(outcome.warnings),
                 SLICE_ARG(outcome.result.loss.message));
    }
}

static void requests_are_written_for_their_model(void **state)
{
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(*REQUESTS); i++) {
        check_row(*state, &REQUESTS[i]);
    }
}

static void counting_takes_the_input_only(void **state)
{
    struct json_doc doc;
    struct translated_request result;
    struct buf out = BUF_EMPTY;
    struct translate_options options = {
        .client = DIALECT_CHAT, .upstream = DIALECT_GEMINI, .upstream_model = SLICE(NEW), .counts = true};
    parse(*state, &doc, SLICE(CHAT("\"temperature\":1,\"tools\":[" TOOL "],")));
    assert_true(translate_request(*state, &doc, &options, &result, &out));
    assert_text(buf_slice(&out), "{\"generateContentRequest\":{\"model\":\"models/" NEW "\",\"contents\":[{\"role\":"
                                 "\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"tools\":[{\"functionDeclarations\":[{"
                                 "\"name\":\"f\",\"description\":\"d\"}]}]}}");
    buf_deinit(&out);
}

// ---- signatures on their way through clients

static struct slice wrap(struct arena *arena, enum opaque_kind kind, const char *data, bool in_base64)
{
    struct neutral_opaque opaque = {.kind = kind, .data = slice_from_cstr(data)};
    struct buf out = BUF_EMPTY;
    if (in_base64) {
        opaque_wrap_base64(&opaque, &out);
    } else {
        opaque_wrap(&opaque, &out);
    }
    struct slice wrapped = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return wrapped;
}

// A Gemini client has the pieces of a streamed answer, one content each; the signature of the thoughts came with the
// first text. For Anthropic it is one thought, signed, and one text.
static void thoughts_of_others_come_back_in_one_piece(void **state)
{
    struct slice signature = wrap(*state, OPAQUE_ANTHROPIC_SIGNATURE, "sig", true);
    struct slice redacted = wrap(*state, OPAQUE_ANTHROPIC_REDACTED, "hidden", true);
    struct slice body =
        arena_printf(*state,
                     "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},"
                     "{\"role\":\"model\",\"parts\":[{\"text\":\"I \",\"thought\":true}]},"
                     "{\"role\":\"model\",\"parts\":[{\"text\":\"think\",\"thought\":true}]},"
                     "{\"role\":\"model\",\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"%.*s\"}]},"
                     "{\"role\":\"model\",\"parts\":[{\"text\":\"so \",\"thoughtSignature\":\"%.*s\"}]},"
                     "{\"role\":\"model\",\"parts\":[{\"text\":\"it is\"}]},"
                     "{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},"
                     "{\"parts\":[{\"text\":\"ok\"}]}]}",
                     SLICE_ARG(signature), SLICE_ARG(redacted));
    struct outcome outcome = translate(*state, DIALECT_GEMINI, DIALECT_ANTHROPIC, "claude-sonnet-4-5", body);
    if (!contains(outcome.body, "{\"type\":\"thinking\",\"thinking\":\"I think\",\"signature\":\"sig\"},"
                                "{\"type\":\"redacted_thinking\",\"data\":\"hidden\"},"
                                "{\"type\":\"text\",\"text\":\"so it is\"}")) {
        fail_msg("%.*s", SLICE_ARG(outcome.body));
    }
}

// Through a client of Responses a signature comes as a hidden thought of its own, before the part it belongs to.
static void signatures_go_back_to_their_parts(void **state)
{
    struct slice call = wrap(*state, OPAQUE_GEMINI_CALL, "sig-call", false);
    struct slice text = wrap(*state, OPAQUE_GEMINI_TEXT, "sig-text", false);
    struct slice body = arena_printf(
        *state,
        "{\"input\":[{\"role\":\"user\",\"content\":\"q\"},"
        "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"%.*s\"},"
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"1\"},"
        "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"one\"}]},"
        "{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[],\"encrypted_content\":\"%.*s\"},"
        "{\"role\":\"user\",\"content\":\"ok\"}]}",
        SLICE_ARG(call), SLICE_ARG(text));
    struct outcome outcome = translate(*state, DIALECT_RESPONSES, DIALECT_GEMINI, NEW, body);
    if (!contains(outcome.body, "\"args\":{}},\"thoughtSignature\":\"sig-call\"}") ||
        !contains(outcome.body, "{\"text\":\"one\",\"thoughtSignature\":\"sig-text\"}")) {
        fail_msg("%.*s", SLICE_ARG(outcome.body));
    }
}

// Through a client of Anthropic they are redacted thoughts behind their texts; that of an empty text has none before
// it. What another provider hid meanwhile is not for Google, and a signature may stand further before its call.
static void signatures_go_back_to_their_parts_from_anthropic(void **state)
{
    struct slice empty = wrap(*state, OPAQUE_GEMINI_TEXT, "sig-1", false);
    struct slice text = wrap(*state, OPAQUE_GEMINI_TEXT, "sig-2", false);
    struct slice call = wrap(*state, OPAQUE_GEMINI_CALL, "sig-3", false);
    struct slice other = wrap(*state, OPAQUE_OPENAI_ENCRYPTED, "blob", false);
    struct slice body = arena_printf(
        *state,
        "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"redacted_thinking\",\"data\":\"%.*s\"},{\"type\":\"text\",\"text\":\"one\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"%.*s\"},{\"type\":\"redacted_thinking\",\"data\":\"%.*s\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"%.*s\"},"
        "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\"}]}]}",
        SLICE_ARG(empty), SLICE_ARG(text), SLICE_ARG(call), SLICE_ARG(other));
    struct outcome outcome = translate(*state, DIALECT_ANTHROPIC, DIALECT_GEMINI, NEW, body);
    assert_text(outcome.warnings, "dropped:messages[1].content[4]");
    if (!contains(outcome.body, "[{\"text\":\"\",\"thoughtSignature\":\"sig-1\"},"
                                "{\"text\":\"one\",\"thoughtSignature\":\"sig-2\"},"
                                "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}},"
                                "\"thoughtSignature\":\"sig-3\"}]")) {
        fail_msg("%.*s", SLICE_ARG(outcome.body));
    }
}

// ---- schemas

static const struct {
    const char *openapi;
    const char *json_schema;
} SCHEMAS[] = {
    {"1", "{}"},
    {"{}", "{}"},
    {"{\"type\":\"STRING\",\"format\":\"enum\",\"enum\":[\"a\"]}", "{\"type\":\"string\",\"enum\":[\"a\"]}"},
    {"{\"type\":\"TYPE_UNSPECIFIED\",\"title\":\"t\"}", "{\"title\":\"t\"}"},
    {"{\"type\":\"INTEGER\",\"format\":\"int64\",\"nullable\":true,\"minimum\":1}",
     "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\",\"minimum\":1}"},
    {"{\"type\":\"STRING\",\"nullable\":true,\"enum\":[\"a\"]}",
     "{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",null]}"},
    {"{\"any_of\":[{\"type\":\"STRING\"}],\"nullable\":true}",
     "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}"},
    {"{\"type\":\"ARRAY\",\"min_items\":\"2\",\"items\":{\"type\":\"NUMBER\",\"example\":1.0}}",
     "{\"type\":\"array\",\"minItems\":2,\"items\":{\"type\":\"number\",\"examples\":[1.0]}}"},
    {"{\"type\":\"OBJECT\",\"propertyOrdering\":[\"type\"],\"properties\":{\"type\":{\"type\":\"BOOLEAN\"},\"\\u0061\":"
     "{}},\"required\":[\"type\"]}",
     "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"boolean\"},\"\\u0061\":{}},\"required\":[\"type\"]}"},
    {"{\"type\":5,\"properties\":[],\"items\":null,\"anyOf\":{},\"x\":{\"type\":\"STRING\"}}",
     "{\"x\":{\"type\":\"STRING\"}}"},
};

static struct slice convert(struct arena *arena, struct slice schema)
{
    struct json_doc doc;
    struct json_writer w;
    struct buf out = BUF_EMPTY;
    parse(arena, &doc, schema);
    json_writer_init(&w, &out);
    gemini_schema_write_json_schema(&doc, json_root(&doc), &w);
    struct slice text = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

static void schemas_become_json_schemas(void **state)
{
    for (size_t i = 0; i < sizeof(SCHEMAS) / sizeof(*SCHEMAS); i++) {
        assert_text(convert(*state, slice_from_cstr(SCHEMAS[i].openapi)), SCHEMAS[i].json_schema);
    }
}

static void schemas_without_end_are_cut(void **state)
{
    struct buf deep = BUF_EMPTY;
    struct json_doc doc;
    for (int i = 0; i < 100; i++) {
        buf_append(&deep, SLICE("{\"anyOf\":["));
    }
    for (int i = 0; i < 100; i++) {
        buf_append(&deep, SLICE("]}"));
    }
    struct slice found = convert(*state, buf_slice(&deep));
    parse(*state, &doc, found);
    assert_true(found.len < deep.len);
    buf_deinit(&deep);
}

// ---- arguments in pieces

static const struct {
    const char *pieces;
    const char *arguments;
} PIECES[] = {
    {"[]", "{}"},
    {"[{\"jsonPath\":\"$.a\",\"stringValue\":\"x\",\"willContinue\":true},{\"jsonPath\":\"$.a\",\"stringValue\":\"\\n"
     "y\"}]",
     "{\"a\":\"x\\ny\"}"},
    {"[{\"jsonPath\":\"$.a\",\"stringValue\":\"x\"},{\"jsonPath\":\"$.a\",\"stringValue\":\"y\"}]", "{\"a\":\"y\"}"},
    {"[{\"jsonPath\":\"$.a[1].b\",\"numberValue\":1.0},{\"jsonPath\":\"$.a[0]\",\"boolValue\":true},"
     "{\"jsonPath\":\"$.a[3]\",\"nullValue\":\"NULL_VALUE\"}]",
     "{\"a\":[true,{\"b\":1.0},null,null]}"},
    {"[{\"jsonPath\":\"$['a b'][\\\"c.d\\\"]\",\"numberValue\":12345678901234567890}]",
     "{\"a b\":{\"c.d\":12345678901234567890}}"},
    {"[{\"jsonPath\":\"$.a\",\"numberValue\":1},{\"jsonPath\":\"$.a.b\",\"numberValue\":2},{\"jsonPath\":\"$.a[0]\","
     "\"numberValue\":3}]",
     "{\"a\":1}"},
    {"[{\"jsonPath\":\"\",\"numberValue\":1},{\"jsonPath\":\"$\",\"numberValue\":1},{\"jsonPath\":\"$[0]\","
     "\"numberValue\":1},{\"jsonPath\":\"$.\",\"numberValue\":1},{\"jsonPath\":\"$.a[\",\"numberValue\":1},"
     "{\"jsonPath\":\"$.b[99999999]\",\"numberValue\":1},{\"jsonPath\":\"a\",\"numberValue\":1},{},5,null]",
     "{\"a\":null,\"b\":null}"},
};

static void pieces_of_arguments_become_an_object(void **state)
{
    for (size_t i = 0; i < sizeof(PIECES) / sizeof(*PIECES); i++) {
        struct gemini_partial_args *args = gemini_partial_args_new(*state);
        const struct json_node *piece = NULL;
        struct json_doc doc;
        parse(*state, &doc, slice_from_cstr(PIECES[i].pieces));
        while (json_next_element(&doc, json_root(&doc), &piece)) {
            gemini_partial_args_add(args, &doc, piece);
        }
        assert_text(gemini_partial_args_json(args), PIECES[i].arguments);
    }
}

// ---- answers of others

struct event {
    const char *name;
    const char *data;
};

#define ANTHROPIC_START                                                                                                \
    {                                                                                                                  \
        "message_start", "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"content\":[],\"usage\":{"        \
                         "\"input_tokens\":5}}}"                                                                       \
    }
#define BLOCK_START(i, block)                                                                                          \
    {                                                                                                                  \
        "content_block_start", "{\"type\":\"content_block_start\",\"index\":" #i ",\"content_block\":" block "}"       \
    }
#define BLOCK_DELTA(i, delta)                                                                                          \
    {                                                                                                                  \
        "content_block_delta", "{\"type\":\"content_block_delta\",\"index\":" #i ",\"delta\":" delta "}"               \
    }
#define BLOCK_STOP(i)                                                                                                  \
    {                                                                                                                  \
        "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":" #i "}"                                     \
    }
#define ANTHROPIC_END(reason)                                                                                          \
    {"message_delta",                                                                                                  \
     "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason "\"},\"usage\":{\"output_tokens\":7}}"},       \
    {                                                                                                                  \
        "message_stop", "{\"type\":\"message_stop\"}"                                                                  \
    }
#define SOME_TEXT(i)                                                                                                   \
    BLOCK_START(i, "{\"type\":\"text\",\"text\":\"\"}"), BLOCK_DELTA(i, "{\"type\":\"text_delta\",\"text\":\"hi\"}"),  \
        BLOCK_STOP(i)
#define SOME_CALL(i, json)                                                                                             \
    BLOCK_START(i, "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}"),                               \
        BLOCK_DELTA(i, "{\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"}"), BLOCK_STOP(i)

#define OPEN "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["
#define SHUT "]},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"0123456789abcdefghijkl\"}\r\n\r\n"
#define LAST(part, finish)                                                                                             \
    "data: {\"candidates\":[{\"content\":{\"parts\":[" part "],\"role\":\"model\"}," finish                            \
    ",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":7,\"totalTokenCount\":12},"     \
    "\"modelVersion\":\"m\",\"responseId\":\"0123456789abcdefghijkl\"}\r\n\r\n"
#define EMPTY "{\"text\":\"\"}"

static struct slice stream(struct arena *arena, const struct event *events, size_t n_events, bool as_array)
{
    struct json_doc doc;
    struct neutral_request req;
    struct buf out = BUF_EMPTY;
    parse(arena, &doc, SLICE("{}"));
    neutral_request_init(&req, DIALECT_GEMINI, &doc);
    req.wants_stream = true;
    req.streams_json_array = as_array;
    struct answer_context context = {
        .arena = arena,
        .upstream = DIALECT_ANTHROPIC,
        .client = DIALECT_GEMINI,
        .client_model = SLICE("m"),
        .req = &req,
        .token = SLICE("0123456789abcdefghijkl"),
        .estimated_input = -1,
    };
    struct translation *translation = translation_new(&context);
    for (size_t i = 0; i < n_events; i++) {
        translation_feed(translation, slice_from_cstr(events[i].name), slice_from_cstr(events[i].data), &out);
    }
    translation_finish(translation, &out);
    translation_deinit(translation);
    struct slice text = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

#define STREAM(arena, events, as_array) stream(arena, events, sizeof(events) / sizeof(*(events)), as_array)

static void a_text_is_a_response_for_each_piece(void **state)
{
    static const struct event events[] = {ANTHROPIC_START, SOME_TEXT(0), ANTHROPIC_END("end_turn")};
    assert_text(STREAM(*state, events, false), OPEN "{\"text\":\"hi\"}" SHUT LAST(EMPTY, "\"finishReason\":\"STOP\""));
}

static void the_last_response_tells_of_usage_also_where_nothing_is_known(void **state)
{
    static const struct event events[] = {SOME_TEXT(0), {"message_stop", "{\"type\":\"message_stop\"}"}};
    assert_true(
        contains(STREAM(*state, events, false), "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{},"));
}

static void a_stream_may_be_an_array(void **state)
{
    static const struct event events[] = {ANTHROPIC_START, SOME_TEXT(0), ANTHROPIC_END("max_tokens")};
    struct slice found = STREAM(*state, events, true);
    struct json_doc doc;
    parse(*state, &doc, found);
    assert_true(slice_starts_with(found, SLICE("[{")));
    assert_true(contains(found, "},\r\n{") && contains(found, "MAX_TOKENS"));
}

static void an_array_that_fails_is_whole_all_the_same(void **state)
{
    static const struct event events[] = {
        ANTHROPIC_START,
        BLOCK_START(0, "{\"type\":\"text\",\"text\":\"\"}"),
        BLOCK_DELTA(0, "{\"type\":\"text_delta\",\"text\":\"hi\"}"),
        {"error", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}"}};
    struct slice found = STREAM(*state, events, true);
    struct json_doc doc;
    parse(*state, &doc, found);
    assert_true(slice_ends_with(found, SLICE(",\r\n{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":"
                                             "\"UNAVAILABLE\"}}]")));
}

// The signature of the thoughts comes with the next text or call, wrapped; a second one with an empty text before it.
static void signatures_of_others_ride_on_the_next_part(void **state)
{
    static const struct event events[] = {
        ANTHROPIC_START,
        BLOCK_START(0, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
        BLOCK_DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}"),
        BLOCK_DELTA(0, "{\"type\":\"signature_delta\",\"signature\":\"sig\"}"),
        BLOCK_STOP(0),
        BLOCK_START(1, "{\"type\":\"redacted_thinking\",\"data\":\"hidden\"}"),
        BLOCK_STOP(1),
        SOME_CALL(2, "{\\\"a\\\":1}"),
        ANTHROPIC_END("tool_use"),
    };
    struct slice first = wrap(*state, OPAQUE_ANTHROPIC_SIGNATURE, "sig", true);
    struct slice second = wrap(*state, OPAQUE_ANTHROPIC_REDACTED, "hidden", true);
    struct slice expected = arena_printf(
        *state,
        OPEN
        "{\"text\":\"hm\",\"thought\":true}" SHUT OPEN "{\"text\":\"\",\"thoughtSignature\":\"%.*s\"}" SHUT OPEN
        "{\"functionCall\":{\"id\":\"t1\",\"name\":\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":\"%.*s\"}" SHUT LAST(
            EMPTY, "\"finishReason\":\"STOP\""),
        SLICE_ARG(first), SLICE_ARG(second));
    assert_text(STREAM(*state, events, false), arena_cstr(*state, expected));
}

static void a_signature_at_the_end_has_an_empty_text(void **state)
{
    static const struct event events[] = {ANTHROPIC_START,
                                          BLOCK_START(0, "{\"type\":\"redacted_thinking\",\"data\":\"hidden\"}"),
                                          BLOCK_STOP(0), ANTHROPIC_END("end_turn")};
    struct slice hidden = wrap(*state, OPAQUE_ANTHROPIC_REDACTED, "hidden", true);
    struct slice expected = arena_printf(
        *state, LAST("{\"text\":\"\",\"thoughtSignature\":\"%.*s\"}", "\"finishReason\":\"STOP\""), SLICE_ARG(hidden));
    assert_text(STREAM(*state, events, false), arena_cstr(*state, expected));
}

static void a_call_that_is_no_object_is_left_out(void **state)
{
    static const struct event malformed[] = {ANTHROPIC_START, SOME_CALL(0, "{\\\"a"), ANTHROPIC_END("tool_use")};
    static const struct event cut[] = {ANTHROPIC_START, SOME_CALL(0, "{\\\"a"), ANTHROPIC_END("max_tokens")};
    assert_text(STREAM(*state, malformed, false),
                LAST(EMPTY, "\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"the arguments of a "
                            "function call are no JSON object\""));
    assert_text(STREAM(*state, cut, false), LAST(EMPTY, "\"finishReason\":\"MAX_TOKENS\""));
}

static void arguments_on_several_lines_are_on_one(void **state)
{
    static const struct event events[] = {ANTHROPIC_START, SOME_CALL(0, "{\\n\\\"a\\\": \\\"\\\\n\\\"\\r\\n}"),
                                          ANTHROPIC_END("tool_use")};
    assert_text(STREAM(*state, events, false),
                OPEN "{\"functionCall\":{\"id\":\"t1\",\"name\":\"f\",\"args\":{ \"a\": \"\\n\"  }}}" SHUT LAST(
                    EMPTY, "\"finishReason\":\"STOP\""));
}

// ---- answers of Gemini that are odd

static struct slice answer(struct arena *arena, const char *body)
{
    struct json_doc doc;
    struct neutral_request req;
    struct buf out = BUF_EMPTY;
    parse(arena, &doc, SLICE("{}"));
    neutral_request_init(&req, DIALECT_CHAT, &doc);
    struct answer_context context = {
        .arena = arena,
        .upstream = DIALECT_GEMINI,
        .client = DIALECT_CHAT,
        .client_model = SLICE("m"),
        .req = &req,
        .token = SLICE("0123456789abcdefghijkl"),
        .shows_reasoning = true,
        .estimated_input = -1,
    };
    struct translation *translation = translation_new(&context);
    translation_answer(translation, slice_from_cstr(body), &out);
    const struct neutral_error *error = translation_error(translation);
    struct slice text =
        error ? arena_printf(arena, "error: %s: %.*s", fault_name(error->fault), SLICE_ARG(error->message))
              : arena_dup(arena, buf_slice(&out));
    translation_deinit(translation);
    buf_deinit(&out);
    return text;
}

#define CANDIDATE(members) "{\"candidates\":[{" members "}]}"

static const struct {
    const char *body;
    const char *wanted;
} ANSWERS[] = {
    {"{}", "error: upstream_protocol"},
    {"{\"candidates\":[]}", "error: upstream_protocol"},
    {"5", "error: upstream_protocol"},
    {"{\"candidates\":5,\"error\":null}", "error: upstream_protocol"},
    {"{\"error\":\"no\"}", "error: upstream_server: no"},
    {"{\"error\":{\"code\":503}}", "error: upstream_overloaded: the upstream reported an error"},
    {"[{\"error\":{\"code\":400,\"message\":\"bad\",\"status\":\"INVALID_ARGUMENT\"}}]", "error: invalid_request: bad"},
    {"{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", "\"finish_reason\":\"content_filter\""},
    {"{\"promptFeedback\":{}}", "\"finish_reason\":\"content_filter\""},
    {CANDIDATE(""), "\"finish_reason\":\"stop\""},
    {CANDIDATE("\"content\":{\"parts\":[5,null,{},{\"text\":5},{\"functionCall\":{}},{\"inlineData\":1}]}"),
     "\"finish_reason\":\"stop\""},
    {CANDIDATE("\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},\"finishReason\":\"STOP\""),
     "\"arguments\":\"{}\""},
    {CANDIDATE("\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":12345678901234567890}}}]},"
               "\"finishReason\":\"STOP\""),
     "\"arguments\":\"{\\\"n\\\":12345678901234567890}\""},
    {CANDIDATE(
         "\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},\"finishReason\":\"TOO_MANY_TOOL_CALLS\""),
     "\"finish_reason\":\"stop\""},
    {CANDIDATE("\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}]},"
               "\"finishReason\":\"MAX_TOKENS\""),
     "\"finish_reason\":\"length\""},
    {CANDIDATE("\"index\":-1,\"content\":{\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"SPII\""),
     "\"finish_reason\":\"content_filter\""},
};

static void odd_answers_are_answers_or_errors(void **state)
{
    for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(*ANSWERS); i++) {
        struct slice found = answer(*state, ANSWERS[i].body);
        if (!contains(found, ANSWERS[i].wanted)) {
            fail_msg("%s: %.*s", ANSWERS[i].body, SLICE_ARG(found));
        }
    }
}

// ---- errors

static const struct {
    const char *error;
    unsigned status;
    enum fault fault;
    int64_t retry_after_s;
} ERRORS[] = {
    {"{}", 400, FAULT_INVALID_REQUEST, -1},
    {"{\"status\":\"UNAUTHENTICATED\"}", 401, FAULT_UPSTREAM_AUTH, -1},
    {"{\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}", 400, FAULT_UPSTREAM_AUTH, -1},
    {"{\"status\":\"INVALID_ARGUMENT\",\"message\":\"The input token count (9) exceeds the maximum number of tokens\"}",
     400, FAULT_CONTEXT_LENGTH, -1},
    {"{\"status\":\"FAILED_PRECONDITION\",\"message\":\"User location is not supported\"}", 400, FAULT_REGION, -1},
    {"{\"status\":\"FAILED_PRECONDITION\",\"message\":\"Precondition\"}", 400, FAULT_INVALID_REQUEST, -1},
    {"{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"retryDelay\":\"34.4s\"}]}", 429, FAULT_RATE_LIMIT, 35},
    {"{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"retryDelay\":\"34.000s\"}]}", 429, FAULT_RATE_LIMIT, 34},
    {"{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"retryDelay\":\"s\"},5,{\"violations\":[5]}]}", 429,
     FAULT_RATE_LIMIT, -1},
    {"{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"violations\":[{\"quotaId\":\"RequestsPerDayPerProject\"}]}]}",
     429, FAULT_QUOTA, -1},
    {"{\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"Quota exceeded, limit: 0, model: x\"}", 429, FAULT_QUOTA, -1},
    {"{\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"Quota exceeded, limit: 0.5, model: x\"}", 429, FAULT_RATE_LIMIT,
     -1},
    {"{\"status\":\"WHAT\",\"code\":504}", 0, FAULT_UPSTREAM_TIMEOUT, -1},
    {"{\"code\":7}", 0, FAULT_UPSTREAM_SERVER, -1},
};

static void errors_are_told_apart(void **state)
{
    for (size_t i = 0; i < sizeof(ERRORS) / sizeof(*ERRORS); i++) {
        struct neutral_error error = {.fault = fault_of_upstream_status(ERRORS[i].status ? ERRORS[i].status : 500),
                                      .retry_after_s = -1};
        struct json_doc doc;
        parse(*state, &doc, arena_printf(*state, "{\"error\":%s}", ERRORS[i].error));
        gemini_read_error(&doc, ERRORS[i].status, *state, &error);
        if (error.fault != ERRORS[i].fault || error.retry_after_s != ERRORS[i].retry_after_s) {
            fail_msg("%s: %s, %lld", ERRORS[i].error, fault_name(error.fault), (long long)error.retry_after_s);
        }
    }
}

static void errors_are_written_as_google_does(void **state)
{
    static const struct {
        struct neutral_error error;
        const char *body;
    } rows[] = {
        {{.fault = FAULT_RATE_LIMIT, .message = SLICE_INIT("slow"), .retry_after_s = 34},
         "{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
         "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"34s\"}]}}"},
        {{.fault = FAULT_UPSTREAM_AUTH, .message = SLICE_INIT("key"), .retry_after_s = -1},
         "{\"error\":{\"code\":400,\"message\":\"key\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":"
         "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\"}]}}"},
        {{.fault = FAULT_UPSTREAM_OVERLOADED, .message = SLICE_INIT("busy"), .retry_after_s = -1},
         "{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out = BUF_EMPTY;
        fault_write_error_body(&rows[i].error, DIALECT_GEMINI, SLICE_EMPTY, &out);
        assert_text(buf_slice(&out), rows[i].body);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_ARENA(wrong_requests_are_refused_by_the_name_of_the_member),
        TEST_WITH_ARENA(members_of_any_type_do_no_harm),
        TEST_WITH_ARENA(requests_are_written_for_their_model),
        TEST_WITH_ARENA(counting_takes_the_input_only),
        TEST_WITH_ARENA(thoughts_of_others_come_back_in_one_piece),
        TEST_WITH_ARENA(signatures_go_back_to_their_parts),
        TEST_WITH_ARENA(signatures_go_back_to_their_parts_from_anthropic),
        TEST_WITH_ARENA(schemas_become_json_schemas),
        TEST_WITH_ARENA(schemas_without_end_are_cut),
        TEST_WITH_ARENA(pieces_of_arguments_become_an_object),
        TEST_WITH_ARENA(a_text_is_a_response_for_each_piece),
        TEST_WITH_ARENA(the_last_response_tells_of_usage_also_where_nothing_is_known),
        TEST_WITH_ARENA(a_stream_may_be_an_array),
        TEST_WITH_ARENA(an_array_that_fails_is_whole_all_the_same),
        TEST_WITH_ARENA(signatures_of_others_ride_on_the_next_part),
        TEST_WITH_ARENA(a_signature_at_the_end_has_an_empty_text),
        TEST_WITH_ARENA(a_call_that_is_no_object_is_left_out),
        TEST_WITH_ARENA(arguments_on_several_lines_are_on_one),
        TEST_WITH_ARENA(odd_answers_are_answers_or_errors),
        TEST_WITH_ARENA(errors_are_told_apart),
        TEST_WITH_ARENA(errors_are_written_as_google_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
