// SPDX-License-Identifier: MIT
// Test kit: the recorded files in tests/corpus, and what EXPECTED.json says of them.
#pragma once

#include "base/arena.h"
#include "base/slice.h"
#include "dialect/dialect.h"
#include "json/json_reader.h"

// Requests and answers of all dialects: the paths in an EXPECTED.json begin here.
#define FIXTURES "tests/corpus/dialects/"

// One file of a case.
struct fixture {
    const char *name; // of the case
    enum dialect dialect;
    const char *path;
    const struct json_doc *doc;  // EXPECTED.json
    const struct json_node *row; // the case in it
    const struct json_node *expected;
    struct arena *arena; // for what is done with the file
    size_t *n_failed;    // counts, so that a test shows all its failures at once
};

typedef bool (*fixture_fn)(const struct fixture *fixture); // true: the file counts

struct slice fixture_read(struct arena *arena, const char *path); // the test fails when there is no such file

// Calls back for every file of an EXPECTED.json whose name ends like that. Returns how many count; the test fails when
// something did.
size_t fixture_each(const char *expected, struct slice ending, fixture_fn callback);

// The status that an answer came with; 200 where nothing is said.
int64_t fixture_status(const struct fixture *fixture);
