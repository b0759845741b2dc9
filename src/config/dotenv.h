// SPDX-License-Identifier: MIT
// `.env` files: lines of KEY=value.
//
//   # a comment                      blank lines and lines that begin with # are skipped
//   export KEY = value # comment     `export` is optional; what follows " #" is a comment; both ends are trimmed
//   KEY='as it is'                   literal, may run over several lines
//   KEY="tab\tnewline\n \" \\"       \n \r \t \" \\ are replaced, any other escape is an error; may run over lines
//
// Variables in values ($OTHER, ${OTHER}) are not expanded: a `$` is a `$`. Line ends may be LF or CRLF, and a byte
// order mark at the beginning is skipped. Of several lines with one key the last one counts.
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "config/issues.h"

struct dotenv_entry {
    struct slice key;
    struct slice value;
    uint32_t line; // where the entry begins, from 1
};

struct dotenv {
    struct dotenv_entry *entries; // in the order of the file
    size_t n_entries;
};

// Parses `text`; `label` is the file's name for error lines, which never show any part of a value. Lines in error are
// left out. Entries live in the arena or point into the text.
void dotenv_parse(struct dotenv *dotenv, struct arena *arena, struct slice text, const char *label,
                  struct issues *issues);

// The entry that counts for `key`; NULL when there is none.
const struct dotenv_entry *dotenv_find(const struct dotenv *dotenv, struct slice key);
