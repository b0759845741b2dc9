// SPDX-License-Identifier: MIT
// The response object, which begins and ends a stream and is the whole of a body. It repeats what the client asked for:
// strict clients look for these members.
#include "dialect/responses/responses_internal.h"

struct echo {
    struct slice name;
    struct slice usual; // where the request says nothing
};

static const struct echo ECHOES[] = {
    {SLICE_INIT("background"), SLICE_INIT("false")},
    {SLICE_INIT("instructions"), SLICE_INIT("null")},
    {SLICE_INIT("max_output_tokens"), SLICE_INIT("null")},
    {SLICE_INIT("max_tool_calls"), SLICE_INIT("null")},
    {SLICE_INIT("metadata"), SLICE_INIT("{}")},
    {SLICE_INIT("parallel_tool_calls"), SLICE_INIT("true")},
    {SLICE_INIT("previous_response_id"), SLICE_INIT("null")},
    {SLICE_INIT("prompt_cache_key"), SLICE_INIT("null")},
    {SLICE_INIT("reasoning"), SLICE_INIT("{\"effort\":null,\"summary\":null}")},
    {SLICE_INIT("safety_identifier"), SLICE_INIT("null")},
    {SLICE_INIT("store"), SLICE_INIT("false")},
    {SLICE_INIT("temperature"), SLICE_INIT("null")},
    {SLICE_INIT("text"), SLICE_INIT("{\"format\":{\"type\":\"text\"}}")},
    {SLICE_INIT("tool_choice"), SLICE_INIT("\"auto\"")},
    {SLICE_INIT("tools"), SLICE_INIT("[]")},
    {SLICE_INIT("top_logprobs"), SLICE_INIT("0")},
    {SLICE_INIT("top_p"), SLICE_INIT("null")},
    {SLICE_INIT("truncation"), SLICE_INIT("\"disabled\"")},
    {SLICE_INIT("user"), SLICE_INIT("null")},
};

enum { N_ECHOES = sizeof(ECHOES) / sizeof(ECHOES[0]) };

// What the request says of each, found in one pass over it; NULL where it says nothing.
static void find_echoed(const struct answer_context *context, const struct json_node *nodes[N_ECHOES])
{
    const struct neutral_request *req = context->req;
    bool is_known = req && req->origin == DIALECT_RESPONSES && req->doc;
    const struct json_node *key;
    const struct json_node *value = NULL;
    while (is_known && json_next_member(req->doc, json_root(req->doc), &key, &value)) {
        struct slice name = json_string(req->doc, key, context->arena);
        for (size_t i = 0; i < N_ECHOES; i++) {
            if (slice_eq(name, ECHOES[i].name)) {
                nodes[i] = json_is(value, JSON_NULL) ? NULL : value;
            }
        }
    }
}

static void write_echoes(struct json_writer *w, const struct answer_context *context)
{
    const struct json_node *nodes[N_ECHOES] = {NULL};
    find_echoed(context, nodes);
    for (size_t i = 0; i < N_ECHOES; i++) {
        json_key_escaped(w, ECHOES[i].name);
        if (nodes[i]) {
            json_write_raw_line(w, json_raw(context->req->doc, nodes[i]));
        } else {
            json_write_raw(w, ECHOES[i].usual);
        }
    }
}

static int64_t known(int64_t figure)
{
    return figure < 0 ? 0 : figure;
}

// Never null at the end, and with all details: the type has it so.
static void write_usage(struct json_writer *w, const struct responses_object *object)
{
    const struct usage *usage = object->usage;
    int64_t input = known(usage->input < 0 ? object->context->estimated_input : usage->input);
    json_begin_object(w);
    json_member_int(w, SLICE("input_tokens"), input);
    json_key(w, SLICE("input_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("cached_tokens"), known(usage->cache_read));
    json_member_int(w, SLICE("cache_write_tokens"), known(usage->cache_write));
    json_end_object(w);
    json_member_int(w, SLICE("output_tokens"), known(usage->output));
    json_key(w, SLICE("output_tokens_details"));
    json_begin_object(w);
    json_member_int(w, SLICE("reasoning_tokens"), known(usage->reasoning));
    json_end_object(w);
    json_member_int(w, SLICE("total_tokens"), input + known(usage->output));
    json_end_object(w);
}

static void write_outcome(struct json_writer *w, const struct responses_object *object)
{
    json_key(w, SLICE("error"));
    if (object->failure) {
        responses_write_failure(w, object->failure);
    } else {
        json_write_null(w);
    }
    json_key(w, SLICE("incomplete_details"));
    if (object->incomplete_reason.len) {
        json_begin_object(w);
        json_member_string(w, SLICE("reason"), object->incomplete_reason);
        json_end_object(w);
    } else {
        json_write_null(w);
    }
    json_key(w, SLICE("output"));
    json_begin_array(w);
    if (object->items.len) {
        json_write_raw(w, object->items);
    }
    json_end_array(w);
    json_key(w, SLICE("usage"));
    if (object->usage) {
        write_usage(w, object);
    } else {
        json_write_null(w);
    }
}

// Only words that this dialect has.
static void write_service_tier(struct json_writer *w, struct slice tier)
{
    static const struct slice TIERS[] = {SLICE_INIT("auto"), SLICE_INIT("default"), SLICE_INIT("flex"),
                                         SLICE_INIT("scale"), SLICE_INIT("priority")};
    json_key(w, SLICE("service_tier"));
    for (size_t i = 0; i < sizeof(TIERS) / sizeof(TIERS[0]); i++) {
        if (slice_eq(tier, TIERS[i])) {
            json_write_string(w, tier);
            return;
        }
    }
    json_write_null(w);
}

void responses_write_object(struct json_writer *w, const struct responses_object *object)
{
    const struct answer_context *context = object->context;
    int64_t created = object->head && object->head->created_s ? object->head->created_s : context->now_s;
    struct slice upstream_model = object->head ? object->head->model : SLICE_EMPTY;
    json_begin_object(w);
    json_member_string(w, SLICE("id"), object->id);
    json_member_string(w, SLICE("object"), SLICE("response"));
    json_member_int(w, SLICE("created_at"), created);
    json_key(w, SLICE("completed_at"));
    if (slice_eq(object->status, SLICE("completed"))) {
        json_write_int(w, context->now_s > created ? context->now_s : created);
    } else {
        json_write_null(w);
    }
    json_member_string(w, SLICE("status"), object->status);
    json_member_string(w, SLICE("model"), context->client_model.len ? context->client_model : upstream_model);
    write_outcome(w, object);
    write_echoes(w, context);
    write_service_tier(w, object->head ? object->head->service_tier : SLICE_EMPTY);
    json_end_object(w);
}
