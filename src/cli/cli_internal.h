// SPDX-License-Identifier: MIT
// What the verbs of the command line share. Never included from outside of this folder.
#pragma once

#include "cli/admin_link.h"
#include "cli/keys_options.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct command {
    const struct keys_options *options; // borrowed
    struct admin_link *link;            // borrowed
    struct arena arena;                 // of everything that was answered
    struct buf out;                     // what standard output gets
    bool has_lost_output;               // it did not take all; that has been said
};

// Asks the admin API and gives back the `data` of its answer. NULL: it was refused or there is none; why is said on
// standard error, and *status_r is the exit status. `body` NULL: none.
const struct json_node *command_ask(struct command *command, enum http_method method, struct slice target,
                                    const struct buf *body, struct json_doc *doc_r, int *status_r);
// Says on standard error what has become of an answer that is no success; returns the exit status.
int command_complain(struct command *command, const struct admin_answer *answer);

// The same request for each operand, which is the id of a key: "/admin/keys/" + id + `after`. Goes on after one that
// was refused. Returns the worst exit status.
int command_change_each(struct command *command, enum http_method method, const char *after, const struct buf *body,
                        const char *done);

void command_flush(struct command *command); // puts out what there is
void command_put_raw(struct command *command, const struct json_doc *doc, const struct json_node *value); // a line

// "/admin/keys/" + id + rest, encoded as needed.
struct slice command_path(struct command *command, const char *before, struct slice id, const char *after);
// Appends "?name=value" or "&name=value"; nothing when the value is not given.
void command_query(struct buf *target, const char *name, struct slice value);
// A member of a JSON object under construction; nothing when it is not given.
void command_member(struct json_writer *w, const char *name, struct slice value);

struct slice command_text(struct command *command, const struct json_doc *doc, const struct json_node *object,
                          const char *name); // empty unless it is a string
int64_t command_int(const struct json_doc *doc, const struct json_node *object, const char *name); // else 0

// All of a file, or ("-") of standard input. False: why is said on standard error.
bool command_read_file(const char *path, struct buf *text);

// The verbs; each returns the exit status.
int verb_list(struct command *command); // verb_keys.c
int verb_add(struct command *command);
int verb_import(struct command *command);
int verb_enable(struct command *command);
int verb_disable(struct command *command);
int verb_remove(struct command *command);
int verb_export(struct command *command);    // verb_export.c
int verb_test(struct command *command);      // verb_test.c
int verb_pool_list(struct command *command); // verb_pool.c
int verb_pool_add(struct command *command);
int verb_pool_change(struct command *command);
int verb_pool_remove(struct command *command);
int verb_pool_move(struct command *command);
