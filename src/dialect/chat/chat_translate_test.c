// SPDX-License-Identifier: MIT
// Requests to and from Chat Completions, and the oddities of its answers. Texts in the tables have ' for ".
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "dialect/chat/chat.h"
#include "dialect/translate.h"

static struct slice quoted(struct arena *arena, const char *text)
{
    char *copy = arena_cstr(arena, slice_from_cstr(text));
    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return slice_from_cstr(copy);
}

static void parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    if (json_parse(doc, arena, text, NULL) != 0) {
        fail_msg("no JSON: %.*s", SLICE_ARG(text));
    }
}

// ---- requests

struct sent {
    struct arena arena;
    struct json_doc doc;
    struct translated_request result;
    struct buf out;
    bool is_accepted;
};

static void send(struct sent *sent, enum dialect client, const char *model, const char *body)
{
    *sent = (struct sent){0};
    arena_init(&sent->arena, 16 * 1024);
    parse(&sent->doc, &sent->arena, quoted(&sent->arena, body));
    const struct translate_options options = {
        .client = client, .upstream = DIALECT_CHAT, .upstream_model = slice_from_cstr(model)};
    sent->is_accepted = translate_request(&sent->arena, &sent->doc, &options, &sent->result, &sent->out);
}

static void sent_deinit(struct sent *sent)
{
    buf_deinit(&sent->out);
    arena_deinit(&sent->arena);
}

static void wrong_requests_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *body;
        const char *param;
    } rows[] = {
        {"{}", ""},
        {"{'messages':[]}", "messages"},
        {"{'messages':'hi'}", "messages"},
        {"{'messages':[1]}", "messages[0]"},
        {"{'messages':[{'role':'nobody','content':'a'}]}", "messages[0]"},
        {"{'messages':[{'role':7,'content':'a'}]}", "messages[0].role"},
        {"{'messages':[{'role':'user'}]}", "messages[0]"},
        {"{'messages':[{'role':'user','content':5}]}", "messages[0].content"},
        {"{'messages':[{'role':'user','content':[{'type':'text'}]}]}", "messages[0].content[0]"},
        {"{'messages':[{'role':'user','content':[{'type':'song'}]}]}", "messages[0].content[0]"},
        {"{'messages':[{'role':'user','content':[{'type':'refusal','refusal':'a'}]}]}", "messages[0].content[0]"},
        {"{'messages':[{'role':'system','content':[{'type':'image_url','image_url':{'url':'http://a'}}]}]}",
         "messages[0].content[0]"},
        {"{'messages':[{'role':'user','content':[{'type':'image_url','image_url':{}}]}]}", "messages[0].content[0]"},
        {"{'messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/png'}}]}]}",
         "messages[0].content[0].image_url.url"},
        {"{'messages':[{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'AA=='}}]}]}",
         "messages[0].content[0]"},
        {"{'messages':[{'role':'user','content':[{'type':'file','file':{'file_data':'AAAA'}}]}]}",
         "messages[0].content[0].file.file_data"},
        {"{'messages':[{'role':'tool','content':'a'}]}", "messages[0]"},
        {"{'messages':[{'role':'function','name':'f','content':'a'}]}", "messages[0]"},
        {"{'messages':[{'role':'assistant','tool_calls':{}}]}", "messages[0].tool_calls"},
        {"{'messages':[{'role':'assistant','tool_calls':[3]}]}", "messages[0].tool_calls[0]"},
        {"{'messages':[{'role':'assistant','tool_calls':[{'id':'a','type':'function'}]}]}",
         "messages[0].tool_calls[0]"},
        {"{'messages':[{'role':'assistant','tool_calls':[{'id':'a','function':{'name':'f','arguments':3}}]}]}",
         "messages[0].tool_calls[0].function.arguments"},
        {"{'messages':[{'role':'assistant','content':null,'audio':{'id':'audio_1'}}]}", "messages[0].audio"},
        {"{'messages':[{'role':'user','content':'a'}],'max_tokens':0}", "max_tokens"},
        {"{'messages':[{'role':'user','content':'a'}],'max_completion_tokens':'9'}", "max_completion_tokens"},
        {"{'messages':[{'role':'user','content':'a'}],'temperature':'hot'}", "temperature"},
        {"{'messages':[{'role':'user','content':'a'}],'stop':7}", "stop"},
        {"{'messages':[{'role':'user','content':'a'}],'stop':['a',7]}", "stop[1]"},
        {"{'messages':[{'role':'user','content':'a'}],'n':1.5}", "n"},
        {"{'messages':[{'role':'user','content':'a'}],'stream':'yes'}", "stream"},
        {"{'messages':[{'role':'user','content':'a'}],'reasoning_effort':'very'}", "reasoning_effort"},
        {"{'messages':[{'role':'user','content':'a'}],'verbosity':'very'}", "verbosity"},
        {"{'messages':[{'role':'user','content':'a'}],'modalities':['text','audio']}", "modalities[1]"},
        {"{'messages':[{'role':'user','content':'a'}],'response_format':{'type':'xml'}}", "response_format"},
        {"{'messages':[{'role':'user','content':'a'}],'response_format':{'type':'json_schema'}}", "response_format"},
        {"{'messages':[{'role':'user','content':'a'}],'tools':[{}]}", "tools[0]"},
        {"{'messages':[{'role':'user','content':'a'}],'tools':[{'type':'function','function':{}}]}",
         "tools[0].function"},
        {"{'messages':[{'role':'user','content':'a'}],'tool_choice':'maybe'}", "tool_choice"},
        {"{'messages':[{'role':'user','content':'a'}],'tool_choice':'required'}", "tool_choice"},
        {"{'messages':[{'role':'user','content':'a'}],'tool_choice':{'type':'function','function':{'name':'f'}}}",
         "tool_choice"},
        {"{'messages':[{'role':'user','content':'a'}],'tool_choice':{'type':'allowed_tools','allowed_tools':{}}}",
         "tool_choice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sent sent;
        send(&sent, DIALECT_CHAT, "gpt-4o", rows[i].body);
        if (sent.is_accepted || !slice_eq(sent.result.loss.param, slice_from_cstr(rows[i].param)) ||
            !sent.result.loss.message.len) {
            fail_msg("%s: %.*s at %.*s", rows[i].body, SLICE_ARG(sent.result.loss.message),
                     SLICE_ARG(sent.result.loss.param));
        }
        sent_deinit(&sent);
    }
}

#define TOOL "{'type':'function','function':{'name':'f'}}"
#define USER "{'role':'user','content':'a'}"
#define CALL "{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}}"
#define SAID "{'role':'assistant','content':null,'tool_calls':[" CALL "]}"
#define SCHEMA "{'type':'object','properties':{'x':{'type':'string'}}}"
#define PNG "data:image/png;base64,iVBORw0KGgo="

static void requests_become_what_the_server_takes(void **state)
{
    static const struct {
        const char *what;
        enum dialect client;
        const char *model;
        const char *body;
        const char *expected; // behind the model
        const char *warnings;
    } rows[] = {
        {"roles are kept", DIALECT_CHAT, "gpt-4o",
         "{'messages':[{'role':'system','content':'s'},{'role':'developer','content':'d'}," USER
         ",{'role':'system','content':'later','name':'n'}]}",
         "'messages':[{'role':'system','content':'s'},{'role':'developer','content':'d'}," USER
         ",{'role':'system','content':'later','name':'n'}]",
         ""},
        {"servers that know no developer", DIALECT_CHAT, "deepseek-chat",
         "{'messages':[{'role':'developer','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}," USER
         "],'max_completion_tokens':5,'top_k':3,'user':'u','store':true}",
         "'messages':[{'role':'system','content':'a\\n\\nb'}," USER "],'max_tokens':5,'top_k':3,'user':'u'", ""},
        {"texts stay apart", DIALECT_CHAT, "gpt-4o",
         "{'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'text','text':''},"
         "{'type':'text','text':'b'}]}]}",
         "'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}]", ""},
        {"what a tool drew is shown by the user", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "," SAID ",{'role':'tool','tool_call_id':'c1','content':[{'type':'text','text':'t'},"
         "{'type':'image_url','image_url':{'url':'" PNG "'}}]}," USER "]}",
         "'messages':[" USER "," SAID ",{'role':'tool','tool_call_id':'c1','content':'t'},{'role':'user','content':"
         "[{'type':'image_url','image_url':{'url':'" PNG "'}}]}," USER "]",
         ""},
        {"and announced where nothing else is", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "," SAID ",{'role':'tool','tool_call_id':'c1','content':["
         "{'type':'image_url','image_url':{'url':'http://a/b.png'}}]}]}",
         "'messages':[" USER "," SAID
         ",{'role':'tool','tool_call_id':'c1','content':'see the following user message'},{'role':'user','content':"
         "[{'type':'image_url','image_url':{'url':'http://a/b.png'}}]}]",
         ""},
        {"the older functions", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER ",{'role':'assistant','content':null,'function_call':{'name':'f','arguments':'{}'}},"
         "{'role':'function','name':'f','content':'r'}],'functions':[{'name':'f'}],'function_call':{'name':'f'}}",
         "'messages':[" USER
         ",{'role':'assistant','content':null,'tool_calls':[{'id':'call_function_1','type':'function','function':"
         "{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'call_function_1','content':'r'}],"
         "'tools':[" TOOL "],'tool_choice':{'type':'function','function':{'name':'f'}}",
         ""},
        {"a custom tool", DIALECT_CHAT, "gpt-5.2",
         "{'messages':[" USER "],'tools':[{'type':'custom','custom':{'name':'g','description':'d','format':{'type':"
         "'grammar','grammar':{'syntax':'regex','definition':'a+'}}}}]}",
         "'messages':[" USER "],'tools':[{'type':'custom','custom':{'name':'g','description':'d','format':{'type':"
         "'grammar','grammar':{'syntax':'regex','definition':'a+'}}}}]",
         ""},
        {"a custom tool and its call where there are functions only", DIALECT_CHAT, "mistral-large",
         "{'messages':[" USER ",{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'custom','custom':"
         "{'name':'g','input':'a\\nb'}}]},{'role':'tool','tool_call_id':'c1','content':''}],'tools':[{'type':'custom',"
         "'custom':{'name':'g'}}],'tool_choice':{'type':'custom','custom':{'name':'g'}}}",
         "'messages':[" USER ",{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function',"
         "'function':{'name':'g','arguments':'{\\'input\\':\\'a\\\\nb\\'}'}}]},{'role':'tool','tool_call_id':'c1',"
         "'content':''}],'tools':[{'type':'function','function':{'name':'g','parameters':{'type':'object','properties':"
         "{'input':{'type':'string'}},'required':['input'],'additionalProperties':false}}}],'tool_choice':{'type':"
         "'function','function':{'name':'g'}}",
         ""},
        {"some tools are allowed", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "],'tools':[" TOOL ",{'type':'function','function':{'name':'h'}}],'tool_choice':{'type':"
         "'allowed_tools','allowed_tools':{'mode':'required','tools':[" TOOL "]}},'parallel_tool_calls':false}",
         "'messages':[" USER "],'tools':[" TOOL ",{'type':'function','function':{'name':'h'}}],'tool_choice':{'type':"
         "'allowed_tools','allowed_tools':{'mode':'required','tools':[" TOOL "]}},'parallel_tool_calls':false",
         ""},
        {"the others are left out", DIALECT_CHAT, "qwen3-max",
         "{'messages':[" USER "],'tools':[" TOOL ",{'type':'function','function':{'name':'h'}}],'tool_choice':{'type':"
         "'allowed_tools','allowed_tools':{'mode':'required','tools':[" TOOL "]}}}",
         "'messages':[" USER "],'tools':[" TOOL "],'tool_choice':'required'", ""},
        {"no tools, no choice", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "],'tools':[],'tool_choice':'auto','parallel_tool_calls':true}", "'messages':[" USER "]",
         ""},
        {"what is not strict is not called so", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "],'tools':[{'type':'function','function':{'name':'f','parameters':" SCHEMA
         ",'strict':true}}]}",
         "'messages':[" USER "],'tools':[{'type':'function','function':{'name':'f','parameters':" SCHEMA
         ",'strict':false}}]",
         "changed:tools[0]"},
        {"reasoning takes no sampling", DIALECT_CHAT, "gpt-5-mini",
         "{'messages':[" USER "],'temperature':0.5,'top_p':0.9,'stop':'x','logprobs':true,'seed':7}",
         "'messages':[" USER "],'seed':7", "dropped:top_p,dropped:temperature,dropped:logprobs,dropped:stop"},
        {"without reasoning it does", DIALECT_CHAT, "gpt-5.1",
         "{'messages':[" USER "],'temperature':0.5,'reasoning_effort':'none'}",
         "'messages':[" USER "],'reasoning_effort':'none','temperature':0.5", ""},
        {"a level that is not there", DIALECT_CHAT, "gpt-5-mini", "{'messages':[" USER "],'reasoning_effort':'xhigh'}",
         "'messages':[" USER "],'reasoning_effort':'high'", "changed:reasoning_effort"},
        {"too hot", DIALECT_CHAT, "gpt-4o", "{'messages':[" USER "],'temperature':3,'n':2,'logit_bias':{'1':2}}",
         "'messages':[" USER "],'n':2,'temperature':2,'logit_bias':{'1':2}", "changed:temperature"},
        {"four stops are sent, others watched for", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "],'stop':['1','2','3','4','5']}", "'messages':[" USER "],'stop':['1','2','3','4']", ""},
        {"reasoning goes back while tools are used", DIALECT_CHAT, "deepseek-reasoner",
         "{'messages':[" USER ",{'role':'assistant','content':'b','reasoning_content':'old'}," USER
         ",{'role':'assistant','content':null,'reasoning_content':'new','tool_calls':[" CALL
         "]},{'role':'tool','tool_call_id':'c1','content':'r'}]}",
         "'messages':[" USER ",{'role':'assistant','content':'b'}," USER
         ",{'role':'assistant','content':null,'reasoning_content':'new','tool_calls':[" CALL
         "]},{'role':'tool','tool_call_id':'c1','content':'r'}]",
         ""},
        {"and never to OpenAI", DIALECT_CHAT, "gpt-5.2",
         "{'messages':[" USER ",{'role':'assistant','content':'b','reasoning':'old'}," USER "]}",
         "'messages':[" USER ",{'role':'assistant','content':'b'}," USER "]", ""},
        {"Google's signatures go back to Google", DIALECT_CHAT, "google/gemini-3-pro",
         "{'messages':[" USER ",{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function',"
         "'function':{'name':'f','arguments':'{}'},'extra_content':{'google':{'thought_signature':'AAA='}}}]},"
         "{'role':'tool','tool_call_id':'c1','content':'r'}]}",
         "'messages':[" USER ",{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function',"
         "'function':{'name':'f','arguments':'{}'},'extra_content':{'google':{'thought_signature':'AAA='}}}]},"
         "{'role':'tool','tool_call_id':'c1','content':'r'}]",
         ""},
        {"what has no place elsewhere", DIALECT_CHAT, "gpt-4o",
         "{'messages':[" USER "],'web_search_options':{},'service_tier':'turbo','prediction':{'type':'content'}}",
         "'messages':[" USER "]", "dropped:service_tier,dropped:web_search_options"},
        {"Anthropic's results", DIALECT_ANTHROPIC, "gpt-4o",
         "{'max_tokens':9,'system':[{'type':'text','text':'a'},{'type':'text','text':'b'}],'messages':[" USER
         ",{'role':'assistant','content':[{'type':'tool_use','id':'c1','name':'f','input':{'x':1.0}},{'type':"
         "'tool_use','id':'c2','name':'f','input':{}}]},{'role':'user','content':[{'type':'tool_result','tool_use_id':"
         "'c2','is_error':true,'content':'bad'},{'type':'tool_result','tool_use_id':'c1','content':[{'type':'image',"
         "'source':{'type':'base64','media_type':'image/png','data':'iVBORw0KGgo='}}]},{'type':'text','text':'x'}]}]}",
         "'messages':[{'role':'system','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}," USER
         ",{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function','function':{'name':'f',"
         "'arguments':'{\\'x\\':1.0}'}},{'id':'c2','type':'function','function':{'name':'f','arguments':'{}'}}]},"
         "{'role':'tool','tool_call_id':'c1','content':'see the following user message'},{'role':'tool',"
         "'tool_call_id':'c2','content':'Error: bad'},{'role':'user','content':[{'type':'image_url','image_url':{'url':"
         "'" PNG "'}}]},{'role':'user','content':'x'}],'max_completion_tokens':9",
         ""},
        {"Anthropic's documents", DIALECT_ANTHROPIC, "gpt-4o",
         "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'document','title':'T','source':{'type':'text',"
         "'media_type':'text/plain','data':'D'}},{'type':'document','source':{'type':'base64','media_type':"
         "'application/pdf','data':'JVBERi0='}}]}]}",
         "'messages':[{'role':'user','content':[{'type':'text','text':'T\\nD'},{'type':'file','file':{'file_data':"
         "'data:application/pdf;base64,JVBERi0=','filename':'document.pdf'}}]}],'max_completion_tokens':9",
         ""},
        {"Anthropic's thinking", DIALECT_ANTHROPIC, "gpt-5-mini",
         "{'max_tokens':9000,'thinking':{'type':'enabled','budget_tokens':2048},'temperature':1,'messages':[" USER "]}",
         "'messages':[" USER "],'reasoning_effort':'medium','max_completion_tokens':9000", ""},
        {"Gemini's JSON", DIALECT_GEMINI, "gpt-4o",
         "{'contents':[{'role':'user','parts':[{'text':'a'}]}],'generationConfig':{'responseMimeType':"
         "'application/json','topK':3}}",
         "'messages':[{'role':'system','content':'Answer in JSON.'}," USER "],'response_format':{'type':'json_object'}",
         "emulated:generationConfig.responseMimeType,dropped:generationConfig.topK"},
        {"Gemini's schema", DIALECT_GEMINI, "gpt-4o",
         "{'contents':[{'role':'user','parts':[{'text':'a'}]}],'generationConfig':{'responseMimeType':"
         "'application/json','responseJsonSchema':{'type':'object','properties':{'x':{'type':'string'}},'required':"
         "['x'],'additionalProperties':false}}}",
         "'messages':[" USER "],'response_format':{'type':'json_schema','json_schema':{'name':'response','schema':"
         "{'type':'object','properties':{'x':{'type':'string'}},'required':['x'],'additionalProperties':false},"
         "'strict':true}}",
         ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sent sent;
        send(&sent, rows[i].client, rows[i].model, rows[i].body);
        if (!sent.is_accepted) {
            fail_msg("%s: %.*s at %.*s", rows[i].what, SLICE_ARG(sent.result.loss.message),
                     SLICE_ARG(sent.result.loss.param));
        }
        struct slice expected = arena_printf(&sent.arena, "{\"model\":\"%s\",%.*s}", rows[i].model,
                                             SLICE_ARG(quoted(&sent.arena, rows[i].expected)));
        struct slice warnings = loss_header(&sent.result.loss);
        if (!slice_eq(buf_slice(&sent.out), expected)) {
            fail_msg("%s:\n%.*s\ninstead of\n%.*s", rows[i].what, SLICE_ARG(buf_slice(&sent.out)), SLICE_ARG(expected));
        }
        if (!slice_eq(warnings, slice_from_cstr(rows[i].warnings))) {
            fail_msg("%s: warns of %.*s", rows[i].what, SLICE_ARG(warnings));
        }
        sent_deinit(&sent);
    }
}

static struct slice user_sent_for(struct sent *sent, const char *user)
{
    struct json_doc doc;
    char body[256];
    snprintf(body, sizeof(body), "{'messages':[" USER "],'user':'%s'}", user);
    send(sent, DIALECT_CHAT, "gpt-4o", body);
    parse(&doc, &sent->arena, buf_slice(&sent->out));
    return json_string(&doc, json_get(&doc, json_root(&doc), SLICE("safety_identifier")), &sent->arena);
}

#define TEN_TIMES(x) x x x x x x x x x x

static void ids_that_are_too_long_become_others(void **state)
{
    struct sent sent[4];
    struct slice a = user_sent_for(&sent[0], TEN_TIMES("abcdefg"));
    struct slice same = user_sent_for(&sent[1], TEN_TIMES("abcdefg"));
    struct slice other = user_sent_for(&sent[2], TEN_TIMES("abcdefg") "!");
    struct slice fitting = user_sent_for(&sent[3], "abcdefg");
    (void)state;
    assert_true(a.len >= 32 && a.len <= 64);
    assert_true(slice_eq(a, same));
    assert_false(slice_eq(a, other));
    assert_true(slice_eq(fitting, SLICE("abcdefg")));
    for (size_t i = 0; i < 4; i++) {
        sent_deinit(&sent[i]);
    }
}

static void what_cannot_be_sent_is_refused(void **state)
{
    static const struct {
        enum dialect client;
        const char *body;
    } rows[] = {
        {DIALECT_CHAT, "{'messages':[{'role':'system','content':'only'}]}"},
        {DIALECT_CHAT,
         "{'messages':[{'role':'user','content':[{'type':'video_url','video_url':{'url':'http://a'}}]}]}"},
        {DIALECT_CHAT, "{'messages':[{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'AA==',"
                       "'format':'flac'}}]}]}"},
        {DIALECT_ANTHROPIC, "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'document','source':"
                            "{'type':'url','url':'http://a/b.pdf'}}]}]}"},
        {DIALECT_ANTHROPIC, "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'image','source':"
                            "{'type':'file','file_id':'file_1'}}]}]}"},
        {DIALECT_ANTHROPIC,
         "{'max_tokens':9,'messages':[" USER "],'tools':[{'type':'web_search_20250305','name':'web_search'}]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sent sent;
        send(&sent, rows[i].client, "gpt-4o", rows[i].body);
        if (sent.is_accepted) {
            fail_msg("%s became %.*s", rows[i].body, SLICE_ARG(buf_slice(&sent.out)));
        }
        sent_deinit(&sent);
    }
}

// ---- answers

struct heard {
    struct arena arena;
    struct neutral_request req;
    struct answer_context context;
    struct translation *translation;
    struct buf out;
};

static void heard_init(struct heard *heard, enum dialect upstream, bool is_stream, bool shows_reasoning)
{
    *heard = (struct heard){0};
    arena_init(&heard->arena, 16 * 1024);
    neutral_request_init(&heard->req, DIALECT_CHAT, NULL);
    heard->req.wants_stream = is_stream;
    heard->context = (struct answer_context){.arena = &heard->arena,
                                             .upstream = upstream,
                                             .client = DIALECT_CHAT,
                                             .client_model = SLICE("m"),
                                             .req = &heard->req,
                                             .token = SLICE("0123456789ABCDEFGHIJKLMN"),
                                             .now_s = 7,
                                             .shows_reasoning = shows_reasoning,
                                             .estimated_input = -1};
    heard->translation = translation_new(&heard->context);
}

static void heard_deinit(struct heard *heard)
{
    translation_deinit(heard->translation);
    buf_deinit(&heard->out);
    arena_deinit(&heard->arena);
}

// The message of a whole answer to a stream: chunks have one choice each, whose delta is given, a line each.
static void hear_deltas(struct heard *heard, const char *deltas)
{
    struct slice rest = quoted(&heard->arena, deltas);
    while (rest.len) {
        struct slice delta = slice_split(&rest, '\n');
        struct slice chunk =
            slice_starts_with(delta, SLICE("{\"choices"))
                ? delta
                : arena_printf(&heard->arena, "{\"choices\":[{\"index\":0,\"delta\":%.*s}]}", SLICE_ARG(delta));
        translation_feed(heard->translation, SLICE_EMPTY, chunk, &heard->out);
    }
    translation_feed(heard->translation, SLICE_EMPTY, SLICE("[DONE]"), &heard->out);
    translation_finish(heard->translation, &heard->out);
}

static struct slice message_of(struct heard *heard, struct slice *finish_r)
{
    struct json_doc doc;
    const struct json_node *choice = NULL;
    parse(&doc, &heard->arena, buf_slice(&heard->out));
    assert_true(json_next_element(&doc, json_get(&doc, json_root(&doc), SLICE("choices")), &choice));
    *finish_r = json_string(&doc, json_get(&doc, choice, SLICE("finish_reason")), &heard->arena);
    return json_raw(&doc, json_get(&doc, choice, SLICE("message")));
}

#define HEAD "{'role':'assistant','content':"
#define TAIL ",'annotations':[]}"

static void odd_streams_make_whole_messages(void **state)
{
    static const struct {
        const char *what;
        const char *deltas;
        const char *message;
        const char *finish;
    } rows[] = {
        {"nothing", "{'content':''}\n{'choices':[{'finish_reason':'stop'}]}", HEAD "'','refusal':null" TAIL, "stop"},
        {"a name in pieces, resent, and late",
         "{'tool_calls':[{'index':0,'id':'a','function':{'arguments':''}}]}\n"
         "{'tool_calls':[{'index':0,'function':{'arguments':'{\\'x\\''}}]}\n"
         "{'tool_calls':[{'index':0,'function':{'name':'get_'}}]}\n"
         "{'tool_calls':[{'index':0,'function':{'name':'all'}}]}\n"
         "{'tool_calls':[{'index':0,'function':{'name':'get_all','arguments':':1}'}}]}",
         HEAD "null,'refusal':null,'tool_calls':[{'id':'a','type':'function','function':{'name':'get_all','arguments':"
              "'{\\'x\\':1}'}}]" TAIL,
         "tool_calls"},
        {"a new id on the same index",
         "{'tool_calls':[{'index':0,'id':'a','function':{'name':'f','arguments':'{}'}}]}\n"
         "{'tool_calls':[{'index':0,'id':'b','function':{'name':'f','arguments':'[]'}}]}\n"
         "{'tool_calls':[{'index':0,'id':'b','function':{'arguments':' '}}]}",
         HEAD "null,'refusal':null,'tool_calls':[{'id':'a','type':'function','function':{'name':'f','arguments':'{}'}},"
              "{'id':'b','type':'function','function':{'name':'f','arguments':'[] '}}]" TAIL,
         "tool_calls"},
        {"no index at all, and no id",
         "{'tool_calls':[{'function':{'name':'f','arguments':'{'}}]}\n{'tool_calls':[{'function':{'arguments':'}'}}]}\n"
         "{'tool_calls':[{'function':{'name':'g','arguments':'{}'}}]}",
         HEAD "null,'refusal':null,'tool_calls':[{'id':'call_0123456789ABCDEFGHIJKL00','type':'function','function':"
              "{'name':'f','arguments':'{}'}},{'id':'call_0123456789ABCDEFGHIJKL01','type':'function','function':"
              "{'name':'g','arguments':'{}'}}]" TAIL,
         "tool_calls"},
        {"two calls, interleaved, then text",
         "{'tool_calls':[{'index':3,'id':'a','function':{'name':'f'}},{'index':4,'id':'b','function':{'name':'g'}}]}\n"
         "{'tool_calls':[{'index':4,'function':{'arguments':'{}'}}]}\n{'content':'t'}\n"
         "{'tool_calls':[{'index':3,'function':{'arguments':'[]'}}]}",
         HEAD "'t','refusal':null,'tool_calls':[{'id':'a','type':'function','function':{'name':'f','arguments':'[]'}},"
              "{'id':'b','type':'function','function':{'name':'g','arguments':'{}'}}]" TAIL,
         "tool_calls"},
        {"no arguments, a custom tool, arguments as an object",
         "{'tool_calls':[{'index':0,'id':'a','function':{'name':'f'}}]}\n"
         "{'tool_calls':[{'index':1,'id':'b','type':'custom','custom':{'name':'g','input':'i'}}]}\n"
         "{'tool_calls':[{'index':2,'id':'c','function':{'name':'h','arguments':{'x':'y'}}}]}",
         HEAD "null,'refusal':null,'tool_calls':[{'id':'a','type':'function','function':{'name':'f','arguments':'{}'}},"
              "{'id':'b','type':'custom','custom':{'name':'g','input':'i'}},{'id':'c','type':'function','function':"
              "{'name':'h','arguments':'{\\'x\\':\\'y\\'}'}}]" TAIL,
         "tool_calls"},
        {"a call without a name is none",
         "{'tool_calls':[{'index':0,'id':'a','function':{'arguments':'{}'}}]}\n"
         "{'content':'t'}",
         HEAD "'t','refusal':null" TAIL, "stop"},
        {"the older function", "{'function_call':{'name':'f','arguments':''}}\n{'function_call':{'arguments':'{}'}}",
         HEAD "null,'refusal':null,'tool_calls':[{'id':'call_0123456789ABCDEFGHIJKL00','type':'function','function':"
              "{'name':'f','arguments':'{}'}}]" TAIL,
         "tool_calls"},
        {"reasoning said three times",
         "{'reasoning':'r','reasoning_content':'r','reasoning_details':"
         "[{'type':'reasoning.text','text':'r','index':0}]}\n{'content':'t'}",
         HEAD "'t','refusal':null,'reasoning_content':'r'" TAIL, "stop"},
        {"two thoughts",
         "{'reasoning_details':[{'type':'reasoning.text','text':'a','index':0}]}\n"
         "{'reasoning_details':[{'type':'reasoning.text','text':'b','index':1}]}",
         HEAD "'','refusal':null,'reasoning_content':'a\\n\\nb'" TAIL, "stop"},
        {"parts of a content",
         "{'content':[{'type':'thinking','thinking':[{'type':'text','text':'r'}]},"
         "{'type':'text','text':'t'}]}",
         HEAD "'t','refusal':null,'reasoning_content':'r'" TAIL, "stop"},
        {"a refusal", "{'refusal':'no'}\n{'choices':[{'delta':{},'finish_reason':'stop'}]}",
         HEAD "null,'refusal':'no'" TAIL, "stop"},
        {"an unknown reason, other types, and what is no chunk",
         "{'choices':[{'index':'x','delta':[],'finish_reason':5}]}\n{'choices':[7,null,{'index':-1},{'index':500}]}\n"
         "{'content':{},'tool_calls':[7,{}],'reasoning_details':[3,{}],'refusal':false,'annotations':[1]}\n"
         "{'choices':[{'delta':{'content':'t'},'finish_reason':'because'}]}",
         HEAD "'t','refusal':null" TAIL, "stop"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct heard heard;
        struct slice finish;
        heard_init(&heard, DIALECT_CHAT, false, true);
        hear_deltas(&heard, rows[i].deltas);
        struct slice message = message_of(&heard, &finish);
        if (!slice_eq(message, quoted(&heard.arena, rows[i].message)) ||
            !slice_eq(finish, slice_from_cstr(rows[i].finish))) {
            fail_msg("%s: %.*s %.*s", rows[i].what, SLICE_ARG(finish), SLICE_ARG(message));
        }
        heard_deinit(&heard);
    }
}

static void errors_end_an_answer(void **state)
{
    static const struct {
        const char *name;
        const char *data;
        enum fault fault;
        const char *message;
        const char *code;
    } rows[] = {
        {"", "{'error':{'message':'m','code':'insufficient_quota'}}", FAULT_QUOTA, "m", "insufficient_quota"},
        {"", "{'error':{'message':'m','code':429},'choices':[{'finish_reason':'stop'}]}", FAULT_RATE_LIMIT, "m", "429"},
        {"", "{'error':{'message':'m','code':'401'}}", FAULT_UPSTREAM_AUTH, "m", "401"},
        {"", "{'error':'m','code':'server_is_overloaded'}", FAULT_UPSTREAM_OVERLOADED, "m", "server_is_overloaded"},
        {"", "{'error':{'message':'m','type':'invalid_request_error'}}", FAULT_INVALID_REQUEST, "m", ""},
        {"", "{'error':{'message':'maximum context length is 5','type':'invalid_request_error'}}", FAULT_CONTEXT_LENGTH,
         "maximum context length is 5", ""},
        {"", "{'choices':[{'error':{'code':502,'message':'m'},'finish_reason':'error'}]}", FAULT_UPSTREAM_UNREACHABLE,
         "m", "502"},
        {"", "{'choices':[{'delta':{},'finish_reason':'error'}]}", FAULT_UPSTREAM_SERVER,
         "the upstream ended its answer with an error", ""},
        {"error", "{'message':'m'}", FAULT_UPSTREAM_SERVER, "m", ""},
        {"error", "7", FAULT_UPSTREAM_SERVER, "the upstream reported an error", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct heard heard;
        heard_init(&heard, DIALECT_CHAT, true, true);
        translation_feed(heard.translation, slice_from_cstr(rows[i].name), quoted(&heard.arena, rows[i].data),
                         &heard.out);
        const struct neutral_error *error = translation_error(heard.translation);
        if (!error || error->fault != rows[i].fault || !slice_eq(error->message, slice_from_cstr(rows[i].message)) ||
            !slice_eq(error->code, slice_from_cstr(rows[i].code))) {
            fail_msg("%s", rows[i].data);
        }
        assert_int_equal(heard.out.len, 0); // nothing was said yet, so there can still be a status
        heard_deinit(&heard);
    }
}

static void an_error_within_a_stream_has_no_done_behind_it(void **state)
{
    struct heard heard;
    (void)state;
    heard_init(&heard, DIALECT_CHAT, true, true);
    hear_deltas(&heard, "{'content':'t'}\n{'choices':[{'error':{'message':'m'}}]}");
    struct slice out = buf_slice(&heard.out);
    assert_true(slice_find(out, SLICE("data: {\"error\":{\"message\":\"m\"")) != SLICE_NOT_FOUND);
    assert_true(slice_find(out, SLICE("[DONE]")) == SLICE_NOT_FOUND);
    assert_true(slice_find(out, SLICE("finish_reason\":\"")) == SLICE_NOT_FOUND);
    heard_deinit(&heard);
}

static void a_stream_that_breaks_off_is_an_error(void **state)
{
    struct heard heard;
    (void)state;
    heard_init(&heard, DIALECT_CHAT, true, true);
    translation_feed(heard.translation, SLICE_EMPTY, SLICE("{\"choices\":[{\"delta\":{\"content\":\"t\"}}]}"),
                     &heard.out);
    translation_finish(heard.translation, &heard.out);
    assert_non_null(translation_error(heard.translation));
    assert_int_equal(translation_error(heard.translation)->fault, FAULT_UPSTREAM_TRUNCATED);
    heard_deinit(&heard);
}

#define CHUNK(delta, finish)                                                                                           \
    "data: {'id':'chatcmpl-0123456789ABCDEFGHIJKLMN','object':'chat.completion.chunk','created':7,'model':'m',"        \
    "'choices':[{'index':0,'delta':{" delta "},'finish_reason':" finish "}]}\n\n"

// Byte for byte: what frequent events cost depends on it.
static void a_stream_is_written_as_clients_read_it(void **state)
{
    struct heard heard;
    (void)state;
    heard_init(&heard, DIALECT_CHAT, true, true);
    hear_deltas(&heard, "{'reasoning':'r'}\n{'content':'t'}\n{'tool_calls':[{'index':1,'id':'a','function':{'name':"
                        "'f'}}]}\n{'choices':[{'delta':{},'finish_reason':'stop'}],'usage':{'prompt_tokens':1}}");
    struct slice expected =
        quoted(&heard.arena,
               CHUNK("'role':'assistant','content':''", "null") CHUNK("'reasoning_content':'r'",
                                                                      "null") CHUNK("'content':'t'", "null")
                   CHUNK("'tool_calls':[{'index':0,'id':'a','type':'function','function':{'name':'f','arguments':''}}]",
                         "null") CHUNK("'tool_calls':[{'index':0,'function':{'arguments':'{}'}}]", "null")
                       CHUNK("", "'tool_calls'") "data: [DONE]\n\n");
    if (!slice_eq(buf_slice(&heard.out), expected)) {
        fail_msg("%.*s", SLICE_ARG(buf_slice(&heard.out)));
    }
    heard_deinit(&heard);
}

static void usage_is_sent_to_those_who_ask(void **state)
{
    struct heard heard;
    (void)state;
    heard_init(&heard, DIALECT_CHAT, true, false);
    heard.req.includes_usage = true;
    hear_deltas(&heard, "{'reasoning':'hidden'}\n{'content':'t'}\n{'choices':[{'delta':{},'finish_reason':'stop'}]}\n"
                        "{'choices':[],'usage':{'prompt_tokens':10,'completion_tokens':4,'total_tokens':14,"
                        "'prompt_cache_hit_tokens':3}}");
    struct slice out = buf_slice(&heard.out);
    struct slice last =
        quoted(&heard.arena, "'choices':[],'usage':{'prompt_tokens':10,'completion_tokens':4,'total_tokens':14,"
                             "'prompt_tokens_details':{'cached_tokens':3,'cache_write_tokens':0,'audio_tokens':0},"
                             "'completion_tokens_details':{'reasoning_tokens':0,'audio_tokens':0,"
                             "'accepted_prediction_tokens':0,'rejected_prediction_tokens':0}}}\n\ndata: [DONE]\n\n");
    assert_true(slice_ends_with(out, last));
    assert_true(slice_find(out, SLICE("\"finish_reason\":\"stop\"}],\"usage\":null}")) != SLICE_NOT_FOUND);
    assert_true(slice_find(out, SLICE("hidden")) == SLICE_NOT_FOUND);
    heard_deinit(&heard);
}

static void usage_within_a_choice_counts(void **state)
{
    struct heard heard;
    (void)state;
    heard_init(&heard, DIALECT_CHAT, true, false);
    hear_deltas(&heard, "{'content':'t'}\n{'choices':[{'delta':{},'finish_reason':'stop','usage':{'prompt_tokens':10,"
                        "'completion_tokens':4,'cached_tokens':3}}]}");
    const struct usage *usage = translation_usage(heard.translation);
    assert_int_equal(usage->input, 10);
    assert_int_equal(usage->output, 4);
    assert_int_equal(usage->cache_read, 3);
    heard_deinit(&heard);
}

// ---- what only its issuer can read

static void opaque_state_comes_back_from_the_client(void **state)
{
    static const struct {
        enum dialect upstream;
        const char *body;
        enum opaque_kind kind;
        const char *data;
        const char *text; // of the reasoning
    } rows[] = {
        {DIALECT_ANTHROPIC,
         "{'content':[{'type':'thinking','thinking':'why','signature':'S+/"
         "='},{'type':'text','text':'t'}],'stop_reason':"
         "'end_turn','usage':{'input_tokens':1,'output_tokens':1}}",
         OPAQUE_ANTHROPIC_SIGNATURE, "S+/=", "why"},
        {DIALECT_ANTHROPIC,
         "{'content':[{'type':'redacted_thinking','data':'R='},{'type':'text','text':'t'}],'stop_reason':'end_turn',"
         "'usage':{'input_tokens':1,'output_tokens':1}}",
         OPAQUE_ANTHROPIC_REDACTED, "R=", ""},
        {DIALECT_CHAT,
         "{'choices':[{'message':{'content':'t','reasoning_details':[{'type':'reasoning.text','text':'why','signature':"
         "'S','format':null,'index':0}]},'finish_reason':'stop'}]}",
         OPAQUE_VENDOR_TEXT, "{'type':'reasoning.text','signature':'S','index':0}", "why"},
        {DIALECT_GEMINI,
         "{'candidates':[{'content':{'role':'model','parts':[{'functionCall':{'name':'f','args':{}},"
         "'thoughtSignature':'Zm9v'}]},'finishReason':'STOP'}]}",
         OPAQUE_GEMINI_CALL, "Zm9v", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct heard heard;
        struct slice finish;
        struct json_doc doc;
        struct loss loss;
        struct neutral_request req;
        heard_init(&heard, rows[i].upstream, false, true);
        translation_answer(heard.translation, quoted(&heard.arena, rows[i].body), &heard.out);
        struct slice body = arena_printf(&heard.arena, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},%.*s]}",
                                         SLICE_ARG(message_of(&heard, &finish)));
        parse(&doc, &heard.arena, body);
        loss_init(&loss, &heard.arena, &doc, LOSS_NORMAL);
        neutral_request_init(&req, DIALECT_CHAT, &doc);
        assert_true(chat_decode_request(&req, &heard.arena, &loss));
        const struct neutral_part *part = req.turns->next->parts;
        const struct neutral_opaque *opaque = part->kind == PART_CALL ? &part->call.opaque : &part->reasoning.opaque;
        assert_int_equal(part->kind, rows[i].text ? PART_REASONING : PART_CALL);
        assert_int_equal(opaque->kind, rows[i].kind);
        if (!slice_eq(opaque->data, quoted(&heard.arena, rows[i].data))) {
            fail_msg("%.*s", SLICE_ARG(opaque->data));
        }
        if (rows[i].text) {
            struct slice text = part->reasoning.parts ? part->reasoning.parts->text : SLICE_EMPTY;
            assert_true(slice_eq(text, slice_from_cstr(rows[i].text)));
        }
        heard_deinit(&heard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_requests_are_refused_with_their_place),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(requests_become_what_the_server_takes),
        cmocka_unit_test(ids_that_are_too_long_become_others),
        cmocka_unit_test(errors_end_an_answer),
        cmocka_unit_test(an_error_within_a_stream_has_no_done_behind_it),
        cmocka_unit_test(a_stream_that_breaks_off_is_an_error),
        cmocka_unit_test(odd_streams_make_whole_messages),
        cmocka_unit_test(a_stream_is_written_as_clients_read_it),
        cmocka_unit_test(usage_is_sent_to_those_who_ask),
        cmocka_unit_test(usage_within_a_choice_counts),
        cmocka_unit_test(opaque_state_comes_back_from_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
