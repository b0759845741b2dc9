// SPDX-License-Identifier: MIT
// The estimate over every recorded request whose answer says how many tokens it had.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/dialect_internal.h"
#include "dialect/estimate.h"

#define FOLDER "tests/corpus/dialects/"

static struct slice read_file(const char *path, struct arena *arena)
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

static enum dialect dialect_of(struct slice name)
{
    static const char *const NAMES[N_DIALECTS] = {"anthropic", "openai-chat", "openai-responses", "gemini"};
    for (int i = 0; i < N_DIALECTS; i++) {
        if (slice_eq(name, slice_from_cstr(NAMES[i]))) {
            return (enum dialect)i;
        }
    }
    fail_msg("unknown dialect");
    return DIALECT_CHAT;
}

// What the provider counted; -1: nothing is known.
static int64_t counted(const struct json_doc *doc, const struct json_node *expected)
{
    const struct json_node *usage = json_get(doc, expected, SLICE("usage_ir"));
    const struct json_node *count = json_get(doc, expected, SLICE("count_tokens"));
    int64_t n = -1;
    if (json_int64(doc, json_get(doc, usage, SLICE("input_total")), &n) ||
        json_int64(doc, json_get(doc, count, SLICE("input_tokens")), &n)) {
        return n;
    }
    (void)json_int64(doc, json_get(doc, count, SLICE("totalTokens")), &n);
    return n;
}

static int64_t estimated(struct arena *arena, enum dialect dialect, struct slice path)
{
    struct json_doc doc;
    struct slice full = arena_printf(arena, FOLDER "%.*s", SLICE_ARG(path));
    assert_int_equal(json_parse(&doc, arena, read_file(arena_cstr(arena, full), arena), NULL), 0);
    struct neutral_request req;
    struct loss loss;
    neutral_request_init(&req, dialect, &doc);
    loss_init(&loss, arena, &doc, LOSS_LENIENT);
    if (!dialect_spoke(dialect)->decode_request(&req, arena, &loss)) {
        return -1;
    }
    return estimate_request(&req, dialect);
}

static void check_case(struct arena *arena, const struct json_doc *doc, struct slice name, const struct json_node *row)
{
    enum dialect dialect = dialect_of(json_string(doc, json_get(doc, row, SLICE("dialect")), arena));
    int64_t truth = counted(doc, json_get(doc, row, SLICE("expected")));
    const struct json_node *file = NULL;
    while (json_next_element(doc, json_get(doc, row, SLICE("files")), &file)) {
        struct slice path = json_string(doc, file, arena);
        if (slice_ends_with(path, SLICE(".request.json")) && truth > 0) {
            int64_t n = estimated(arena, dialect, path);
            printf("%-20s %-50.*s %6lld %6lld %+5lld %.2f\n", dialect_name(dialect), SLICE_ARG(name), (long long)truth, (long long)n,
                   (long long)(n - truth), (double)n / (double)truth);
        }
    }
}

static void all_recorded_requests(void **state)
{
    struct arena arena;
    struct json_doc doc;
    const struct json_node *name = NULL;
    const struct json_node *row = NULL;
    arena_init(&arena, 64 * 1024);
    assert_int_equal(json_parse(&doc, &arena, read_file(FOLDER "EXPECTED.json", &arena), NULL), 0);
    while (json_next_member(&doc, json_root(&doc), &name, &row)) {
        check_case(&arena, &doc, json_string(&doc, name, &arena), row);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_recorded_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
