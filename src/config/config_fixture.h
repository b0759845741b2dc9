// SPDX-License-Identifier: MIT
// Test kit: loads a configuration in a folder of its own, which is the working directory meanwhile.
#pragma once

#include "config/config.h"

struct config_fixture {
    char folder[32];
    char *outside; // owned; the working directory before
    struct buf errors;
    struct buf warnings;
    struct config *config; // of the last load; NULL when it failed
};

int config_fixture_setup(void **state);
int config_fixture_teardown(void **state);

// Writes a file; its folder is made. A text of NULL removes the file.
void config_fixture_write(const char *path, const char *text);

// Loads ".env", "data/config.json" and `environment` ("NAME=value" separated by newlines; NULL: none).
struct config *config_fixture_load(struct config_fixture *f, const char *environment, bool create_file);

// The lines of the last load, NUL-terminated.
const char *config_fixture_errors(struct config_fixture *f);
const char *config_fixture_warnings(struct config_fixture *f);
