// SPDX-License-Identifier: MIT
// Any request, as one of Anthropic Messages: its members one by one. No member is written that is not named in these
// files, because unknown ones are refused.
#include "dialect/anthropic/anthropic_internal.h"

// ---- sampling

static bool is_thinking(const struct anthropic_request *e)
{
    return e->plan.thinking == PLAN_ENABLED || e->plan.thinking == PLAN_ADAPTIVE;
}

static double number_of(const struct anthropic_request *e, const struct json_node *node)
{
    double value = 0;
    (void)json_double(e->req->doc, node, &value);
    return value;
}

static void write_number(struct anthropic_request *e, struct slice name, const struct json_node *node)
{
    json_key(&e->w, name);
    json_write_raw(&e->w, json_raw(e->req->doc, node));
}

static bool write_temperature(struct anthropic_request *e)
{
    const struct json_node *node = e->req->temperature;
    double value = number_of(e, node);
    if (!node) {
        return false;
    }
    if (e->profile->rejects_sampling || (is_thinking(e) && value != 1)) {
        loss_warn(e->loss, LOSS_DROPPED, node);
        return false;
    }
    if (value > 1) {
        loss_warn(e->loss, LOSS_CHANGED, node);
        json_member_int(&e->w, SLICE("temperature"), 1);
    } else {
        write_number(e, SLICE("temperature"), node);
    }
    return true;
}

static void write_top_p(struct anthropic_request *e, bool has_temperature)
{
    const struct json_node *node = e->req->top_p;
    bool is_refused = e->profile->rejects_sampling || (has_temperature && e->profile->rejects_both_sampling) ||
                      (is_thinking(e) && number_of(e, node) < 0.95);
    if (node && is_refused) {
        loss_warn(e->loss, LOSS_DROPPED, node);
    } else if (node) {
        write_number(e, SLICE("top_p"), node);
    }
}

static void write_top_k(struct anthropic_request *e)
{
    const struct json_node *node = e->req->top_k;
    int64_t value;
    if (!node) {
        return;
    }
    if (e->profile->rejects_sampling || is_thinking(e) || !json_int64(e->req->doc, node, &value)) {
        loss_warn(e->loss, LOSS_DROPPED, node);
    } else {
        json_member_int(&e->w, SLICE("top_k"), value);
    }
}

static void write_sampling(struct anthropic_request *e)
{
    bool has_temperature = write_temperature(e);
    write_top_p(e, has_temperature);
    write_top_k(e);
}

// Zero is what it is without them.
static void warn_of_number(struct anthropic_request *e, const struct json_node *node)
{
    if (node && number_of(e, node) != 0) {
        loss_warn(e->loss, LOSS_DROPPED, node);
    }
}

// What this dialect has no word for.
static void tell_losses(struct anthropic_request *e)
{
    const struct neutral_request *req = e->req;
    loss_warn(e->loss, LOSS_DROPPED, req->seed);
    warn_of_number(e, req->presence_penalty);
    warn_of_number(e, req->frequency_penalty);
    if (usage_is_filled(req->doc, req->logit_bias)) {
        loss_warn(e->loss, LOSS_DROPPED, req->logit_bias);
    }
    if (req->logprobs == TRI_TRUE || req->top_logprobs > 0) {
        loss_warn(e->loss, LOSS_DROPPED, req->logprobs_at);
    }
    if (req->store == TRI_TRUE) {
        loss_warn(e->loss, LOSS_DROPPED, req->store_at);
    }
    if (req->n_candidates > 1) {
        (void)loss_refuse(e->loss, req->n_candidates_at, "the upstream of this model gives one answer at a time");
    }
}

// ---- stop sequences

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n\v\f", text.ptr[i])) {
            return false;
        }
    }
    return true;
}

static void write_stops(struct anthropic_request *e)
{
    bool has_begun = false;
    for (size_t i = 0; i < e->req->n_stops; i++) {
        const struct json_node *stop = e->req->stops[i];
        if (is_blank(json_string(e->req->doc, stop, e->arena))) {
            loss_warn(e->loss, LOSS_DROPPED, stop);
            continue;
        }
        if (!has_begun) {
            json_key(&e->w, SLICE("stop_sequences"));
            json_begin_array(&e->w);
            has_begun = true;
        }
        json_write_raw(&e->w, json_raw(e->req->doc, stop));
    }
    if (has_begun) {
        json_end_array(&e->w);
    }
}

// ---- identity and tier

static void write_user(struct anthropic_request *e)
{
    struct slice user = e->req->end_user;
    if (!user.ptr) {
        user = json_escaped(e->req->doc, json_get(e->req->doc, e->req->metadata, SLICE("user_id")));
    }
    if (user.len) {
        json_key(&e->w, SLICE("metadata"));
        json_begin_object(&e->w);
        json_key(&e->w, SLICE("user_id"));
        json_write_escaped(&e->w, user);
        json_end_object(&e->w);
    }
}

static void write_service_tier(struct anthropic_request *e)
{
    struct slice tier = e->req->service_tier;
    if (slice_eq(tier, SLICE("auto")) || slice_eq(tier, SLICE("priority"))) {
        json_member_string(&e->w, SLICE("service_tier"), SLICE("auto"));
    } else if (slice_eq(tier, SLICE("default"))) {
        json_member_string(&e->w, SLICE("service_tier"), SLICE("standard_only"));
    } else if (tier.len) {
        loss_warn(e->loss, LOSS_DROPPED, e->req->service_tier_at);
    }
}

// ---- the form of the answer

static void write_format(struct anthropic_request *e)
{
    const struct answer_format *format = &e->req->format;
    struct json_doc doc = *e->req->doc;
    const struct json_node *schema = anthropic_schema_of(e, format->schema, format->is_openapi, &doc);
    json_key(&e->w, SLICE("format"));
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), SLICE("json_schema"));
    json_key(&e->w, SLICE("schema"));
    if (e->is_own || !json_is(schema, JSON_OBJECT)) {
        json_write_raw(&e->w, schema ? json_raw(&doc, schema) : SLICE("{\"type\":\"object\"}"));
    } else if (anthropic_write_strict_schema(&e->w, &doc, schema)) {
        loss_warn(e->loss, LOSS_CHANGED, format->schema);
    }
    json_end_object(&e->w);
}

static void write_output_config(struct anthropic_request *e)
{
    bool has_format = e->req->format.kind == FORMAT_SCHEMA && e->profile->has_schema_output;
    if (e->plan.effort == EFFORT_UNSET && !has_format) {
        return;
    }
    json_key(&e->w, SLICE("output_config"));
    json_begin_object(&e->w);
    if (e->plan.effort != EFFORT_UNSET) {
        json_member_string(&e->w, SLICE("effort"), slice_from_cstr(neutral_effort_word(e->plan.effort)));
    }
    if (has_format) {
        write_format(e);
    }
    json_end_object(&e->w);
}

// JSON of any shape can only be asked for in words.
static struct slice format_request(struct anthropic_request *e)
{
    if (e->req->format.kind != FORMAT_JSON) {
        return SLICE_EMPTY;
    }
    loss_warn(e->loss, LOSS_EMULATED, e->req->format.at);
    return SLICE("Answer with one JSON object and nothing else: no text around it, no code fence.");
}

// ---- the whole

// Members that no other dialect has. They go on only to where they came from.
static const struct slice OWN_MEMBERS[] = {
    SLICE_INIT("context_management"),
    SLICE_INIT("mcp_servers"),
    SLICE_INIT("container"),
    SLICE_INIT("speed"),
    SLICE_INIT("inference_geo"),
    SLICE_INIT("diagnostics"),
    SLICE_INIT("fallbacks"),
    SLICE_INIT("billing_policy"),
    SLICE_INIT("fallback_credit_token"),
    SLICE_INIT("compaction"),
};

static void write_own_members(struct anthropic_request *e)
{
    for (size_t i = 0; e->is_own && i < sizeof(OWN_MEMBERS) / sizeof(*OWN_MEMBERS); i++) {
        const struct json_node *value = neutral_member(e->req->doc, json_root(e->req->doc), OWN_MEMBERS[i]);
        if (value) {
            json_key(&e->w, OWN_MEMBERS[i]);
            json_write_raw(&e->w, json_raw(e->req->doc, value));
        }
    }
}

// A request that asks for a count may not have these.
static void write_generation(struct anthropic_request *e)
{
    json_member_int(&e->w, SLICE("max_tokens"), e->plan.max_tokens);
    if (e->encoding->wants_stream) {
        json_member_bool(&e->w, SLICE("stream"), true);
    }
    write_sampling(e);
    write_stops(e);
    write_user(e);
    write_service_tier(e);
    write_own_members(e);
}

static void write_automatic_cache(struct anthropic_request *e)
{
    const struct json_node *control = json_get(e->req->doc, json_root(e->req->doc), SLICE("cache_control"));
    if (e->req->caches_automatically) {
        json_key(&e->w, SLICE("cache_control"));
        json_write_raw(&e->w,
                       e->is_own && control ? json_raw(e->req->doc, control) : SLICE("{\"type\":\"ephemeral\"}"));
    }
}

static bool needs_format_tool(const struct anthropic_request *e)
{
    enum choice_mode mode = e->req->tool_choice.mode;
    return e->req->format.kind == FORMAT_SCHEMA && !e->profile->has_schema_output && mode != CHOICE_REQUIRED &&
           mode != CHOICE_SPECIFIC;
}

void anthropic_encode_request(const struct encoding *encoding, struct buf *out)
{
    enum { MARKS_MAX = 4 };
    struct anthropic_request request = {
        .encoding = encoding,
        .req = encoding->req,
        .profile = &encoding->target->profile,
        .arena = encoding->arena,
        .loss = encoding->loss,
        .is_own = encoding->req->origin == DIALECT_ANTHROPIC,
    };
    struct anthropic_request *e = &request;
    size_t n_marks = anthropic_count_marks(e->req) + e->req->caches_automatically;
    e->n_marks_left_out = n_marks > MARKS_MAX ? n_marks - MARKS_MAX : 0;
    e->has_format_tool = needs_format_tool(e);
    e->plan = anthropic_plan_thinking(e);
    tell_losses(e);
    json_writer_init(&e->w, out);
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("model"), encoding->target->model);
    if (!encoding->counts) {
        write_generation(e);
    }
    anthropic_write_thinking(e);
    write_output_config(e);
    write_automatic_cache(e);
    anthropic_write_tools(e);
    anthropic_write_system(e, format_request(e));
    anthropic_write_messages(e);
    json_end_object(&e->w);
}
