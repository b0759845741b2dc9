// SPDX-License-Identifier: MIT
// The arguments of `droid2api keys`, read by one table of verbs and one of options. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

enum keys_verb {
    KEYS_LIST,
    KEYS_ADD,
    KEYS_IMPORT,
    KEYS_TEST,
    KEYS_EXPORT,
    KEYS_ENABLE,
    KEYS_DISABLE,
    KEYS_REMOVE,
    KEYS_POOL_LIST,
    KEYS_POOL_ADD,
    KEYS_POOL_CHANGE,
    KEYS_POOL_REMOVE,
    KEYS_POOL_MOVE,
};

// What was asked for; borrows argv. Texts whose ptr is NULL are not given.
struct keys_options {
    enum keys_verb verb;
    bool wants_help;
    bool is_json;
    bool is_all;
    struct slice status;
    struct slice pool;
    struct slice provider;
    struct slice search;
    struct slice sort;
    struct slice notes;
    struct slice name;
    struct slice description;
    struct slice priority;
    struct slice format;
    struct slice output;
    const char **operands; // owned: ids of keys, a file, …
    size_t n_operands;
};

// The arguments behind "keys". False: `problem` says in one line what is wrong with them.
bool keys_options_read(struct keys_options *options, int argc, char **argv, struct buf *problem);
void keys_options_deinit(struct keys_options *options);

void keys_options_help(struct buf *out);
