// SPDX-License-Identifier: MIT
// A request of Responses, decoded: what stands beside input and tools.
#include "dialect/responses/responses_internal.h"

static const struct json_node *member(const struct responses_request *in, const char *name)
{
    return neutral_member(in->doc, json_root(in->doc), slice_from_cstr(name));
}

// ---- what needs the provider's memory

static bool refuse_state(const struct responses_request *in)
{
    const struct json_node *previous = member(in, "previous_response_id");
    if (previous) {
        bool was_refused = in->loss->is_refused;
        loss_refuse_always(in->loss, previous,
                           "Previous response not found: the upstream of this model keeps no responses, so the whole "
                           "conversation has to be in the input");
        if (!was_refused) {
            in->loss->code = SLICE("previous_response_not_found");
        }
        return false;
    }
    if (member(in, "conversation")) {
        loss_refuse_always(in->loss, member(in, "conversation"), "the upstream of this model keeps no conversations");
        return false;
    }
    if (member(in, "prompt")) {
        loss_refuse_always(in->loss, member(in, "prompt"), "the upstream of this model keeps no prompt templates");
        return false;
    }
    const struct json_node *background = member(in, "background");
    return !json_is(background, JSON_TRUE) ||
           !loss_refuse(in->loss, background, "the upstream of this model does not run in the background");
}

// ---- numbers

static bool read_count(const struct responses_request *in, const char *name, int64_t *value_r,
                       const struct json_node **at_r)
{
    const struct json_node *node = member(in, name);
    int64_t value = 0;
    if (!node) {
        return true;
    }
    if (!json_int64(in->doc, node, &value) || value < 0) {
        loss_reject_input(in->loss, node, "must be a whole number that is not negative");
        return false;
    }
    *value_r = value;
    *at_r = node;
    return true;
}

static bool read_number(const struct responses_request *in, const char *name, const struct json_node **node_r)
{
    const struct json_node *node = member(in, name);
    if (node && node->type != JSON_NUMBER) {
        loss_reject_input(in->loss, node, "must be a number");
        return false;
    }
    *node_r = node;
    return true;
}

static bool read_sampling(const struct responses_request *in)
{
    struct neutral_request *req = in->req;
    return read_number(in, "temperature", &req->temperature) && read_number(in, "top_p", &req->top_p) &&
           read_count(in, "max_output_tokens", &req->max_output, &req->max_output_at) &&
           read_count(in, "top_logprobs", &req->top_logprobs, &req->logprobs_at);
}

// ---- the answer's form

static bool read_schema(const struct responses_request *in, const struct json_node *format)
{
    struct answer_format *r = &in->req->format;
    r->schema = neutral_member(in->doc, format, SLICE("schema"));
    if (!json_is(r->schema, JSON_OBJECT)) {
        loss_reject_input(in->loss, r->schema ? r->schema : format, "a json_schema format needs an object as schema");
        return false;
    }
    r->kind = FORMAT_SCHEMA;
    r->name = neutral_escaped(in->doc, neutral_member(in->doc, format, SLICE("name")));
    r->description = neutral_escaped(in->doc, neutral_member(in->doc, format, SLICE("description")));
    r->strict = neutral_tri(neutral_member(in->doc, format, SLICE("strict")));
    return true;
}

static bool read_text(const struct responses_request *in)
{
    const struct json_node *text = member(in, "text");
    if (text && text->type != JSON_OBJECT) {
        loss_reject_input(in->loss, text, "must be an object");
        return false;
    }
    in->req->verbosity = json_string(in->doc, neutral_member(in->doc, text, SLICE("verbosity")), in->arena);
    const struct json_node *format = neutral_member(in->doc, text, SLICE("format"));
    const struct json_node *type = json_get(in->doc, format, SLICE("type"));
    in->req->format.at = format;
    if (!format || json_string_is(in->doc, type, SLICE("text"))) {
        return true;
    }
    if (json_string_is(in->doc, type, SLICE("json_object"))) {
        in->req->format.kind = FORMAT_JSON;
        return true;
    }
    if (json_string_is(in->doc, type, SLICE("json_schema"))) {
        return read_schema(in, format);
    }
    loss_reject_input(in->loss, format, "must be of type text, json_object or json_schema");
    return false;
}

// ---- reasoning

static enum thinking_show show_of(const struct responses_request *in, const struct json_node *summary)
{
    if (!summary) {
        return SHOW_UNSET;
    }
    if (json_string_is(in->doc, summary, SLICE("concise"))) {
        return SHOW_CONCISE;
    }
    return json_string_is(in->doc, summary, SLICE("detailed")) ? SHOW_DETAILED : SHOW_AUTO;
}

static bool read_effort(const struct responses_request *in, const struct json_node *effort)
{
    struct thinking *thinking = &in->req->thinking;
    if (!effort) {
        return true;
    }
    thinking->effort = neutral_effort(json_string(in->doc, effort, in->arena));
    if (thinking->effort == EFFORT_UNSET) {
        loss_reject_input(in->loss, effort, "must be none, minimal, low, medium, high, xhigh or max");
        return false;
    }
    thinking->state = thinking->effort == EFFORT_NONE ? THINKING_OFF : THINKING_ON;
    return true;
}

// A setting that no other dialect has, unless it says what happens anyway.
static void warn_unless(const struct responses_request *in, const struct json_node *node, const char *usual)
{
    if (!json_string_is(in->doc, node, slice_from_cstr(usual))) {
        loss_warn(in->loss, LOSS_DROPPED, node);
    }
}

static bool read_reasoning(const struct responses_request *in)
{
    const struct json_node *reasoning = member(in, "reasoning");
    if (!reasoning) {
        return true;
    }
    if (reasoning->type != JSON_OBJECT) {
        loss_reject_input(in->loss, reasoning, "must be an object");
        return false;
    }
    const struct json_node *summary = neutral_member(in->doc, reasoning, SLICE("summary"));
    if (!summary) {
        summary = neutral_member(in->doc, reasoning, SLICE("generate_summary"));
    }
    in->req->thinking.at = reasoning;
    in->req->thinking.show = show_of(in, summary);
    warn_unless(in, neutral_member(in->doc, reasoning, SLICE("context")), "auto");
    warn_unless(in, neutral_member(in->doc, reasoning, SLICE("mode")), "standard");
    return read_effort(in, neutral_member(in->doc, reasoning, SLICE("effort")));
}

static bool read_include(const struct responses_request *in)
{
    const struct json_node *include = member(in, "include");
    const struct json_node *value = NULL;
    if (include && include->type != JSON_ARRAY) {
        loss_reject_input(in->loss, include, "must be an array");
        return false;
    }
    while (json_next_element(in->doc, include, &value)) {
        if (json_string_is(in->doc, value, SLICE("reasoning.encrypted_content"))) {
            in->req->wants_opaque = true;
        } else if (json_string_is(in->doc, value, SLICE("message.output_text.logprobs"))) {
            in->req->logprobs = TRI_TRUE;
            in->req->logprobs_at = value;
        }
    }
    return true;
}

// ---- identity and the rest

static void read_identity(const struct responses_request *in)
{
    struct neutral_request *req = in->req;
    const struct json_node *metadata = member(in, "metadata");
    req->cache_key = neutral_escaped(in->doc, member(in, "prompt_cache_key"));
    req->end_user = neutral_escaped(in->doc, member(in, "safety_identifier"));
    if (!req->end_user.ptr) {
        req->end_user = neutral_escaped(in->doc, member(in, "user"));
    }
    req->metadata = json_is(metadata, JSON_OBJECT) ? metadata : NULL;
    req->service_tier_at = member(in, "service_tier");
    req->service_tier = json_string(in->doc, req->service_tier_at, in->arena);
    req->store_at = member(in, "store");
    req->store = neutral_tri(req->store_at);
}

// What has no counterpart in other dialects.
static void warn_of_rest(const struct responses_request *in)
{
    warn_unless(in, member(in, "truncation"), "disabled");
    loss_warn(in->loss, LOSS_DROPPED, member(in, "context_management"));
    loss_warn(in->loss, LOSS_DROPPED, member(in, "max_tool_calls"));
    loss_warn(in->loss, LOSS_DROPPED, member(in, "moderation"));
}

static bool has_right_flags(const struct responses_request *in)
{
    static const char *const FLAGS[] = {"stream", "store", "background", "parallel_tool_calls"};
    for (size_t i = 0; i < sizeof(FLAGS) / sizeof(*FLAGS); i++) {
        const struct json_node *flag = member(in, FLAGS[i]);
        if (flag && neutral_tri(flag) == TRI_UNSET) {
            loss_reject_input(in->loss, flag, "must be true or false");
            return false;
        }
    }
    return true;
}

static void read_stream(const struct responses_request *in)
{
    const struct json_node *options = member(in, "stream_options");
    in->req->wants_stream = json_is(member(in, "stream"), JSON_TRUE);
    in->req->obfuscation = neutral_tri(neutral_member(in->doc, options, SLICE("include_obfuscation")));
    in->req->parallel_at = member(in, "parallel_tool_calls");
    in->req->parallel_calls = neutral_tri(in->req->parallel_at);
}

static bool read_instructions(const struct responses_request *in)
{
    const struct json_node *instructions = member(in, "instructions");
    if (!instructions) {
        return true;
    }
    if (instructions->type != JSON_STRING) {
        loss_reject_input(in->loss, instructions, "must be a string");
        return false;
    }
    struct neutral_turn *turn = neutral_turn_new(in->arena, TURN_DEVELOPER, instructions);
    if (!responses_decode_parts(in, instructions, &turn->parts)) {
        return false;
    }
    if (turn->parts) {
        in->req->instructions = turn;
    }
    return true;
}

bool responses_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    struct responses_request in = {.req = req, .arena = arena, .loss = loss, .doc = req->doc};
    if (!has_right_flags(&in)) {
        return false;
    }
    read_stream(&in);
    read_identity(&in);
    warn_of_rest(&in);
    return refuse_state(&in) && read_sampling(&in) && read_text(&in) && read_reasoning(&in) && read_include(&in) &&
           responses_decode_tools(&in, member(&in, "tools")) && read_instructions(&in) &&
           responses_decode_input(&in, member(&in, "input")) &&
           responses_decode_choice(&in, member(&in, "tool_choice"));
}
