// SPDX-License-Identifier: MIT
// A request of Gemini, decoded.
#include "dialect/gemini/gemini_request_decoder.h"

#include "dialect/gemini/gemini.h"
#include "dialect/gemini/gemini_names.h"

// ---- members of a type

static const char *wrong_type(enum json_type type)
{
    switch (type) {
    case JSON_OBJECT: return "must be an object";
    case JSON_ARRAY: return "must be an array";
    case JSON_STRING: return "must be a string";
    case JSON_NUMBER: return "must be a number";
    case JSON_TRUE:
    case JSON_FALSE: return "must be true or false";
    case JSON_NULL: break;
    }
    return "must be null";
}

bool gemini_expect(const struct gemini_reading *r, const struct json_node *node, enum json_type type)
{
    if (node->type != type) {
        loss_reject_input(r->loss, node, wrong_type(type));
    }
    return node->type == type;
}

const struct json_node *gemini_read_typed(const struct gemini_reading *r, const struct json_node *object,
                                          struct slice camel, enum json_type type)
{
    const struct json_node *value = gemini_member(r->doc, object, camel);
    return value && gemini_expect(r, value, type) ? value : NULL;
}

enum tri gemini_read_tri(const struct gemini_reading *r, const struct json_node *object, struct slice camel)
{
    const struct json_node *value = gemini_member(r->doc, object, camel);
    if (value && neutral_tri(value) == TRI_UNSET) {
        loss_reject_input(r->loss, value, wrong_type(JSON_TRUE));
    }
    return neutral_tri(value);
}

// A whole number of at least `least`; -1 without one. The node through `at_r`, which may be NULL.
static int64_t read_int(const struct gemini_reading *r, const struct json_node *object, struct slice camel,
                        int64_t least, const struct json_node **at_r)
{
    const struct json_node *node = gemini_member(r->doc, object, camel);
    int64_t value = -1;
    if (node && (!json_int64(r->doc, node, &value) || value < least)) {
        loss_reject_input(r->loss, node, least > 0 ? "must be a whole number above zero" : "must be a whole number");
        return -1;
    }
    if (at_r) {
        *at_r = node;
    }
    return value;
}

// ---- generationConfig

static void read_sampling(const struct gemini_reading *r, const struct json_node *config)
{
    struct neutral_request *req = r->req;
    req->temperature = gemini_read_typed(r, config, SLICE("temperature"), JSON_NUMBER);
    req->top_p = gemini_read_typed(r, config, SLICE("topP"), JSON_NUMBER);
    req->top_k = gemini_read_typed(r, config, SLICE("topK"), JSON_NUMBER);
    req->seed = gemini_read_typed(r, config, SLICE("seed"), JSON_NUMBER);
    req->presence_penalty = gemini_read_typed(r, config, SLICE("presencePenalty"), JSON_NUMBER);
    req->frequency_penalty = gemini_read_typed(r, config, SLICE("frequencyPenalty"), JSON_NUMBER);
    req->n_candidates = read_int(r, config, SLICE("candidateCount"), 1, &req->n_candidates_at);
    req->max_output = read_int(r, config, SLICE("maxOutputTokens"), 1, &req->max_output_at);
    req->logprobs = gemini_read_tri(r, config, SLICE("responseLogprobs"));
    req->top_logprobs = read_int(r, config, SLICE("logprobs"), 0, NULL);
    req->logprobs_at = gemini_member(r->doc, config, SLICE("responseLogprobs"));
}

static void read_stops(const struct gemini_reading *r, const struct json_node *config)
{
    const struct json_node *list = gemini_read_typed(r, config, SLICE("stopSequences"), JSON_ARRAY);
    const struct json_node *stop = NULL;
    if (!list) {
        return;
    }
    r->req->stops_at = list;
    r->req->stops = arena_alloc(r->arena, (list->next - (size_t)(list - r->doc->nodes)) * sizeof(*r->req->stops));
    while (json_next_element(r->doc, list, &stop)) {
        if (gemini_expect(r, stop, JSON_STRING)) {
            r->req->stops[r->req->n_stops++] = stop;
        }
    }
}

static void set_schema(struct answer_format *format, const struct json_node *schema, bool is_openapi)
{
    if (schema) {
        *format =
            (struct answer_format){.kind = FORMAT_SCHEMA, .at = schema, .schema = schema, .is_openapi = is_openapi};
    }
}

static void set_mime_type(const struct gemini_reading *r, const struct json_node *mime_type)
{
    struct answer_format *format = &r->req->format;
    struct slice name = json_string(r->doc, mime_type, r->arena);
    if (slice_eq_nocase(name, SLICE("application/json")) || slice_eq(name, SLICE("APPLICATION_JSON"))) {
        *format = (struct answer_format){.kind = FORMAT_JSON, .at = mime_type};
    } else if (name.len && !slice_eq_nocase(name, SLICE("text/plain")) && !slice_eq(name, SLICE("TEXT_PLAIN"))) {
        loss_refuse(r->loss, mime_type, "this model's upstream answers in plain text or in JSON only");
    }
}

// The newer way: a list of what the answer may be.
static void read_response_format(const struct gemini_reading *r, const struct json_node *config)
{
    const struct json_node *list = gemini_read_typed(r, config, SLICE("responseFormat"), JSON_ARRAY);
    const struct json_node *format = NULL;
    while (list && json_next_element(r->doc, list, &format)) {
        const struct json_node *text = gemini_member(r->doc, format, SLICE("text"));
        if (text) {
            set_mime_type(r, gemini_read_typed(r, text, SLICE("mimeType"), JSON_STRING));
            set_schema(&r->req->format, gemini_read_typed(r, text, SLICE("schema"), JSON_OBJECT), false);
        } else {
            loss_refuse(r->loss, format, "this model's upstream answers in text only");
        }
    }
}

static void read_format(const struct gemini_reading *r, const struct json_node *config)
{
    struct answer_format *format = &r->req->format;
    set_mime_type(r, gemini_read_typed(r, config, SLICE("responseMimeType"), JSON_STRING));
    set_schema(format, gemini_read_typed(r, config, SLICE("responseSchema"), JSON_OBJECT), true);
    set_schema(format, gemini_read_typed(r, config, SLICE("_responseJsonSchema"), JSON_OBJECT), false);
    set_schema(format, gemini_read_typed(r, config, SLICE("responseJsonSchema"), JSON_OBJECT), false);
    read_response_format(r, config);
}

static void read_modalities(const struct gemini_reading *r, const struct json_node *config)
{
    const struct json_node *list = gemini_read_typed(r, config, SLICE("responseModalities"), JSON_ARRAY);
    const struct json_node *modality = NULL;
    while (list && json_next_element(r->doc, list, &modality)) {
        if (!slice_eq_nocase(json_string(r->doc, modality, r->arena), SLICE("TEXT"))) {
            loss_refuse(r->loss, modality, "this model's upstream answers in text only");
        }
    }
}

static void read_level(const struct gemini_reading *r, const struct json_node *level)
{
    static const enum effort LEVELS[] = {EFFORT_MINIMAL, EFFORT_LOW, EFFORT_MEDIUM, EFFORT_HIGH};
    struct slice word = json_string(r->doc, level, r->arena);
    for (size_t i = 0; i < sizeof(LEVELS) / sizeof(*LEVELS); i++) {
        if (slice_eq_nocase(word, slice_from_cstr(neutral_effort_word(LEVELS[i])))) {
            r->req->thinking.effort = LEVELS[i];
            r->req->thinking.state = THINKING_ON;
            return;
        }
    }
    if (!slice_eq(word, SLICE("THINKING_LEVEL_UNSPECIFIED"))) {
        loss_reject_input(r->loss, level, "must be MINIMAL, LOW, MEDIUM or HIGH");
    }
}

static void read_budget(const struct gemini_reading *r, const struct json_node *config)
{
    struct thinking *thinking = &r->req->thinking;
    const struct json_node *node = NULL;
    int64_t budget = read_int(r, config, SLICE("thinkingBudget"), -1, &node);
    if (!node) {
        return;
    }
    thinking->state = budget < 0 ? THINKING_AUTO : budget == 0 ? THINKING_OFF : THINKING_ON;
    thinking->budget = budget > 0 ? budget : -1;
}

static void read_thinking(const struct gemini_reading *r, const struct json_node *config)
{
    const struct json_node *thinking = gemini_read_typed(r, config, SLICE("thinkingConfig"), JSON_OBJECT);
    const struct json_node *level = gemini_read_typed(r, thinking, SLICE("thinkingLevel"), JSON_STRING);
    enum tri shows = gemini_read_tri(r, thinking, SLICE("includeThoughts"));
    if (!thinking) {
        return;
    }
    r->req->thinking.at = thinking;
    r->req->thinking.show = shows == TRI_TRUE ? SHOW_AUTO : shows == TRI_FALSE ? SHOW_NONE : SHOW_UNSET;
    read_budget(r, thinking);
    if (level) {
        read_level(r, level);
    }
}

static void read_config(const struct gemini_reading *r, const struct json_node *config)
{
    read_sampling(r, config);
    read_stops(r, config);
    read_format(r, config);
    read_modalities(r, config);
    read_thinking(r, config);
    loss_warn(r->loss, LOSS_DROPPED, gemini_member(r->doc, config, SLICE("speechConfig")));
    loss_warn(r->loss, LOSS_DROPPED, gemini_member(r->doc, config, SLICE("imageConfig")));
}

// ---- the root

static void read_service_tier(const struct gemini_reading *r, const struct json_node *root)
{
    const struct json_node *tier = gemini_read_typed(r, root, SLICE("serviceTier"), JSON_STRING);
    struct slice word = json_string(r->doc, tier, r->arena);
    if (!word.len) {
        return;
    }
    r->req->service_tier_at = tier;
    if (slice_eq_nocase(word, SLICE("standard"))) {
        r->req->service_tier = SLICE("default");
    } else if (slice_eq_nocase(word, SLICE("flex"))) {
        r->req->service_tier = SLICE("flex");
    } else if (slice_eq_nocase(word, SLICE("priority"))) {
        r->req->service_tier = SLICE("priority");
    } else {
        loss_warn(r->loss, LOSS_DROPPED, tier);
    }
}

// Safety settings and labels have no counterpart and change nothing that another provider would do.
static void read_state(const struct gemini_reading *r, const struct json_node *root)
{
    const struct json_node *cached = gemini_member(r->doc, root, SLICE("cachedContent"));
    const struct json_node *token = gemini_member(r->doc, root, SLICE("continuationToken"));
    if (cached) {
        loss_refuse(r->loss, cached, "this model's upstream has no cached contents");
    }
    if (token) {
        loss_refuse(r->loss, token, "this model's upstream continues no earlier answer");
    }
    r->req->store = gemini_read_tri(r, root, SLICE("store"));
    r->req->store_at = gemini_member(r->doc, root, SLICE("store"));
}

bool gemini_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss)
{
    struct gemini_reading r = {req, req->doc, arena, loss};
    // A request for counting tokens may hold the request that is to be counted.
    const struct json_node *inner =
        gemini_read_typed(&r, json_root(req->doc), SLICE("generateContentRequest"), JSON_OBJECT);
    const struct json_node *root = inner ? inner : json_root(req->doc);
    const struct json_node *contents = gemini_read_typed(&r, root, SLICE("contents"), JSON_ARRAY);
    if (!contents && !loss->is_refused) {
        loss_reject_input(loss, root, "needs the member 'contents'");
        return false;
    }
    gemini_read_system(&r, gemini_member(req->doc, root, SLICE("systemInstruction")));
    gemini_read_tools(&r, gemini_read_typed(&r, root, SLICE("tools"), JSON_ARRAY));
    gemini_read_tool_config(&r, gemini_read_typed(&r, root, SLICE("toolConfig"), JSON_OBJECT));
    gemini_read_contents(&r, contents);
    read_config(&r, gemini_read_typed(&r, root, SLICE("generationConfig"), JSON_OBJECT));
    read_service_tier(&r, root);
    read_state(&r, root);
    return !loss->is_refused;
}
