// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/adjust.h"
#include "dialect/kinship.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    arena_deinit(&arena);
    return 0;
}

static void parse(struct json_doc *doc, struct slice text, uint32_t depth)
{
    struct json_options options = {.record_depth = depth};
    if (json_parse(doc, &arena, text, &options) != 0) {
        fail_msg("%s at %zu of %.*s", doc->error, doc->error_offset, SLICE_ARG(text));
    }
}

static void assert_slice(struct slice is, struct slice should_be)
{
    if (!slice_eq(is, should_be)) {
        fail_msg("is: %.*s\nshould be: %.*s", SLICE_ARG(is), SLICE_ARG(should_be));
    }
}

// ---- conversations

static struct slice conversation_of(enum dialect dialect, const char *body)
{
    struct json_doc shallow;
    struct json_doc whole;
    parse(&shallow, slice_from_cstr(body), ADJUST_RECORD_DEPTH);
    parse(&whole, slice_from_cstr(body), 0);
    struct slice text = kinship_conversation(dialect, &shallow, &arena);
    assert_slice(kinship_conversation(dialect, &whole, &arena), text);
    return text;
}

struct naming {
    enum dialect dialect;
    const char *body;
    const char *name; // NULL: nothing to tell by
};

static void a_clients_name_for_it_counts_first(void **state)
{
    static const struct naming NAMINGS[] = {
        {DIALECT_ANTHROPIC, "{\"metadata\":{\"user_id\":\"u\\u0031\"},\"messages\":[]}", "u1"},
        {DIALECT_CHAT, "{\"user\":\"u2\",\"messages\":[]}", "u2"},
        {DIALECT_CHAT, "{\"user\":\"u2\",\"prompt_cache_key\":\"p2\",\"messages\":[]}", "p2"},
        {DIALECT_CHAT, "{\"user\":\"u2\",\"prompt_cache_key\":\"\",\"messages\":[]}", "u2"},
        {DIALECT_CHAT, "{\"user\":\"u2\",\"prompt_cache_key\":null,\"messages\":[]}", "u2"},
        {DIALECT_RESPONSES, "{\"input\":\"x\",\"prompt_cache_key\":\"p3\",\"user\":\"u3\"}", "p3"},
        {DIALECT_RESPONSES, "{\"input\":\"x\",\"user\":\"u3\"}", "u3"},
        // Nobody has said anything.
        {DIALECT_ANTHROPIC, "{\"system\":\"s\",\"messages\":[]}", NULL},
        {DIALECT_ANTHROPIC, "{\"system\":\"s\",\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}", NULL},
        {DIALECT_CHAT, "{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}", NULL},
        {DIALECT_RESPONSES, "{\"instructions\":\"s\",\"input\":[{\"type\":\"function_call\"}]}", NULL},
        {DIALECT_GEMINI, "{\"contents\":[]}", NULL},
        {DIALECT_GEMINI, "{}", NULL},
        // Nor was it said in a way that counts.
        {DIALECT_ANTHROPIC, "[1]", NULL},
        {DIALECT_ANTHROPIC, "7", NULL},
        {DIALECT_ANTHROPIC, "{\"metadata\":7,\"messages\":{\"role\":\"user\"}}", NULL},
        {DIALECT_CHAT, "{\"user\":{\"a\":1},\"messages\":[7,\"x\",null,[]]}", NULL},
        {DIALECT_GEMINI, "{\"contents\":[7,\"x\",null,[]]}", NULL},
    };
    for (size_t i = 0; i < N_OF(NAMINGS); i++) {
        assert_slice(conversation_of(NAMINGS[i].dialect, NAMINGS[i].body), slice_from_cstr(NAMINGS[i].name));
    }
}

// Bodies of one dialect; those with the same number are of one conversation.
struct turn {
    enum dialect dialect;
    int conversation;
    const char *body;
};

#define CACHED ",\"cache_control\":{\"type\":\"ephemeral\"}"

static const struct turn TURNS[] = {
    {DIALECT_ANTHROPIC, 1, "{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}"},
    {DIALECT_ANTHROPIC, 1,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"assistant\",\"content\":\"x\"},{\"role\":"
     "\"user\",\"content\":\"two\"}],\"model\":\"m\",\"system\":\"s\"}"},
    {DIALECT_ANTHROPIC, 2, "{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"two\"}]}"},
    {DIALECT_ANTHROPIC, 3, "{\"system\":\"t\",\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}"},
    {DIALECT_ANTHROPIC, 4,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"" CACHED "}]}]}"},
    {DIALECT_ANTHROPIC, 4,
     "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"one\"}],\"role\":\"user\"},{\"role\":\"user\","
     "\"content\":[{\"type\":\"text\",\"text\":\"two\"" CACHED "}]}]}"},
    {DIALECT_ANTHROPIC, 5,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"image\","
     "\"source\":{\"data\":\"AAAA\"}}]}]}"},
    {DIALECT_ANTHROPIC, 6,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"image\","
     "\"source\":{\"data\":\"AAAB\"}}]}]}"},
    {DIALECT_ANTHROPIC, 7,
     "{\"system\":[{\"type\":\"text\",\"text\":\"s\"" CACHED
     "}],\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}"},
    {DIALECT_ANTHROPIC, 7,
     "{\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}"},
    {DIALECT_CHAT, 1,
     "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"one\"}]}"},
    {DIALECT_CHAT, 1,
     "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"one\"},{\"role\":"
     "\"assistant\",\"content\":null},{\"role\":\"tool\",\"content\":\"t\"},{\"role\":\"user\",\"content\":\"two\"}]}"},
    {DIALECT_CHAT, 2,
     "{\"messages\":[{\"role\":\"developer\",\"content\":\"t\"},{\"role\":\"user\",\"content\":\"one\"}]}"},
    {DIALECT_CHAT, 3, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"}]}]}"},
    {DIALECT_RESPONSES, 1, "{\"instructions\":\"s\",\"input\":\"one\"}"},
    {DIALECT_RESPONSES, 2, "{\"instructions\":\"s\",\"input\":\"two\"}"},
    {DIALECT_RESPONSES, 3,
     "{\"input\":[{\"role\":\"developer\",\"content\":\"s\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{"
     "\"type\":\"input_text\",\"text\":\"one\"}]}]}"},
    {DIALECT_RESPONSES, 3,
     "{\"input\":[{\"role\":\"developer\",\"content\":\"s\"},{\"type\":\"message\",\"role\":\"user\",\"content\":[{"
     "\"type\":\"input_text\",\"text\":\"one\"}]},{\"type\":\"reasoning\",\"id\":\"rs_1\"},{\"role\":\"user\","
     "\"content\":\"two\"}]}"},
    {DIALECT_GEMINI, 1,
     "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
     "\"one\"}]}]}"},
    {DIALECT_GEMINI, 1,
     "{\"contents\":[{\"parts\":[{\"text\":\"one\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"x\"}]}],\"system_"
     "instruction\":{\"role\":\"system\",\"parts\":[{\"text\":\"s\"}]}}"},
    {DIALECT_GEMINI, 2, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"one\"}]}]}"},
    {DIALECT_GEMINI, 3,
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"data\":\"AAAA\"}},{\"text\":\"one\"}]}]}"},
};

static void conversations_are_told_by_how_they_begin(void **state)
{
    for (size_t i = 0; i < N_OF(TURNS); i++) {
        for (size_t k = 0; k < i; k++) {
            if (TURNS[i].dialect != TURNS[k].dialect) {
                continue;
            }
            bool is_same = slice_eq(conversation_of(TURNS[i].dialect, TURNS[i].body),
                                    conversation_of(TURNS[k].dialect, TURNS[k].body));
            if (is_same != (TURNS[i].conversation == TURNS[k].conversation)) {
                fail_msg("%s\n%s", TURNS[i].body, TURNS[k].body);
            }
        }
    }
}

static struct slice with_long_text(size_t len, size_t change_at)
{
    char *text = arena_text(&arena, len);
    memset(text, 'x', len);
    if (change_at < len) {
        text[change_at] = 'y';
    }
    return arena_printf(&arena, "{\"messages\":[{\"role\":\"user\",\"content\":\"%.*s\"}]}", (int)len, text);
}

static void long_texts_differ_at_their_ends_and_in_their_lengths(void **state)
{
    enum { LEN = 100000 };
    struct json_doc doc;
    parse(&doc, with_long_text(LEN, LEN), 3);
    struct slice plain = kinship_conversation(DIALECT_CHAT, &doc, &arena);
    struct slice others[] = {with_long_text(LEN, 0), with_long_text(LEN, LEN - 1), with_long_text(LEN + 1, LEN + 1)};
    for (size_t i = 0; i < N_OF(others); i++) {
        parse(&doc, others[i], 3);
        assert_false(slice_eq(kinship_conversation(DIALECT_CHAT, &doc, &arena), plain));
    }
}

static void a_list_of_very_many_blocks_counts_as_a_text(void **state)
{
    struct buf buf = BUF_EMPTY;
    struct json_doc doc;
    buf_append(&buf, SLICE("{\"messages\":[{\"role\":\"user\",\"content\":["));
    for (size_t i = 0; i < 20000; i++) {
        buf_append(&buf, SLICE("[],"));
    }
    buf_append(&buf, SLICE("[]]}]}"));
    parse(&doc, buf_slice(&buf), ADJUST_RECORD_DEPTH);
    assert_true(kinship_conversation(DIALECT_CHAT, &doc, &arena).len > 0);
    buf_deinit(&buf);
}

// ---- ids of answers

struct id_case {
    const char *text;
    const char *id; // NULL: none
};

static void answers_tell_their_ids(void **state)
{
    static const struct id_case CASES[] = {
        {"{\"id\":\"resp_1\",\"object\":\"response\",\"output\":[{\"id\":\"msg_1\"}]}", "resp_1"},
        {"{ \"object\" : \"response\", \"output\":[{\"id\":\"msg_1\"}], \"id\" : \"resp_2\" }", "resp_2"},
        {"{\"type\":\"response.created\",\"response\":{\"id\":\"resp_3\",\"object\":\"response\"}}", "resp_3"},
        {"{\"type\":\"response.created\",\"response\":{\"object\":\"response\",\"id\":\"gen-4\"}}", "gen-4"},
        {"{\"object\":\"response\",\"id\":\"gen-5\"}", "gen-5"},
        {"{\"id\":\"resp_cut\",\"obj", "resp_cut"},
        {"{\"id\":\"resp_c", NULL},
        {"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\"}", NULL},
        {"{\"text\":\"\\\"id\\\":\\\"resp_x\\\"\"}", NULL},
        {"{\"type\":\"response.output_item.added\",\"item\":{\"id\":\"msg_1\"}}", NULL},
        {"[DONE]", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < N_OF(CASES); i++) {
        assert_slice(kinship_response_id(slice_from_cstr(CASES[i].text), &arena), slice_from_cstr(CASES[i].id));
    }
}

static void requests_tell_which_answer_they_go_on_from(void **state)
{
    static const struct id_case CASES[] = {
        {"{\"previous_response_id\":\"resp_1\",\"input\":\"x\"}", "resp_1"},
        {"{\"previous_response_id\":null}", NULL},
        {"{\"previous_response_id\":7}", NULL},
        {"{\"metadata\":{\"previous_response_id\":\"resp_1\"}}", NULL},
        {"[]", NULL},
    };
    for (size_t i = 0; i < N_OF(CASES); i++) {
        struct json_doc doc;
        parse(&doc, slice_from_cstr(CASES[i].text), ADJUST_RECORD_DEPTH);
        assert_slice(kinship_previous_response(&doc, &arena), slice_from_cstr(CASES[i].id));
    }
}

// ---- what is sealed

#define SEAL_A "AAAAsealAAAAsealAAAA"
#define SEAL_B "BBBBsealBBBBsealBBBB"
#define SEAL_C "CCCCsealCCCCsealCCCC"

struct seal_case {
    enum dialect dialect;
    const char *text;
    const char *seals[KINSHIP_SEALS_MAX]; // the last one first
};

static const struct seal_case SEALS[] = {
    // A string that ends like the name, and is none.
    {DIALECT_CHAT, "{\"text\":\"my signature\",\"x\":\"" SEAL_A "\",\"y\":[\"signature\",\"" SEAL_A "\"]}", {NULL}},
    {DIALECT_GEMINI, "{\"text\":\"my thoughtSignature\",\"x\":\"" SEAL_A "\"}", {NULL}},
    {DIALECT_ANTHROPIC, "", {NULL}},
    {DIALECT_ANTHROPIC, "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"" SEAL_A "\"}", {SEAL_A}},
    {DIALECT_ANTHROPIC, "{ \"signature\" : \"" SEAL_A "\" , \"type\" : \"thinking\" }", {SEAL_A}},
    {DIALECT_ANTHROPIC,
     "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"" SEAL_B
     "\"}}",
     {SEAL_B}},
    {DIALECT_ANTHROPIC,
     "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"
     "}",
     {NULL}},
    {DIALECT_ANTHROPIC, "{\"type\":\"redacted_thinking\",\"data\":\"" SEAL_A "\"}", {SEAL_A}},
    {DIALECT_ANTHROPIC, "{\"data\":\"" SEAL_A "\",\"type\":\"redacted_thinking\"}", {SEAL_A}},
    {DIALECT_ANTHROPIC, "{\"data\" : \"" SEAL_A "\" ,\n\"type\" : \"redacted_thinking\" }", {SEAL_A}},
    {DIALECT_ANTHROPIC, "{\"type\":\"base64\",\"data\":\"" SEAL_A "\"}", {NULL}},
    {DIALECT_ANTHROPIC, "{\"x\":\"redacted_thinking\",\"data\":\"" SEAL_A "\"}", {NULL}},
    {DIALECT_ANTHROPIC,
     "[{\"type\":\"redacted_thinking\",\"data\":\"" SEAL_A "\"},{\"type\":\"thinking\",\"signature\":\"" SEAL_B
     "\"},{\"type\":\"redacted_thinking\",\"data\":\"" SEAL_C "\"}]",
     {SEAL_C, SEAL_B, SEAL_A}},
    {DIALECT_ANTHROPIC, "{\"text\":\"\\\"signature\\\":\\\"" SEAL_A "\\\"\"}", {NULL}},
    {DIALECT_ANTHROPIC, "{\"signature\":7}{\"signature\":\"" SEAL_A, {NULL}},
    {DIALECT_ANTHROPIC, "[\"signature\",\"" SEAL_A "\"]", {NULL}},
    {DIALECT_RESPONSES,
     "{\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"" SEAL_A
     "\"},{\"type\":\"message\"},{\"type\":\"reasoning\",\"encrypted_content\":null},{\"type\":\"reasoning\","
     "\"encrypted_content\":\"" SEAL_B "\"}]}",
     {SEAL_B, SEAL_A}},
    {DIALECT_RESPONSES, "{\"include\":[\"reasoning.encrypted_content\"]}", {NULL}},
    {DIALECT_GEMINI,
     "{\"parts\":[{\"thoughtSignature\":\"" SEAL_A
     "\",\"functionCall\":{}},{\"text\":\"\",\"thought_signature\":\"" SEAL_B "\"}]}",
     {SEAL_B, SEAL_A}},
    {DIALECT_CHAT, "{\"extra_content\":{\"google\":{\"thought_signature\":\"" SEAL_A "\"}}}", {SEAL_A}},
    // One spelling.
    {DIALECT_GEMINI, "{\"thoughtSignature\":\"AAAA\\u002bAAAA\\/AAAA\\u002F\\u003d\\u003d\"}", {"AAAA+AAAA/AAAA/"}},
    {DIALECT_GEMINI, "{\"thoughtSignature\":\"AAAA-AAAA_AAAA_==\"}", {"AAAA+AAAA/AAAA/"}},
    {DIALECT_GEMINI, "{\"thoughtSignature\":\"AAAAAAAAAAAAAAAA\\u00\"}", {"AAAAAAAAAAAAAAAAu00"}},
};

static void what_is_sealed_is_found(void **state)
{
    for (size_t i = 0; i < N_OF(SEALS); i++) {
        struct slice seals[KINSHIP_SEALS_MAX];
        size_t n = kinship_seals(SEALS[i].dialect, slice_from_cstr(SEALS[i].text), &arena, seals);
        size_t n_expected = 0;
        while (n_expected < KINSHIP_SEALS_MAX && SEALS[i].seals[n_expected]) {
            n_expected++;
        }
        if (n != n_expected) {
            fail_msg("%zu in %s", n, SEALS[i].text);
        }
        for (size_t k = 0; k < n; k++) {
            assert_slice(seals[k], slice_from_cstr(SEALS[i].seals[k]));
        }
    }
}

// Wherever it stands, among letters of its own name.
static void a_seal_is_found_at_every_place(void **state)
{
    static const char *const NAMES[N_DIALECTS] = {
        [DIALECT_ANTHROPIC] = "\"type\":\"redacted_thinking\",\"data\":\"" SEAL_A "\"",
        [DIALECT_CHAT] = "\"thought_signature\":\"" SEAL_A "\"",
        [DIALECT_RESPONSES] = "\"encrypted_content\":\"" SEAL_A "\"",
        [DIALECT_GEMINI] = "\"thoughtSignature\":\"" SEAL_A "\"",
    };
    static const char FILLER[] = "_g\"nkuSyt_ighed";
    for (size_t i = 0; i < (size_t)N_DIALECTS * 200 * 7; i++) {
        struct slice seals[KINSHIP_SEALS_MAX];
        struct buf buf = BUF_EMPTY;
        enum dialect dialect = (enum dialect)(i % N_DIALECTS);
        for (size_t k = 0; k < i / N_DIALECTS % 200; k++) {
            buf_append_char(&buf, FILLER[(k * 7 + i) % (sizeof(FILLER) - 1)]);
        }
        buf_append(&buf, SLICE(","));
        buf_append(&buf, slice_from_cstr(NAMES[dialect]));
        for (size_t k = 0; k < i / N_DIALECTS / 200 * 23; k++) {
            buf_append_char(&buf, FILLER[(k * 5 + i) % (sizeof(FILLER) - 1)]);
        }
        assert_int_equal(kinship_seals(dialect, buf_slice(&buf), &arena, seals), 1);
        assert_slice(seals[0], SLICE(SEAL_A));
        buf_deinit(&buf);
    }
}

static void of_many_seals_the_last_are_told(void **state)
{
    struct buf buf = BUF_EMPTY;
    struct slice seals[KINSHIP_SEALS_MAX];
    for (int i = 0; i < 100; i++) {
        buf_printf(&buf,
                   i % 2 ? "{\"type\":\"redacted_thinking\",\"data\":\"0000000000000000%d\"}"
                         : "{\"type\":\"thinking\",\"signature\":\"0000000000000000%d\"}",
                   i);
    }
    assert_int_equal(kinship_seals(DIALECT_ANTHROPIC, buf_slice(&buf), &arena, seals), KINSHIP_SEALS_MAX);
    for (int i = 0; i < KINSHIP_SEALS_MAX; i++) {
        assert_slice(seals[i], arena_printf(&arena, "0000000000000000%d", 99 - i));
    }
    buf_deinit(&buf);
}

// However a client writes a long one.
static void a_long_seal_is_told_by_its_end(void **state)
{
    enum { LEN = 5000 };
    struct buf plain = BUF_EMPTY;
    struct buf escaped = BUF_EMPTY;
    struct slice seals[KINSHIP_SEALS_MAX];
    buf_append(&plain, SLICE("\"encrypted_content\":\""));
    buf_append(&escaped, SLICE("\"encrypted_content\" : \""));
    for (int i = 0; i < LEN; i++) {
        char c = "AbC/9z+d"[i * 7 / 3 % 8];
        buf_append_char(&plain, (char)(c == '+' ? '-' : c));
        buf_append(&escaped, c == '/' ? SLICE("\\/") : c == '+' ? SLICE("\\u002B") : slice_of(&c, 1));
    }
    buf_append(&plain, SLICE("=\""));
    buf_append(&escaped, SLICE("\\u003D\""));
    assert_int_equal(kinship_seals(DIALECT_RESPONSES, buf_slice(&plain), &arena, seals), 1);
    assert_int_equal(seals[0].len, KINSHIP_SEAL_LEN_MAX);
    struct slice first = seals[0];
    assert_int_equal(kinship_seals(DIALECT_RESPONSES, buf_slice(&escaped), &arena, seals), 1);
    assert_slice(seals[0], first);
    buf_deinit(&plain);
    buf_deinit(&escaped);
}

// Texts that are made to be searched for long. (A search that starts anew for each mark would take minutes.)
static void hostile_texts_are_searched_once(void **state)
{
    static const char *const PIECES[] = {
        "\"signature\"",
        "\"signature\":",
        "\"signature\":\"",
        "\"type\":\"redacted_thinking\",",
        "\"\",\"type\":\"redacted_thinking\"",
        "\"type\":\"redacted_thinking\",\"data\":\"",
        "\"redacted_thinking\" ",
        "\\\"signature\\\"",
    };
    enum { SIZE = 1 << 20 };
    for (size_t i = 0; i < N_OF(PIECES); i++) {
        struct buf buf = BUF_EMPTY;
        struct slice seals[KINSHIP_SEALS_MAX];
        while (buf.len < SIZE) {
            buf_append(&buf, slice_from_cstr(PIECES[i]));
        }
        kinship_seals(DIALECT_ANTHROPIC, buf_slice(&buf), &arena, seals);
        buf_deinit(&buf);
    }
}

// ---- taking it out

struct strip_case {
    enum dialect dialect;
    size_t n;
    const char *before;
    const char *after; // NULL: as before
};

#define THINKING "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"" SEAL_A "\"}"
#define REDACTED "{\"type\":\"redacted_thinking\",\"data\":\"" SEAL_A "\"}"
#define ENABLED "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4096}"
#define CALL "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"type\":\"thinking\"}}"
#define RESULT "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\",\"content\":\"r\"}]}"
#define HI "{\"role\":\"user\",\"content\":\"hi\"}"
#define SKIP "\"skip_thought_signature_validator\""

static const struct strip_case STRIPS[] = {
    // ---- Anthropic
    {DIALECT_ANTHROPIC, 0,
     "{\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]," ENABLED "}",
     NULL},
    {DIALECT_ANTHROPIC, 0, "{\"messages\":7}", NULL},
    {DIALECT_ANTHROPIC, 0, "{}", NULL},
    {DIALECT_ANTHROPIC, 0, "[]", NULL},
    {DIALECT_ANTHROPIC, 0, "{\"messages\":[{\"role\":\"assistant\",\"content\":[" THINKING "]}]}", NULL},
    // A turn that has ended: thinking goes on.
    {DIALECT_ANTHROPIC, 2,
     "{\"max_tokens\" : 1.50,\"messages\" : [ " HI " , {\"role\":\"assistant\",\"content\":[ " THINKING " , " REDACTED
     ", {\"type\":\"text\",\"text\":\"x\"} ]} , " HI " ]," ENABLED "}",
     "{\"max_tokens\" : 1.50,\"messages\" : [ " HI
     " , {\"role\":\"assistant\",\"content\":[ {\"type\":\"text\",\"text\":\"x\"} ]} , " HI " ]," ENABLED "}"},
    // Nothing is left of a message: it goes.
    {DIALECT_ANTHROPIC, 1, "{\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING "]}," HI "]}",
     "{\"messages\":[" HI "," HI "]}"},
    {DIALECT_ANTHROPIC, 1, "{\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING "]}]}",
     "{\"messages\":[" HI "]}"},
    // It goes on after a tool, and can no longer begin with what was thought.
    {DIALECT_ANTHROPIC, 1,
     "{" ENABLED ",\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING "," CALL "]}," RESULT "]}",
     "{\"thinking\":{\"type\":\"disabled\"},\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" CALL
     "]}," RESULT "]}"},
    {DIALECT_ANTHROPIC, 2,
     "{" ENABLED ",\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":\"all\"},{"
     "\"type\":\"clear_tool_uses_20250919\"}]},\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" CALL
     "," THINKING "," REDACTED "]}," RESULT "]}",
     "{\"thinking\":{\"type\":\"disabled\"},\"context_management\":{\"edits\":[{\"type\":\"clear_tool_uses_20250919\"}]"
     "},\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" CALL "]}," RESULT "]}"},
    {DIALECT_ANTHROPIC, 1,
     "{\"thinking\":{\"type\":\"adaptive\"},\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING
     "," CALL "]}," RESULT "]}",
     "{\"thinking\":{\"type\":\"adaptive\"},\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" CALL
     "]}," RESULT "]}"},
    {DIALECT_ANTHROPIC, 1,
     "{\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING "," CALL "]}," RESULT "]}",
     "{\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" CALL "]}," RESULT "]}"},
    // The tool was in an earlier turn.
    {DIALECT_ANTHROPIC, 1,
     "{" ENABLED ",\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING "," CALL "]}," RESULT
     ",{\"role\":\"assistant\",\"content\":\"x\"}," HI "]}",
     "{" ENABLED ",\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" CALL "]}," RESULT
     ",{\"role\":\"assistant\",\"content\":\"x\"}," HI "]}"},

    // ---- Responses
    {DIALECT_RESPONSES, 0, "{\"input\":\"x\"}", NULL},
    {DIALECT_RESPONSES, 0, "{\"input\":[]}", NULL},
    {DIALECT_RESPONSES, 0, "{\"input\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\"}]}", NULL},
    {DIALECT_RESPONSES, 0, "{\"input\":[{\"type\":\"reasoning\",\"encrypted_content\":\"x\"}]}", NULL},
    {DIALECT_RESPONSES, 0, "{\"input\":[{\"type\":\"compaction\",\"encrypted_content\":\"x\"},{\"role\":\"user\"}]}",
     NULL},
    {DIALECT_RESPONSES, 3,
     "{\"input\":[{\"role\":\"user\",\"id\":\"msg_0\",\"content\":\"x\"},{\"type\":\"reasoning\",\"id\":\"rs_1\","
     "\"summary\":[],\"encrypted_content\":\"x\"},{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c\","
     "\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"id\":\"fco_1\",\"call_id\":\"c\","
     "\"output\":\"\"},{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[]},{\"id\":\"msg_1\",\"type\":\"message\","
     "\"role\":\"assistant\",\"content\":[]},{\"type\":\"item_reference\",\"id\":\"rs_3\"},{\"type\":\"item_"
     "reference\",\"id\":\"msg_3\"}],\"store\":false}",
     "{\"input\":[{\"role\":\"user\",\"id\":\"msg_0\",\"content\":\"x\"},{\"type\":\"function_call\",\"call_id\":\"c\","
     "\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"id\":\"fco_1\",\"call_id\":\"c\","
     "\"output\":\"\"},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[]},{\"type\":\"item_reference\","
     "\"id\":\"msg_3\"}],\"store\":false}"},

    // ---- Gemini
    {DIALECT_GEMINI, 0, "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}", NULL},
    {DIALECT_GEMINI, 0, "{\"contents\":[{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"s\"}]}]}", NULL},
    {DIALECT_GEMINI, 0, "{\"contents\":{\"parts\":[]}}", NULL},
    {DIALECT_GEMINI, 3,
     "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"t\",\"thought\":true},{"
     "\"functionCall\":{\"name\":\"f\",\"args\":{\"thoughtSignature\":\"own\"}},\"thoughtSignature\":\"s\"},{"
     "\"function_call\":{\"name\":\"g\"}},{\"text\":\"x\",\"thought_signature\":\"s\"},{\"thoughtSignature\":\"s\","
     "\"text\":\"\"}]}]}",
     "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"t\",\"thought\":true},{"
     "\"functionCall\":{\"name\":\"f\",\"args\":{\"thoughtSignature\":\"own\"}},\"thoughtSignature\":" SKIP
     "},{\"function_call\":{\"name\":\"g\"}},{\"text\":\"x\"}]}]}"},
    {DIALECT_GEMINI, 1,
     "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{\"thought\":true,"
     "\"thoughtSignature\":\"s\"}]},{\"parts\":[{\"text\":\"r\"}]}]}",
     "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"parts\":[{\"text\":\"r\"}]}]}"},

    // ---- Chat: nothing
    {DIALECT_CHAT, 0,
     "{\"messages\":[{\"role\":\"assistant\",\"reasoning_details\":[{\"signature\":\"" SEAL_A "\"}]}]}", NULL},
};

static struct slice stripped(enum dialect dialect, struct slice text, size_t *n_r)
{
    struct json_doc doc;
    struct json_splice splice;
    size_t n;
    size_t len;
    parse(&doc, text, 0);
    json_splice_init(&splice, &arena, &doc);
    *n_r = kinship_strip(dialect, &splice);
    struct slice *pieces = json_splice_result(&splice, &n, &len);
    return arena_concat(&arena, pieces, n);
}

static void what_is_sealed_goes_and_nothing_else(void **state)
{
    for (size_t i = 0; i < N_OF(STRIPS); i++) {
        size_t n;
        struct slice after = stripped(STRIPS[i].dialect, slice_from_cstr(STRIPS[i].before), &n);
        assert_slice(after, slice_from_cstr(STRIPS[i].after ? STRIPS[i].after : STRIPS[i].before));
        assert_int_equal(n, STRIPS[i].n);
    }
}

// Once is enough. (Google's own word stays a signature.)
static void what_was_stripped_has_nothing_to_strip(void **state)
{
    for (size_t i = 0; i < N_OF(STRIPS); i++) {
        size_t n;
        struct slice seals[KINSHIP_SEALS_MAX];
        struct slice once = stripped(STRIPS[i].dialect, slice_from_cstr(STRIPS[i].before), &n);
        bool has_stripped = n > 0;
        assert_slice(stripped(STRIPS[i].dialect, once, &n), once);
        if (has_stripped && STRIPS[i].dialect != DIALECT_GEMINI) {
            assert_int_equal(n, 0);
            assert_int_equal(kinship_seals(STRIPS[i].dialect, once, &arena, seals), 0);
        }
    }
}

// Together with what configuration asks for.
static void it_goes_with_adjustments_of_the_body_before_it(void **state)
{
    static const struct adjustments ADJUSTMENTS = {
        .system_prompt = SLICE_INIT("be kind"), .reasoning = ADJUST_LOW, .reasoning_budget = 4096};
    struct json_doc doc;
    struct json_splice splice;
    size_t n;
    size_t len;
    parse(&doc,
          SLICE("{\"max_tokens\":9000,\"messages\":[" HI ",{\"role\":\"assistant\",\"content\":[" THINKING "," CALL
                "]}," RESULT "]}"),
          ADJUST_RECORD_DEPTH);
    json_splice_init(&splice, &arena, &doc);
    adjust_request(DIALECT_ANTHROPIC, &ADJUSTMENTS, &splice);
    struct slice *pieces = json_splice_result(&splice, &n, &len);
    struct slice after = stripped(DIALECT_ANTHROPIC, arena_concat(&arena, pieces, n), &n);
    assert_int_equal(n, 1);
    assert_true(slice_find(after, SLICE("\"thinking\":{\"type\":\"disabled\"}")) != SLICE_NOT_FOUND);
    assert_true(slice_find(after, SLICE("enabled")) == SLICE_NOT_FOUND);
    assert_true(slice_find(after, SLICE("be kind")) != SLICE_NOT_FOUND);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_clients_name_for_it_counts_first),
        TEST(conversations_are_told_by_how_they_begin),
        TEST(long_texts_differ_at_their_ends_and_in_their_lengths),
        TEST(a_list_of_very_many_blocks_counts_as_a_text),
        TEST(answers_tell_their_ids),
        TEST(requests_tell_which_answer_they_go_on_from),
        TEST(what_is_sealed_is_found),
        TEST(a_seal_is_found_at_every_place),
        TEST(of_many_seals_the_last_are_told),
        TEST(a_long_seal_is_told_by_its_end),
        TEST(hostile_texts_are_searched_once),
        TEST(what_is_sealed_goes_and_nothing_else),
        TEST(what_was_stripped_has_nothing_to_strip),
        TEST(it_goes_with_adjustments_of_the_body_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
