// SPDX-License-Identifier: MIT
#include "dialect/fixture_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct slice fixture_read(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *bytes = arena_text(arena, len + 1);
    assert_int_equal(fread(bytes, 1, len, file), len);
    fclose(file);
    return slice_of(bytes, len);
}

// ---- the walk over the cases

static enum dialect dialect_of(const struct json_doc *doc, const struct json_node *row)
{
    static const struct slice NAMES[N_DIALECTS] = {SLICE_INIT("anthropic"), SLICE_INIT("openai-chat"),
                                                   SLICE_INIT("openai-responses"), SLICE_INIT("gemini")};
    const struct json_node *name = json_get(doc, row, SLICE("dialect"));
    for (int i = 0; i < N_DIALECTS; i++) {
        if (json_string_is(doc, name, NAMES[i])) {
            return (enum dialect)i;
        }
    }
    fail_msg("unknown dialect");
    return DIALECT_CHAT;
}

struct walk {
    const struct json_doc *doc;
    struct slice ending;
    fixture_fn callback;
    size_t n;
    size_t n_failed;
};

static void visit_file(struct walk *walk, struct slice name, const struct json_node *row, struct slice file)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    struct fixture fixture = {
        .name = arena_cstr(&arena, name),
        .dialect = dialect_of(walk->doc, row),
        .path = arena_cstr(&arena, arena_concat(&arena, (const struct slice[]){SLICE(FIXTURES), file}, 2)),
        .doc = walk->doc,
        .row = row,
        .expected = json_get(walk->doc, row, SLICE("expected")),
        .arena = &arena,
        .n_failed = &walk->n_failed,
    };
    walk->n += slice_ends_with(file, walk->ending) && walk->callback(&fixture);
    arena_deinit(&arena);
}

// Of a case without a list of files the name is the path.
static void visit_case(struct walk *walk, struct slice name, const struct json_node *row)
{
    const struct json_node *files = json_get(walk->doc, row, SLICE("files"));
    const struct json_node *file = NULL;
    if (!files) {
        visit_file(walk, name, row, name);
    }
    while (json_next_element(walk->doc, files, &file)) {
        visit_file(walk, name, row, json_escaped(walk->doc, file));
    }
}

size_t fixture_each(const char *expected, struct slice ending, fixture_fn callback)
{
    struct arena arena;
    struct json_doc doc;
    struct walk walk = {.doc = &doc, .ending = ending, .callback = callback};
    const struct json_node *name = NULL;
    const struct json_node *row = NULL;
    arena_init(&arena, 64 * 1024);
    assert_int_equal(json_parse(&doc, &arena, fixture_read(&arena, expected), NULL), 0);
    while (json_next_member(&doc, json_root(&doc), &name, &row)) {
        visit_case(&walk, json_escaped(&doc, name), row);
    }
    arena_deinit(&arena);
    assert_int_equal(walk.n_failed, 0);
    return walk.n;
}

int64_t fixture_status(const struct fixture *fixture)
{
    static const struct slice PATH[] = {SLICE_INIT("http"), SLICE_INIT("status")};
    int64_t status = 200;
    (void)json_int64(fixture->doc, json_get_path(fixture->doc, fixture->row, PATH, 2), &status);
    return status;
}
