// SPDX-License-Identifier: MIT
// test: of single keys, one after the other; or of all, with a line for each as it ends.
#include <stdio.h>

#include "cli/cli_internal.h"

static int refuse_without_gateway(void)
{
    fprintf(stderr,
            "droid2api: keys are tested through the running gateway, and none runs on this data folder: start it\n");
    return EXIT_UNREACHABLE;
}

// ---- single keys ----------------------------------------------------------------------------------------------------

static void put_outcome(struct command *command, struct slice id, const struct json_doc *doc,
                        const struct json_node *outcome)
{
    bool is_good = json_is(json_get(doc, outcome, SLICE("success")), JSON_TRUE);
    buf_printf(&command->out, "%.*s %s (status %lld, %lld ms, %.*s)%s%.*s\n", SLICE_ARG(id),
               is_good ? "good" : "FAILED", (long long)command_int(doc, outcome, "status"),
               (long long)command_int(doc, outcome, "latency_ms"),
               SLICE_ARG(command_text(command, doc, outcome, "key_status")), is_good ? "" : ": ",
               SLICE_ARG(is_good ? SLICE_EMPTY : command_text(command, doc, outcome, "message")));
}

static int test_one(struct command *command, struct slice id)
{
    struct json_doc doc;
    int status;
    const struct json_node *data =
        command_ask(command, HTTP_POST, command_path(command, "/admin/keys/", id, "/test"), NULL, &doc, &status);
    if (!data) {
        return status;
    }
    if (command->options->is_json) {
        command_put_raw(command, &doc, data);
    } else {
        put_outcome(command, id, &doc, data);
    }
    command_flush(command);
    return json_is(json_get(&doc, data, SLICE("success")), JSON_TRUE) ? EXIT_DONE : EXIT_REFUSED;
}

static int test_each(struct command *command)
{
    int worst = EXIT_DONE;
    for (size_t i = 0; i < command->options->n_operands; i++) {
        int status = test_one(command, slice_from_cstr(command->options->operands[i]));
        worst = status > worst ? status : worst;
    }
    return worst;
}

// ---- all of them ----------------------------------------------------------------------------------------------------

struct test_run {
    struct command *command;
    bool has_ended;
    int64_t n_failed;
};

static void put_summary(struct test_run *run, const struct json_doc *doc, const struct json_node *summary)
{
    run->has_ended = true;
    run->n_failed = command_int(doc, summary, "failed");
    if (run->command->options->is_json) {
        command_put_raw(run->command, doc, summary);
    } else {
        buf_printf(&run->command->out, "%lld tested: %lld good, %lld failed, of which %lld are banned now\n",
                   (long long)command_int(doc, summary, "tested"), (long long)command_int(doc, summary, "success"),
                   (long long)run->n_failed, (long long)command_int(doc, summary, "banned"));
    }
}

// Progress tells of one key ({"progress", "key"}), the last event counts them, in the envelope of the admin API.
static void on_event(void *arg, struct slice data)
{
    struct test_run *run = arg;
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 1024);
    if (json_parse(&doc, &arena, data, NULL) == 0) {
        const struct json_node *root = json_root(&doc);
        const struct json_node *summary = json_get(&doc, root, SLICE("data"));
        const struct json_node *key = json_get(&doc, root, SLICE("key"));
        if (summary) {
            put_summary(run, &doc, summary);
        } else if (key && !run->command->options->is_json) {
            put_outcome(run->command, json_string(&doc, json_get(&doc, key, SLICE("id")), &arena), &doc, key);
        }
        command_flush(run->command);
    }
    arena_deinit(&arena);
}

static void write_filter(struct command *command, struct buf *body)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w);
    command_member(&w, "poolGroup", command->options->pool);
    command_member(&w, "status", command->options->status);
    json_end_object(&w);
}

static int test_all(struct command *command)
{
    struct test_run run = {.command = command};
    struct buf body = BUF_EMPTY;
    struct admin_answer answer;
    write_filter(command, &body);
    struct admin_request request = {.method = HTTP_POST,
                                    .target = SLICE("/admin/keys/test-all"),
                                    .body = buf_slice(&body),
                                    .on_event = on_event,
                                    .arg = &run};
    admin_call(admin_link_peer(command->link), &request, &answer);
    int status = run.n_failed > 0 ? EXIT_REFUSED : EXIT_DONE;
    if (answer.status != 200) {
        status = command_complain(command, &answer);
    } else if (!run.has_ended) {
        fprintf(stderr, "droid2api: the gateway has ended before all keys were tested\n");
        status = EXIT_UNREACHABLE;
    }
    admin_answer_deinit(&answer);
    buf_deinit(&body);
    return status;
}

int verb_test(struct command *command)
{
    if (admin_link_is_own(command->link)) {
        return refuse_without_gateway();
    }
    return command->options->is_all ? test_all(command) : test_each(command);
}
