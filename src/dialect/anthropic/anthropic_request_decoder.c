// SPDX-License-Identifier: MIT
// A request of Anthropic Messages, decoded: its members one by one. Messages, tools and thinking have files of their
// own.
#include "dialect/anthropic/anthropic_internal.h"

// ---- values

static const struct json_node *member(const struct anthropic_reader *r, struct slice name)
{
    return neutral_member(r->doc, json_root(r->doc), name);
}

static const struct json_node *number_member(const struct anthropic_reader *r, struct slice name)
{
    const struct json_node *node = member(r, name);
    if (node && node->type != JSON_NUMBER) {
        loss_reject_input(r->loss, node, "must be a number");
        return NULL;
    }
    return node;
}

static void read_stream(const struct anthropic_reader *r)
{
    const struct json_node *node = member(r, SLICE("stream"));
    if (node && neutral_tri(node) == TRI_UNSET) {
        loss_reject_input(r->loss, node, "must be true or false");
    }
    r->req->wants_stream = neutral_tri(node) == TRI_TRUE;
}

// Zero is legal: it fills the cache and generates nothing. No other dialect can ask for that.
static void read_max_tokens(const struct anthropic_reader *r)
{
    const struct json_node *node = member(r, SLICE("max_tokens"));
    int64_t value;
    if (!node) {
        return;
    }
    if (!json_int64(r->doc, node, &value) || value < 0) {
        loss_reject_input(r->loss, node, "must be a whole number of tokens");
        return;
    }
    if (value == 0) {
        (void)loss_refuse(r->loss, node, "the upstream of this model cannot be asked for no output at all");
        value = 1;
    }
    r->req->max_output = value;
    r->req->max_output_at = node;
}

static void read_stops(const struct anthropic_reader *r)
{
    const struct json_node *stops = member(r, SLICE("stop_sequences"));
    const struct json_node *stop = NULL;
    size_t n = 0;
    if (stops && stops->type != JSON_ARRAY) {
        loss_reject_input(r->loss, stops, "must be an array of strings");
        return;
    }
    while (json_next_element(r->doc, stops, &stop)) {
        n++;
    }
    if (n == 0) {
        return;
    }
    r->req->stops_at = stops;
    r->req->stops = arena_alloc(r->arena, n * sizeof(*r->req->stops));
    while (json_next_element(r->doc, stops, &stop)) {
        if (stop->type != JSON_STRING) {
            loss_reject_input(r->loss, stop, "must be a string");
            return;
        }
        r->req->stops[r->req->n_stops++] = stop;
    }
}

static void read_metadata(const struct anthropic_reader *r)
{
    const struct json_node *metadata = member(r, SLICE("metadata"));
    if (metadata && metadata->type != JSON_OBJECT) {
        loss_reject_input(r->loss, metadata, "must be an object");
    }
    r->req->end_user = neutral_escaped(r->doc, neutral_member(r->doc, metadata, SLICE("user_id")));
}

static void read_service_tier(const struct anthropic_reader *r)
{
    const struct json_node *node = member(r, SLICE("service_tier"));
    if (json_string_is(r->doc, node, SLICE("auto"))) {
        r->req->service_tier = SLICE("auto");
    } else if (json_string_is(r->doc, node, SLICE("standard_only"))) {
        r->req->service_tier = SLICE("default");
    } else {
        loss_warn(r->loss, LOSS_DROPPED, node);
    }
    r->req->service_tier_at = node;
}

// ---- members that have no place in the neutral model

static const struct slice KNOWN[] = {
    SLICE_INIT("model"),
    SLICE_INIT("max_tokens"),
    SLICE_INIT("messages"),
    SLICE_INIT("system"),
    SLICE_INIT("stream"),
    SLICE_INIT("tools"),
    SLICE_INIT("tool_choice"),
    SLICE_INIT("thinking"),
    SLICE_INIT("output_config"),
    SLICE_INIT("output_format"),
    SLICE_INIT("temperature"),
    SLICE_INIT("top_p"),
    SLICE_INIT("top_k"),
    SLICE_INIT("stop_sequences"),
    SLICE_INIT("metadata"),
    SLICE_INIT("service_tier"),
    SLICE_INIT("cache_control"),
    SLICE_INIT("thread"),
    // They change what it costs or how fast it is, not what is said.
    SLICE_INIT("speed"),
    SLICE_INIT("diagnostics"),
    SLICE_INIT("billing_policy"),
    SLICE_INIT("fallback_credit_token"),
    SLICE_INIT("anthropic_version"),
};

static bool is_known(const struct anthropic_reader *r, const struct json_node *key)
{
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++) {
        if (json_string_is(r->doc, key, KNOWN[i])) {
            return true;
        }
    }
    return false;
}

// Of context_management, mcp_servers, container and the like, and of what is newer than this table.
static void warn_of_the_rest(const struct anthropic_reader *r)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(r->doc, json_root(r->doc), &key, &value)) {
        if (value->type != JSON_NULL && !is_known(r, key)) {
            loss_warn(r->loss, LOSS_DROPPED, value);
        }
    }
}

// A thread continues what the provider keeps; its clients send everything when they are told that there is none.
static bool refuse_thread(const struct anthropic_reader *r)
{
    const struct json_node *thread = member(r, SLICE("thread"));
    if (!thread) {
        return false;
    }
    loss_refuse_always(r->loss, thread, "the upstream of this model keeps no message threads");
    r->loss->code = SLICE("thread_unsupported_request");
    return true;
}

bool anthropic_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    const struct anthropic_reader reader = {.req = req, .doc = req->doc, .arena = arena, .loss = loss};
    const struct anthropic_reader *r = &reader;
    if (refuse_thread(r)) {
        return false;
    }
    read_stream(r);
    read_max_tokens(r);
    req->temperature = number_member(r, SLICE("temperature"));
    req->top_p = number_member(r, SLICE("top_p"));
    req->top_k = number_member(r, SLICE("top_k"));
    read_stops(r);
    anthropic_read_messages(r, member(r, SLICE("system")), member(r, SLICE("messages")));
    anthropic_read_tools(r, member(r, SLICE("tools")));
    anthropic_read_tool_choice(r, member(r, SLICE("tool_choice")));
    anthropic_read_thinking(r, member(r, SLICE("thinking")));
    anthropic_read_format(r, member(r, SLICE("output_format")));
    anthropic_read_output_config(r, member(r, SLICE("output_config")));
    read_metadata(r);
    read_service_tier(r);
    req->caches_automatically = anthropic_read_cache(r, json_root(r->doc)) != CACHE_NONE;
    // Its clients return what they were given, so it may be asked for.
    req->wants_opaque = true;
    warn_of_the_rest(r);
    return !loss->is_refused;
}
