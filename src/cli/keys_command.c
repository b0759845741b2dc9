// SPDX-License-Identifier: MIT
#include "cli/keys_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_internal.h"
#include "http/url.h"

enum { FILE_MAX = 128 * 1024 * 1024, READ_SIZE = 64 * 1024, BODY_SHOWN_MAX = 300 };

// ---- asking ---------------------------------------------------------------------------------------------------------

int command_complain(struct command *command, const struct admin_answer *answer)
{
    struct json_doc doc;
    struct slice body = buf_slice(&answer->body);
    if (answer->status == 0) {
        fprintf(stderr, "droid2api: %.*s does not answer: %.*s\n", SLICE_ARG(admin_link_peer(command->link)->host),
                SLICE_ARG(body));
        return EXIT_UNREACHABLE;
    }
    if (answer->status == 401) {
        fprintf(stderr,
                "droid2api: the gateway does not take ADMIN_ACCESS_KEY of this folder: is this its folder, and was "
                "it restarted after the key was changed?\n");
        return EXIT_UNREACHABLE;
    }
    struct slice message = SLICE_EMPTY;
    if (json_parse(&doc, &command->arena, body, NULL) == 0) {
        message = command_text(command, &doc, json_root(&doc), "message");
    }
    message = message.len ? message : slice_of(body.ptr, body.len < BODY_SHOWN_MAX ? body.len : BODY_SHOWN_MAX);
    fprintf(stderr, "droid2api: %.*s (status %u)\n", SLICE_ARG(message), answer->status);
    bool is_closed = answer->status == 403 || answer->status == 503;
    return is_closed ? EXIT_UNREACHABLE : EXIT_REFUSED;
}

const struct json_node *command_ask(struct command *command, enum http_method method, struct slice target,
                                    const struct buf *body, struct json_doc *doc_r, int *status_r)
{
    struct admin_request request = {.method = method, .target = target, .body = body ? buf_slice(body) : SLICE_EMPTY};
    struct admin_answer answer;
    const struct json_node *data = NULL;
    admin_call(admin_link_peer(command->link), &request, &answer);
    if (answer.status / 100 == 2) {
        struct slice text = arena_dup(&command->arena, buf_slice(&answer.body));
        int r = json_parse(doc_r, &command->arena, text, NULL);
        data = r == 0 ? json_get(doc_r, json_root(doc_r), SLICE("data")) : NULL;
    }
    *status_r = data ? EXIT_DONE : command_complain(command, &answer);
    admin_answer_deinit(&answer);
    return data;
}

int command_change_each(struct command *command, enum http_method method, const char *after, const struct buf *body,
                        const char *done)
{
    int worst = EXIT_DONE;
    for (size_t i = 0; i < command->options->n_operands; i++) {
        struct slice id = slice_from_cstr(command->options->operands[i]);
        struct json_doc doc;
        int status;
        const struct json_node *data =
            command_ask(command, method, command_path(command, "/admin/keys/", id, after), body, &doc, &status);
        if (data && command->options->is_json) {
            command_put_raw(command, &doc, data);
        } else if (data) {
            buf_printf(&command->out, "%.*s %s\n", SLICE_ARG(id), done);
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}

// ---- writing requests, reading answers ------------------------------------------------------------------------------

struct slice command_path(struct command *command, const char *before, struct slice id, const char *after)
{
    struct buf target = BUF_EMPTY;
    buf_append(&target, slice_from_cstr(before));
    url_encode(&target, id, "");
    buf_append(&target, slice_from_cstr(after));
    struct slice result = arena_dup(&command->arena, buf_slice(&target));
    buf_deinit(&target);
    return result;
}

void command_query(struct buf *target, const char *name, struct slice value)
{
    if (value.ptr) {
        bool is_first = slice_find_char(buf_slice(target), '?') == SLICE_NOT_FOUND;
        buf_printf(target, "%c%s=", is_first ? '?' : '&', name);
        url_encode(target, value, "");
    }
}

void command_member(struct json_writer *w, const char *name, struct slice value)
{
    if (value.ptr) {
        json_member_string(w, slice_from_cstr(name), value);
    }
}

struct slice command_text(struct command *command, const struct json_doc *doc, const struct json_node *object,
                          const char *name)
{
    return json_string(doc, json_get(doc, object, slice_from_cstr(name)), &command->arena);
}

int64_t command_int(const struct json_doc *doc, const struct json_node *object, const char *name)
{
    int64_t value = 0;
    return json_int64(doc, json_get(doc, object, slice_from_cstr(name)), &value) ? value : 0;
}

bool command_read_file(const char *path, struct buf *text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    if (!file) {
        fprintf(stderr, "droid2api: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    size_t n = 0;
    do {
        n = fread(buf_reserve(text, READ_SIZE), 1, READ_SIZE, file);
        text->len += n;
    } while (n > 0 && text->len <= FILE_MAX);
    const char *problem = ferror(file) ? strerror(errno) : text->len > FILE_MAX ? "it is over 128 MB" : NULL;
    if (problem) {
        fprintf(stderr, "droid2api: cannot read %s: %s\n", is_stdin ? "standard input" : path, problem);
    }
    if (!is_stdin) {
        fclose(file);
    }
    return !problem;
}

// ---- output ---------------------------------------------------------------------------------------------------------

void command_flush(struct command *command)
{
    size_t n = command->out.len ? fwrite(command->out.ptr, 1, command->out.len, stdout) : 0;
    if ((n != command->out.len || fflush(stdout) != 0) && !command->has_lost_output) {
        command->has_lost_output = true;
        fprintf(stderr, "droid2api: cannot write to standard output: %s\n", strerror(errno));
    }
    buf_clear(&command->out);
}

void command_put_raw(struct command *command, const struct json_doc *doc, const struct json_node *value)
{
    buf_append(&command->out, json_raw(doc, value));
    buf_append_char(&command->out, '\n');
}

// ---- the command ----------------------------------------------------------------------------------------------------

static int run_verb(struct command *command)
{
    switch (command->options->verb) {
    case KEYS_LIST: return verb_list(command);
    case KEYS_ADD: return verb_add(command);
    case KEYS_IMPORT: return verb_import(command);
    case KEYS_TEST: return verb_test(command);
    case KEYS_EXPORT: return verb_export(command);
    case KEYS_ENABLE: return verb_enable(command);
    case KEYS_DISABLE: return verb_disable(command);
    case KEYS_REMOVE: return verb_remove(command);
    case KEYS_POOL_LIST: return verb_pool_list(command);
    case KEYS_POOL_ADD: return verb_pool_add(command);
    case KEYS_POOL_CHANGE: return verb_pool_change(command);
    case KEYS_POOL_REMOVE: return verb_pool_remove(command);
    case KEYS_POOL_MOVE: return verb_pool_move(command);
    }
    return EXIT_USAGE;
}

// Each line of it behind the program's name.
static void print_problem(const struct buf *problem)
{
    for (struct slice rest = buf_slice(problem); rest.len > 0;) {
        struct slice line = slice_split(&rest, '\n');
        fprintf(stderr, "droid2api: %.*s\n", SLICE_ARG(line));
    }
}

static int run_linked(const struct keys_options *options)
{
    struct config_sources sources = {.environment = environ, .dotenv_path = ".env"};
    struct buf problem = BUF_EMPTY;
    struct command command = {.options = options, .link = admin_link_open(&sources, &problem)};
    print_problem(&problem);
    buf_deinit(&problem);
    if (!command.link) {
        return EXIT_UNREACHABLE;
    }
    arena_init(&command.arena, 4096);
    int status = run_verb(&command);
    command_flush(&command);
    if (command.has_lost_output && status == EXIT_DONE) {
        status = EXIT_REFUSED;
    }
    buf_deinit(&command.out);
    arena_deinit(&command.arena);
    admin_link_close(command.link);
    return status;
}

static void print_help(void)
{
    struct buf help = BUF_EMPTY;
    keys_options_help(&help);
    printf("%.*s", SLICE_ARG(buf_slice(&help)));
    buf_deinit(&help);
}

// Keys are in memory: no core file may show them, and no file that we make is anybody else's business.
static void guard_secrets(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    umask(077);
}

int keys_command_run(int argc, char **argv)
{
    struct keys_options options;
    struct buf problem = BUF_EMPTY;
    int status = EXIT_DONE;
    guard_secrets();
    if (!keys_options_read(&options, argc, argv, &problem)) {
        print_problem(&problem);
        fprintf(stderr, "Try: droid2api keys --help\n");
        status = EXIT_USAGE;
    } else if (options.wants_help) {
        print_help();
    } else {
        status = run_linked(&options);
    }
    buf_deinit(&problem);
    keys_options_deinit(&options);
    return status;
}
