// SPDX-License-Identifier: MIT
#include "gateway/model_list.h"

#include "base/clock.h"
#include "json/json_writer.h"

static struct slice owner_of(const struct config_model *model)
{
    if (model->provider.len) {
        return model->provider;
    }
    switch (model->type) {
    case MODEL_ANTHROPIC: return SLICE("anthropic");
    case MODEL_OPENAI:
    case MODEL_COMMON: return SLICE("openai");
    case MODEL_GOOGLE: return SLICE("google");
    }
    return SLICE_EMPTY;
}

static void write_openai(struct json_writer *w, const struct config_model *model, int64_t created_ms)
{
    json_begin_object(w);
    json_member_string(w, SLICE("id"), model->id);
    json_member_string(w, SLICE("object"), SLICE("model"));
    json_member_int(w, SLICE("created"), created_ms / 1000);
    json_member_string(w, SLICE("owned_by"), owner_of(model));
    json_end_object(w);
}

static void write_anthropic(struct json_writer *w, const struct config_model *model, int64_t created_ms)
{
    char created[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(created, created_ms);
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("model"));
    json_member_string(w, SLICE("id"), model->id);
    json_member_string(w, SLICE("display_name"), model->name.len ? model->name : model->id);
    json_member_string(w, SLICE("created_at"), slice_from_cstr(created));
    json_end_object(w);
}

static void write_gemini(struct json_writer *w, const struct config_model *model)
{
    static const struct slice methods[] = {SLICE_INIT("generateContent"), SLICE_INIT("streamGenerateContent"),
                                           SLICE_INIT("countTokens")};
    struct buf name = BUF_EMPTY;
    buf_append(&name, SLICE("models/"));
    buf_append(&name, model->id);
    json_begin_object(w);
    json_member_string(w, SLICE("name"), buf_slice(&name));
    json_member_string(w, SLICE("displayName"), model->name.len ? model->name : model->id);
    json_key(w, SLICE("supportedGenerationMethods"));
    json_begin_array(w);
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        json_write_string(w, methods[i]);
    }
    json_end_array(w);
    json_end_object(w);
    buf_deinit(&name);
}

static void write_model(struct json_writer *w, const struct config_model *model, enum dialect dialect,
                        int64_t created_ms)
{
    switch (dialect) {
    case DIALECT_ANTHROPIC: write_anthropic(w, model, created_ms); return;
    case DIALECT_GEMINI: write_gemini(w, model); return;
    case DIALECT_CHAT:
    case DIALECT_RESPONSES: write_openai(w, model, created_ms); return;
    }
}

static void write_id_or_null(struct json_writer *w, struct slice name, const struct config_model *model)
{
    json_key(w, name);
    if (model) {
        json_write_string(w, model->id);
    } else {
        json_write_null(w);
    }
}

static void write_paging(struct json_writer *w, const struct config *config)
{
    json_member_bool(w, SLICE("has_more"), false);
    write_id_or_null(w, SLICE("first_id"), config->n_models ? &config->models[0] : NULL);
    write_id_or_null(w, SLICE("last_id"), config->n_models ? &config->models[config->n_models - 1] : NULL);
}

void model_list_write(const struct config *config, enum dialect dialect, int64_t created_wall_ms, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    if (dialect == DIALECT_CHAT || dialect == DIALECT_RESPONSES) {
        json_member_string(&w, SLICE("object"), SLICE("list"));
    }
    json_key(&w, dialect == DIALECT_GEMINI ? SLICE("models") : SLICE("data"));
    json_begin_array(&w);
    for (size_t i = 0; i < config->n_models; i++) {
        write_model(&w, &config->models[i], dialect, created_wall_ms);
    }
    json_end_array(&w);
    if (dialect == DIALECT_ANTHROPIC) {
        write_paging(&w, config);
    }
    json_end_object(&w);
}

bool model_list_write_one(const struct config *config, struct slice id, enum dialect dialect, int64_t created_wall_ms,
                          struct buf *out)
{
    const struct config_model *model = config_find_model(config, id);
    if (!model) {
        return false;
    }
    struct json_writer w;
    json_writer_init(&w, out);
    write_model(&w, model, dialect, created_wall_ms);
    return true;
}
