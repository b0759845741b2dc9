// SPDX-License-Identifier: MIT
#include "simulator/ask.h"

#include "http/url.h"
#include "json/json_reader.h"

struct route {
    struct slice path;
    enum http_method method;
    enum provider provider;
    enum ask_action action;
};

static const struct route routes[] = {
    {SLICE_INIT("/v1/messages"), HTTP_POST, PROVIDER_ANTHROPIC, ASK_GENERATE},
    {SLICE_INIT("/v1/messages/count_tokens"), HTTP_POST, PROVIDER_ANTHROPIC, ASK_COUNT_TOKENS},
    {SLICE_INIT("/v1/chat/completions"), HTTP_POST, PROVIDER_CHAT, ASK_GENERATE},
    {SLICE_INIT("/v1/responses"), HTTP_POST, PROVIDER_RESPONSES, ASK_GENERATE},
    {SLICE_INIT("/v1/responses/input_tokens"), HTTP_POST, PROVIDER_RESPONSES, ASK_COUNT_TOKENS},
    {SLICE_INIT("/api/llm/a/v1/messages"), HTTP_POST, PROVIDER_ANTHROPIC, ASK_GENERATE},
    {SLICE_INIT("/api/llm/a/v1/messages/count_tokens"), HTTP_POST, PROVIDER_ANTHROPIC, ASK_COUNT_TOKENS},
    {SLICE_INIT("/api/llm/o/v1/responses"), HTTP_POST, PROVIDER_RESPONSES, ASK_GENERATE},
    {SLICE_INIT("/api/llm/o/v1/responses/input_tokens"), HTTP_POST, PROVIDER_RESPONSES, ASK_COUNT_TOKENS},
    {SLICE_INIT("/api/llm/o/v1/chat/completions"), HTTP_POST, PROVIDER_CHAT, ASK_GENERATE},
    {SLICE_INIT("/api/llm/g/v1/generate"), HTTP_POST, PROVIDER_GEMINI, ASK_GENERATE},
    {SLICE_INIT("/v1/models"), HTTP_GET, PROVIDER_CHAT, ASK_LIST_MODELS},
    {SLICE_INIT("/v1beta/models"), HTTP_GET, PROVIDER_GEMINI, ASK_LIST_MODELS},
    {SLICE_INIT("/api/organization/members/chat-usage"), HTTP_GET, PROVIDER_CHAT, ASK_BALANCE},
    {SLICE_INIT("/api/cli/org"), HTTP_GET, PROVIDER_CHAT, ASK_ORGANIZATION},
    {SLICE_INIT("/user_management/authenticate"), HTTP_POST, PROVIDER_CHAT, ASK_TOKEN},
};

static int route_exact(struct ask *ask, enum http_method method, struct slice path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        if (slice_eq(routes[i].path, path)) {
            ask->provider = routes[i].provider;
            ask->action = routes[i].action;
            return routes[i].method == method ? 0 : ASK_E_METHOD;
        }
    }
    return ASK_E_ROUTE;
}

// "{model}:{action}", as Gemini's paths end.
static int route_gemini(struct ask *ask, struct arena *arena, struct slice rest, struct slice query)
{
    struct slice decoded;
    if (!url_decode(arena, rest, &decoded)) {
        return ASK_E_ROUTE;
    }
    size_t colon = decoded.len;
    while (colon > 0 && decoded.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon < 2) {
        return ASK_E_ROUTE;
    }
    struct slice verb = slice_after(decoded, colon);
    ask->provider = PROVIDER_GEMINI;
    ask->takes_model = true;
    ask->model = slice_of(decoded.ptr, colon - 1);
    if (slice_eq(verb, SLICE("generateContent"))) {
        ask->action = ASK_GENERATE;
    } else if (slice_eq(verb, SLICE("countTokens"))) {
        ask->action = ASK_COUNT_TOKENS;
    } else if (slice_eq(verb, SLICE("streamGenerateContent"))) {
        struct slice alt;
        ask->action = ASK_GENERATE;
        ask->is_stream = true;
        ask->is_array = !url_query_get(arena, query, SLICE("alt"), &alt) || !slice_eq(alt, SLICE("sse"));
    } else {
        return ASK_E_ROUTE;
    }
    return 0;
}

int ask_route(struct ask *ask, struct arena *arena, enum http_method method, struct slice target)
{
    static const struct slice model_paths[] = {SLICE_INIT("/v1beta/models/"), SLICE_INIT("/v1/models/")};
    *ask = (struct ask){0};
    struct url url;
    if (url_parse_target(&url, target) != 0) {
        return ASK_E_ROUTE;
    }
    struct slice key;
    if (url.query.ptr && url_query_get(arena, url.query, SLICE("key"), &key)) {
        ask->credential = key;
    }
    for (size_t i = 0; i < sizeof(model_paths) / sizeof(*model_paths); i++) {
        if (slice_starts_with(url.path, model_paths[i])) {
            int r = route_gemini(ask, arena, slice_after(url.path, model_paths[i].len), url.query);
            return r ? r : (method == HTTP_POST ? 0 : ASK_E_METHOD);
        }
    }
    return route_exact(ask, method, url.path);
}

void ask_headers(struct ask *ask, const struct h1_field *fields, size_t n_fields)
{
    bool is_list = ask->action == ASK_LIST_MODELS;
    for (size_t i = 0; i < n_fields; i++) {
        struct slice value = fields[i].value;
        if (fields[i].id == HEADER_AUTHORIZATION) {
            ask->credential =
                slice_starts_with_nocase(value, SLICE("bearer ")) ? slice_trim(slice_after(value, 7)) : value;
        } else if (fields[i].id == HEADER_X_API_KEY) {
            ask->credential = value;
        } else if (fields[i].id == HEADER_X_GOOG_API_KEY) {
            ask->credential = value;
            ask->provider = is_list ? PROVIDER_GEMINI : ask->provider;
        } else if (fields[i].id == HEADER_ANTHROPIC_VERSION) {
            ask->provider = is_list ? PROVIDER_ANTHROPIC : ask->provider;
        }
    }
}

// A member of the request body that was only validated so far, parsed in full. False when it is not there.
static bool open_member(const struct json_doc *doc, struct arena *arena, struct slice name, struct slice other_name,
                        struct json_doc *member_r)
{
    const struct json_node *node = json_get(doc, json_root(doc), name);
    if (!node && other_name.len > 0) {
        node = json_get(doc, json_root(doc), other_name);
    }
    return node && json_parse(member_r, arena, json_raw(doc, node), NULL) == 0;
}

static const struct json_node *get_either(const struct json_doc *doc, const struct json_node *object, struct slice name,
                                          struct slice other_name)
{
    const struct json_node *node = json_get(doc, object, name);
    return node ? node : json_get(doc, object, other_name);
}

static void add_tool(struct ask *ask, struct arena *arena, const struct json_doc *doc, const struct json_node *name)
{
    if (json_is(name, JSON_STRING) && ask->n_tools < ASK_TOOLS_MAX) {
        ask->tools[ask->n_tools++] = json_string(doc, name, arena);
    }
}

static void read_tools(struct ask *ask, struct arena *arena, const struct json_doc *body)
{
    struct json_doc doc;
    if (!open_member(body, arena, SLICE("tools"), SLICE_EMPTY, &doc) || !json_is(json_root(&doc), JSON_ARRAY)) {
        return;
    }
    const struct json_node *tool = NULL;
    while (json_next_element(&doc, json_root(&doc), &tool)) {
        if (ask->provider == PROVIDER_GEMINI) {
            const struct json_node *list =
                get_either(&doc, tool, SLICE("functionDeclarations"), SLICE("function_declarations"));
            const struct json_node *function = NULL;
            while (json_is(list, JSON_ARRAY) && json_next_element(&doc, list, &function)) {
                add_tool(ask, arena, &doc, json_get(&doc, function, SLICE("name")));
            }
        } else if (ask->provider == PROVIDER_CHAT) {
            add_tool(ask, arena, &doc, json_get(&doc, json_get(&doc, tool, SLICE("function")), SLICE("name")));
        } else if (ask->provider == PROVIDER_ANTHROPIC ||
                   json_string_is(&doc, json_get(&doc, tool, SLICE("type")), SLICE("function"))) {
            add_tool(ask, arena, &doc, json_get(&doc, tool, SLICE("name")));
        }
    }
}

static void force_tool(struct ask *ask, struct arena *arena, const struct json_doc *doc, const struct json_node *name)
{
    ask->forces_call = true;
    if (json_is(name, JSON_STRING)) {
        ask->tools[0] = json_string(doc, name, arena);
        ask->n_tools = 1;
    }
}

static void read_gemini_choice(struct ask *ask, struct arena *arena, const struct json_doc *body)
{
    struct json_doc doc;
    if (!open_member(body, arena, SLICE("toolConfig"), SLICE("tool_config"), &doc)) {
        return;
    }
    const struct json_node *config =
        get_either(&doc, json_root(&doc), SLICE("functionCallingConfig"), SLICE("function_calling_config"));
    if (json_string_is(&doc, json_get(&doc, config, SLICE("mode")), SLICE("ANY"))) {
        const struct json_node *names =
            get_either(&doc, config, SLICE("allowedFunctionNames"), SLICE("allowed_function_names"));
        const struct json_node *name = NULL;
        if (json_is(names, JSON_ARRAY)) {
            (void)json_next_element(&doc, names, &name);
        }
        force_tool(ask, arena, &doc, name);
    }
}

// tool_choice of the other three: a word, or an object that names a tool.
static void read_choice(struct ask *ask, struct arena *arena, const struct json_doc *body)
{
    struct json_doc doc;
    if (!open_member(body, arena, SLICE("tool_choice"), SLICE_EMPTY, &doc)) {
        return;
    }
    const struct json_node *root = json_root(&doc);
    const struct json_node *type = json_get(&doc, root, SLICE("type"));
    const struct json_node *function = json_get(&doc, root, SLICE("function"));
    if (json_string_is(&doc, root, SLICE("required")) || json_string_is(&doc, type, SLICE("any"))) {
        force_tool(ask, arena, &doc, NULL);
    } else if (json_string_is(&doc, type, SLICE("tool")) || json_string_is(&doc, type, SLICE("function"))) {
        force_tool(ask, arena, &doc, json_get(&doc, function ? function : root, SLICE("name")));
    }
}

static bool is_result_block(const struct json_doc *doc, const struct json_node *block)
{
    return json_string_is(doc, json_get(doc, block, SLICE("type")), SLICE("tool_result")) ||
           get_either(doc, block, SLICE("functionResponse"), SLICE("function_response"));
}

static bool is_result(const struct json_doc *doc, const struct json_node *message)
{
    if (json_string_is(doc, json_get(doc, message, SLICE("role")), SLICE("tool"))) {
        return true;
    }
    const struct json_node *type = json_get(doc, message, SLICE("type"));
    if (json_string_is(doc, type, SLICE("function_call_output")) ||
        json_string_is(doc, type, SLICE("custom_tool_call_output"))) {
        return true;
    }
    const struct json_node *blocks = get_either(doc, message, SLICE("content"), SLICE("parts"));
    const struct json_node *block = NULL;
    while (json_is(blocks, JSON_ARRAY) && json_next_element(doc, blocks, &block)) {
        if (is_result_block(doc, block)) {
            return true;
        }
    }
    return false;
}

// Does the assistant speak here, or call?
static bool is_assistant(const struct json_doc *doc, const struct json_node *message)
{
    const struct json_node *role = json_get(doc, message, SLICE("role"));
    const struct json_node *type = json_get(doc, message, SLICE("type"));
    return json_string_is(doc, role, SLICE("assistant")) || json_string_is(doc, role, SLICE("model")) ||
           json_string_is(doc, type, SLICE("function_call")) || json_string_is(doc, type, SLICE("custom_tool_call"));
}

static void read_messages(struct ask *ask, struct arena *arena, const struct json_doc *body)
{
    static const struct slice names[] = {
        [PROVIDER_ANTHROPIC] = SLICE_INIT("messages"),
        [PROVIDER_CHAT] = SLICE_INIT("messages"),
        [PROVIDER_RESPONSES] = SLICE_INIT("input"),
        [PROVIDER_GEMINI] = SLICE_INIT("contents"),
    };
    struct json_doc doc;
    if (!open_member(body, arena, names[ask->provider], SLICE_EMPTY, &doc) || !json_is(json_root(&doc), JSON_ARRAY)) {
        return;
    }
    const struct json_node *message = NULL;
    while (json_next_element(&doc, json_root(&doc), &message)) {
        ask->has_result = is_result(&doc, message) || (ask->has_result && !is_assistant(&doc, message));
    }
}

// Where each dialect has the form of the answer: the member at the top, and the way down from there.
static void read_form(struct ask *ask, struct arena *arena, const struct json_doc *body)
{
    static const struct {
        struct slice member;
        struct slice other_member;
        struct slice format; // inside of it; empty: itself
    } places[] = {
        [PROVIDER_ANTHROPIC] = {SLICE_INIT("output_config"), SLICE_INIT(""), SLICE_INIT("format")},
        [PROVIDER_CHAT] = {SLICE_INIT("response_format"), SLICE_INIT(""), SLICE_INIT("")},
        [PROVIDER_RESPONSES] = {SLICE_INIT("text"), SLICE_INIT(""), SLICE_INIT("format")},
        [PROVIDER_GEMINI] = {SLICE_INIT("generationConfig"), SLICE_INIT("generation_config"), SLICE_INIT("")},
    };
    struct json_doc doc;
    size_t at = ask->provider;
    if (!open_member(body, arena, places[at].member, places[at].other_member, &doc)) {
        return;
    }
    const struct json_node *format = json_root(&doc);
    format = places[at].format.len > 0 ? json_get(&doc, format, places[at].format) : format;
    const struct json_node *type = json_get(&doc, format, SLICE("type"));
    const struct json_node *mime = get_either(&doc, format, SLICE("responseMimeType"), SLICE("response_mime_type"));
    const struct json_node *named = json_get(&doc, format, SLICE("json_schema"));
    const struct json_node *schema = json_get(&doc, named ? named : format, SLICE("schema"));
    schema = schema ? schema : get_either(&doc, format, SLICE("responseJsonSchema"), SLICE("responseSchema"));
    ask->wants_json = json_string_is(&doc, type, SLICE("json_schema")) ||
                      json_string_is(&doc, type, SLICE("json_object")) ||
                      json_string_is(&doc, mime, SLICE("application/json"));
    ask->schema = schema ? json_raw(&doc, schema) : SLICE_EMPTY;
}

static void read_stream_options(struct ask *ask, struct arena *arena, const struct json_doc *body)
{
    struct json_doc doc;
    ask->wants_usage = open_member(body, arena, SLICE("stream_options"), SLICE_EMPTY, &doc) &&
                       json_is(json_get(&doc, json_root(&doc), SLICE("include_usage")), JSON_TRUE);
}

int ask_body(struct ask *ask, struct arena *arena, struct slice body)
{
    // Only the top level is recorded: long conversations need no more than that unless tools are in play.
    struct json_options options = {.record_depth = 1};
    struct json_doc doc;
    ask->body_len = body.len;
    if (json_parse(&doc, arena, body, &options) != 0 || !json_is(json_root(&doc), JSON_OBJECT)) {
        ask->error = "the body is not a JSON object";
        return ASK_E_BODY;
    }
    if (!ask->takes_model) {
        ask->model = json_string(&doc, json_get(&doc, json_root(&doc), SLICE("model")), arena);
        ask->is_stream = json_is(json_get(&doc, json_root(&doc), SLICE("stream")), JSON_TRUE);
        if (ask->model.len == 0) {
            ask->error = "model is missing";
            return ASK_E_BODY;
        }
    }
    read_stream_options(ask, arena, &doc);
    read_form(ask, arena, &doc);
    read_tools(ask, arena, &doc);
    if (ask->provider == PROVIDER_GEMINI) {
        read_gemini_choice(ask, arena, &doc);
    } else {
        read_choice(ask, arena, &doc);
    }
    // Only matters when there is a call to be made.
    if (ask->n_tools > 0 || ask->forces_call) {
        read_messages(ask, arena, &doc);
    }
    return 0;
}

bool ask_offers(const struct ask *ask, struct slice tool)
{
    for (unsigned i = 0; i < ask->n_tools; i++) {
        if (slice_eq(ask->tools[i], tool)) {
            return true;
        }
    }
    return false;
}
