// SPDX-License-Identifier: MIT
// Requests that are easily translated wrong: what the upstream has to get of them, and what it must not. Texts in the
// tables have ' for ".
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/translate.h"

#define ANTH DIALECT_ANTHROPIC, "claude-sonnet-4-5"
#define CHAT DIALECT_CHAT, "gpt-4.1"
#define RESP DIALECT_RESPONSES, "gpt-4.1"
#define GEM DIALECT_GEMINI, "gemini-2.5-flash"
#define GEM3 DIALECT_GEMINI, "gemini-3-pro"

#define IMAGE "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'iVBORw0KGgo='}}"
#define PNG "iVBORw0KGgo="
#define DOCUMENT(parts) "{'type':'document','title':'Title','source':{'type':'content','content':[" parts "]}}"
#define SAYS(content) "{'max_tokens':99,'messages':[{'role':'user','content':[" content "]}]}"
#define RESULT(content)                                                                                                \
    "{'max_tokens':99,'messages':[{'role':'user','content':'a'},"                                                      \
    "{'role':'assistant','content':[{'type':'tool_use','id':'t1','name':'f','input':{}}]},"                            \
    "{'role':'user','content':[{'type':'tool_result','tool_use_id':'t1','content':[" content "]}]}]}"
#define ASKS(members) "{'messages':[{'role':'user','content':'a'}]," members "}"
#define INPUT(members) "{'input':'a'," members "}"
#define CALLED(response)                                                                                               \
    "{'contents':[{'role':'user','parts':[{'text':'a'}]},{'role':'model','parts':[{'functionCall':{'name':'f'}}]},"    \
    "{'role':'user','parts':[{'functionResponse':{'name':'f'," response "}}]}]}"

#define GEM2 DIALECT_GEMINI, "gemini-2.0-flash"
#define AUDIO_MESSAGE "{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'AAAA','format':'flac'}}]}"
#define ASKS_AUDIO "{'messages':[" AUDIO_MESSAGE "]}"
#define URL_DOCUMENT "{'type':'document','source':{'type':'url','url':'https://example.org/a.pdf'}}"

#define SEARCH                                                                                                         \
    "{'type':'search_result','source':'https://example.org','title':'Title',"                                          \
    "'content':[{'type':'text','text':'A'},{'type':'text','text':'B'}]}"

struct row {
    enum dialect client;
    enum dialect upstream;
    const char *model;
    const char *body;
    const char *has;      // NULL: refused
    const char *lacks;    // NULL: nothing to look for
    const char *warnings; // of a refusal: the param
};

static const struct row ROWS[] = {
    // An object that a tool answered does not hide the picture beside it.
    {DIALECT_GEMINI, ANTH,
     CALLED("'response':{'a':1,'b':2},'parts':[{'inlineData':{'mimeType':'image/png','data':'" PNG "'}}]"),
     "'content':[{'type':'text','text':'{\\'a\\':1,\\'b\\':2}'},{'type':'image','source':{", NULL, ""},
    {DIALECT_GEMINI, CHAT,
     CALLED("'response':{'a':1,'b':2},'parts':[{'inlineData':{'mimeType':'image/png','data':'" PNG "'}}]"), PNG, NULL,
     ""},
    // Pictures within a document follow its text, in messages and in results.
    {DIALECT_ANTHROPIC, CHAT, SAYS(DOCUMENT("{'type':'text','text':'T'}," IMAGE)),
     "[{'type':'text','text':'Title\\nT'},{'type':'image_url','image_url':{'url':'data:image/png;base64," PNG "'}}]",
     NULL, ""},
    {DIALECT_ANTHROPIC, CHAT, SAYS(DOCUMENT(IMAGE)),
     "{'type':'image_url','image_url':{'url':'data:image/png;base64," PNG "'}}", "octet-stream", ""},
    {DIALECT_ANTHROPIC, CHAT, RESULT(DOCUMENT("{'type':'text','text':'T'}," IMAGE)),
     "'content':'Title\\nT'},{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/png", NULL,
     ""},
    {DIALECT_ANTHROPIC, RESP, SAYS(DOCUMENT(IMAGE)), "'image_url':'data:image/png;base64," PNG, "'text':''", ""},
    {DIALECT_ANTHROPIC, GEM, RESULT(DOCUMENT("{'type':'text','text':'T'}," IMAGE)),
     "'response':{'output':'Title\\n\\nT'}}},{'inlineData':{'mimeType':'image/png','data':'" PNG "'}}", NULL, ""},
    {DIALECT_ANTHROPIC, GEM3, RESULT(DOCUMENT("{'type':'text','text':'T'}," IMAGE)),
     "'response':{'output':'Title\\n\\nT'},'parts':[{'inlineData':{'mimeType':'image/png','data':'" PNG "'}}]", NULL,
     ""},
    // A document without anything in it is as empty as a text.
    {DIALECT_ANTHROPIC, CHAT,
     SAYS(
         "{'type':'document','source':{'type':'text','media_type':'text/plain','data':''}},{'type':'text','text':'q'}"),
     "'content':'q'", "file_data", ""},
    {DIALECT_ANTHROPIC, GEM, SAYS("{'type':'document','source':{'type':'text','media_type':'text/plain','data':''}}"),
     NULL, NULL, ""},
    // A search result is a text with a title and a source.
    {DIALECT_ANTHROPIC, CHAT, RESULT(SEARCH), "'content':'Title\\nhttps://example.org\\nA\\nB'", NULL, ""},
    {DIALECT_ANTHROPIC, RESP, RESULT(SEARCH), "'text':'Title\\n\\nA\\nB'", NULL,
     "dropped:messages[2].content[0].content[0]"},
    {DIALECT_ANTHROPIC, GEM, RESULT(SEARCH), "{'output':'Title\\n\\nA\\nB'}", NULL,
     "dropped:messages[2].content[0].content[0]"},
    // What only Anthropic knows within a result.
    {DIALECT_ANTHROPIC, RESP, RESULT("{'type':'text','text':'o'},{'type':'tool_reference','tool_name':'x'}"),
     "'output':'o'", NULL, "dropped:messages[2].content[0].content[1]"},
    {DIALECT_ANTHROPIC, GEM, RESULT("{'type':'text','text':'o'},{'type':'tool_reference','tool_name':'x'}"),
     "{'output':'o'}", NULL, "dropped:messages[2].content[0].content[1]"},
    {DIALECT_ANTHROPIC, CHAT, RESULT("{'type':'text','text':'o'},{'type':'tool_reference','tool_name':'x'}"),
     "'content':'o'", NULL, "dropped:messages[2].content[0].content[1]"},
    // Of two contents in one part one would be lost.
    {DIALECT_GEMINI, ANTH,
     "{'contents':[{'parts':[{'text':'a','inlineData':{'mimeType':'image/png','data':'" PNG "'}}]}]}", NULL, NULL,
     "contents[0].parts[0]"},
    // Chat refuses top_logprobs without logprobs.
    {DIALECT_RESPONSES, CHAT, INPUT("'top_logprobs':2"), "'messages'", "top_logprobs", ""},
    {DIALECT_RESPONSES, CHAT, INPUT("'top_logprobs':2,'include':['message.output_text.logprobs']"),
     "'logprobs':true,'top_logprobs':2", NULL, ""},
    {DIALECT_RESPONSES, ANTH, INPUT("'top_logprobs':0"), "'messages'", NULL, ""},
    // What says the same as nothing is not missed.
    {DIALECT_CHAT, RESP, ASKS("'presence_penalty':0,'frequency_penalty':0.0,'logit_bias':{}"), "'input'", "penalty",
     ""},
    {DIALECT_CHAT, GEM, ASKS("'logit_bias':{}"), "'contents'", NULL, ""},
    {DIALECT_CHAT, RESP, ASKS("'presence_penalty':0.5,'logit_bias':{'1':2}"), "'input'", NULL,
     "dropped:presence_penalty,dropped:logit_bias"},
    // OpenAI's own reasoning, which nobody else reads, and its client knows it.
    {DIALECT_RESPONSES, CHAT,
     "{'input':[{'role':'user','content':'a'},{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'g'},"
     "{'role':'assistant','content':'b'},{'role':'user','content':'c'}]}",
     "{'role':'assistant','content':'b'}", "reasoning", ""},
    // Wrong types.
    {DIALECT_RESPONSES, CHAT, "{'input':[{'role':'user','content':[{'type':'input_image','image_url':'data:x'}]}]}",
     NULL, NULL, "input[0].content[0]"},
    {DIALECT_RESPONSES, CHAT, INPUT("'stream':'yes'"), NULL, NULL, "stream"},
    {DIALECT_RESPONSES, CHAT, INPUT("'store':1"), NULL, NULL, "store"},
    {DIALECT_RESPONSES, CHAT, INPUT("'background':'no'"), NULL, NULL, "background"},
    {DIALECT_RESPONSES, CHAT, INPUT("'parallel_tool_calls':'no'"), NULL, NULL, "parallel_tool_calls"},
};

// What a lenient gateway cannot send it leaves out, but it sends no message without content, nor none at all.
static const struct row LENIENT_ROWS[] = {
    {DIALECT_CHAT, ANTH, ASKS_AUDIO, NULL, NULL, ""},
    {DIALECT_CHAT, RESP, ASKS_AUDIO, NULL, NULL, ""},
    {DIALECT_ANTHROPIC, CHAT, SAYS(URL_DOCUMENT), NULL, NULL, ""},
    {DIALECT_ANTHROPIC, GEM2, SAYS(URL_DOCUMENT), NULL, NULL, ""},
    {DIALECT_ANTHROPIC, CHAT, RESULT(URL_DOCUMENT), "'role':'tool'", "'content':[]",
     "dropped:messages[2].content[0].content[0]"},
    {DIALECT_CHAT, RESP, "{'messages':[{'role':'user','content':'a'}," AUDIO_MESSAGE "]}", "'content':'a'",
     "'content':[]", "dropped:messages[1].content[0]"},
};

static struct slice quoted(struct arena *arena, const char *text)
{
    char *copy = arena_cstr(arena, slice_from_cstr(text));
    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return slice_from_cstr(copy);
}

static bool is_found(struct arena *arena, struct slice body, const char *text)
{
    return slice_find(body, quoted(arena, text)) != SLICE_NOT_FOUND;
}

static void check(const struct row *row, struct arena *arena, const struct translated_request *result,
                  struct slice body, bool is_accepted)
{
    struct slice told = is_accepted ? loss_header(&result->loss) : result->loss.param;
    if (is_accepted != (row->has != NULL)) {
        fail_msg("%s\n%.*s%.*s", row->body, SLICE_ARG(body), SLICE_ARG(result->loss.message));
    }
    if (!slice_eq(told, slice_from_cstr(row->warnings))) {
        fail_msg("%s\n- %s\n+ %.*s", row->body, row->warnings, SLICE_ARG(told));
    }
    if (is_accepted && !is_found(arena, body, row->has)) {
        fail_msg("%s\nlacks %s:\n%.*s", row->body, row->has, SLICE_ARG(body));
    }
    if (is_accepted && row->lacks && is_found(arena, body, row->lacks)) {
        fail_msg("%s\nhas %s:\n%.*s", row->body, row->lacks, SLICE_ARG(body));
    }
}

static void check_rows(const struct row *rows, size_t n_rows, enum loss_mode mode)
{
    for (size_t i = 0; i < n_rows; i++) {
        struct arena arena;
        struct json_doc doc;
        struct translated_request result;
        struct buf out = BUF_EMPTY;
        const struct translate_options options = {.client = rows[i].client,
                                                  .upstream = rows[i].upstream,
                                                  .upstream_model = slice_from_cstr(rows[i].model),
                                                  .mode = mode};
        arena_init(&arena, 16 * 1024);
        assert_int_equal(json_parse(&doc, &arena, quoted(&arena, rows[i].body), NULL), 0);
        bool is_accepted = translate_request(&arena, &doc, &options, &result, &out);
        check(&rows[i], &arena, &result, buf_slice(&out), is_accepted);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

static void nothing_is_lost_unsaid(void **state)
{
    (void)state;
    check_rows(ROWS, sizeof(ROWS) / sizeof(*ROWS), LOSS_NORMAL);
}

static void a_lenient_gateway_sends_no_empty_message(void **state)
{
    (void)state;
    check_rows(LENIENT_ROWS, sizeof(LENIENT_ROWS) / sizeof(*LENIENT_ROWS), LOSS_LENIENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_unsaid),
        cmocka_unit_test(a_lenient_gateway_sends_no_empty_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
