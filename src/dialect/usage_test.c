// SPDX-License-Identifier: MIT
// The metering tap on small answers: vendors' habits, odd and broken ones, limits.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/usage.h"
#include "json/json_reader.h"

enum { LIMIT = 4096, MAX_EVENTS = 6 };
enum { COMPLETE = 1, CONTENT = 2, ERROR = 4 };
enum { TWICE = 8 }; // usage is stated in two places of one answer

struct event {
    const char *name;
    const char *data;
};

struct stream_case {
    const char *what;
    enum dialect dialect;
    struct event events[MAX_EVENTS];
    struct usage usage;
    int flags;
};

#define NO_USAGE                                                                                                       \
    {                                                                                                                  \
        -1, -1, -1, -1, -1                                                                                             \
    }

static int flags_of(const struct usage_tap *tap)
{
    return (usage_tap_is_complete(tap) ? COMPLETE : 0) | (usage_tap_has_content(tap) ? CONTENT : 0) |
           (usage_tap_has_error(tap) ? ERROR : 0);
}

static void check(const char *what, struct usage_tap *tap, const struct usage *usage, int flags)
{
    struct usage found = usage_tap_usage(tap);
    if (memcmp(&found, usage, sizeof(found)) != 0) {
        fail_msg("%s: usage %lld %lld %lld %lld %lld", what, (long long)found.input, (long long)found.output,
                 (long long)found.reasoning, (long long)found.cache_read, (long long)found.cache_write);
    }
    if (flags_of(tap) != (flags & ~TWICE)) {
        fail_msg("%s: flags %d, not %d", what, flags_of(tap), flags);
    }
}

// ---- streams

static const struct stream_case STREAMS[] = {
    // Nothing, and nonsense
    {"no event", DIALECT_CHAT, {{"", ""}}, NO_USAGE, 0},
    {"not JSON", DIALECT_CHAT, {{"", "{\"choices\":[{\"finish_reason\":\"stop\""}}, NO_USAGE, 0},
    {"not an object", DIALECT_GEMINI, {{"", "[{\"usageMetadata\":{\"promptTokenCount\":3}}]"}}, NO_USAGE, 0},
    {"a null", DIALECT_RESPONSES, {{"response.completed", "null"}}, NO_USAGE, 0},
    {"odd types",
     DIALECT_CHAT,
     {{"", "{\"choices\":{\"finish_reason\":\"stop\"},\"usage\":[1]}"},
      {"",
       "{\"choices\":[1,null,[]],\"usage\":{\"prompt_tokens\":\"7\",\"completion_tokens\":-2,\"total_tokens\":0.5}}"},
      {"", "{\"choices\":[{\"delta\":7,\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":1e300}}"}},
     NO_USAGE,
     0},

    // Chat
    {"an empty delta is no content",
     DIALECT_CHAT,
     {{"", "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null,\"tool_calls\":[ ]},"
           "\"finish_reason\":null}],\"usage\":null,\"error\":null}"}},
     NO_USAGE,
     0},
    {"text", DIALECT_CHAT, {{"", "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"}}, NO_USAGE, CONTENT},
    {"reasoning", DIALECT_CHAT, {{"", "{\"choices\":[{\"delta\":{\"reasoning_content\":\"a\"}}]}"}}, NO_USAGE, CONTENT},
    {"a call",
     DIALECT_CHAT,
     {{"", "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"c\"}]}}]}"}},
     NO_USAGE,
     CONTENT},
    {"usage behind the finish, with white space",
     DIALECT_CHAT,
     {{"", "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"},
      {"", "{\"choices\":[{\"delta\":{},\"finish_reason\" : \"length\"}]}"},
      {"", "{\"choices\":[],\"usage\" :\n {\"prompt_tokens\":5,\"completion_tokens\":7}}"},
      {"", "[DONE]"}},
     {5, 7, -1, -1, -1},
     COMPLETE | CONTENT},
    {"a text that speaks of usage",
     DIALECT_CHAT,
     {{"", "{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":1}\"}}]}"},
      {"", "{\"choices\":[{\"delta\":{\"content\":\"usage\",\"name\":\"finish_reason\"}}]}"}},
     NO_USAGE,
     CONTENT},
    {"no finish, but done", DIALECT_CHAT, {{"", " [DONE]"}}, NO_USAGE, COMPLETE},
    {"nothing counts after done",
     DIALECT_CHAT,
     {{"", "[DONE]"}, {"", "{\"choices\":[],\"usage\":{\"prompt_tokens\":5}}"}},
     NO_USAGE,
     COMPLETE},
    {"usage on every chunk is not added up",
     DIALECT_CHAT,
     {{"", "{\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1}}"},
      {"", "{\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2}}"},
      {"", "{\"usage\":{\"completion_tokens\":3}}"}},
     {8, 3, -1, -1, -1},
     0},
    {"DeepSeek",
     DIALECT_CHAT,
     {{"", "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"prompt_cache_hit_tokens\":4}}"}},
     {9, 2, -1, 4, -1},
     0},
    {"Moonshot",
     DIALECT_CHAT,
     {{"", "{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\",\"usage\":"
           "{\"prompt_tokens\":9,\"completion_tokens\":2,\"cached_tokens\":3}}]}"}},
     {9, 2, -1, 3, -1},
     COMPLETE | CONTENT},
    {"the standard member beats a vendor's",
     DIALECT_CHAT,
     {{"", "{\"usage\":{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":6,\"cache_write_tokens\":1},"
           "\"cached_tokens\":3,\"prompt_cache_hit_tokens\":2}}"}},
     {9, -1, -1, 6, 1},
     0},
    {"xAI: reasoning that only the total has",
     DIALECT_CHAT,
     {{"", "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":22,"
           "\"completion_tokens_details\":{\"reasoning_tokens\":7}}}"}},
     {10, 12, 7, -1, -1},
     0},
    {"OpenAI: reasoning inside of the output",
     DIALECT_CHAT,
     {{"", "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":12,\"total_tokens\":22,"
           "\"completion_tokens_details\":{\"reasoning_tokens\":7}}}"}},
     {10, 12, 7, -1, -1},
     0},
    {"an error event", DIALECT_CHAT, {{"", "{\"error\":{\"message\":\"no\"}}"}}, NO_USAGE, ERROR},
    {"an error beside choices",
     DIALECT_CHAT,
     {{"", "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"},
      {"", "{\"error\":\"plain\",\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}"}},
     NO_USAGE,
     COMPLETE | CONTENT | ERROR},
    {"an error by its name alone", DIALECT_CHAT, {{"error", "it broke"}}, NO_USAGE, ERROR},

    // Anthropic
    {"all of it",
     DIALECT_ANTHROPIC,
     {{"message_start", "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,"
                        "\"cache_read_input_tokens\":20,\"cache_creation_input_tokens\":30,\"output_tokens\":1}}}"},
      {"content_block_start", "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"},
      {"content_block_delta", "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"message_stop\"}}"},
      {"message_delta", "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7,\"input_tokens\":null}}"},
      {"message_stop", "{\"type\":\"message_stop\" }"}},
     {60, 7, -1, 20, 30},
     COMPLETE | CONTENT},
    {"an empty block is no content",
     DIALECT_ANTHROPIC,
     {{"content_block_start", "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"},
      {"ping", "{\"type\": \"ping\"}"},
      {"content_block_start",
       "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}"}},
     NO_USAGE,
     0},
    {"a tool call begins with its name",
     DIALECT_ANTHROPIC,
     {{"", "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}"}},
     NO_USAGE,
     CONTENT},
    {"the type wins over the name, and need not come first",
     DIALECT_ANTHROPIC,
     {{"", "{\"delta\":{},\"type\":\"content_block_delta\"}"},
      {"message_stop", "{\"usage\":{\"output_tokens\":4}, \"type\" : \"message_delta\"}"}},
     {-1, 4, -1, -1, -1},
     CONTENT},
    {"the name counts where there is no type",
     DIALECT_ANTHROPIC,
     {{"content_block_delta", "{}"}, {"message_stop", "{}"}},
     NO_USAGE,
     COMPLETE | CONTENT},
    {"no stop", DIALECT_ANTHROPIC, {{"message_delta", "{\"type\":\"message_delta\"}"}}, NO_USAGE, 0},
    {"overloaded after text",
     DIALECT_ANTHROPIC,
     {{"", "{\"type\":\"content_block_delta\"}"},
      {"", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}"}},
     NO_USAGE,
     CONTENT | ERROR},
    {"[DONE] is no end here", DIALECT_ANTHROPIC, {{"", "[DONE]"}}, NO_USAGE, 0},

    // Responses
    {"all of it",
     DIALECT_RESPONSES,
     {{"response.created", "{\"type\":\"response.created\",\"response\":{\"usage\":null,\"error\":null}}"},
      {"", "{\"type\":\"response.output_text.delta\",\"delta\":\"response.completed\"}"},
      {"response.completed",
       "{\"type\":\"response.completed\",\"response\":{\"error\":null,\"usage\":{\"input_tokens\":9,"
       "\"input_tokens_details\":{\"cached_tokens\":3,\"cache_write_tokens\":2},\"output_tokens\":6,"
       "\"output_tokens_details\":{\"reasoning_tokens\":5}}}}"}},
     {9, 6, 5, 3, 2},
     COMPLETE | CONTENT},
    {"what is empty is no content",
     DIALECT_RESPONSES,
     {{"", "{\"type\":\"response.queued\",\"response\":{}}"},
      {"", "{\"response\":{},\"type\":\"response.in_progress\"}"},
      {"", "{\"type\":\"response.output_item.added\",\"item\":{\"type\":\"reasoning\"}}"},
      {"", "{\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\"}}"},
      {"", "{\"type\":\"response.content_part.added\",\"part\":{}}"}},
     NO_USAGE,
     0},
    {"a call",
     DIALECT_RESPONSES,
     {{"", "{\"type\":\"response.output_item.added\",\"item\":{\"type\":\"function_call\"}}"}},
     NO_USAGE,
     CONTENT},
    {"incomplete is an end", DIALECT_RESPONSES, {{"", "{\"type\":\"response.incomplete\"}"}}, NO_USAGE, COMPLETE},
    {"the old name of the end",
     DIALECT_RESPONSES,
     {{"", "{\"sequence_number\":1,\"type\":\"response.output_text.delta\"}"},
      {"", "{\"response\":{\"usage\":{\"output_tokens\":3}},\"type\":\"response.done\"}"}},
     {-1, 3, -1, -1, -1},
     COMPLETE | CONTENT},
    {"failed",
     DIALECT_RESPONSES,
     {{"error", "{\"type\":\"error\",\"error\":{\"code\":\"insufficient_quota\"}}"},
      {"", "{\"type\":\"response.failed\",\"response\":{\"error\":{}}}"}},
     NO_USAGE,
     COMPLETE | ERROR},
    {"an error alone is no end", DIALECT_RESPONSES, {{"", "{\"type\":\"error\",\"code\":\"x\"}"}}, NO_USAGE, ERROR},
    {"[DONE] is no end here", DIALECT_RESPONSES, {{"", "[DONE]"}}, NO_USAGE, 0},
    {"an end that is not JSON", DIALECT_RESPONSES, {{"", "{\"type\":\"response.completed\",\"x\""}}, NO_USAGE, 0},

    // Gemini
    {"thoughts are beside the candidates, tool input beside the prompt",
     DIALECT_GEMINI,
     {{"",
       "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":5}}"},
      {"", "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5,"
           "\"toolUsePromptTokenCount\":2,\"cachedContentTokenCount\":3,\"candidatesTokenCount\":4,"
           "\"thoughtsTokenCount\":6}}"}},
     {7, 10, 6, 3, -1},
     COMPLETE | CONTENT},
    {"thoughts alone", DIALECT_GEMINI, {{"", "{\"usageMetadata\":{\"thoughtsTokenCount\":6}}"}}, {-1, 6, 6, -1, -1}, 0},
    {"an empty text is no content, with or without a signature",
     DIALECT_GEMINI,
     {{"", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"x\"}]}}]}"},
      {"", "{\"candidates\":[{\"content\":{}},{}]}"}},
     NO_USAGE,
     0},
    {"a call",
     DIALECT_GEMINI,
     {{"", "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{}}]}}]}"}},
     NO_USAGE,
     CONTENT},
    {"a blocked prompt",
     DIALECT_GEMINI,
     {{"", "{\"promptFeedback\":{\"blockReason\":\"OTHER\"}}"}},
     NO_USAGE,
     COMPLETE},
    {"safety ratings block nothing",
     DIALECT_GEMINI,
     {{"", "{\"promptFeedback\":{\"safetyRatings\":[]}}"}},
     NO_USAGE,
     0},
    {"an error after text",
     DIALECT_GEMINI,
     {{"", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}"}, {"", "{\"error\":{\"code\":503}}"}},
     NO_USAGE,
     CONTENT | ERROR},
};

static void test_streams(void **state)
{
    for (size_t i = 0; i < sizeof(STREAMS) / sizeof(STREAMS[0]); i++) {
        const struct stream_case *c = &STREAMS[i];
        struct usage_tap *tap = usage_tap_new(c->dialect, LIMIT);
        for (size_t e = 0; e < MAX_EVENTS && c->events[e].data; e++) {
            usage_tap_event(tap, slice_from_cstr(c->events[e].name), slice_from_cstr(c->events[e].data));
        }
        check(c->what, tap, &c->usage, c->flags);
        usage_tap_free(tap);
    }
}

// The search goes over blocks of bytes: a member is found wherever it stands in them, and where the event ends.
static void test_members_are_found_at_every_offset(void **state)
{
    enum { PADDING = 40 };
    static const char *const FORMS[] = {"\"usage\":{\"prompt_tokens\":7}", "\"usage\" \n:\t{\"prompt_tokens\":7}"};
    struct buf event = BUF_EMPTY;
    for (size_t i = 0; i < 2 * (PADDING + 1) * (PADDING + 1); i++) {
        static const struct usage EXPECTED = {7, -1, -1, -1, -1};
        struct usage_tap *tap = usage_tap_new(DIALECT_CHAT, LIMIT);
        usage_tap_event(tap, SLICE_EMPTY, SLICE("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"));
        buf_clear(&event);
        buf_printf(&event, "{%*s%s%*s}", (int)(i / 2 % (PADDING + 1)), "", FORMS[i % 2], (int)(i / 2 / (PADDING + 1)),
                   "");
        usage_tap_event(tap, SLICE_EMPTY, buf_slice(&event));
        check("offset", tap, &EXPECTED, CONTENT);
        usage_tap_free(tap);
    }
    buf_deinit(&event);
}

// ---- answers in one JSON value

struct json_case {
    const char *what;
    enum dialect dialect;
    const char *text;
    struct usage usage;
    int flags;
};

static const struct json_case ANSWERS[] = {
    {"nothing", DIALECT_CHAT, "", NO_USAGE, 0},
    {"white space", DIALECT_CHAT, " \r\n\t", NO_USAGE, 0},
    {"an empty object", DIALECT_CHAT, " {} ", NO_USAGE, COMPLETE | CONTENT},
    {"an empty array", DIALECT_GEMINI, "[]", NO_USAGE, COMPLETE},
    {"not closed", DIALECT_CHAT, "{\"usage\":{\"prompt_tokens\":3}", {3, -1, -1, -1, -1}, 0},
    {"usage not closed", DIALECT_CHAT, "{\"usage\":{\"prompt_tokens\":3", NO_USAGE, 0},
    {"closed by the wrong bracket", DIALECT_CHAT, "{\"a\":1]{}", NO_USAGE, 0},
    {"closed before it was opened", DIALECT_CHAT, "}{}", NO_USAGE, 0},
    {"not an object, with names that matter", DIALECT_ANTHROPIC, ",\"input_tokens\":3 ,{", NO_USAGE, 0},
    {"quotes and brackets in strings",
     DIALECT_CHAT,
     "{\"a\":\"\\\"}],{\\\\\",\"b\\\\\":[\"]\",{\"usage\":{\"prompt_tokens\":1}}],\"usage\":{\"prompt_tokens\":2}}",
     {2, -1, -1, -1, -1},
     COMPLETE | CONTENT},
    {"a usage deeper down does not count", DIALECT_CHAT,
     "{\"choices\":[{\"usage\":{\"prompt_tokens\":1}}],\"x\":{\"usage\":{\"prompt_tokens\":2}}}", NO_USAGE,
     COMPLETE | CONTENT},
    {"usage as a value", DIALECT_CHAT, "{\"a\":\"usage\",\"b\":{\"prompt_tokens\":2}}", NO_USAGE, COMPLETE | CONTENT},
    {"usage that is null", DIALECT_CHAT, "{\"usage\":null,\"b\":{\"prompt_tokens\":2}}", NO_USAGE, COMPLETE | CONTENT},
    {"usage that is a list", DIALECT_CHAT, "{\"usage\":[{\"prompt_tokens\":2}]}", NO_USAGE, COMPLETE | CONTENT},
    {"usage that is not JSON", DIALECT_CHAT, "{\"usage\":{\"prompt_tokens\":2,}}", NO_USAGE, COMPLETE | CONTENT},
    {"the last usage wins, member by member",
     DIALECT_CHAT,
     "{\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3},\"usage\":{\"prompt_tokens\":4}}",
     {4, 3, -1, -1, -1},
     COMPLETE | CONTENT | TWICE},
    {"nothing counts behind the value", DIALECT_CHAT, "{\"a\":1}{\"usage\":{\"prompt_tokens\":2}}", NO_USAGE,
     COMPLETE | CONTENT},
    {"an error", DIALECT_CHAT, "{\"error\":{\"message\":\"no\"}}", NO_USAGE, COMPLETE | CONTENT | ERROR},
    {"no error", DIALECT_RESPONSES, "{\"error\":null,\"x\":{\"error\":{}}}", NO_USAGE, COMPLETE | CONTENT},
    {"Responses, wrapped",
     DIALECT_RESPONSES,
     "{\"type\":\"x\",\"response\":{\"output\":[{\"usage\":{}}],\"usage\":{\"input_tokens\":2,\"output_tokens\":1}},"
     "\"usage\":{\"output_tokens\":8}}",
     {2, 8, -1, -1, -1},
     COMPLETE | CONTENT | TWICE},
    {"only one wrapper", DIALECT_RESPONSES, "{\"response\":{\"response\":{\"usage\":{\"input_tokens\":2}}}}", NO_USAGE,
     COMPLETE | CONTENT},
    {"a count", DIALECT_ANTHROPIC, "{\"input_tokens\":588}", {588, -1, -1, -1, -1}, COMPLETE | CONTENT},
    {"a count, with space behind it", DIALECT_RESPONSES, "{\"input_tokens\": 7 \n}", {7, -1, -1, -1, -1}, 3},
    {"a count of Gemini", DIALECT_GEMINI, "{\"totalTokens\":61,\"x\":9}", {61, -1, -1, -1, -1}, COMPLETE | CONTENT},
    {"a count that is none", DIALECT_ANTHROPIC, "{\"input_tokens\":\"5\"}", NO_USAGE, COMPLETE | CONTENT},
    {"a count that is too large", DIALECT_ANTHROPIC, "{\"input_tokens\":99999999999999999999999}", NO_USAGE,
     COMPLETE | CONTENT},
    {"a Gemini array, the last figures win",
     DIALECT_GEMINI,
     "[{\"usageMetadata\":{\"promptTokenCount\":5}}\n,\n{\"usageMetadata\":{\"promptTokenCount\":6,"
     "\"candidatesTokenCount\":2}}]",
     {6, 2, -1, -1, -1},
     COMPLETE | CONTENT},
    {"a Gemini array that ends early",
     DIALECT_GEMINI,
     "[{\"usageMetadata\":{\"promptTokenCount\":5}}\n,{\"candidates\":[",
     {5, -1, -1, -1, -1},
     CONTENT},
    {"a Gemini array that ends with an error", DIALECT_GEMINI, "[{\"candidates\":[]},{\"error\":{\"code\":503}}]",
     NO_USAGE, COMPLETE | CONTENT | ERROR},
    {"usage within a tool's input behind the usage",
     DIALECT_ANTHROPIC,
     "{\"usage\":{\"output_tokens\":2},\"content\":[{\"input\":{\"usage\":{\"output_tokens\":99}}}]}",
     {-1, 2, -1, -1, -1},
     COMPLETE | CONTENT},
    {"usage within a tool's input and nowhere else", DIALECT_ANTHROPIC,
     "{\"content\":[{\"input\":{\"usage\":{\"output_tokens\":99}}}]}", NO_USAGE, COMPLETE | CONTENT},
    {"usage within a tool's input that is last", DIALECT_ANTHROPIC,
     "{\"a\":1,\"input\":{\"usage\":{\"output_tokens\":99}}}", NO_USAGE, COMPLETE | CONTENT},
    {"usage as a text",
     DIALECT_CHAT,
     "{\"usage\":{\"completion_tokens\":2},\"id\":\"\\\"usage\\\":{\\\"completion_tokens\\\":99}}\"}",
     {-1, 2, -1, -1, -1},
     COMPLETE | CONTENT},
    {"usage as the value of another member",
     DIALECT_CHAT,
     "{\"usage\":{\"completion_tokens\":2},\"kind\":\"usage\"}",
     {-1, 2, -1, -1, -1},
     COMPLETE | CONTENT},
    {"usage with lists, texts, words and spaces",
     DIALECT_CHAT,
     "{\"x\":[1],\"usage\" : { \"a\":[{\"b\":\"]\"},[2]] , \"prompt_tokens\" : 7 ,\"c\":null,\"d\":\"e\",\"f\":true,"
     "\"completion_tokens_details\" : { \"reasoning_tokens\":3 } ,\"completion_tokens\":4} , \"z\":{\"y\":[]} } \n",
     {7, 4, 3, -1, -1},
     COMPLETE | CONTENT},
    {"figures that are no counts", DIALECT_CHAT,
     "{\"usage\":{\"prompt_tokens\":-7,\"completion_tokens\":1.5,\"total_tokens\":99999999999999999999}}", NO_USAGE,
     COMPLETE | CONTENT},
    {"names with escapes",
     DIALECT_CHAT,
     "{\"usage\":{\"prompt\\u005ftokens\":7}}",
     {7, -1, -1, -1, -1},
     COMPLETE | CONTENT},
    {"an array in an array", DIALECT_GEMINI, "[[{\"usageMetadata\":{\"promptTokenCount\":5}}]]", NO_USAGE, COMPLETE},
};

// Feeds `text` in three pieces, each in memory of its own so that a sanitizer sees a step past its end.
static void feed_pieces(struct usage_tap *tap, struct slice text, size_t first, size_t second)
{
    size_t cuts[] = {0, first, second, text.len};
    for (size_t i = 0; i < 3; i++) {
        size_t len = cuts[i + 1] - cuts[i];
        char *copy = mem_alloc(len ? len : 1);
        memcpy(copy, text.ptr + cuts[i], len);
        usage_tap_json(tap, slice_of(copy, len));
        mem_free(copy);
    }
}

static void test_answers_at_every_split(void **state)
{
    for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++) {
        const struct json_case *c = &ANSWERS[i];
        struct slice text = slice_from_cstr(c->text);
        for (size_t first = 0; first <= text.len; first++) {
            for (size_t second = first; second <= text.len; second++) {
                struct usage_tap *tap = usage_tap_new(c->dialect, LIMIT);
                feed_pieces(tap, text, first, second);
                check(c->what, tap, &c->usage, c->flags);
                usage_tap_free(tap);
            }
        }
    }
}

static void test_ends_of_elements(void **state)
{
    static const struct {
        const char *bytes;
        size_t end;
    } pieces[] = {{" [", 0}, {"{\"a\":[{}]", 0}, {"},{\"b\":\"}\"}, {", 11}, {"\"c\":{}}", 7}, {"]", 0}};
    struct usage_tap *tap = usage_tap_new(DIALECT_GEMINI, LIMIT);
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        usage_tap_json(tap, slice_from_cstr(pieces[i].bytes));
        assert_int_equal(usage_tap_element_end(tap), pieces[i].end);
    }
    assert_true(usage_tap_is_complete(tap));
    usage_tap_free(tap);
}

// The short way through the end of a whole answer finds what the scan of all of it finds. Left out is what no provider
// sends: text that is no JSON, and two usage members, of which the short way reads the last one only.
static void test_whole_answers(void **state)
{
    for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++) {
        const struct json_case *c = &ANSWERS[i];
        struct slice text = slice_from_cstr(c->text);
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 1024);
        if (!(c->flags & TWICE) && json_parse(&doc, &arena, text, NULL) == 0 && json_root(&doc)->type >= JSON_ARRAY) {
            // In memory of its own, so that a sanitizer sees a step past its end.
            char *copy = mem_alloc(text.len);
            memcpy(copy, text.ptr, text.len);
            struct usage_tap *tap = usage_tap_new(c->dialect, LIMIT);
            usage_tap_answer(tap, slice_of(copy, text.len));
            struct usage found = usage_tap_usage(tap);
            if (memcmp(&found, &c->usage, sizeof(found)) != 0) {
                fail_msg("%s: another usage when read as a whole (input %lld)", c->what, (long long)found.input);
            }
            usage_tap_free(tap);
            mem_free(copy);
        }
        arena_deinit(&arena);
    }
}

static void test_limit_blinds_but_does_not_confuse(void **state)
{
    struct slice text = SLICE("{\"usage\":{\"prompt_tokens\":12345},\"input_tokens\":123,\"x\":[{}]}");
    struct slice object = SLICE("{\"prompt_tokens\":12345}");
    for (size_t limit = 0; limit <= object.len; limit++) {
        for (size_t cut = 0; cut <= text.len; cut++) {
            struct usage_tap *tap = usage_tap_new(DIALECT_CHAT, limit);
            struct usage usage = {limit == object.len ? 12345 : -1, -1, -1, -1, -1};
            feed_pieces(tap, text, cut, cut);
            check("usage", tap, &usage, COMPLETE | CONTENT);
            usage_tap_free(tap);

            tap = usage_tap_new(DIALECT_ANTHROPIC, limit);
            usage.input = limit >= 3 ? 123 : -1;
            feed_pieces(tap, text, cut, cut);
            check("count", tap, &usage, COMPLETE | CONTENT);
            usage_tap_free(tap);
        }
    }
}

static void test_free_accepts_null(void **state)
{
    usage_tap_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_members_are_found_at_every_offset),
        cmocka_unit_test(test_answers_at_every_split),
        cmocka_unit_test(test_ends_of_elements),
        cmocka_unit_test(test_whole_answers),
        cmocka_unit_test(test_limit_blinds_but_does_not_confuse),
        cmocka_unit_test(test_free_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
