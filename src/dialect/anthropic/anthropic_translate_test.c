// SPDX-License-Identifier: MIT
// What the recordings do not have: what is refused, what is left out and changed for whom, broken streams, reasoning of
// others on its way through a client.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/anthropic/anthropic_internal.h"
#include "dialect/arena_fixture.h"
#include "dialect/translate.h"
#include "json/json_reader.h"

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TOOLS                                                                                                          \
    "\"tools\":[{\"name\":\"a\",\"input_schema\":{\"type\":\"object\"}},{\"name\":\"b\",\"input_schema\":{\"type\":"   \
    "\"object\"}}]"

static void parse(struct arena *arena, struct json_doc *doc, const char *text)
{
    if (json_parse(doc, arena, slice_from_cstr(text), NULL) != 0) {
        fail_msg("no JSON at %zu: %s", doc->error_offset, text);
    }
}

static bool contains(struct slice text, const char *part)
{
    return slice_find(text, slice_from_cstr(part)) != SLICE_NOT_FOUND;
}

// ---- requests that are wrong

struct wrong_row {
    const char *body;
    const char *param;
    const char *code;
};

static const struct wrong_row WRONG[] = {
    {"{}", "", ""},
    {"{\"messages\":[]}", "messages", ""},
    {"{\"messages\":5}", "messages", ""},
    {"{\"messages\":[5]}", "messages[0]", ""},
    {"{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].role", ""},
    {"{\"messages\":[{\"role\":\"user\"}]}", "messages[0]", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":5}]}", "messages[0].content", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[5]}]}", "messages[0].content[0]", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", "messages[0].content[0]", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}", "messages[0].content[0]", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"text\",\"data\":\"x\"}}"
     "]}"
     "]}",
     "messages[0].content[0]", ""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"}]}]}", "messages[0].content[0]", ""},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\"}]}]}", "messages[0].content[0]", ""},
    {"{\"system\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://x\"}}]," USER "}", "system[0]",
     ""},
    {"{\"system\":7," USER "}", "system", ""},
    {"{\"max_tokens\":\"5\"," USER "}", "max_tokens", ""},
    {"{\"max_tokens\":-5," USER "}", "max_tokens", ""},
    {"{\"max_tokens\":0," USER "}", "max_tokens", ""},
    {"{\"temperature\":\"hot\"," USER "}", "temperature", ""},
    {"{\"stream\":1," USER "}", "stream", ""},
    {"{\"stop_sequences\":\"x\"," USER "}", "stop_sequences", ""},
    {"{\"stop_sequences\":[1]," USER "}", "stop_sequences[0]", ""},
    {"{\"tools\":{}," USER "}", "tools", ""},
    {"{\"tools\":[1]," USER "}", "tools[0]", ""},
    {"{\"tools\":[{}]," USER "}", "tools[0]", ""},
    {"{\"tools\":[{\"name\":\"a\",\"input_schema\":1}]," USER "}", "tools[0].input_schema", ""},
    {"{\"tools\":[{\"type\":1}]," USER "}", "tools[0].type", ""},
    {"{\"tool_choice\":\"auto\"," USER "}", "tool_choice", ""},
    {"{\"tool_choice\":{\"type\":\"tool\",\"name\":\"c\"}," TOOLS "," USER "}", "tool_choice", ""},
    {"{\"thinking\":true," USER "}", "thinking", ""},
    {"{\"thinking\":{\"type\":\"much\"}," USER "}", "thinking.type", ""},
    {"{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":\"1\"}," USER "}", "thinking.budget_tokens", ""},
    {"{\"output_config\":{\"effort\":\"none\"}," USER "}", "output_config.effort", ""},
    {"{\"output_config\":{\"format\":{\"type\":\"json\"}}," USER "}", "output_config.format", ""},
    {"{\"output_format\":{\"type\":\"json_schema\"}," USER "}", "output_format", ""},
    {"{\"metadata\":1," USER "}", "metadata", ""},
    {"{\"thread\":{\"type\":\"create\"}," USER "}", "thread", "thread_unsupported_request"},
};

static void wrong_requests_are_refused_by_the_name_of_the_member(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
        struct neutral_request req;
        struct json_doc doc;
        struct loss loss;
        parse(arena, &doc, WRONG[i].body);
        loss_init(&loss, arena, &doc, LOSS_NORMAL);
        neutral_request_init(&req, DIALECT_ANTHROPIC, &doc);
        if (anthropic_decode_request(&req, arena, &loss) || !loss.is_refused) {
            fail_msg("accepted: %s", WRONG[i].body);
        }
        if (!slice_eq(loss.param, slice_from_cstr(WRONG[i].param)) ||
            !slice_eq(loss.code, slice_from_cstr(WRONG[i].code))) {
            fail_msg("%s: %.*s, %.*s", WRONG[i].body, SLICE_ARG(loss.param), SLICE_ARG(loss.code));
        }
    }
}

// The same with every member of another type, and cut anywhere: nothing of it may crash.
static void members_of_any_type_do_no_harm(void **state)
{
    struct arena *arena = *state;
    static const char *const values[] = {"null", "true",     "-1", "\"x\"",        "[]",
                                         "[{}]", "[[null]]", "{}", "{\"type\":[]}"};
    static const char *const names[] = {"system",        "messages",       "tools",         "tool_choice",
                                        "thinking",      "output_config",  "cache_control", "metadata",
                                        "service_tier",  "stop_sequences", "max_tokens",    "stream",
                                        "output_format", "mcp_servers",    "thread"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
            struct translated_request result;
            struct buf out = BUF_EMPTY;
            struct json_doc doc;
            struct translate_options options = {.client = DIALECT_ANTHROPIC, .upstream = DIALECT_ANTHROPIC};
            struct slice text = arena_printf(arena, "{" USER ",\"%s\":%s}", names[i], values[j]);
            parse(arena, &doc, arena_cstr(arena, text));
            if (translate_request(arena, &doc, &options, &result, &out)) {
                struct json_doc written;
                assert_int_equal(json_parse(&written, arena, buf_slice(&out), NULL), 0);
            }
            buf_deinit(&out);
        }
    }
}

// ---- what is written

enum origin { OWN, OTHER };

struct request_row {
    const char *what;
    const char *model;
    enum origin origin;
    const char *members; // beside the messages
    const char *wanted;  // in what is written; NULL: it is refused
    const char *unwanted;
    const char *warnings;
};

#define OLD "claude-3-5-sonnet-20241022"
#define BUDGET "claude-sonnet-4-5"
#define EITHER "claude-opus-4-6"
#define LEVEL "claude-opus-4-7"
#define THINK(n) "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" #n "}"
#define ADAPTIVE "\"thinking\":{\"type\":\"adaptive\"}"
#define EFFORT(e) "\"output_config\":{\"effort\":\"" e "\"}"

static const struct request_row REQUESTS[] = {
    {"the limit of the model where there is none", BUDGET, OTHER, "", "\"max_tokens\":64000", NULL, ""},
    {"the limit of the client", BUDGET, OTHER, "\"max_tokens\":7", "\"max_tokens\":7", NULL, ""},

    {"no thinking unless asked", LEVEL, OTHER, "", "", "thinking", ""},
    {"a budget as it is", BUDGET, OTHER, "\"max_tokens\":9000," THINK(3000), "\"budget_tokens\":3000}", NULL, ""},
    {"a budget that is too small", BUDGET, OTHER, "\"max_tokens\":9000," THINK(5), "\"budget_tokens\":1024}", NULL, ""},
    {"a budget over the limit", BUDGET, OTHER, "\"max_tokens\":2000," THINK(3000), "\"budget_tokens\":1999}", NULL,
     "changed:thinking"},
    {"no room for a budget", BUDGET, OTHER, "\"max_tokens\":1025," THINK(3000), "", "thinking", "dropped:thinking"},
    {"our limit leaves room for the answer", BUDGET, OTHER, THINK(64000), "\"budget_tokens\":59904}", NULL, ""},
    {"an effort as a budget", BUDGET, OTHER, EFFORT("low"), "{\"type\":\"enabled\",\"budget_tokens\":1024}",
     "output_config", ""},
    {"adaptive becomes a medium budget", BUDGET, OTHER, ADAPTIVE, "\"budget_tokens\":8192}", NULL, ""},
    {"a budget where either goes", EITHER, OTHER, THINK(3000), "{\"type\":\"enabled\",\"budget_tokens\":3000,", NULL,
     ""},
    {"an effort where either goes", EITHER, OTHER, EFFORT("low"), "\"type\":\"adaptive\"", "budget", ""},
    {"an effort that is missing", EITHER, OTHER, EFFORT("xhigh"), EFFORT("high"), NULL, "changed:output_config.effort"},
    {"adaptive where either goes", EITHER, OTHER, ADAPTIVE, "\"type\":\"adaptive\"", "budget", ""},
    {"a budget as an effort", LEVEL, OTHER, THINK(3000), EFFORT("medium"), "budget", ""},
    {"an effort beside a budget", LEVEL, OTHER, THINK(3000) "," EFFORT("max"), EFFORT("max"), "budget", ""},
    {"shown where it is not by itself", LEVEL, OTHER, ADAPTIVE, "\"display\":\"summarized\"", NULL, ""},
    {"not shown", LEVEL, OTHER, "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}",
     "\"display\":\"omitted\"", NULL, ""},
    {"off", BUDGET, OTHER, "\"thinking\":{\"type\":\"disabled\"}", "{\"type\":\"disabled\"}", NULL, ""},
    {"off for who cannot", OLD, OTHER, "\"thinking\":{\"type\":\"disabled\"}", "", "thinking", ""},
    {"on for who cannot", OLD, OTHER, THINK(3000), "", "thinking", "dropped:thinking"},
    {"own effort alone does not switch it on", BUDGET, OWN, EFFORT("low"), EFFORT("low"), "thinking", ""},
    {"a forced tool excludes a budget", BUDGET, OTHER, THINK(3000) "," TOOLS ",\"tool_choice\":{\"type\":\"any\"}",
     "{\"type\":\"any\"}", "thinking", "dropped:thinking"},
    {"a forced tool goes with adaptive", LEVEL, OTHER, ADAPTIVE "," TOOLS ",\"tool_choice\":{\"type\":\"any\"}",
     "adaptive", NULL, ""},

    {"temperature", BUDGET, OTHER, "\"temperature\":0.50", "\"temperature\":0.50", NULL, ""},
    {"temperature above one", BUDGET, OTHER, "\"temperature\":1.7", "\"temperature\":1,", NULL, "changed:temperature"},
    {"temperature where it is refused", LEVEL, OTHER, "\"temperature\":0.5,\"top_p\":1,\"top_k\":4", "", "\"top",
     "dropped:temperature,dropped:top_p,dropped:top_k"},
    {"both", BUDGET, OTHER, "\"temperature\":0.5,\"top_p\":0.5", "\"temperature\":0.5", "top_p", "dropped:top_p"},
    {"temperature beside thinking", BUDGET, OTHER, "\"temperature\":0.5,\"top_k\":3,\"top_p\":0.9," THINK(2000),
     "budget", "temperature", "dropped:temperature,dropped:top_p,dropped:top_k"},
    {"a high top_p beside thinking", BUDGET, OTHER, "\"top_p\":0.97," THINK(2000), "\"top_p\":0.97", NULL, ""},
    {"top_k as a whole number", BUDGET, OTHER, "\"top_k\":40.0", "\"top_k\":40,", NULL, ""},

    {"blank stop sequences", BUDGET, OTHER, "\"stop_sequences\":[\" \",\"x\",\"\\n\"]", "\"stop_sequences\":[\"x\"]",
     NULL, "dropped:stop_sequences[0],dropped:stop_sequences[2]"},
    {"only blank ones", BUDGET, OTHER, "\"stop_sequences\":[\" \"]", "", "stop_sequences", "dropped:stop_sequences[0]"},
    {"tiers", BUDGET, OTHER, "\"service_tier\":\"standard_only\"", "\"service_tier\":\"standard_only\"", NULL, ""},
    {"the user", BUDGET, OTHER, "\"metadata\":{\"user_id\":\"u\\\"1\"}", "{\"user_id\":\"u\\\"1\"}", NULL, ""},
    {"cache of all", BUDGET, OTHER, "\"cache_control\":{\"type\":\"ephemeral\"}",
     "\"cache_control\":{\"type\":\"ephemeral\"}", NULL, ""},
    {"own members stay at home", BUDGET, OTHER, "\"context_management\":{\"edits\":[]},\"speed\":\"fast\"", "", "speed",
     "dropped:context_management"},
    {"own members", BUDGET, OWN, "\"speed\":\"fast\"", "\"speed\":\"fast\"", NULL, ""},
    {"members of tomorrow", BUDGET, OTHER, "\"tomorrow\":1,\"nothing\":null", "", "tomorrow", "dropped:tomorrow"},

    {"a choice of one", BUDGET, OTHER, TOOLS ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"b\"}",
     "\"tool_choice\":{\"type\":\"tool\",\"name\":\"b\"}", NULL, ""},
    {"one call at a time", BUDGET, OTHER,
     TOOLS ",\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}",
     "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}", NULL, ""},
    {"none", BUDGET, OTHER, TOOLS ",\"tool_choice\":{\"type\":\"none\"}", "\"tool_choice\":{\"type\":\"none\"}", NULL,
     ""},
    {"a choice without tools", BUDGET, OTHER, "\"tool_choice\":{\"type\":\"auto\"}", "", "tool_choice", ""},
    {"a forced choice without tools", BUDGET, OTHER, "\"tool_choice\":{\"type\":\"any\"}", NULL, NULL, ""},
    {"no tools", BUDGET, OTHER, "\"tools\":[]", "", "tools", ""},
    {"a tool without a schema", BUDGET, OTHER, "\"tools\":[{\"name\":\"a\"}]",
     "\"input_schema\":{\"type\":\"object\",\"properties\":{}}", NULL, ""},
    {"a tool of another provider", BUDGET, OTHER,
     "\"tools\":[{\"type\":\"web_search_1\",\"name\":\"web_search\"},{\"name\":\"a\"}]", "\"name\":\"a\"", "web_search",
     "dropped:tools[0]"},
    {"only a tool of another provider", BUDGET, OTHER,
     "\"tools\":[{\"type\":\"web_search_1\",\"name\":\"web_search\"}]", NULL, NULL, ""},
    {"own tool of the provider", BUDGET, OWN,
     "\"tools\":[{\"type\":\"web_search_1\",\"name\":\"s\"}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"s\"}",
     "\"tool_choice\":{\"type\":\"tool\",\"name\":\"s\"}", NULL, ""},
    {"deferred tools are given at once", BUDGET, OTHER, "\"tools\":[{\"name\":\"a\",\"defer_loading\":true}]", "",
     "defer", "dropped:tools[0].defer_loading"},
    {"a strict tool", BUDGET, OTHER,
     "\"tools\":[{\"name\":\"a\",\"strict\":true,\"input_schema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
     "\"integer\",\"minimum\":1}},\"additionalProperties\":false}}]",
     "\"n\":{\"type\":\"integer\",\"description\":\"{minimum: 1}\"}},\"additionalProperties\":false},\"strict\":true",
     NULL, "changed:tools[0].input_schema"},

    {"a schema", BUDGET, OTHER,
     "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{}}}}",
     "\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{},\"additionalProperties\":"
     "false}}",
     NULL, "changed:output_config.format.schema"},
    {"a schema as a tool", OLD, OTHER, "\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}",
     "\"tool_choice\":{\"type\":\"tool\",\"name\":\"answer_in_the_format_asked_for\",\"disable_parallel_tool_use\":"
     "true}",
     "output_config", "emulated:output_format"},
    {"a schema as a tool among others", OLD, OTHER,
     TOOLS ",\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}",
     "\"tool_choice\":{\"type\":\"any\"}", "output_config", "emulated:output_format"},
};

// As a request of a client of another dialect, for what the decoder gives.
static bool encode(struct arena *arena, const struct json_doc *doc, enum origin origin, const char *model,
                   struct loss *loss, struct buf *out)
{
    struct neutral_request req;
    struct target target = {.dialect = DIALECT_ANTHROPIC, .model = slice_from_cstr(model)};
    target.profile = profile_of(DIALECT_ANTHROPIC, target.model);
    loss_init(loss, arena, doc, LOSS_NORMAL);
    neutral_request_init(&req, DIALECT_ANTHROPIC, doc);
    if (!anthropic_decode_request(&req, arena, loss)) {
        return false;
    }
    req.origin = origin == OWN ? DIALECT_ANTHROPIC : DIALECT_CHAT;
    if (!normalise(arena, &req, &target, loss)) {
        return false;
    }
    struct encoding encoding = {.req = &req, .target = &target, .arena = arena, .loss = loss};
    anthropic_encode_request(&encoding, out);
    return !loss->is_refused;
}

static void check_row(struct arena *arena, const struct request_row *row, const char *messages)
{
    struct json_doc doc;
    struct json_doc written;
    struct loss loss;
    struct buf out = BUF_EMPTY;
    struct slice comma = row->members[0] ? SLICE(",") : SLICE_EMPTY;
    parse(arena, &doc, arena_cstr(arena, arena_printf(arena, "{%s%.*s%s}", row->members, SLICE_ARG(comma), messages)));
    bool is_written = encode(arena, &doc, row->origin, row->model, &loss, &out);
    if (is_written != (row->wanted != NULL)) {
        fail_msg("%s: %.*s", row->what, SLICE_ARG(loss.message));
    }
    if (is_written) {
        assert_int_equal(json_parse(&written, arena, buf_slice(&out), NULL), 0);
        if (!contains(buf_slice(&out), row->wanted) || (row->unwanted && contains(buf_slice(&out), row->unwanted))) {
            fail_msg("%s: %.*s", row->what, SLICE_ARG(buf_slice(&out)));
        }
        struct slice warnings = loss_header(&loss);
        if (!slice_eq(warnings, slice_from_cstr(row->warnings))) {
            fail_msg("%s: %.*s", row->what, SLICE_ARG(warnings));
        }
    }
    buf_deinit(&out);
}

static void members_are_written_as_the_model_takes_them(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(*REQUESTS); i++) {
        check_row(arena, &REQUESTS[i], USER);
    }
}

// Rows whose `members` are the messages.
#define PNG "iVBORw0KGgoAAAANSUhEUg=="
#define IN_USER(block) "\"messages\":[{\"role\":\"user\",\"content\":[" block "]}]"
#define IN_ASSISTANT(block)                                                                                            \
    "\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[" block                  \
    ",{\"type\":\"text\",\"text\":\"said\"}]},{\"role\":\"user\",\"content\":\"r\"}]"
#define SOURCE(kind, type, data)                                                                                       \
    "{\"type\":\"" kind "\",\"source\":{\"type\":\"base64\",\"media_type\":\"" type "\",\"data\":\"" data "\"}}"

static const struct request_row BLOCKS[] = {
    {"an image is what its bytes say", BUDGET, OTHER, IN_USER(SOURCE("image", "image/jpeg", PNG)),
     "\"media_type\":\"image/png\"", NULL, ""},
    {"an image of another kind", BUDGET, OTHER, IN_USER(SOURCE("image", "image/bmp", "Qk0=")), NULL, NULL, ""},
    {"a document that is an image", BUDGET, OTHER, IN_USER(SOURCE("document", "image/png", PNG)), "\"type\":\"image\"",
     "document", ""},
    {"a text as a document", BUDGET, OTHER, IN_USER(SOURCE("document", "text/csv", "YSwiYg==")),
     "\"media_type\":\"text/plain\",\"type\":\"text\",\"data\":\"a,\\\"b\"", NULL, ""},
    {"a document of another kind", BUDGET, OTHER, IN_USER(SOURCE("document", "application/zip", "UEs=")), NULL, NULL,
     ""},
    {"a file of another provider", BUDGET, OTHER,
     IN_USER("{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}"), NULL, NULL, ""},
    {"an own file", BUDGET, OWN, IN_USER("{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}"),
     "{\"type\":\"file\",\"file_id\":\"f\"}", NULL, ""},
    {"a URL of another kind", BUDGET, OTHER,
     IN_USER("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"gs://b/o\"}}"), NULL, NULL, ""},
    {"a URL with the data in it", BUDGET, OTHER,
     IN_USER("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"data:image/png;base64," PNG "\"}}"),
     "\"type\":\"base64\",\"data\":\"" PNG, "url", ""},
    {"parts of a document", BUDGET, OTHER,
     IN_USER("{\"type\":\"document\",\"title\":\"t\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\","
             "\"text\":\"x\"},{\"type\":\"thinking\"}]}}"),
     "\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]},\"title\":\"t\"", NULL, ""},
    {"a search result for others", BUDGET, OTHER,
     IN_USER("{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[{\"type\":\"text\",\"text\":"
             "\"x\"}]}"),
     "\"type\":\"document\"", "search_result", ""},

    {"a signature that goes home", BUDGET, OTHER,
     IN_ASSISTANT("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"}"),
     "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"}", NULL, ""},
    {"no signature", BUDGET, OTHER, IN_ASSISTANT("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"\"}"),
     "said", "thinking", ""},
    {"a damaged wrapper", BUDGET, OTHER,
     IN_ASSISTANT("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"gw1.oe.x.y.0000000000000000\"}"), "said",
     "thinking", "dropped:messages[1].content[0]"},
    {"redacted", BUDGET, OTHER, IN_ASSISTANT("{\"type\":\"redacted_thinking\",\"data\":\"D\"}"),
     "{\"type\":\"redacted_thinking\",\"data\":\"D\"}", NULL, ""},
    {"a block of a provider's tool", BUDGET, OWN,
     IN_ASSISTANT("{\"type\":\"server_tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":{}}"),
     "{\"type\":\"server_tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":{}}", NULL, ""},
    {"a block of a provider's tool for others", BUDGET, OTHER,
     IN_ASSISTANT("{\"type\":\"server_tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":{}}"), "said", "server_tool_use",
     "dropped:messages[1].content[0]"},
    {"system in the middle", LEVEL, OTHER,
     "\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"system\",\"content\":\"s\"}]",
     "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"s\"}]}", NULL, ""},
    {"only the last four marks", BUDGET, OTHER,
     IN_USER("{\"type\":\"text\",\"text\":\"1\",\"cache_control\":{\"type\":\"ephemeral\"}},"
             "{\"type\":\"text\",\"text\":\"2\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
             "{\"type\":\"text\",\"text\":\"3\",\"cache_control\":{\"type\":\"ephemeral\"}},"
             "{\"type\":\"text\",\"text\":\"4\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
             "{\"type\":\"text\",\"text\":\"5\",\"cache_control\":{\"type\":\"ephemeral\"}}"),
     "\"text\":\"1\"},{\"type\":\"text\",\"text\":\"2\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
     "{\"type\":\"text\",\"text\":\"3\",\"cache_control\":{\"type\":\"ephemeral\"}},"
     "{\"type\":\"text\",\"text\":\"4\",\"cache_control\":{\"type\":\"ephemeral\"}},",
     NULL, ""},
};

static void blocks_are_written_as_they_are_taken(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(BLOCKS) / sizeof(*BLOCKS); i++) {
        struct request_row row = BLOCKS[i];
        const char *messages = row.members;
        row.members = "";
        check_row(arena, &row, messages);
    }
}

// A turn that goes on after a tool has to begin with what was thought, or there is no thinking.
static void thinking_ends_where_its_thought_is_lost(void **state)
{
    struct arena *arena = *state;
#define LOOP(before)                                                                                                   \
    "\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[" before                 \
    "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"a\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":"    \
    "\"tool_result\",\"tool_use_id\":\"c\",\"content\":\"x\"}]}]"
    static const struct request_row lost = {
        "lost", BUDGET, OTHER, THINK(2000) "," TOOLS, "tool_result", "budget", "dropped:thinking"};
    static const struct request_row kept = {"kept", BUDGET, OTHER, THINK(2000) "," TOOLS, "budget", NULL, ""};
    check_row(arena, &lost, LOOP(""));
    check_row(arena, &kept, LOOP("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"},"));
#undef LOOP
}

// ---- schemas

struct schema_row {
    const char *given;
    const char *strict; // NULL: not looked at
    const char *tool;
};

static const struct schema_row SCHEMAS[] = {
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}",
     "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}"},
    {"{\"type\":\"string\",\"pattern\":\"^a\\\\d\",\"maxLength\":3,\"description\":\"d\"}",
     "{\"type\":\"string\",\"description\":\"d\\n\\n{pattern: ^a\\\\d, maxLength: 3}\"}", NULL},
    {"{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"integer\",\"minimum\":1},true]},\"minItems\":1,"
     "\"maxItems\":"
     "2}",
     "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"integer\",\"description\":\"{minimum: 1}\"},true]},"
     "\"minItems\":1,\"description\":\"{maxItems: 2}\"}",
     NULL},
    {"{\"type\":[\"object\",\"null\"],\"$defs\":{\"x\":{\"type\":\"string\",\"format\":\"phone\"},\"y\":{\"type\":"
     "\"string\",\"format\":\"date\"}},\"not\":{\"a\":\"b\"}}",
     "{\"type\":[\"object\",\"null\"],\"$defs\":{\"x\":{\"type\":\"string\",\"description\":\"{format: phone}\"},\"y\":"
     "{\"type\":\"string\",\"format\":\"date\"}},\"additionalProperties\":false,\"description\":\"{not: "
     "{\\\"a\\\":\\\"b\\\"}}\"}",
     NULL},
    {"{\"properties\":{\"a\":{}}}", NULL, "{\"type\":\"object\",\"properties\":{\"a\":{}}}"},
    {"{\"type\":\"string\"}", NULL, "{\"type\":\"object\"}"},
    {"{\"$defs\":{\"p\":{\"properties\":{\"b\":{\"type\":\"integer\"}},\"required\":[\"b\"]}},\"properties\":{\"a\":{}}"
     ","
     "\"required\":[\"a\"],\"anyOf\":[{\"$ref\":\"#/$defs/p\"},{\"properties\":{\"a\":{\"type\":\"null\"},\"c\":{}}}],"
     "\"allOf\":[{\"required\":[\"c\"]}]}",
     NULL,
     "{\"type\":\"object\",\"$defs\":{\"p\":{\"properties\":{\"b\":{\"type\":\"integer\"}},\"required\":[\"b\"]}},"
     "\"required\":[\"a\",\"c\"],\"properties\":{\"a\":{},\"b\":{\"type\":\"integer\"},\"c\":{}}}"},
};

static void check_schema(struct arena *arena, const char *given, const char *wanted, bool is_strict)
{
    struct json_doc doc;
    struct json_writer w;
    struct buf out = BUF_EMPTY;
    parse(arena, &doc, given);
    json_writer_init(&w, &out);
    (void)(is_strict ? anthropic_write_strict_schema(&w, &doc, json_root(&doc))
                     : anthropic_write_tool_schema(&w, &doc, json_root(&doc)));
    if (!slice_eq(buf_slice(&out), slice_from_cstr(wanted))) {
        fail_msg("%s became\n%.*s", given, SLICE_ARG(buf_slice(&out)));
    }
    buf_deinit(&out);
}

static void schemas_say_what_is_understood(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(SCHEMAS) / sizeof(*SCHEMAS); i++) {
        if (SCHEMAS[i].strict) {
            check_schema(arena, SCHEMAS[i].given, SCHEMAS[i].strict, true);
        }
        if (SCHEMAS[i].tool) {
            check_schema(arena, SCHEMAS[i].given, SCHEMAS[i].tool, false);
        }
    }
}

static void schemas_of_any_depth_are_written(void **state)
{
    struct arena *arena = *state;
    enum { LEVELS = 200 };
    struct buf text = BUF_EMPTY;
    struct buf out = BUF_EMPTY;
    struct json_doc doc;
    struct json_writer w;
    for (int i = 0; i < LEVELS; i++) {
        buf_append(&text, SLICE("{\"items\":"));
    }
    buf_append(&text, SLICE("{}"));
    for (int i = 0; i < LEVELS; i++) {
        buf_append(&text, SLICE("}"));
    }
    assert_int_equal(json_parse(&doc, arena, buf_slice(&text), NULL), 0);
    json_writer_init(&w, &out);
    (void)anthropic_write_strict_schema(&w, &doc, json_root(&doc));
    assert_true(slice_eq(buf_slice(&out), buf_slice(&text)));
    buf_deinit(&text);
    buf_deinit(&out);
}

// ---- answers

static struct neutral_request *request_of(struct arena *arena, const char *body, bool wants_stream)
{
    struct neutral_request *req = arena_alloc(arena, sizeof(*req));
    struct json_doc *doc = arena_alloc(arena, sizeof(*doc));
    struct loss loss;
    struct target target = {.dialect = DIALECT_CHAT};
    parse(arena, doc, body);
    loss_init(&loss, arena, doc, LOSS_NORMAL);
    neutral_request_init(req, DIALECT_ANTHROPIC, doc);
    assert_true(anthropic_decode_request(req, arena, &loss));
    assert_true(normalise(arena, req, &target, &loss));
    req->wants_stream = wants_stream;
    return req;
}

static struct answer_context context_of(struct arena *arena, const struct neutral_request *req)
{
    return (struct answer_context){
        .arena = arena,
        .upstream = DIALECT_ANTHROPIC,
        .client = DIALECT_ANTHROPIC,
        .client_model = SLICE("m"),
        .req = req,
        .token = SLICE("0123456789abcdefghijkl"),
        .estimated_input = 77,
    };
}

#define START(id)                                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"" id                                                            \
    "\",\"content\":[],\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":2}}}"
#define OPEN(block) "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":" block "}"
#define DELTA(delta) "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":" delta "}"
#define STOP "{\"type\":\"content_block_stop\",\"index\":0}"
#define END(reason)                                                                                                    \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" reason                                                   \
    "},\"usage\":{\"output_tokens\":3}}\n{\"type\":\"message_stop\"}"
#define TEXT                                                                                                           \
    OPEN("{\"type\":\"text\",\"text\":\"\"}") "\n" DELTA("{\"type\":\"text_delta\",\"text\":\"one\"}") "\n" STOP
#define CALL(input) OPEN("{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"a\",\"input\":" input "}")

struct stream_row {
    const char *what;
    const char *events; // one a line
    const char *wanted; // in the body that is made of them; NULL: an error
    enum fault fault;   // of the error
};

static const struct stream_row STREAMS[] = {
    {"text", START("1") "\n" TEXT "\n" END("\"end_turn\""), "[{\"type\":\"text\",\"text\":\"one\"}]", 0},
    {"figures", START("1") "\n" TEXT "\n" END("\"end_turn\""),
     "\"input_tokens\":5,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":2,\"output_tokens\":3", 0},
    {"text with the start", START("1") "\n" OPEN("{\"type\":\"text\",\"text\":\"x\"}") "\n" STOP "\n" END("null"),
     "[{\"type\":\"text\",\"text\":\"x\"}]", 0},
    {"arguments with the start", START("1") "\n" CALL("{\"k\":\"\\\"\"}") "\n" STOP "\n" END("\"tool_use\""),
     "\"input\":{\"k\":\"\\\"\"}", 0},
    {"arguments with the start and again",
     START("1") "\n" CALL("{\"k\":1}") "\n" DELTA(
         "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}") "\n" STOP "\n" END("\"tool_use\""),
     "\"input\":{}", 0},
    {"no arguments", START("1") "\n" CALL("{}") "\n" STOP "\n" END("\"tool_use\""), "\"input\":{}", 0},
    {"a call, but another reason", START("1") "\n" CALL("{}") "\n" STOP "\n" END("\"end_turn\""),
     "\"stop_reason\":\"tool_use\"", 0},
    {"a reason of tomorrow", START("1") "\n" TEXT "\n" END("\"tomorrow\""), "\"stop_reason\":\"end_turn\"", 0},
    {"cut arguments",
     START("1") "\n" CALL("{}") "\n" DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"k\"}") "\n" END(
         "\"max_tokens\""),
     "\"input\":{\"_raw\":\"{\\\"k\"}}],\"stop_reason\":\"max_tokens\"", 0},
    {"a tool of the provider is no call",
     START("1") "\n" OPEN("{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"n\",\"input\":{}}") "\n" DELTA(
         "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\":\"}") "\n" DELTA("{\"type\":\"input_"
                                                                                        "json_delta\","
                                                                                        "\"partial_json\":\"1}"
                                                                                        "\"}") "\n" STOP
                                                                                               "\n" END("\"end_"
                                                                                                        "turn\""),
     "\"name\":\"n\",\"input\":{\"q\":1}}],\"stop_reason\":\"end_turn\"", 0},
    {"a stop sequence", START("1") "\n" TEXT "\n" END("\"stop_sequence\",\"stop_sequence\":\"\\\"\""),
     "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"\\\"\"", 0},
    {"the one stop sequence", START("1") "\n" TEXT "\n" END("\"stop_sequence\""),
     "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"halt\"", 0},
    {"a refusal",
     START("1") "\n" END(
         "\"refusal\",\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":\"no\"}"),
     "\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":\"no\"}", 0},
    {"no message_stop", START("1") "\n" TEXT "\n{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}",
     NULL, FAULT_UPSTREAM_TRUNCATED},
    {"no stop of a block", START("1") "\n" OPEN("{\"type\":\"text\",\"text\":\"x\"}") "\n" END("\"end_turn\""),
     "[{\"type\":\"text\",\"text\":\"x\"}]", 0},
    {"the start twice", START("1") "\n" START("1") "\n" TEXT "\n" END("\"end_turn\""),
     "[{\"type\":\"text\",\"text\":\"one\"}]", 0},
    {"a second message behind text",
     START("1") "\n" OPEN("{\"type\":\"text\",\"text\":\"x\"}") "\n" START("2") "\n" TEXT "\n" END("\"end_turn\""),
     "[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"one\"}]", 0},
    {"deltas of a block that is not there",
     START("1") "\n" DELTA("{\"type\":\"text_delta\",\"text\":\"x\"}") "\n" TEXT "\n" END("\"end_turn\""),
     "[{\"type\":\"text\",\"text\":\"one\"}]", 0},
    {"wrong types",
     "1\n[]\n{}\n{\"type\":5}\n{\"type\":\"message_start\",\"message\":7}\n{\"type\":\"content_block_start\"}"
     "\n{\"type\":"
     "\"content_block_delta\",\"index\":{}}\n{\"type\":\"message_delta\",\"delta\":[],\"usage\":\"x\"}\n" TEXT
     "\n" END("\"end_turn\""),
     "[{\"type\":\"text\",\"text\":\"one\"}]", 0},
    {"a second message behind a call", START("1") "\n" CALL("{}") "\n" START("2") "\n" TEXT "\n" END("\"end_turn\""),
     NULL, FAULT_UPSTREAM_PROTOCOL},
    {"cut off", START("1") "\n" TEXT, NULL, FAULT_UPSTREAM_TRUNCATED},
    {"nothing", "", NULL, FAULT_UPSTREAM_TRUNCATED},
    {"overloaded", START("1") "\n" TEXT "\n{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}", NULL,
     FAULT_UPSTREAM_OVERLOADED},
    {"an error without a type", START("1") "\n{\"error\":{\"message\":\"m\"}}", NULL, FAULT_UPSTREAM_SERVER},
};

static void feed_lines(struct translation *translation, const char *lines, struct buf *out)
{
    struct slice rest = slice_from_cstr(lines);
    while (rest.len) {
        translation_feed(translation, SLICE_EMPTY, slice_split(&rest, '\n'), out);
    }
    translation_finish(translation, out);
}

static void streams_become_whole_answers(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(STREAMS) / sizeof(*STREAMS); i++) {
        const struct stream_row *row = &STREAMS[i];
        struct answer_context context =
            context_of(arena, request_of(arena, "{" TOOLS ",\"stop_sequences\":[\"halt\"]," USER "}", false));
        struct translation *translation = translation_new(&context);
        const struct neutral_error *error;
        struct buf out = BUF_EMPTY;
        feed_lines(translation, row->events, &out);
        error = translation_error(translation);
        if ((error == NULL) != (row->wanted != NULL) || (error && error->fault != row->fault)) {
            fail_msg("%s: %.*s", row->what, SLICE_ARG(error ? error->message : buf_slice(&out)));
        }
        if (row->wanted && !contains(buf_slice(&out), row->wanted)) {
            fail_msg("%s: %.*s", row->what, SLICE_ARG(buf_slice(&out)));
        }
        buf_deinit(&out);
        translation_deinit(translation);
    }
}

// A model that takes no schema got it as a tool, and what it calls that with is the text.
static void arguments_of_the_format_tool_are_the_text(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(
        arena,
        request_of(arena, "{\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}," USER "}",
                   false));
    struct translation *translation = translation_new(&context);
    struct buf out = BUF_EMPTY;
    feed_lines(
        translation,
        START("1") "\n" OPEN("{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"answer_in_the_format_asked_for\","
                             "\"input\":{}}") "\n" DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":"
                                                         "1}\"}") "\n" STOP "\n" END("\"tool_use\""),
        &out);
    assert_true(
        contains(buf_slice(&out), "[{\"type\":\"text\",\"text\":\"{\\\"a\\\":1}\"}],\"stop_reason\":\"end_turn\""));
    buf_deinit(&out);
    translation_deinit(translation);
}

// ---- streams for clients, of answers of others

// The encoder behind an answer.
struct sink {
    const struct answer_context *context;
    void *state;
    struct buf *out;
};

static void take(void *arg, const struct neutral_event *event)
{
    struct sink *sink = arg;
    anthropic_encoder.write_event(sink->state, sink->context, event, sink->out);
}

static struct answer *begin_answer(struct arena *arena, const struct answer_context *context, struct buf *out)
{
    struct sink *sink = arena_alloc(arena, sizeof(*sink));
    *sink = (struct sink){context, arena_zalloc(arena, anthropic_encoder.state_size), out};
    return answer_new(context, (struct event_sink){take, sink});
}

static void end_answer(struct answer *answer)
{
    answer_end(answer, true);
    answer_deinit(answer);
}

static void assert_contains(const struct buf *out, const char *part)
{
    if (!contains(buf_slice(out), part)) {
        fail_msg("lacks %s:\n%.*s", part, SLICE_ARG(buf_slice(out)));
    }
}

static void the_head_has_an_estimate_and_the_end_the_figures(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", true));
    struct buf out = BUF_EMPTY;
    struct answer *answer = begin_answer(arena, &context, &out);
    answer_delta(answer, answer_flow(answer, 0, BLOCK_TEXT, false), SLICE("a\\n"));
    answer_usage(answer,
                 &(struct usage){.input = 100, .output = 9, .reasoning = 4, .cache_read = 60, .cache_write = 30});
    end_answer(answer);
    assert_true(slice_starts_with(
        buf_slice(&out),
        SLICE(
            "event: message_start\ndata: "
            "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_0123456789abcdefghijkl\","
            "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,"
            "\"stop_sequence\":null,\"usage\":{\"input_tokens\":77,\"cache_creation_input_tokens\":0,"
            "\"cache_read_input_tokens\":0,\"output_tokens\":0}}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n"
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
            "\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\","
            "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\\n\"}}\n\n")));
    assert_true(slice_ends_with(
        buf_slice(&out),
        SLICE("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\n"
              "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
              "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":60,"
              "\"output_tokens\":9,\"output_tokens_details\":{\"thinking_tokens\":4}}}\n\n"
              "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")));
    buf_deinit(&out);
}

static void what_no_figure_says_is_estimated(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", true));
    struct buf out = BUF_EMPTY;
    struct answer *answer = begin_answer(arena, &context, &out);
    answer_delta(answer, answer_flow(answer, 0, BLOCK_TEXT, false), SLICE("12345678"));
    end_answer(answer);
    assert_contains(&out,
                    "\"usage\":{\"input_tokens\":77,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
                    "\"output_tokens\":2}");
    buf_deinit(&out);
}

static void an_error_ends_a_stream_without_message_stop(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", true));
    struct buf out = BUF_EMPTY;
    struct answer *answer = begin_answer(arena, &context, &out);
    struct neutral_error error = {.fault = FAULT_RATE_LIMIT, .message = SLICE("slow"), .retry_after_s = -1};
    answer_delta(answer, answer_flow(answer, 0, BLOCK_TEXT, false), SLICE("a"));
    answer_error(answer, &error);
    answer_deinit(answer);
    assert_contains(&out,
                    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":"
                    "\"slow\"},\"request_id\":null}\n\n");
    assert_false(contains(buf_slice(&out), "message_stop"));
    buf_deinit(&out);
}

struct seal_row {
    const char *what;
    const char *text; // NULL: hidden
    struct neutral_opaque opaque;
};

static const struct seal_row SEALS[] = {
    {"OpenAI's, with a summary", "t", {OPAQUE_OPENAI_ENCRYPTED, SLICE_INIT("E=="), SLICE_INIT("rs_1.x")}},
    {"OpenAI's, hidden", NULL, {OPAQUE_OPENAI_ENCRYPTED, SLICE_INIT("E\""), SLICE_INIT("rs_1")}},
    {"Gemini's thought", "t", {OPAQUE_GEMINI_THOUGHT, SLICE_INIT("G"), SLICE_INIT("")}},
    {"Anthropic's", "t", {OPAQUE_ANTHROPIC_SIGNATURE, SLICE_INIT("S"), SLICE_INIT("")}},
    {"Anthropic's, not shown", NULL, {OPAQUE_ANTHROPIC_SIGNATURE, SLICE_INIT("S"), SLICE_INIT("")}},
    {"Anthropic's, redacted", NULL, {OPAQUE_ANTHROPIC_REDACTED, SLICE_INIT("R"), SLICE_INIT("")}},
    {"nobody's", "t", {OPAQUE_NONE, SLICE_INIT(""), SLICE_INIT("")}},
};

// The content of a stream, put together as clients do it, as the next request has it.
static const struct neutral_part *replay(struct arena *arena, struct slice stream)
{
    struct buf body = BUF_EMPTY;
    struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", false));
    struct translation *translation = translation_new(&context);
    struct json_doc doc;
    while (stream.len) {
        struct slice line = slice_split(&stream, '\n');
        if (slice_starts_with(line, SLICE("data: "))) {
            translation_feed(translation, SLICE_EMPTY, slice_after(line, 6), &body);
        }
    }
    translation_finish(translation, &body);
    translation_deinit(translation);
    assert_int_equal(json_parse(&doc, arena, arena_dup(arena, buf_slice(&body)), NULL), 0);
    buf_deinit(&body);
    struct slice content = json_raw(&doc, json_get(&doc, json_root(&doc), SLICE("content")));
    struct slice request =
        arena_printf(arena, "{\"messages\":[{\"role\":\"assistant\",\"content\":%.*s}]}", SLICE_ARG(content));
    struct neutral_request *req = arena_alloc(arena, sizeof(*req));
    struct json_doc *request_doc = arena_alloc(arena, sizeof(*request_doc));
    struct loss loss;
    parse(arena, request_doc, arena_cstr(arena, request));
    loss_init(&loss, arena, request_doc, LOSS_NORMAL);
    neutral_request_init(req, DIALECT_ANTHROPIC, request_doc);
    assert_true(anthropic_decode_request(req, arena, &loss));
    return req->turns->parts;
}

static void assert_same_opaque(const char *what, const struct neutral_opaque *a, const struct neutral_opaque *b)
{
    if (a->kind != b->kind || !slice_eq(a->data, b->data) || !slice_eq(a->item_id, b->item_id)) {
        fail_msg("%s: %d %.*s", what, (int)b->kind, SLICE_ARG(b->data));
    }
}

static void seals_come_back_as_they_were(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(SEALS) / sizeof(*SEALS); i++) {
        const struct seal_row *row = &SEALS[i];
        struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", true));
        struct buf out = BUF_EMPTY;
        struct answer *answer = begin_answer(arena, &context, &out);
        struct neutral_block *block =
            answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING, .is_summary = true});
        answer_delta(answer, block, slice_from_cstr(row->text));
        answer_opaque(answer, block, &row->opaque);
        answer_close(answer, block, false);
        answer_delta(answer, answer_flow(answer, 0, BLOCK_TEXT, false), SLICE("said"));
        end_answer(answer);
        const struct neutral_part *part = replay(arena, buf_slice(&out));
        struct neutral_opaque wanted = row->opaque;
        if (wanted.kind == OPAQUE_NONE) {
            wanted.kind = OPAQUE_VENDOR_TEXT;
        }
        assert_int_equal(part->kind, PART_REASONING);
        assert_int_equal(part->reasoning.parts != NULL, row->text != NULL);
        assert_same_opaque(row->what, &wanted, &part->reasoning.opaque);
        assert_int_equal(part->next->kind, PART_TEXT);
        buf_deinit(&out);
    }
}

static void signatures_of_gemini_find_their_places_again(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(arena, request_of(arena, "{" TOOLS "," USER "}", true));
    struct buf out = BUF_EMPTY;
    struct answer *answer = begin_answer(arena, &context, &out);
    struct neutral_opaque of_call = {.kind = OPAQUE_GEMINI_CALL, .data = SLICE("call")};
    struct neutral_opaque of_text = {.kind = OPAQUE_GEMINI_TEXT, .data = SLICE("text")};
    struct neutral_block *text = answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    answer_delta(answer, text, SLICE("said"));
    answer_opaque(answer, text, &of_text);
    answer_close(answer, text, false);
    struct neutral_block *call =
        answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_CALL, .name = SLICE("a"), .opaque = of_call});
    answer_delta(answer, call, SLICE("{}"));
    answer_close(answer, call, false);
    struct neutral_block *empty = answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    answer_opaque(answer, empty, &of_text);
    end_answer(answer);
    const struct neutral_part *part = replay(arena, buf_slice(&out));
    assert_int_equal(part->kind, PART_TEXT);
    assert_same_opaque("text", &of_text, &part->opaque);
    part = part->next;
    assert_int_equal(part->kind, PART_CALL);
    assert_same_opaque("call", &of_call, &part->call.opaque);
    assert_null(part->next); // that of the last text stays away
    buf_deinit(&out);
}

static void parts_of_a_summary_are_set_apart(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", true));
    struct buf out = BUF_EMPTY;
    struct answer *answer = begin_answer(arena, &context, &out);
    struct neutral_block *block = answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING});
    answer_part(answer, block);
    answer_delta(answer, block, SLICE("one"));
    answer_part(answer, block);
    answer_delta(answer, block, SLICE("two"));
    end_answer(answer);
    const struct neutral_part *part = replay(arena, buf_slice(&out));
    assert_true(slice_eq(part->reasoning.parts->text, SLICE("one\\n\\ntwo")));
    buf_deinit(&out);
}

static void what_this_dialect_cannot_say_leaves_no_gap(void **state)
{
    struct arena *arena = *state;
    struct answer_context context = context_of(arena, request_of(arena, "{" USER "}", true));
    struct loss loss;
    struct buf out = BUF_EMPTY;
    loss_init(&loss, arena, NULL, LOSS_NORMAL);
    context.upstream = DIALECT_GEMINI;
    context.loss = &loss;
    struct answer *answer = begin_answer(arena, &context, &out);
    (void)answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_NATIVE, .raw = SLICE("{}")});
    (void)answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_MEDIA});
    (void)answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING});
    (void)answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    answer_close_all(answer, 0, false);
    answer_delta(answer, answer_flow(answer, 0, BLOCK_REFUSAL, false), SLICE("no"));
    end_answer(answer);
    assert_contains(&out, "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
    assert_false(contains(buf_slice(&out), "\"index\":1"));
    assert_true(slice_eq(loss_header(&loss), SLICE("dropped:content")));
    buf_deinit(&out);
}

// ---- errors

struct error_row {
    const char *body;
    unsigned status;
    enum fault fault;
    const char *message;
};

static const struct error_row ERRORS[] = {
    {"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", 529,
     FAULT_UPSTREAM_OVERLOADED, "Overloaded"},
    {"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 > 8\"}}",
     400, FAULT_CONTEXT_LENGTH, "prompt is too long: 9 > 8"},
    {"{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input length and `max_tokens` exceed context "
     "limit\"}}",
     400, FAULT_CONTEXT_LENGTH, "input length and `max_tokens` exceed context limit"},
    {"{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low\"}}", 400,
     FAULT_BILLING, "Your credit balance is too low"},
    {"{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"bad\"}}", 400, FAULT_INVALID_REQUEST, "bad"},
    {"{\"error\":{\"type\":\"authentication_error\",\"message\":\"key\"}}", 403, FAULT_UPSTREAM_AUTH, "key"},
    {"{\"error\":{\"type\":\"tomorrow\",\"message\":\"x\"}}", 429, FAULT_RATE_LIMIT, "x"},
    {"{\"error\":\"plain\"}", 404, FAULT_NOT_FOUND, "plain"},
    {"<html>", 502, FAULT_UPSTREAM_UNREACHABLE, "the upstream answered with status 502"},
};

static void errors_are_read_by_their_type(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < sizeof(ERRORS) / sizeof(*ERRORS); i++) {
        struct neutral_error error;
        translate_read_error(arena, DIALECT_ANTHROPIC, ERRORS[i].status, slice_from_cstr(ERRORS[i].body), SLICE(""),
                             &error);
        if (error.fault != ERRORS[i].fault || !slice_eq(error.message, slice_from_cstr(ERRORS[i].message))) {
            fail_msg("%s: %s, %.*s", ERRORS[i].body, fault_name(error.fault), SLICE_ARG(error.message));
        }
    }
}

static void clients_find_the_words_they_look_for(void **state)
{
    (void)state;
    struct neutral_error error = {.fault = FAULT_UNSUPPORTED_PARAMETER,
                                  .message = SLICE("no threads"),
                                  .code = SLICE("thread_unsupported_request"),
                                  .retry_after_s = -1};
    struct buf out = BUF_EMPTY;
    fault_write_error_body(&error, DIALECT_ANTHROPIC, SLICE("r"), &out);
    assert_contains(&out, "\"message\":\"no threads\",\"details\":{\"error_code\":\"thread_unsupported_request\"}},");
    buf_clear(&out);
    error = (struct neutral_error){.fault = FAULT_CONTEXT_LENGTH, .message = SLICE("9 over 8"), .retry_after_s = -1};
    fault_write_error_body(&error, DIALECT_ANTHROPIC, SLICE("r"), &out);
    assert_contains(&out, "\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 over 8\"}");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_ARENA(wrong_requests_are_refused_by_the_name_of_the_member),
        TEST_WITH_ARENA(members_of_any_type_do_no_harm),
        TEST_WITH_ARENA(members_are_written_as_the_model_takes_them),
        TEST_WITH_ARENA(blocks_are_written_as_they_are_taken),
        TEST_WITH_ARENA(thinking_ends_where_its_thought_is_lost),
        TEST_WITH_ARENA(schemas_say_what_is_understood),
        TEST_WITH_ARENA(schemas_of_any_depth_are_written),
        TEST_WITH_ARENA(streams_become_whole_answers),
        TEST_WITH_ARENA(arguments_of_the_format_tool_are_the_text),
        TEST_WITH_ARENA(the_head_has_an_estimate_and_the_end_the_figures),
        TEST_WITH_ARENA(what_no_figure_says_is_estimated),
        TEST_WITH_ARENA(an_error_ends_a_stream_without_message_stop),
        TEST_WITH_ARENA(seals_come_back_as_they_were),
        TEST_WITH_ARENA(signatures_of_gemini_find_their_places_again),
        TEST_WITH_ARENA(parts_of_a_summary_are_set_apart),
        TEST_WITH_ARENA(what_this_dialect_cannot_say_leaves_no_gap),
        TEST_WITH_ARENA(errors_are_read_by_their_type),
        TEST_WITH_ARENA(clients_find_the_words_they_look_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
