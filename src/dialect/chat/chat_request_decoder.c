// SPDX-License-Identifier: MIT
// A request of Chat Completions, decoded. Members that are null or, as many compatible clients write them, empty count
// as absent; wrong types are refused.
#include "dialect/chat/chat_internal.h"

// ---- members

static bool is_type(const struct json_node *node, enum json_type type)
{
    return node->type == type || (type == JSON_TRUE && node->type == JSON_FALSE);
}

const struct json_node *chat_member(const struct chat_decoding *d, const struct json_node *object, struct slice name,
                                    enum json_type type)
{
    static const char *const WHY[] = {
        [JSON_NULL] = "must be null",       [JSON_TRUE] = "must be true or false", [JSON_NUMBER] = "must be a number",
        [JSON_STRING] = "must be a string", [JSON_ARRAY] = "must be an array",     [JSON_OBJECT] = "must be an object",
    };
    const struct json_node *node = neutral_member(d->doc, object, name);
    if (node && !is_type(node, type)) {
        loss_reject_input(d->loss, node, WHY[type]);
        return NULL;
    }
    return node;
}

struct slice chat_text_member(const struct chat_decoding *d, const struct json_node *object, struct slice name)
{
    struct slice text = json_string(d->doc, chat_member(d, object, name, JSON_STRING), d->arena);
    return text.len ? text : SLICE_EMPTY;
}

// A count, at least `least`; -1 when absent. Others are the client's mistake.
static int64_t count_member(const struct chat_decoding *d, const struct json_node *object, struct slice name,
                            int64_t least, const struct json_node **node_r)
{
    const struct json_node *node = chat_member(d, object, name, JSON_NUMBER);
    int64_t count;
    if (!node) {
        return -1;
    }
    if (!json_int64(d->doc, node, &count) || count < least) {
        loss_reject_input(d->loss, node, least ? "must be a whole number above zero" : "must be a whole number");
        return -1;
    }
    *node_r = node;
    return count;
}

static enum tri tri_member(const struct chat_decoding *d, const struct json_node *object, struct slice name,
                           const struct json_node **node_r)
{
    *node_r = chat_member(d, object, name, JSON_TRUE);
    return neutral_tri(*node_r);
}

struct slice chat_escaped_member(const struct chat_decoding *d, const struct json_node *object, struct slice name)
{
    struct slice text = neutral_escaped(d->doc, chat_member(d, object, name, JSON_STRING));
    return text.len ? text : SLICE_EMPTY;
}

// ---- how to generate

static void decode_limit(struct chat_decoding *d, const struct json_node *root)
{
    struct neutral_request *req = d->req;
    const struct json_node *older = NULL;
    int64_t max_tokens = count_member(d, root, SLICE("max_tokens"), 1, &older);
    req->max_output = count_member(d, root, SLICE("max_completion_tokens"), 1, &req->max_output_at);
    if (req->max_output < 0) {
        req->max_output = max_tokens;
        req->max_output_at = older;
    }
}

static void decode_stops(struct chat_decoding *d, const struct json_node *root)
{
    struct neutral_request *req = d->req;
    const struct json_node *stop = neutral_member(d->doc, root, SLICE("stop"));
    const struct json_node *each = NULL;
    size_t n = 0;
    if (!stop) {
        return;
    }
    if (stop->type != JSON_STRING && stop->type != JSON_ARRAY) {
        loss_reject_input(d->loss, stop, "must be a string or an array of strings");
        return;
    }
    while (json_next_element(d->doc, stop, &each)) {
        n++;
    }
    req->stops = arena_alloc(d->arena, (n + 1) * sizeof(*req->stops));
    if (stop->type == JSON_STRING && json_escaped(d->doc, stop).len) {
        req->stops[req->n_stops++] = stop;
    }
    for (each = NULL; json_next_element(d->doc, stop, &each);) {
        if (each->type != JSON_STRING) {
            loss_reject_input(d->loss, each, "must be a string");
        } else if (json_escaped(d->doc, each).len) {
            req->stops[req->n_stops++] = each;
        }
    }
    req->stops_at = req->n_stops ? stop : NULL;
}

static void decode_sampling(struct chat_decoding *d, const struct json_node *root)
{
    struct neutral_request *req = d->req;
    req->temperature = chat_member(d, root, SLICE("temperature"), JSON_NUMBER);
    req->top_p = chat_member(d, root, SLICE("top_p"), JSON_NUMBER);
    req->top_k = chat_member(d, root, SLICE("top_k"), JSON_NUMBER); // of compatible servers
    req->seed = chat_member(d, root, SLICE("seed"), JSON_NUMBER);
    req->presence_penalty = chat_member(d, root, SLICE("presence_penalty"), JSON_NUMBER);
    req->frequency_penalty = chat_member(d, root, SLICE("frequency_penalty"), JSON_NUMBER);
    req->logit_bias = chat_member(d, root, SLICE("logit_bias"), JSON_OBJECT);
    req->n_candidates = count_member(d, root, SLICE("n"), 1, &req->n_candidates_at);
    req->logprobs = tri_member(d, root, SLICE("logprobs"), &req->logprobs_at);
    req->top_logprobs = count_member(d, root, SLICE("top_logprobs"), 0, &req->logprobs_at);
    decode_stops(d, root);
}

static enum effort effort_member(const struct chat_decoding *d, const struct json_node *object, struct slice name)
{
    struct slice word = chat_text_member(d, object, name);
    enum effort effort = neutral_effort(word);
    if (word.len && effort == EFFORT_UNSET) {
        loss_reject_input(d->loss, json_get(d->doc, object, name),
                          "must be one of none, minimal, low, medium, high, xhigh and max");
    }
    return effort;
}

// OpenRouter's {"effort", "max_tokens", "enabled", "exclude"}.
static void decode_reasoning_object(struct chat_decoding *d, const struct json_node *reasoning)
{
    struct thinking *thinking = &d->req->thinking;
    const struct json_node *at;
    enum tri excludes = tri_member(d, reasoning, SLICE("exclude"), &at);
    enum tri enabled = tri_member(d, reasoning, SLICE("enabled"), &at);
    enum effort effort = effort_member(d, reasoning, SLICE("effort"));
    thinking->at = reasoning;
    thinking->effort = thinking->effort ? thinking->effort : effort;
    thinking->budget = count_member(d, reasoning, SLICE("max_tokens"), 0, &at);
    thinking->show = excludes == TRI_TRUE ? SHOW_NONE : SHOW_UNSET;
    if (enabled == TRI_TRUE || thinking->budget > 0) {
        thinking->state = THINKING_ON;
    } else if (enabled == TRI_FALSE || thinking->budget == 0) {
        thinking->state = THINKING_OFF;
    }
}

// {"type": "enabled"}, as several compatible servers have it from Anthropic.
static void decode_thinking_object(struct chat_decoding *d, const struct json_node *object)
{
    struct thinking *thinking = &d->req->thinking;
    const struct json_node *type = json_get(d->doc, object, SLICE("type"));
    thinking->at = object;
    if (json_string_is(d->doc, type, SLICE("enabled"))) {
        thinking->state = THINKING_ON;
    } else if (json_string_is(d->doc, type, SLICE("disabled"))) {
        thinking->state = THINKING_OFF;
    }
}

static void decode_thinking(struct chat_decoding *d, const struct json_node *root)
{
    struct thinking *thinking = &d->req->thinking;
    const struct json_node *reasoning = chat_member(d, root, SLICE("reasoning"), JSON_OBJECT);
    const struct json_node *object = chat_member(d, root, SLICE("thinking"), JSON_OBJECT);
    const struct json_node *effort = neutral_member(d->doc, root, SLICE("reasoning_effort"));
    if (object) {
        decode_thinking_object(d, object);
    }
    thinking->effort = effort_member(d, root, SLICE("reasoning_effort"));
    if (reasoning) {
        decode_reasoning_object(d, reasoning);
    }
    if (effort) {
        thinking->at = effort;
    }
    if (thinking->effort != EFFORT_UNSET) {
        thinking->state = thinking->effort == EFFORT_NONE ? THINKING_OFF : THINKING_ON;
    }
}

static void decode_verbosity(struct chat_decoding *d, const struct json_node *root)
{
    struct slice word = chat_text_member(d, root, SLICE("verbosity"));
    if (word.len && !slice_eq(word, SLICE("low")) && !slice_eq(word, SLICE("medium")) &&
        !slice_eq(word, SLICE("high"))) {
        loss_reject_input(d->loss, json_get(d->doc, root, SLICE("verbosity")), "must be one of low, medium and high");
        return;
    }
    d->req->verbosity = word;
}

// ---- what the answer is to be

static void decode_schema_format(struct chat_decoding *d, const struct json_node *format)
{
    struct answer_format *out = &d->req->format;
    const struct json_node *object = chat_member(d, format, SLICE("json_schema"), JSON_OBJECT);
    const struct json_node *at;
    if (!object) {
        loss_reject_input(d->loss, format, "must have a json_schema");
        return;
    }
    out->kind = FORMAT_SCHEMA;
    out->name = chat_escaped_member(d, object, SLICE("name"));
    out->description = chat_escaped_member(d, object, SLICE("description"));
    out->schema = chat_member(d, object, SLICE("schema"), JSON_OBJECT);
    out->strict = tri_member(d, object, SLICE("strict"), &at);
}

static void decode_format(struct chat_decoding *d, const struct json_node *root)
{
    const struct json_node *format = chat_member(d, root, SLICE("response_format"), JSON_OBJECT);
    struct slice type = format ? chat_text_member(d, format, SLICE("type")) : SLICE_EMPTY;
    d->req->format.at = format;
    if (!format || slice_eq(type, SLICE("text"))) {
        return;
    }
    if (slice_eq(type, SLICE("json_object"))) {
        d->req->format.kind = FORMAT_JSON;
    } else if (slice_eq(type, SLICE("json_schema"))) {
        decode_schema_format(d, format);
    } else {
        loss_reject_input(d->loss, format, "must have the type text, json_object or json_schema");
    }
}

static void decode_modalities(struct chat_decoding *d, const struct json_node *root)
{
    const struct json_node *modalities = chat_member(d, root, SLICE("modalities"), JSON_ARRAY);
    const struct json_node *each = NULL;
    while (json_next_element(d->doc, modalities, &each)) {
        if (!json_string_is(d->doc, each, SLICE("text"))) {
            (void)loss_refuse(d->loss, each, "the upstream of this model answers in text only");
        }
    }
}

// ---- who asks, and what is kept

static void decode_identity(struct chat_decoding *d, const struct json_node *root)
{
    struct neutral_request *req = d->req;
    req->cache_key = chat_escaped_member(d, root, SLICE("prompt_cache_key"));
    req->end_user = chat_escaped_member(d, root, SLICE("safety_identifier"));
    struct slice user = chat_escaped_member(d, root, SLICE("user"));
    if (!req->end_user.len) {
        req->end_user = user;
    }
    req->metadata = chat_member(d, root, SLICE("metadata"), JSON_OBJECT);
    req->store = tri_member(d, root, SLICE("store"), &req->store_at);
}

static void decode_service_tier(struct chat_decoding *d, const struct json_node *root)
{
    static const struct slice WORDS[] = {SLICE_INIT("auto"), SLICE_INIT("default"), SLICE_INIT("flex"),
                                         SLICE_INIT("priority"), SLICE_INIT("scale")};
    struct slice word = chat_text_member(d, root, SLICE("service_tier"));
    const struct json_node *node = json_get(d->doc, root, SLICE("service_tier"));
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
        if (slice_eq(word, WORDS[i])) {
            d->req->service_tier = word;
            d->req->service_tier_at = node;
            return;
        }
    }
    if (word.len) {
        loss_warn(d->loss, LOSS_DROPPED, node);
    }
}

static enum cache_mark cache_mark_of(const struct chat_decoding *d, const struct json_node *root)
{
    static const struct slice TTL[] = {SLICE_INIT("prompt_cache_options"), SLICE_INIT("ttl")};
    const struct json_node *retention = json_get(d->doc, root, SLICE("prompt_cache_retention"));
    bool is_long =
        json_is(json_get_path(d->doc, root, TTL, 2), JSON_STRING) || json_string_is(d->doc, retention, SLICE("24h"));
    return is_long ? CACHE_LONG : CACHE_SHORT;
}

static void decode_stream(struct chat_decoding *d, const struct json_node *root)
{
    const struct json_node *at;
    const struct json_node *options = chat_member(d, root, SLICE("stream_options"), JSON_OBJECT);
    d->req->wants_stream = tri_member(d, root, SLICE("stream"), &at) == TRI_TRUE;
    d->req->includes_usage = tri_member(d, options, SLICE("include_usage"), &at) == TRI_TRUE;
    d->req->obfuscation = tri_member(d, options, SLICE("include_obfuscation"), &at);
}

// What no other dialect has. A prediction only makes an answer quicker, so nobody misses it.
static void warn_of_lost(struct chat_decoding *d, const struct json_node *root)
{
    static const struct slice NAMES[] = {SLICE_INIT("web_search_options"), SLICE_INIT("moderation")};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        loss_warn(d->loss, LOSS_DROPPED, neutral_member(d->doc, root, NAMES[i]));
    }
}

bool chat_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    const struct json_node *root = json_root(req->doc);
    struct chat_decoding d = {.req = req, .doc = req->doc, .arena = arena, .loss = loss};
    d.cache_mark = cache_mark_of(&d, root);
    decode_stream(&d, root);
    chat_decode_tools(&d, root);
    chat_decode_messages(&d, root);
    decode_limit(&d, root);
    decode_sampling(&d, root);
    decode_thinking(&d, root);
    decode_verbosity(&d, root);
    decode_format(&d, root);
    decode_modalities(&d, root);
    decode_identity(&d, root);
    decode_service_tier(&d, root);
    warn_of_lost(&d, root);
    return !loss->is_refused;
}
