// SPDX-License-Identifier: MIT
#include "account/key_test_ask.h"

#include "json/json_writer.h"

enum { ANSWER_TOKENS = 16 };
static const struct slice question = SLICE_INIT("Reply with OK.");

// ---- which model ----------------------------------------------------------------------------------------------------

// What providers are known to serve from their own addresses. Factory serves everything, from addresses of its own.
static bool serves_type(struct slice provider, const struct config_model *model)
{
    switch (model->type) {
    case MODEL_ANTHROPIC: return slice_eq(provider, SLICE("anthropic"));
    case MODEL_OPENAI: return slice_eq(provider, SLICE("openai"));
    case MODEL_COMMON: return slice_eq(provider, SLICE("openai")) || slice_eq(provider, SLICE("glm"));
    case MODEL_GOOGLE: return slice_eq(provider, SLICE("google"));
    }
    return false;
}

// From 3 for certain to 0 for not at all.
static unsigned suits(const struct config_model *model, struct slice provider)
{
    bool is_factory = model->endpoint && model->endpoint->is_factory;
    if (slice_eq(provider, SLICE("factory"))) {
        return is_factory ? 3 : 0;
    }
    if (!is_factory && slice_eq_nocase(model->provider, provider)) {
        return 3;
    }
    if (serves_type(provider, model)) {
        return is_factory ? 1 : 2;
    }
    return 0;
}

const struct config_model *key_test_model(const struct config_model *models, size_t n_models, struct slice id,
                                          struct slice provider)
{
    const struct config_model *best = n_models ? &models[0] : NULL;
    unsigned best_suits = 0;
    for (size_t i = 0; i < n_models; i++) {
        if (id.len && slice_eq(models[i].id, id)) {
            return &models[i];
        }
        if (suits(&models[i], provider) > best_suits) {
            best = &models[i];
            best_suits = suits(best, provider);
        }
    }
    return best;
}

// ---- what is asked --------------------------------------------------------------------------------------------------

const char *key_test_path(enum model_type type)
{
    switch (type) {
    case MODEL_ANTHROPIC: return "/v1/messages";
    case MODEL_OPENAI: return "/v1/responses";
    case MODEL_COMMON: return "/v1/chat/completions";
    case MODEL_GOOGLE: return "/v1/generate";
    }
    return "/";
}

static void write_messages(struct json_writer *w)
{
    json_key(w, SLICE("messages"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_string(w, SLICE("role"), SLICE("user"));
    json_member_string(w, SLICE("content"), question);
    json_end_object(w);
    json_end_array(w);
    json_member_int(w, SLICE("max_tokens"), ANSWER_TOKENS);
}

static void write_contents(struct json_writer *w)
{
    json_key(w, SLICE("contents"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_string(w, SLICE("role"), SLICE("user"));
    json_key(w, SLICE("parts"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_string(w, SLICE("text"), question);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
    json_end_array(w);
    json_key(w, SLICE("generationConfig"));
    json_begin_object(w);
    json_member_int(w, SLICE("maxOutputTokens"), ANSWER_TOKENS);
    json_end_object(w);
}

void key_test_write_body(struct buf *out, enum model_type type, struct slice model_id)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("model"), model_id);
    switch (type) {
    case MODEL_ANTHROPIC:
    case MODEL_COMMON: write_messages(&w); break;
    case MODEL_OPENAI:
        json_member_string(&w, SLICE("input"), question);
        json_member_int(&w, SLICE("max_output_tokens"), ANSWER_TOKENS);
        break;
    case MODEL_GOOGLE: write_contents(&w); break;
    }
    json_end_object(&w);
}
