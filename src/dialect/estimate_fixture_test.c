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
#include "dialect/fixture_file.h"

#define FOLDER "tests/corpus/dialects/"

// Of requests below that many tokens the error itself is limited, since a few tokens are many percent.
enum { TINY = 30, TINY_ERROR_MAX = 8, PERCENT_MAX = 15 };

struct exception {
    struct slice name; // its beginning
    const char *why;
};

// Requests whose cost cannot be seen in them.
static const char MEDIA[] = "the size of images, documents and sounds is not looked at";
static const char SERVER[] = "tools that the provider runs: their prompts and results count as input";
static const char CITATIONS[] = "citations bring a prompt of their own";
static const char MODEL[] = "this model adds another prompt for tools than most of its dialect";
static const char FOREIGN[] = "a model that is not of the vendor of the dialect";
static const char HIDDEN[] = "thinking of before, or switched on unseen";
static const struct exception EXCEPTIONS[] = {
    {SLICE_INIT("oc-j05"), MEDIA},
    {SLICE_INIT("oc-j06"), MEDIA},
    {SLICE_INIT("oc-j07"), MEDIA},
    {SLICE_INIT("oc-j08"), MEDIA},
    {SLICE_INIT("or-j03"), MEDIA},
    {SLICE_INIT("or-j10"), MEDIA},
    {SLICE_INIT("an-j07"), MEDIA},
    {SLICE_INIT("an-j13"), MEDIA},
    {SLICE_INIT("ge-j17"), MEDIA},
    {SLICE_INIT("ge-j19"), MEDIA},
    {SLICE_INIT("or-s11"), SERVER},
    {SLICE_INIT("or-s12"), SERVER},
    {SLICE_INIT("or-j09"), SERVER},
    {SLICE_INIT("or-j11"), SERVER},
    {SLICE_INIT("an-s09"), SERVER},
    {SLICE_INIT("an-s10"), SERVER},
    {SLICE_INIT("an-s11"), SERVER}, // it compacts the conversation first
    {SLICE_INIT("an-s13"), SERVER},
    {SLICE_INIT("ge-s19"), SERVER},
    {SLICE_INIT("ge-s20"), SERVER},
    {SLICE_INIT("ge-s21"), SERVER},
    {SLICE_INIT("an-s08"), CITATIONS},
    {SLICE_INIT("an-j08"), CITATIONS},
    {SLICE_INIT("an-j09"), CITATIONS},
    {SLICE_INIT("an-s02"), MODEL},
    {SLICE_INIT("an-j01"), MODEL},
    {SLICE_INIT("an-j03"), MODEL},
    {SLICE_INIT("an-j11"), MODEL},
    {SLICE_INIT("or-s10"), MODEL},
    {SLICE_INIT("or-j02"), MODEL},
    {SLICE_INIT("aligned/tool-choice-auto/openai-chat"), MODEL},
    {SLICE_INIT("aligned/tool-choice-none/openai-chat"), MODEL},
    {SLICE_INIT("aligned/tool-choice-specific/openai-chat"), MODEL},
    {SLICE_INIT("aligned/tool-choice-specific-of-two/openai-chat"), MODEL},
    {SLICE_INIT("oc-s13"), FOREIGN},
    {SLICE_INIT("oc-s18"), FOREIGN},
    {SLICE_INIT("oc-s20"), FOREIGN},
    {SLICE_INIT("oc-j13"), FOREIGN},
    {SLICE_INIT("oc-j15"), FOREIGN},
    {SLICE_INIT("oc-j16"), FOREIGN},
    {SLICE_INIT("oc-j17"), FOREIGN},
    {SLICE_INIT("or-s14"), FOREIGN},
    {SLICE_INIT("ge-j10"), HIDDEN},
    {SLICE_INIT("ge-j13"), HIDDEN},
};

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
    assert_int_equal(json_parse(&doc, arena, fixture_read(arena, arena_cstr(arena, full)), NULL), 0);
    struct neutral_request req;
    struct loss loss;
    neutral_request_init(&req, dialect, &doc);
    loss_init(&loss, arena, &doc, LOSS_LENIENT);
    if (!dialect_spoke(dialect)->decode_request(&req, arena, &loss)) {
        return -1;
    }
    return estimate_request(&req, dialect);
}

static const char *exception_of(struct slice name)
{
    for (size_t i = 0; i < sizeof(EXCEPTIONS) / sizeof(EXCEPTIONS[0]); i++) {
        if (slice_starts_with(name, EXCEPTIONS[i].name)) {
            return EXCEPTIONS[i].why;
        }
    }
    return NULL;
}

static bool is_near(int64_t estimate, int64_t truth)
{
    int64_t error = estimate > truth ? estimate - truth : truth - estimate;
    return truth < TINY ? error <= TINY_ERROR_MAX : error * 100 <= truth * PERCENT_MAX;
}

// An exception that is none is wrong too.
static size_t check_request(struct slice name, int64_t estimate, int64_t truth)
{
    const char *exception = exception_of(name);
    if (is_near(estimate, truth) != !exception) {
        fail_msg("%.*s: %lld tokens, estimated as %lld%s%s", SLICE_ARG(name), (long long)truth, (long long)estimate,
                 exception ? ", but listed as an exception: " : "", exception ? exception : "");
    }
    return exception ? 0 : 1;
}

static size_t check_case(struct arena *arena, const struct json_doc *doc, struct slice name,
                         const struct json_node *row)
{
    enum dialect dialect = dialect_of(json_string(doc, json_get(doc, row, SLICE("dialect")), arena));
    int64_t truth = counted(doc, json_get(doc, row, SLICE("expected")));
    const struct json_node *file = NULL;
    size_t n = 0;
    while (json_next_element(doc, json_get(doc, row, SLICE("files")), &file)) {
        struct slice path = json_string(doc, file, arena);
        if (slice_ends_with(path, SLICE(".request.json")) && truth > 0) {
            int64_t estimate = estimated(arena, dialect, path);
            n += estimate < 0 ? 0 : check_request(name, estimate, truth); // below 0: it is never translated
        }
    }
    return n;
}

static void all_recorded_requests(void **state)
{
    struct arena arena;
    struct json_doc doc;
    const struct json_node *name = NULL;
    const struct json_node *row = NULL;
    size_t n = 0;
    arena_init(&arena, 64 * 1024);
    assert_int_equal(json_parse(&doc, &arena, fixture_read(&arena, FOLDER "EXPECTED.json"), NULL), 0);
    while (json_next_member(&doc, json_root(&doc), &name, &row)) {
        n += check_case(&arena, &doc, json_string(&doc, name, &arena), row);
    }
    assert_true(n >= 60);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_recorded_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
