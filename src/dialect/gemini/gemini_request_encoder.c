// SPDX-License-Identifier: MIT
// Any request, as one of Gemini. Google refuses members that it does not know, so nothing is passed on unseen.
#include "dialect/gemini/gemini_request_encoder.h"

#include "dialect/gemini/gemini.h"

// ---- generationConfig

static void write_count(const struct gemini_writing *g, struct slice name, int64_t value)
{
    if (value >= 0) {
        json_member_int(g->w, name, value);
    }
}

// A whole number, also where the client wrote a fraction.
static void write_whole(const struct gemini_writing *g, struct slice name, const struct json_node *node)
{
    int64_t value;
    double number;
    if (json_int64(g->encoding->req->doc, node, &value)) {
        json_member_int(g->w, name, value);
    } else if (json_double(g->encoding->req->doc, node, &number) && number >= 0 && number < INT32_MAX) {
        json_member_int(g->w, name, (int64_t)number);
    } else {
        loss_warn(g->encoding->loss, LOSS_DROPPED, node);
    }
}

// Google takes 32 bits. The same seed becomes the same number again, which is all that a seed is for.
static void write_seed(const struct gemini_writing *g, const struct json_node *seed)
{
    int64_t value;
    if (!json_int64(g->encoding->req->doc, seed, &value)) {
        loss_warn(g->encoding->loss, LOSS_DROPPED, seed);
        return;
    }
    bool fits = value >= INT32_MIN && value <= INT32_MAX;
    uint64_t bits = (uint64_t)value;
    json_member_int(g->w, SLICE("seed"), fits ? value : (int64_t)((bits ^ bits >> 32) & INT32_MAX));
}

static void write_sampling(const struct gemini_writing *g)
{
    const struct neutral_request *req = g->encoding->req;
    encoding_write_node(g->encoding, g->w, SLICE("temperature"), req->temperature);
    encoding_write_node(g->encoding, g->w, SLICE("topP"), req->top_p);
    if (req->top_k) {
        write_whole(g, SLICE("topK"), req->top_k);
    }
    if (req->seed) {
        write_seed(g, req->seed);
    }
    encoding_write_node(g->encoding, g->w, SLICE("presencePenalty"), req->presence_penalty);
    encoding_write_node(g->encoding, g->w, SLICE("frequencyPenalty"), req->frequency_penalty);
    write_count(g, SLICE("candidateCount"), req->n_candidates);
    write_count(g, SLICE("maxOutputTokens"), req->max_output);
    if (usage_is_filled(req->doc, req->logit_bias)) {
        loss_warn(g->encoding->loss, LOSS_DROPPED, req->logit_bias);
    }
    if (req->logprobs == TRI_TRUE) {
        json_member_bool(g->w, SLICE("responseLogprobs"), true);
        if (req->top_logprobs > 0) {
            json_member_int(g->w, SLICE("logprobs"), req->top_logprobs);
        }
    }
}

// Those that find no room are looked for in the answer.
static void write_stops(const struct gemini_writing *g)
{
    const struct neutral_request *req = g->encoding->req;
    if (req->n_stops_sent == 0) {
        return;
    }
    json_key(g->w, SLICE("stopSequences"));
    json_begin_array(g->w);
    for (size_t i = 0; i < req->n_stops_sent; i++) {
        json_write_raw(g->w, json_raw(req->doc, req->stops[i]));
    }
    json_end_array(g->w);
}

static void write_format(const struct gemini_writing *g, bool has_functions)
{
    const struct answer_format *format = &g->encoding->req->format;
    if (format->kind == FORMAT_TEXT) {
        return;
    }
    if (has_functions && !gemini_profile(g)->mixes_schema_and_tools) {
        loss_refuse(g->encoding->loss, format->at, "this model does not answer in JSON where it may call functions");
        return;
    }
    json_member_string(g->w, SLICE("responseMimeType"), SLICE("application/json"));
    if (format->kind == FORMAT_SCHEMA) {
        encoding_write_node(g->encoding, g->w,
                            format->is_openapi ? SLICE("responseSchema") : SLICE("responseJsonSchema"), format->schema);
    }
}

static void write_config(const struct gemini_writing *g, bool has_functions)
{
    size_t len_before = g->w->out->len;
    struct json_writer before = *g->w;
    json_key(g->w, SLICE("generationConfig"));
    json_begin_object(g->w);
    size_t len_empty = g->w->out->len;
    write_sampling(g);
    write_stops(g);
    write_format(g, has_functions);
    gemini_write_thinking(g);
    if (g->w->out->len == len_empty) {
        g->w->out->len = len_before;
        *g->w = before;
    } else {
        json_end_object(g->w);
    }
}

// ---- the root

static void write_service_tier(const struct gemini_writing *g)
{
    const struct neutral_request *req = g->encoding->req;
    if (slice_eq(req->service_tier, SLICE("default"))) {
        json_member_string(g->w, SLICE("serviceTier"), SLICE("standard"));
    } else if (slice_eq(req->service_tier, SLICE("flex")) || slice_eq(req->service_tier, SLICE("priority"))) {
        json_member_string(g->w, SLICE("serviceTier"), req->service_tier);
    } else if (req->service_tier.len && !slice_eq(req->service_tier, SLICE("auto"))) {
        loss_warn(g->encoding->loss, LOSS_DROPPED, req->service_tier_at);
    }
}

// That nothing is kept is so anyway; that something is would be a promise.
static void write_store(const struct gemini_writing *g)
{
    const struct neutral_request *req = g->encoding->req;
    if (req->origin == DIALECT_GEMINI) {
        encoding_write_node(g->encoding, g->w, SLICE("store"), req->store_at);
    } else if (req->store == TRI_TRUE) {
        loss_warn(g->encoding->loss, LOSS_DROPPED, req->store_at);
    }
}

static void write_model(const struct gemini_writing *g, const char *prefix)
{
    struct slice parts[] = {slice_from_cstr(prefix), g->encoding->target->model};
    json_member_string(g->w, SLICE("model"), arena_concat(g->encoding->arena, parts, 2));
}

// What there is to be read; true when functions may be called.
static bool write_input(const struct gemini_writing *g)
{
    gemini_write_system(g);
    gemini_write_contents(g);
    bool has_functions = gemini_write_tools(g);
    gemini_write_tool_config(g, has_functions);
    return has_functions;
}

// The plain form of such a request counts neither instructions nor tools.
static void write_count_request(const struct gemini_writing *g)
{
    bool has_prefix = slice_starts_with(g->encoding->target->model, SLICE("models/"));
    json_key(g->w, SLICE("generateContentRequest"));
    json_begin_object(g->w);
    write_model(g, has_prefix ? "" : "models/");
    write_input(g);
    json_end_object(g->w);
}

static void write_request(const struct gemini_writing *g)
{
    if (g->encoding->writes_model) {
        write_model(g, "");
    }
    write_config(g, write_input(g));
    write_service_tier(g);
    write_store(g);
}

void gemini_encode_request(const struct encoding *encoding, struct buf *out)
{
    struct json_writer w;
    struct gemini_writing g = {encoding, &w};
    json_writer_init(&w, out);
    json_begin_object(&w);
    if (encoding->counts) {
        write_count_request(&g);
    } else {
        write_request(&g);
    }
    json_end_object(&w);
}
