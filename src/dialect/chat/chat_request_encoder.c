// SPDX-License-Identifier: MIT
// Any request, as one of Chat Completions. What goes out is a white list: compatible servers refuse members that they
// do not know, so they get the old and common ones only.
#include "dialect/chat/chat_internal.h"

enum { ID_MAX = 64 };

// ---- reasoning

static enum effort effort_of(const struct thinking *thinking)
{
    if (thinking->effort != EFFORT_UNSET) {
        return thinking->effort;
    }
    if (thinking->budget >= 0) {
        return neutral_effort_of(thinking->budget);
    }
    return thinking->state == THINKING_OFF ? EFFORT_NONE : EFFORT_UNSET;
}

// What is sent; UNSET: nothing.
static enum effort sent_effort(const struct encoding *encoding)
{
    const struct profile *profile = &encoding->target->profile;
    enum effort wanted = effort_of(&encoding->req->thinking);
    if (wanted == EFFORT_UNSET || !profile_thinks(profile)) {
        return EFFORT_UNSET;
    }
    return profile_effort(profile, wanted);
}

static void write_effort(const struct encoding *encoding, struct json_writer *w)
{
    enum effort wanted = effort_of(&encoding->req->thinking);
    enum effort sent = sent_effort(encoding);
    if (sent != EFFORT_UNSET) {
        json_member_string(w, SLICE("reasoning_effort"), slice_from_cstr(neutral_effort_word(sent)));
    }
    if (sent != wanted && wanted != EFFORT_NONE) {
        loss_warn(encoding->loss, sent ? LOSS_CHANGED : LOSS_DROPPED, encoding->req->thinking.at);
    } else if (sent != wanted && sent != EFFORT_UNSET) {
        loss_warn(encoding->loss, LOSS_CHANGED, encoding->req->thinking.at);
    }
}

// ---- sampling

// Models that reason take no sampling, unless they are told not to reason.
static bool rejects_sampling(const struct encoding *encoding)
{
    return encoding->target->profile.rejects_sampling && sent_effort(encoding) != EFFORT_NONE;
}

static void warn_of_sampling(const struct encoding *encoding)
{
    const struct neutral_request *req = encoding->req;
    const struct json_node *const lost[] = {req->top_p, req->presence_penalty, req->frequency_penalty, req->logit_bias};
    double temperature;
    for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++) {
        loss_warn(encoding->loss, LOSS_DROPPED, lost[i]);
    }
    // One is what they do anyway.
    if (!json_double(req->doc, req->temperature, &temperature) || temperature != 1) {
        loss_warn(encoding->loss, LOSS_DROPPED, req->temperature);
    }
    if (req->logprobs == TRI_TRUE) {
        loss_warn(encoding->loss, LOSS_DROPPED, req->logprobs_at);
    }
}

static void write_temperature(const struct encoding *encoding, struct json_writer *w)
{
    double temperature;
    if (json_double(encoding->req->doc, encoding->req->temperature, &temperature) && temperature > 2) {
        json_member_int(w, SLICE("temperature"), 2);
        loss_warn(encoding->loss, LOSS_CHANGED, encoding->req->temperature);
    } else {
        encoding_write_node(encoding, w, SLICE("temperature"), encoding->req->temperature);
    }
}

static void write_sampling(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (rejects_sampling(encoding)) {
        warn_of_sampling(encoding);
        return;
    }
    write_temperature(encoding, w);
    encoding_write_node(encoding, w, SLICE("top_p"), req->top_p);
    encoding_write_node(encoding, w, SLICE("presence_penalty"), req->presence_penalty);
    encoding_write_node(encoding, w, SLICE("frequency_penalty"), req->frequency_penalty);
    encoding_write_node(encoding, w, SLICE("logit_bias"), req->logit_bias);
    if (req->logprobs != TRI_UNSET) {
        json_member_bool(w, SLICE("logprobs"), req->logprobs == TRI_TRUE);
    }
    if (req->top_logprobs >= 0 && req->logprobs == TRI_TRUE) { // else it is refused, and asks for nothing
        json_member_int(w, SLICE("top_logprobs"), req->top_logprobs);
    }
}

static void write_top_k(const struct encoding *encoding, struct json_writer *w)
{
    if (chat_is_compatible(encoding)) {
        encoding_write_node(encoding, w, SLICE("top_k"), encoding->req->top_k);
    } else {
        loss_warn(encoding->loss, LOSS_DROPPED, encoding->req->top_k);
    }
}

// Those that find no room here are watched for in the answer.
static void write_stops(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (req->n_stops == 0) {
        return;
    }
    if (encoding->target->profile.rejects_stops) {
        loss_warn(encoding->loss, LOSS_DROPPED, req->stops_at);
        return;
    }
    json_key(w, SLICE("stop"));
    json_begin_array(w);
    for (size_t i = 0; i < req->n_stops_sent; i++) {
        json_write_raw(w, json_raw(req->doc, req->stops[i]));
    }
    json_end_array(w);
}

static void write_limits(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (req->max_output >= 0) {
        json_member_int(w, chat_is_compatible(encoding) ? SLICE("max_tokens") : SLICE("max_completion_tokens"),
                        req->max_output);
    }
    if (req->n_candidates > 1) {
        json_member_int(w, SLICE("n"), req->n_candidates);
    }
}

// ---- the answer's form

static void write_schema_format(const struct encoding *encoding, struct json_writer *w)
{
    const struct answer_format *format = &encoding->req->format;
    json_key(w, SLICE("json_schema"));
    json_begin_object(w);
    json_key(w, SLICE("name"));
    json_write_escaped(w, format->name.len ? format->name : SLICE("response"));
    if (format->description.len) {
        json_key(w, SLICE("description"));
        json_write_escaped(w, format->description);
    }
    if (format->schema) {
        json_key(w, SLICE("schema"));
        encoding_write_schema(encoding, w, format->schema, format->is_openapi);
    }
    chat_write_strict(encoding, w, encoding_format_strictness(encoding), format->schema, format->at);
    json_end_object(w);
}

static void write_format(const struct encoding *encoding, struct json_writer *w)
{
    enum format_kind kind = encoding->req->format.kind;
    if (kind == FORMAT_TEXT) {
        return;
    }
    json_key(w, SLICE("response_format"));
    json_begin_object(w);
    json_member_string(w, SLICE("type"), kind == FORMAT_JSON ? SLICE("json_object") : SLICE("json_schema"));
    if (kind == FORMAT_SCHEMA) {
        write_schema_format(encoding, w);
    }
    json_end_object(w);
}

// ---- who asks

static uint64_t fnv1a(struct slice text, uint64_t seed)
{
    uint64_t hash = seed;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001B3);
        hash ^= hash >> 29;
    }
    return hash;
}

// An id that is too long becomes another one: always the same for the same, which is all that an id is for.
static void write_id(const struct encoding *encoding, struct json_writer *w, struct slice name, struct slice escaped)
{
    struct slice id = json_unescape(escaped, encoding->arena);
    if (!id.len) {
        return;
    }
    if (id.len > ID_MAX) {
        id =
            arena_printf(encoding->arena, "%016llx%016llx", (unsigned long long)fnv1a(id, UINT64_C(0xCBF29CE484222325)),
                         (unsigned long long)fnv1a(id, UINT64_C(0x9E3779B97F4A7C15)));
    }
    json_member_string(w, name, id);
}

// OpenAI takes metadata only with what is stored.
static void write_storage(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (req->origin == DIALECT_CHAT && req->store != TRI_UNSET) {
        json_member_bool(w, SLICE("store"), req->store == TRI_TRUE);
    } else if (req->store == TRI_TRUE) {
        json_member_bool(w, SLICE("store"), true);
    }
    if (req->metadata && (req->origin == DIALECT_CHAT || (encoding_is_of_openai(encoding) && req->store == TRI_TRUE))) {
        encoding_write_node(encoding, w, SLICE("metadata"), req->metadata);
    }
}

static void write_identity(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    if (chat_is_compatible(encoding)) {
        write_id(encoding, w, SLICE("user"), req->end_user);
        return;
    }
    write_id(encoding, w, SLICE("safety_identifier"), req->end_user);
    write_id(encoding, w, SLICE("prompt_cache_key"), req->cache_key);
    write_storage(encoding, w);
    if (req->verbosity.len) {
        json_member_string(w, SLICE("verbosity"), req->verbosity);
    }
    if (req->service_tier.len) {
        json_member_string(w, SLICE("service_tier"), req->service_tier);
    }
}

static void write_stream(const struct encoding *encoding, struct json_writer *w)
{
    enum tri obfuscation = encoding->req->obfuscation;
    if (!encoding->wants_stream) {
        return;
    }
    json_member_bool(w, SLICE("stream"), true);
    json_key(w, SLICE("stream_options"));
    json_begin_object(w);
    json_member_bool(w, SLICE("include_usage"), true); // we account for it, whether the client asks or not
    if (obfuscation != TRI_UNSET && !chat_is_compatible(encoding)) {
        json_member_bool(w, SLICE("include_obfuscation"), obfuscation == TRI_TRUE);
    }
    json_end_object(w);
}

void chat_encode_request(const struct encoding *encoding, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("model"), encoding->target->model);
    chat_encode_messages(encoding, &w);
    chat_encode_tools(encoding, &w);
    write_format(encoding, &w);
    write_effort(encoding, &w);
    write_limits(encoding, &w);
    write_sampling(encoding, &w);
    write_top_k(encoding, &w);
    encoding_write_node(encoding, &w, SLICE("seed"), encoding->req->seed);
    write_stops(encoding, &w);
    write_identity(encoding, &w);
    write_stream(encoding, &w);
    json_end_object(&w);
}
