// SPDX-License-Identifier: MIT
#include "config/config_file.h"

#include <errno.h>
#include <string.h>

#include "config/config_defaults.h"
#include "config/endpoints.h"
#include "config/failure_rules.h"
#include "config/json_place.h"
#include "config/models.h"
#include "config/settings.h"
#include "config/text_file.h"

// Members of config.json that are no settings of the table.
static const struct {
    const char *name;
    enum json_type type;
    const char *expected;
} sections[] = {
    {"models", JSON_ARRAY, "an array of models"},       {"endpoint", JSON_ARRAY, "an array of endpoints"},
    {"proxies", JSON_ARRAY, "an array of proxies"},     {"model_redirects", JSON_OBJECT, "an object of model ids"},
    {"failure_rules", JSON_ARRAY, "an array of rules"},
};
enum { N_SECTIONS = sizeof(sections) / sizeof(*sections) };

static void create_file(struct config *config, const char *path, struct issues *issues)
{
    struct arena arena;
    arena_init(&arena, 256);
    int r = text_file_create(arena_cstr(&arena, config->data_dir), CONFIG_FILE_NAME, config_defaults_json);
    if (r < 0) {
        issues_warn(issues, "%s cannot be created, going on with the defaults: %s", path, strerror(-r));
    } else {
        config->file_text = config_defaults_json;
    }
    arena_deinit(&arena);
}

// False when there is no file (which was then created, if that is wanted) or it cannot be read.
static bool read_text(struct config *config, const struct config_file_options *options, const char *path,
                      struct issues *issues, struct slice *text_r)
{
    if (options->text) {
        *text_r = *options->text;
        return true;
    }
    int r = text_file_read(path, options->arena, CONFIG_FILE_MAX_LEN, text_r);
    bool is_missing = r == -ENOENT || r == -ENOTDIR;
    if (is_missing && options->create && issues->n_errors == 0) {
        create_file(config, path, issues);
    } else if (r < 0 && !is_missing) {
        issues_error(issues, "%s cannot be read: %s", path, strerror(-r));
    }
    return r == 0;
}

static struct slice label_of(const struct json_file *file)
{
    return file->label.len ? file->label : SLICE(CONFIG_FILE_NAME);
}

static bool parse(struct json_file *file, struct slice text)
{
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf"))) {
        text = slice_after(text, 3);
    }
    if (json_parse(&file->doc, file->arena, text, NULL) != 0) {
        size_t line;
        size_t column;
        json_position(text, file->doc.error_offset, &line, &column);
        issues_error(file->issues, "%.*s:%zu:%zu: not JSON: %s", SLICE_ARG(label_of(file)), line, column,
                     file->doc.error);
        return false;
    }
    struct json_place root = json_place_root(file);
    return json_place_expect(&root, JSON_OBJECT, "an object");
}

// A member of the top level (`group` empty) or of a group of settings.
static void read_setting(struct config *config, const struct config_file_options *options,
                         const struct json_place *place, const struct setting *setting)
{
    size_t n_rows;
    size_t row = (size_t)(setting - settings_rows(&n_rows));
    uint64_t ignored[VALUE_MAX_SIZE / sizeof(uint64_t)];
    bool is_used = setting->field != 0 && !options->is_fixed[row];
    if (json_is(place->node, JSON_NULL)) {
        return;
    }
    if (json_place_read(place, &setting->rule, is_used ? setting_field(setting, config) : ignored) &&
        setting->field == 0) {
        json_place_warn_unsupported(place);
    }
}

// Groups are nested as deep as the table has them, whatever the file says.
static void read_group(struct config *config, const struct config_file_options *options, const struct json_place *group,
                       struct slice group_name)
{
    struct slice name;
    if (!json_place_expect(group, JSON_OBJECT, "an object")) {
        return;
    }
    for (struct json_place member = {0}; json_place_next_member(group, &name, &member);) {
        const struct setting *setting = settings_find_json(group_name, name);
        struct slice inner = arena_printf(options->arena, "%.*s.%.*s", SLICE_ARG(group_name), SLICE_ARG(name));
        if (setting) {
            read_setting(config, options, &member, setting);
        } else if (!settings_is_json_group(inner)) {
            json_place_warn_unknown(&member);
        } else if (!json_is(member.node, JSON_NULL)) {
            read_group(config, options, &member, inner);
        }
    }
}

// The section's index; N_SECTIONS when there is none of that name.
static size_t find_section(struct slice name)
{
    size_t i = 0;
    while (i < N_SECTIONS && !slice_eq(name, slice_from_cstr(sections[i].name))) {
        i++;
    }
    return i;
}

static void read_settings(struct config *config, const struct config_file_options *options,
                          const struct json_file *file)
{
    struct json_place root = json_place_root(file);
    struct slice name;
    for (struct json_place member = {0}; json_place_next_member(&root, &name, &member);) {
        const struct setting *setting = settings_find_json(SLICE_EMPTY, name);
        size_t section = find_section(name);
        if (setting) {
            read_setting(config, options, &member, setting);
        } else if (settings_is_json_group(name) && !json_is(member.node, JSON_NULL)) {
            read_group(config, options, &member, name);
        } else if (section == N_SECTIONS && !settings_is_json_group(name)) {
            json_place_warn_unknown(&member);
        }
    }
}

// The section of the operator's file, or else the built-in one. False when it is of the wrong type.
static bool find_section_place(const struct json_file *file, const struct json_file *builtin, const char *name,
                               struct json_place *section_r)
{
    struct json_place root = json_place_root(file);
    struct json_place builtin_root = json_place_root(builtin);
    size_t i = find_section(slice_from_cstr(name));
    if (!json_place_member(&root, slice_from_cstr(name), section_r) &&
        !json_place_member(&builtin_root, slice_from_cstr(name), section_r)) {
        return false;
    }
    return json_place_expect(section_r, sections[i].type, sections[i].expected);
}

// In the order in which they refer to each other.
static void read_sections(struct config *config, const struct json_file *file, const struct json_file *builtin)
{
    struct json_place section;
    struct json_place models;
    if (find_section_place(file, builtin, "proxies", &section)) {
        proxies_read(config, &section);
    }
    if (find_section_place(file, builtin, "endpoint", &section)) {
        endpoints_read(config, &section);
    }
    bool has_models = find_section_place(file, builtin, "models", &models);
    if (has_models) {
        models_read(config, &models, models.file == builtin);
    }
    if (find_section_place(file, builtin, "model_redirects", &section)) {
        redirects_read(config, &section);
    }
    if (has_models) {
        fallbacks_read(config, &models);
    }
    if (find_section_place(file, builtin, "failure_rules", &section)) {
        failure_rules_read(config, &section);
    }
}

static void settle_connect_timeout(struct config *config, const bool *is_fixed)
{
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].field == offsetof(struct config, timeouts.connect_ms) && !is_fixed[i]) {
            config->timeouts.connect_ms = config->key_pool.request_timeout_ms;
        }
    }
}

void config_file_load(struct config *config, const struct config_file_options *options, struct issues *issues)
{
    struct slice path = arena_printf(options->arena, "%.*s/%s", SLICE_ARG(config->data_dir), CONFIG_FILE_NAME);
    struct json_file builtin = {
        .label = SLICE("built-in defaults"), .arena = options->arena, .strings = &config->_arena, .issues = issues};
    struct json_file file = builtin;
    file.label = options->text ? SLICE_EMPTY : path;
    struct slice text;
    bool is_there = read_text(config, options, arena_cstr(options->arena, path), issues, &text);
    if (!parse(&builtin, config_defaults_json) || (is_there && !parse(&file, text))) {
        return;
    }
    if (is_there) {
        config->file_text = arena_dup(&config->_arena, text);
        read_settings(config, options, &file);
    }
    settle_connect_timeout(config, options->is_fixed);
    read_sections(config, is_there ? &file : &builtin, &builtin);
}
