// SPDX-License-Identifier: MIT
// Environment variables as a setting sees them: the process's over those of `.env`, empty ones unset, secrets also from
// the file that NAME_FILE names.
#pragma once

#include "base/arena.h"
#include "config/dotenv.h"
#include "config/issues.h"

struct environment {
    char **process; // borrowed; NULL: none
    struct dotenv dotenv;
    const char *dotenv_label; // for messages
    struct arena *arena;      // borrowed
    struct issues *issues;    // borrowed
};

struct env_value {
    struct slice name;   // of the variable that gave it
    struct slice text;   // not empty
    struct slice origin; // "the environment", ".env:3" or the path of a secret's file
};

// Reads the `.env` file when there is one; `dotenv_path` may be NULL.
void environment_init(struct environment *env, char **process, const char *dotenv_path, struct arena *arena,
                      struct issues *issues);

// False when the variable is unset.
bool environment_find(const struct environment *env, struct slice name, struct env_value *value_r);

// The same for a secret, which may come from a file. What is wrong with the file is an issue, and false is returned.
bool environment_find_secret(const struct environment *env, struct slice name, struct env_value *value_r);
