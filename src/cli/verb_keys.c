// SPDX-License-Identifier: MIT
// list, add, import, enable, disable, remove.
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli_internal.h"
#include "cli/text_table.h"

enum { PAGE_SIZE = 1000 };

// ---- list -----------------------------------------------------------------------------------------------------------

// Calls `each` for every key of every page. Returns the exit status.
static int walk_keys(struct command *command,
                     void (*each)(struct command *command, const struct json_doc *doc, const struct json_node *key,
                                  void *arg),
                     void *arg)
{
    const struct keys_options *options = command->options;
    int64_t n_pages = 1;
    for (int64_t page = 1; page <= n_pages; page++) {
        struct json_doc doc;
        struct buf target = BUF_EMPTY;
        int status;
        buf_printf(&target, "/admin/keys?page=%lld&limit=%d", (long long)page, PAGE_SIZE);
        command_query(&target, "status", options->status);
        command_query(&target, "poolGroup", options->pool);
        command_query(&target, "provider", options->provider);
        command_query(&target, "q", options->search);
        command_query(&target, "sort", options->sort);
        const struct json_node *data = command_ask(command, HTTP_GET, buf_slice(&target), NULL, &doc, &status);
        buf_deinit(&target);
        if (!data) {
            return status;
        }
        const struct json_node *key = NULL;
        while (json_next_element(&doc, json_get(&doc, data, SLICE("keys")), &key)) {
            each(command, &doc, key, arg);
        }
        n_pages = command_int(&doc, json_get(&doc, data, SLICE("pagination")), "total_pages");
    }
    return EXIT_DONE;
}

static void put_json(struct command *command, const struct json_doc *doc, const struct json_node *key, void *arg)
{
    size_t *n = arg;
    buf_append(&command->out, (*n)++ ? SLICE(",\n") : SLICE(""));
    buf_append(&command->out, json_raw(doc, key));
}

struct key_rows {
    struct text_table table;
    char now[CLOCK_ISO8601_SIZE];
    size_t n;
};

// "2026-01-02T03:04:05.678Z" as "2026-01-02 03:04:05".
static struct slice short_time(struct command *command, struct slice time)
{
    return time.len < 19 ? SLICE("-") : arena_printf(&command->arena, "%.10s %.8s", time.ptr, time.ptr + 11);
}

static struct slice success_text(struct command *command, const struct json_doc *doc, const struct json_node *key)
{
    int64_t n_all = command_int(doc, key, "total_requests");
    int64_t n_good = command_int(doc, key, "success_requests");
    return n_all <= 0 ? SLICE("-") : arena_printf(&command->arena, "%.1f%%", 100.0 * (double)n_good / (double)n_all);
}

static void put_row(struct command *command, const struct json_doc *doc, const struct json_node *key, void *arg)
{
    struct key_rows *rows = arg;
    struct text_table *table = &rows->table;
    const struct json_node *tokens = json_get(doc, key, SLICE("tokens"));
    struct slice cooling = command_text(command, doc, key, "cooldown_until");
    struct slice status = command_text(command, doc, key, "status");
    // Times of this form are in the order of their texts.
    bool is_cooling = cooling.len == CLOCK_ISO8601_SIZE - 1 && memcmp(cooling.ptr, rows->now, cooling.len) > 0;
    text_table_add(table, command_text(command, doc, key, "id"));
    text_table_add(table, command_text(command, doc, key, "key"));
    text_table_add(table, command_text(command, doc, key, "poolGroup"));
    text_table_add(table, is_cooling && slice_eq(status, SLICE("active")) ? SLICE("cooling") : status);
    text_table_add(table, command_text(command, doc, key, "last_test_result"));
    text_table_add_int(table, command_int(doc, key, "total_requests"));
    text_table_add(table, success_text(command, doc, key));
    text_table_add_int(table, command_int(doc, tokens, "input") + command_int(doc, tokens, "output"));
    text_table_add(table, short_time(command, command_text(command, doc, key, "last_used_at")));
    text_table_add(table, command_text(command, doc, key, "notes"));
    rows->n++;
}

static int list_as_json(struct command *command)
{
    size_t n = 0;
    buf_append(&command->out, SLICE("["));
    int status = walk_keys(command, put_json, &n);
    buf_append(&command->out, SLICE("]\n"));
    if (status != EXIT_DONE) {
        buf_clear(&command->out); // half a list is none
    }
    return status;
}

int verb_list(struct command *command)
{
    static const struct slice titles[] = {
        SLICE_INIT("ID"),   SLICE_INIT("KEY"),     SLICE_INIT("POOL"),   SLICE_INIT("STATUS"),    SLICE_INIT("TEST"),
        SLICE_INIT("USED"), SLICE_INIT("SUCCESS"), SLICE_INIT("TOKENS"), SLICE_INIT("LAST USED"), SLICE_INIT("NOTES"),
    };
    struct key_rows rows = {.n = 0};
    if (command->options->is_json) {
        return list_as_json(command);
    }
    clock_format_iso8601(rows.now, clock_wall_ms());
    text_table_init(&rows.table, &command->arena, titles, sizeof(titles) / sizeof(*titles));
    int status = walk_keys(command, put_row, &rows);
    if (status == EXIT_DONE) {
        text_table_write(&rows.table, &command->out);
        buf_printf(&command->out, "%zu key%s\n", rows.n, rows.n == 1 ? "" : "s");
    }
    text_table_deinit(&rows.table);
    return status;
}

// ---- add, import ----------------------------------------------------------------------------------------------------

// The operand, or what stands on the first line of standard input: an argument can be seen by others on the machine.
static bool read_secret(struct command *command, struct slice *secret_r)
{
    const char *operand = command->options->operands[0];
    struct buf text = BUF_EMPTY;
    *secret_r = slice_from_cstr(operand);
    if (strcmp(operand, "-") != 0) {
        return true;
    }
    bool is_read = command_read_file(operand, &text);
    struct slice rest = buf_slice(&text);
    struct slice line = slice_split(&rest, '\n');
    line.len -= slice_ends_with(line, SLICE("\r"));
    *secret_r = arena_dup(&command->arena, line);
    buf_deinit(&text);
    return is_read;
}

int verb_add(struct command *command)
{
    const struct keys_options *options = command->options;
    struct slice secret;
    struct json_doc doc;
    struct json_writer w;
    struct buf body = BUF_EMPTY;
    int status;
    if (!read_secret(command, &secret)) {
        return EXIT_REFUSED;
    }
    json_writer_init(&w, &body);
    json_begin_object(&w);
    json_member_string(&w, SLICE("key"), secret);
    command_member(&w, "notes", options->notes);
    command_member(&w, "poolGroup", options->pool);
    command_member(&w, "provider", options->provider);
    json_end_object(&w);
    const struct json_node *data = command_ask(command, HTTP_POST, SLICE("/admin/keys"), &body, &doc, &status);
    buf_deinit(&body);
    if (data && options->is_json) {
        command_put_raw(command, &doc, data);
    } else if (data) {
        buf_printf(&command->out, "%.*s added: %.*s, pool %.*s\n", SLICE_ARG(command_text(command, &doc, data, "id")),
                   SLICE_ARG(command_text(command, &doc, data, "key")),
                   SLICE_ARG(command_text(command, &doc, data, "poolGroup")));
    }
    return status;
}

static void write_batch(struct command *command, struct buf *body, struct slice text)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w);
    json_member_string(&w, SLICE("keys"), text);
    command_member(&w, "notes", command->options->notes);
    command_member(&w, "poolGroup", command->options->pool);
    json_end_object(&w);
}

static void explain_import(struct command *command, const struct json_doc *doc, const struct json_node *data)
{
    const struct json_node *errors = json_get(doc, data, SLICE("errors"));
    const struct json_node *line = NULL;
    while (json_is(errors, JSON_ARRAY) && json_next_element(doc, errors, &line)) {
        struct slice text = json_string(doc, line, &command->arena);
        fprintf(stderr, "droid2api: %.*s\n", SLICE_ARG(text));
    }
    buf_printf(&command->out, "%lld added, %lld were there already, %lld refused\n",
               (long long)command_int(doc, data, "success"), (long long)command_int(doc, data, "duplicate"),
               (long long)command_int(doc, data, "invalid"));
}

int verb_import(struct command *command)
{
    struct buf text = BUF_EMPTY;
    struct buf body = BUF_EMPTY;
    struct json_doc doc;
    const struct json_node *data = NULL;
    int status = EXIT_REFUSED;
    if (command_read_file(command->options->operands[0], &text)) {
        write_batch(command, &body, buf_slice(&text));
        data = command_ask(command, HTTP_POST, SLICE("/admin/keys/batch"), &body, &doc, &status);
    }
    buf_deinit(&text);
    buf_deinit(&body);
    if (!data) {
        return status;
    }
    if (command->options->is_json) {
        command_put_raw(command, &doc, data);
    } else {
        explain_import(command, &doc, data);
    }
    return command_int(&doc, data, "invalid") > 0 ? EXIT_REFUSED : EXIT_DONE;
}

// ---- enable, disable, remove ----------------------------------------------------------------------------------------

static int set_status(struct command *command, struct slice to, const char *done)
{
    struct buf body = BUF_EMPTY;
    buf_printf(&body, "{\"status\":\"%.*s\"}", SLICE_ARG(to));
    int status = command_change_each(command, HTTP_PATCH, "/toggle", &body, done);
    buf_deinit(&body);
    return status;
}

int verb_enable(struct command *command)
{
    return set_status(command, SLICE("active"), "enabled");
}

int verb_disable(struct command *command)
{
    return set_status(command, SLICE("disabled"), "disabled");
}

int verb_remove(struct command *command)
{
    struct json_doc doc;
    int status;
    if (command->options->n_operands > 0) {
        return command_change_each(command, HTTP_DELETE, "", NULL, "removed");
    }
    struct slice target = command_path(command, "/admin/keys/", command->options->status, "");
    const struct json_node *data = command_ask(command, HTTP_DELETE, target, NULL, &doc, &status);
    if (data && command->options->is_json) {
        command_put_raw(command, &doc, data);
    } else if (data) {
        buf_printf(&command->out, "%lld removed\n", (long long)command_int(&doc, data, "count"));
    }
    return status;
}
