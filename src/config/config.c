// SPDX-License-Identifier: MIT
// Makes the snapshot: defaults of the table, then the environment, then what config.json has beside it.
#include "config/config.h"

#include <assert.h>

#include "config/admin_key.h"
#include "config/config_file.h"
#include "config/environment.h"
#include "config/settings.h"

static void apply_defaults(struct config *config)
{
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].field != 0 && rows[i].fallback) {
            bool is_valid = value_from_text(&rows[i].rule, slice_from_cstr(rows[i].fallback), &config->_arena,
                                            setting_field(&rows[i], config));
            assert(is_valid);
        }
    }
}

static void value_error(struct issues *issues, const struct setting *setting, const struct env_value *value)
{
    struct buf given = BUF_EMPTY;
    struct buf expected = BUF_EMPTY;
    value_describe_text(&setting->rule, value->text, &given);
    value_describe_rule(&setting->rule, &expected);
    issues_error(issues, "%s is %.*s in %.*s; it may be %.*s", setting->env, SLICE_ARG(buf_slice(&given)),
                 SLICE_ARG(value->origin), SLICE_ARG(buf_slice(&expected)));
    buf_deinit(&given);
    buf_deinit(&expected);
}

// Returns whether the environment sets it.
static bool apply_variable(struct config *config, const struct setting *setting, const struct environment *env)
{
    bool is_secret = setting->rule.type == VALUE_SECRET || setting->rule.type == VALUE_SECRET_LIST;
    struct slice name = slice_from_cstr(setting->env);
    struct env_value value;
    if (!(is_secret ? environment_find_secret : environment_find)(env, name, &value)) {
        return false;
    }
    uint64_t ignored[VALUE_MAX_SIZE / sizeof(uint64_t)];
    void *field = setting->field != 0 ? setting_field(setting, config) : ignored;
    if (!value_from_text(&setting->rule, value.text, &config->_arena, field)) {
        value_error(env->issues, setting, &value);
    } else if (setting->field == 0) {
        issues_warn(env->issues, "%s is set but not supported by this version yet", setting->env);
    }
    return true;
}

static void split_access_keys(struct config *config)
{
    struct slice rest = config->_access_key_list;
    size_t n_max = 1;
    for (size_t i = 0; i < rest.len; i++) {
        n_max += rest.ptr[i] == ',';
    }
    config->access_keys = arena_zalloc(&config->_arena, n_max * sizeof(*config->access_keys));
    while (rest.len > 0) {
        struct slice key = slice_trim(slice_split(&rest, ','));
        if (key.len > 0) {
            config->access_keys[config->n_access_keys++] = key;
        }
    }
}

static void judge_admin_key(struct config *config, struct issues *issues)
{
    static const char text[] = "ADMIN_ACCESS_KEY is weak: take one of at least 16 characters that is in no manual";
    config->has_weak_admin_key = admin_key_is_weak(config->admin_access_key);
    if (config->has_weak_admin_key && config->requires_strong_admin_key) {
        issues_error(issues, "%s (ADMIN_REQUIRE_STRONG_KEY is set)", text);
    } else if (config->has_weak_admin_key) {
        issues_warn(issues, "%s", text);
    }
}

static void load(struct config *config, const struct config_sources *sources, struct arena *arena,
                 struct issues *issues)
{
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    bool *is_fixed = arena_zalloc(arena, n_rows * sizeof(*is_fixed));
    struct environment env;
    environment_init(&env, sources->environment, sources->dotenv_path, arena, issues);
    apply_defaults(config);
    for (size_t i = 0; i < n_rows; i++) {
        is_fixed[i] = rows[i].env && apply_variable(config, &rows[i], &env);
    }
    split_access_keys(config);
    judge_admin_key(config, issues);
    struct config_file_options options = {arena, is_fixed, sources->create_file, sources->file_text};
    config_file_load(config, &options, issues);
}

struct config *config_load(const struct config_sources *sources, struct buf *errors, struct buf *warnings)
{
    struct config *config = mem_zalloc(sizeof(*config));
    struct issues issues = {.errors = errors, .warnings = warnings};
    struct arena scratch;
    config->_n_refs = 1;
    arena_init(&config->_arena, 4096);
    arena_init(&scratch, 16384);
    map_init(&config->_models_by_id);
    map_init(&config->_redirects);
    load(config, sources, &scratch, &issues);
    arena_deinit(&scratch);
    if (issues.n_errors > 0) {
        config_unref(config);
        return NULL;
    }
    return config;
}

struct config *config_ref(struct config *config)
{
    config->_n_refs++;
    return config;
}

void config_unref(struct config *config)
{
    if (!config || --config->_n_refs > 0) {
        return;
    }
    map_deinit(&config->_models_by_id);
    map_deinit(&config->_redirects);
    arena_deinit(&config->_arena);
    mem_free(config);
}

const struct config_model *config_find_model(const struct config *config, struct slice id)
{
    const struct config_model *model = map_find(&config->_redirects, id);
    return model ? model : map_find(&config->_models_by_id, id);
}
