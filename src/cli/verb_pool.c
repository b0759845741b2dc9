// SPDX-License-Identifier: MIT
// pool list, add, change, remove, move.
#include "cli/cli_internal.h"
#include "cli/text_table.h"

static const char *const columns[] = {"priority", "total", "active", "disabled", "banned"};

int verb_pool_list(struct command *command)
{
    static const struct slice titles[] = {
        SLICE_INIT("ID"),     SLICE_INIT("NAME"),     SLICE_INIT("PRIORITY"), SLICE_INIT("KEYS"),
        SLICE_INIT("ACTIVE"), SLICE_INIT("DISABLED"), SLICE_INIT("BANNED"),   SLICE_INIT("DESCRIPTION"),
    };
    struct text_table table;
    struct json_doc doc;
    int status;
    const struct json_node *data = command_ask(command, HTTP_GET, SLICE("/admin/pool-groups"), NULL, &doc, &status);
    if (!data || command->options->is_json) {
        if (data) {
            command_put_raw(command, &doc, data);
        }
        return status;
    }
    text_table_init(&table, &command->arena, titles, sizeof(titles) / sizeof(*titles));
    const struct json_node *group = NULL;
    while (json_is(data, JSON_ARRAY) && json_next_element(&doc, data, &group)) {
        text_table_add(&table, command_text(command, &doc, group, "id"));
        text_table_add(&table, command_text(command, &doc, group, "name"));
        for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
            text_table_add_int(&table, command_int(&doc, group, columns[i]));
        }
        text_table_add(&table, command_text(command, &doc, group, "description"));
    }
    text_table_write(&table, &command->out);
    text_table_deinit(&table);
    return status;
}

static int send_group(struct command *command, enum http_method method, struct slice target, bool has_id,
                      const char *done)
{
    const struct keys_options *options = command->options;
    struct slice id = slice_from_cstr(options->operands[0]);
    struct buf body = BUF_EMPTY;
    struct json_writer w;
    struct json_doc doc;
    int status;
    json_writer_init(&w, &body);
    json_begin_object(&w);
    command_member(&w, "id", has_id ? id : SLICE_EMPTY);
    command_member(&w, "name", has_id && !options->name.ptr ? id : options->name);
    command_member(&w, "description", options->description);
    uint64_t priority;
    if (options->priority.ptr && slice_to_u64(options->priority, &priority)) {
        json_member_int(&w, SLICE("priority"), (int64_t)priority);
    }
    json_end_object(&w);
    const struct json_node *data = command_ask(command, method, target, &body, &doc, &status);
    buf_deinit(&body);
    if (data && options->is_json) {
        command_put_raw(command, &doc, data);
    } else if (data) {
        buf_printf(&command->out, "pool %.*s %s\n", SLICE_ARG(id), done);
    }
    return status;
}

int verb_pool_add(struct command *command)
{
    return send_group(command, HTTP_POST, SLICE("/admin/pool-groups"), true, "added");
}

static struct slice group_path(struct command *command)
{
    return command_path(command, "/admin/pool-groups/", slice_from_cstr(command->options->operands[0]), "");
}

int verb_pool_change(struct command *command)
{
    return send_group(command, HTTP_PUT, group_path(command), false, "changed");
}

int verb_pool_remove(struct command *command)
{
    struct json_doc doc;
    int status;
    const struct json_node *data = command_ask(command, HTTP_DELETE, group_path(command), NULL, &doc, &status);
    if (data && command->options->is_json) {
        command_put_raw(command, &doc, data);
    } else if (data) {
        buf_printf(&command->out, "pool %s removed, %lld keys moved to default\n", command->options->operands[0],
                   (long long)command_int(&doc, data, "affected_keys"));
    }
    return status;
}

int verb_pool_move(struct command *command)
{
    struct buf body = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &body);
    json_begin_object(&w);
    json_member_string(&w, SLICE("poolGroup"), command->options->pool);
    json_end_object(&w);
    int status = command_change_each(command, HTTP_PATCH, "/pool", &body, "moved");
    buf_deinit(&body);
    return status;
}
