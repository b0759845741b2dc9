// SPDX-License-Identifier: MIT
#include "config/environment.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "config/text_file.h"

enum { DOTENV_MAX_LEN = 1024 * 1024, SECRET_MAX_LEN = 64 * 1024 };

void environment_init(struct environment *env, char **process, const char *dotenv_path, struct arena *arena,
                      struct issues *issues)
{
    *env = (struct environment){.process = process, .dotenv_label = dotenv_path, .arena = arena, .issues = issues};
    struct slice text;
    int r = dotenv_path ? text_file_read(dotenv_path, arena, DOTENV_MAX_LEN, &text) : -ENOENT;
    if (r == 0) {
        dotenv_parse(&env->dotenv, arena, text, dotenv_path, issues);
    } else if (r != -ENOENT) {
        issues_error(issues, "%s cannot be read: %s", dotenv_path, strerror(-r));
    }
}

static struct slice find_in_process(const struct environment *env, struct slice name)
{
    for (char **at = env->process; at && *at; at++) {
        struct slice value = slice_from_cstr(*at);
        if (slice_eq(slice_split(&value, '='), name)) {
            return value;
        }
    }
    return SLICE_EMPTY;
}

bool environment_find(const struct environment *env, struct slice name, struct env_value *value_r)
{
    struct slice text = find_in_process(env, name);
    if (text.len > 0) {
        *value_r = (struct env_value){name, text, SLICE("the environment")};
        return true;
    }
    const struct dotenv_entry *entry = dotenv_find(&env->dotenv, name);
    if (entry && entry->value.len > 0) {
        struct slice origin = arena_printf(env->arena, "%s:%u", env->dotenv_label, entry->line);
        *value_r = (struct env_value){name, entry->value, origin};
        return true;
    }
    return false;
}

static void file_error(const struct environment *env, const struct env_value *file, const char *what, const char *why)
{
    // Who puts the secret itself where the file's name belongs must not read it in the log.
    char masked[LOG_MASK_SIZE];
    bool is_path = slice_find_char(file->text, '/') != SLICE_NOT_FOUND;
    struct slice shown = is_path ? file->text : slice_from_cstr(log_mask(file->text, masked));
    issues_error(env->issues, "%.*s is %.*s in %.*s, a file that %s%s", SLICE_ARG(file->name), SLICE_ARG(shown),
                 SLICE_ARG(file->origin), what, why);
}

static struct slice without_newline(struct slice text)
{
    if (slice_ends_with(text, SLICE("\n"))) {
        text.len--;
        text.len -= slice_ends_with(text, SLICE("\r"));
    }
    return text;
}

static bool read_secret(const struct environment *env, const struct env_value *file, struct slice name,
                        struct env_value *value_r)
{
    struct slice text;
    int r = text_file_read(arena_cstr(env->arena, file->text), env->arena, SECRET_MAX_LEN, &text);
    if (r < 0) {
        file_error(env, file, "cannot be read: ", strerror(-r));
        return false;
    }
    text = without_newline(text);
    if (text.len == 0) {
        file_error(env, file, "is empty", "");
        return false;
    }
    *value_r = (struct env_value){name, text, file->text};
    return true;
}

bool environment_find_secret(const struct environment *env, struct slice name, struct env_value *value_r)
{
    struct env_value file;
    struct slice file_name = arena_printf(env->arena, "%.*s_FILE", SLICE_ARG(name));
    bool is_set = environment_find(env, name, value_r);
    if (!environment_find(env, file_name, &file)) {
        return is_set;
    }
    if (is_set) {
        issues_error(env->issues, "%.*s and %.*s are both set; only one of them may be", SLICE_ARG(name),
                     SLICE_ARG(file_name));
        return false;
    }
    return read_secret(env, &file, name, value_r);
}
