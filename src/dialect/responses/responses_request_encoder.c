// SPDX-License-Identifier: MIT
// Any request, as one of Responses: what stands beside input and tools.
#include "base/fnv.h"
#include "dialect/responses/responses_internal.h"

enum { OUTPUT_MIN = 16, ID_MAX = 64 };

// ---- limits and sampling

static void write_limit(const struct encoding *encoding, struct json_writer *w)
{
    int64_t limit = encoding->req->max_output;
    if (limit == 0) {
        loss_refuse(encoding->loss, encoding->req->max_output_at, "the upstream of this model always answers");
    }
    if (limit < 0) {
        return;
    }
    if (limit < OUTPUT_MIN) {
        loss_warn(encoding->loss, LOSS_CHANGED, encoding->req->max_output_at);
        limit = OUTPUT_MIN;
    }
    json_member_int(w, SLICE("max_output_tokens"), limit);
}

static bool is_thinking_off(const struct encoding *encoding)
{
    const struct thinking *thinking = &encoding->req->thinking;
    return encoding->target->profile.can_switch_thinking_off &&
           (thinking->state == THINKING_OFF || thinking->effort == EFFORT_NONE);
}

static bool takes_sampling(const struct encoding *encoding)
{
    return !encoding->target->profile.rejects_sampling || is_thinking_off(encoding);
}

// Within what the provider takes; a number beyond is brought to the nearest one.
static void write_clamped(const struct encoding *encoding, struct json_writer *w, const char *name,
                          const struct json_node *node, int64_t max)
{
    double value;
    if (!node) {
        return;
    }
    if (!takes_sampling(encoding)) {
        loss_warn(encoding->loss, LOSS_DROPPED, node);
        return;
    }
    if (encoding_is_of_openai(encoding) || !json_double(encoding->req->doc, node, &value) ||
        (value >= 0 && value <= (double)max)) {
        encoding_write_node(encoding, w, slice_from_cstr(name), node);
        return;
    }
    loss_warn(encoding->loss, LOSS_CHANGED, node);
    json_member_int(w, slice_from_cstr(name), value < 0 ? 0 : max);
}

static void write_logprobs(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (req->top_logprobs >= 0 && takes_sampling(encoding)) {
        json_member_int(w, SLICE("top_logprobs"), req->top_logprobs);
    }
}

// Zero is what it is without them.
static void warn_of_number(const struct encoding *encoding, const struct json_node *node)
{
    double value;
    if (node && (!json_double(encoding->req->doc, node, &value) || value != 0)) {
        loss_warn(encoding->loss, LOSS_DROPPED, node);
    }
}

static void warn_of_sampling(const struct encoding *encoding)
{
    const struct neutral_request *req = encoding->req;
    loss_warn(encoding->loss, LOSS_DROPPED, req->top_k);
    loss_warn(encoding->loss, LOSS_DROPPED, req->seed);
    warn_of_number(encoding, req->presence_penalty);
    warn_of_number(encoding, req->frequency_penalty);
    if (usage_is_filled(req->doc, req->logit_bias)) {
        loss_warn(encoding->loss, LOSS_DROPPED, req->logit_bias);
    }
    if (req->n_candidates > 1) {
        loss_refuse(encoding->loss, req->n_candidates_at, "the upstream of this model gives one answer at a time");
    }
    // The gateway ends the answer where one begins. That is as good, but not the upstream's doing.
    if (req->n_stops && encoding->loss->mode == LOSS_STRICT) {
        loss_warn(encoding->loss, LOSS_EMULATED, req->stops_at);
    }
    if (req->logprobs == TRI_TRUE && !takes_sampling(encoding)) {
        loss_warn(encoding->loss, LOSS_DROPPED, req->logprobs_at);
    }
}

static void write_sampling(const struct encoding *encoding, struct json_writer *w)
{
    warn_of_sampling(encoding);
    write_limit(encoding, w);
    write_clamped(encoding, w, "temperature", encoding->req->temperature, 2);
    write_clamped(encoding, w, "top_p", encoding->req->top_p, 1);
    write_logprobs(encoding, w);
}

// ---- the answer's form

static void write_schema(const struct encoding *encoding, struct json_writer *w)
{
    const struct answer_format *format = &encoding->req->format;
    json_member_string(w, SLICE("type"), SLICE("json_schema"));
    responses_write_escaped(w, "name", format->name.len ? format->name : SLICE("response"));
    if (format->description.len) {
        responses_write_escaped(w, "description", format->description);
    }
    json_key(w, SLICE("schema"));
    encoding_write_schema(encoding, w, format->schema, format->is_openapi);
    if (format->strict != TRI_UNSET || !responses_is_own(encoding)) {
        json_member_bool(w, SLICE("strict"), encoding_format_strictness(encoding) == TRI_TRUE);
    }
}

static void write_text(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (req->format.kind == FORMAT_TEXT && !req->verbosity.len) {
        return;
    }
    json_key(w, SLICE("text"));
    json_begin_object(w);
    if (req->format.kind != FORMAT_TEXT) {
        json_key(w, SLICE("format"));
        json_begin_object(w);
        if (req->format.kind == FORMAT_SCHEMA && req->format.schema) {
            write_schema(encoding, w);
        } else {
            json_member_string(w, SLICE("type"), SLICE("json_object"));
        }
        json_end_object(w);
    }
    if (req->verbosity.len) {
        json_member_string(w, SLICE("verbosity"), req->verbosity);
    }
    json_end_object(w);
}

// ---- reasoning

static enum effort wanted_effort(const struct thinking *thinking)
{
    if (thinking->state == THINKING_OFF) {
        return EFFORT_NONE;
    }
    if (thinking->effort != EFFORT_UNSET) {
        return thinking->effort;
    }
    return thinking->budget >= 0 ? neutral_effort_of(thinking->budget) : EFFORT_UNSET;
}

static const char *summary_of(enum thinking_show show)
{
    switch (show) {
    case SHOW_AUTO: return "auto";
    case SHOW_CONCISE: return "concise";
    case SHOW_DETAILED: return "detailed";
    case SHOW_UNSET:
    case SHOW_NONE: return NULL;
    }
    return NULL;
}

static void write_reasoning(const struct encoding *encoding, struct json_writer *w)
{
    const struct thinking *thinking = &encoding->req->thinking;
    const struct profile *profile = &encoding->target->profile;
    enum effort wanted = wanted_effort(thinking);
    enum effort effort = wanted == EFFORT_UNSET ? wanted : profile_effort(profile, wanted);
    const char *summary = effort == EFFORT_NONE ? NULL : summary_of(thinking->show);
    if (!profile_thinks(profile)) {
        if (wanted > EFFORT_NONE) {
            loss_warn(encoding->loss, LOSS_DROPPED, thinking->at);
        }
        return;
    }
    if (effort != wanted) {
        loss_warn(encoding->loss, LOSS_CHANGED, thinking->at);
    }
    if (effort == EFFORT_UNSET && !summary) {
        return;
    }
    json_key(w, SLICE("reasoning"));
    json_begin_object(w);
    if (effort != EFFORT_UNSET) {
        json_member_string(w, SLICE("effort"), slice_from_cstr(neutral_effort_word(effort)));
    }
    if (summary) {
        json_member_string(w, SLICE("summary"), slice_from_cstr(summary));
    }
    json_end_object(w);
}

// ---- identity, state

// An id that is too long becomes another one, the same each time.
static void write_id(const struct encoding *encoding, struct json_writer *w, const char *name, struct slice escaped)
{
    if (!escaped.len) {
        return;
    }
    if (escaped.len > ID_MAX) {
        unsigned long long high = fnv_add(FNV_START, escaped);
        unsigned long long low = fnv_add(UINT64_C(0x84222325CBF29CE4), escaped);
        escaped = arena_printf(encoding->arena, "%016llx%016llx", high, low);
    }
    responses_write_escaped(w, name, escaped);
}

static void write_identity(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    write_id(encoding, w, "prompt_cache_key", req->cache_key);
    write_id(encoding, w, "safety_identifier", req->end_user);
    if (encoding_is_of_openai(encoding)) {
        encoding_write_node(encoding, w, SLICE("metadata"), req->metadata);
    }
    if (req->service_tier.len) {
        json_member_string(w, SLICE("service_tier"), req->service_tier);
    }
}

// Unless the client says otherwise nothing is kept at the provider: what a conversation needs travels with it.
static void write_store(const struct encoding *encoding, struct json_writer *w)
{
    enum tri store = encoding->req->store;
    if (store != TRI_UNSET || !responses_is_own(encoding)) {
        json_member_bool(w, SLICE("store"), store == TRI_TRUE);
    }
}

// Models that do not reason refuse to be asked for encrypted reasoning.
static bool includes_opaque(const struct encoding *encoding)
{
    const struct neutral_request *req = encoding->req;
    const struct profile *profile = &encoding->target->profile;
    return responses_is_own(encoding) ? req->wants_opaque : profile_thinks(profile) && profile->rejects_sampling;
}

static void write_include(const struct encoding *encoding, struct json_writer *w)
{
    bool has_opaque = includes_opaque(encoding);
    bool has_logprobs = encoding->req->logprobs == TRI_TRUE && takes_sampling(encoding);
    if (!has_opaque && !has_logprobs) {
        return;
    }
    json_key(w, SLICE("include"));
    json_begin_array(w);
    if (has_opaque) {
        json_write_string(w, SLICE("reasoning.encrypted_content"));
    }
    if (has_logprobs) {
        json_write_string(w, SLICE("message.output_text.logprobs"));
    }
    json_end_array(w);
}

static void write_stream(const struct encoding *encoding, struct json_writer *w)
{
    if (!encoding->wants_stream) {
        return;
    }
    json_member_bool(w, SLICE("stream"), true);
    if (encoding->req->obfuscation != TRI_UNSET) {
        json_key(w, SLICE("stream_options"));
        json_begin_object(w);
        json_member_bool(w, SLICE("include_obfuscation"), encoding->req->obfuscation == TRI_TRUE);
        json_end_object(w);
    }
}

static void write_instructions(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_turn *turn = responses_lone_instruction(encoding->req);
    if (turn) {
        responses_write_escaped(w, "instructions", turn->parts->text);
    }
}

// What a request for counting tokens may not have.
static void write_answering(const struct encoding *encoding, struct json_writer *w)
{
    write_sampling(encoding, w);
    write_identity(encoding, w);
    write_store(encoding, w);
    write_include(encoding, w);
    write_stream(encoding, w);
}

void responses_encode_request(const struct encoding *encoding, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("model"), encoding->target->model);
    write_instructions(encoding, &w);
    responses_write_input(encoding, &w);
    responses_write_tools(encoding, &w);
    write_text(encoding, &w);
    write_reasoning(encoding, &w);
    if (!encoding->counts) {
        write_answering(encoding, &w);
    }
    json_end_object(&w);
}
