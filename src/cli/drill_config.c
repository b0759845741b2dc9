// SPDX-License-Identifier: MIT
#include "cli/drill_config.h"

#include "json/json_writer.h"

struct dialect_row {
    enum model_type type;
    struct slice type_name;
    const char *path; // of the simulator
};

static const struct dialect_row dialect_rows[N_DRILL_DIALECTS] = {
    [DRILL_ANTHROPIC] = {MODEL_ANTHROPIC, SLICE_INIT("anthropic"), "/v1/messages"},
    [DRILL_RESPONSES] = {MODEL_OPENAI, SLICE_INIT("openai"), "/v1/responses"},
    [DRILL_CHAT] = {MODEL_COMMON, SLICE_INIT("common"), "/v1/chat/completions"},
    [DRILL_GEMINI] = {MODEL_GOOGLE, SLICE_INIT("google"), ""},
};

struct slice drill_config_model(struct arena *arena, const struct drill_scenario *scenario, enum drill_dialect dialect)
{
    return arena_printf(arena, "drill-%s-%s", scenario->id, drill_dialect_text(dialect));
}

struct slice drill_config_backup(struct arena *arena, struct slice model)
{
    return arena_printf(arena, "%.*s-backup", SLICE_ARG(model));
}

static uint32_t shorter(uint32_t ms, uint32_t speed)
{
    return ms ? (ms + speed - 1) / speed : 0; // 0 is off
}

static const struct config_model *find_model(const struct config *config, enum model_type type)
{
    for (size_t i = 0; i < config->n_models; i++) {
        if (config->models[i].type == type) {
            return &config->models[i];
        }
    }
    return NULL;
}

static void write_timeouts(struct json_writer *w, const struct config_timeouts *timeouts, uint32_t speed)
{
    json_key(w, SLICE("timeouts"));
    json_begin_object(w);
    json_member_int(w, SLICE("connect_ms"), timeouts->connect_ms); // nothing here is far away
    json_member_int(w, SLICE("header_ms"), shorter(timeouts->header_ms, speed));
    json_member_int(w, SLICE("first_token_ms"), shorter(timeouts->first_token_ms, speed));
    json_member_int(w, SLICE("idle_ms"), shorter(timeouts->idle_ms, speed));
    json_member_int(w, SLICE("total_ms"), shorter(timeouts->total_ms, speed));
    json_end_object(w);
}

static void write_hold_back(struct json_writer *w, const struct config_hold_back *hold_back, uint32_t speed)
{
    int32_t ms = hold_back->ms > 0 ? (int32_t)shorter((uint32_t)hold_back->ms, speed) : hold_back->ms;
    json_key(w, SLICE("hold_back"));
    json_begin_object(w);
    json_member_int(w, SLICE("ms"), ms);
    json_member_int(w, SLICE("events"), hold_back->events);
    json_end_object(w);
}

static void write_model(struct json_writer *w, const struct drill_config_source *source, enum drill_dialect dialect,
                        struct slice id, struct slice backup)
{
    const struct config_model *model = find_model(source->config, dialect_rows[dialect].type);
    json_begin_object(w);
    json_member_string(w, SLICE("id"), id);
    json_member_string(w, SLICE("name"), id);
    json_member_string(w, SLICE("type"), dialect_rows[dialect].type_name);
    json_member_string(w, SLICE("endpoint"), id);
    write_timeouts(w, model ? &model->timeouts : &source->config->timeouts, source->speed);
    write_hold_back(w, model ? &model->hold_back : &source->config->hold_back, source->speed);
    if (backup.ptr) {
        json_key(w, SLICE("fallbacks"));
        json_begin_array(w);
        json_write_string(w, backup);
        json_end_array(w);
    }
    json_end_object(w);
}

static void write_endpoint(struct json_writer *w, const struct drill_config_source *source, enum drill_dialect dialect,
                           struct slice id, struct arena *arena)
{
    struct slice url = arena_printf(arena, "%.*s%s", SLICE_ARG(source->simulator_url), dialect_rows[dialect].path);
    json_begin_object(w);
    json_member_string(w, SLICE("name"), id);
    json_member_string(w, SLICE("type"), dialect_rows[dialect].type_name);
    json_member_string(w, SLICE("base_url"), url);
    json_end_object(w);
}

typedef void (*write_fn)(struct json_writer *w, const struct drill_config_source *source, enum drill_dialect dialect,
                         struct slice id, struct arena *arena);

static void write_pair(struct json_writer *w, const struct drill_config_source *source, enum drill_dialect dialect,
                       struct slice id, struct arena *arena)
{
    struct slice backup = drill_config_backup(arena, id);
    write_model(w, source, dialect, id, backup);
    write_model(w, source, dialect, backup, SLICE_EMPTY);
}

static void write_endpoints(struct json_writer *w, const struct drill_config_source *source, enum drill_dialect dialect,
                            struct slice id, struct arena *arena)
{
    write_endpoint(w, source, dialect, id, arena);
    write_endpoint(w, source, dialect, drill_config_backup(arena, id), arena);
}

static void write_all(struct json_writer *w, const struct drill_config_source *source, struct slice section,
                      write_fn write)
{
    struct arena arena;
    arena_init(&arena, 16384);
    json_key(w, section);
    json_begin_array(w);
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        for (size_t n = 0; n < N_DRILL_DIALECTS; n++) {
            enum drill_dialect dialect = (enum drill_dialect)n;
            write(w, source, dialect, drill_config_model(&arena, &drill_scenarios[i], dialect), &arena);
        }
    }
    json_end_array(w);
    arena_deinit(&arena);
}

void drill_config_write(struct buf *out, const struct drill_config_source *source)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    write_all(&w, source, SLICE("models"), write_pair);
    write_all(&w, source, SLICE("endpoint"), write_endpoints);
    json_end_object(&w);
}

void drill_config_write_environment(struct buf *out, const struct drill_config_source *source)
{
    const struct config *config = source->config;
    const struct key_settings *pool = &config->key_pool;
    uint32_t delay_ms = shorter(pool->retry_delay_ms, source->speed);
    buf_printf(out,
               "STREAM_KEEPALIVE_MS=%u\nKEY_POOL_RETRY_ENABLED=%s\nKEY_POOL_RETRY_MAX=%u\nKEY_POOL_RETRY_DELAY_MS=%u\n",
               shorter(config->stream_keepalive_ms, source->speed), pool->retries ? "true" : "false", pool->retry_max,
               delay_ms);
}
