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

// What the provider counted; -1: nothing is known.
static int64_t counted(const struct fixture *fixture)
{
    const struct json_doc *doc = fixture->doc;
    const struct json_node *usage = json_get(doc, fixture->expected, SLICE("usage_ir"));
    const struct json_node *count = json_get(doc, fixture->expected, SLICE("count_tokens"));
    int64_t n = -1;
    if (json_int64(doc, json_get(doc, usage, SLICE("input_total")), &n) ||
        json_int64(doc, json_get(doc, count, SLICE("input_tokens")), &n)) {
        return n;
    }
    (void)json_int64(doc, json_get(doc, count, SLICE("totalTokens")), &n);
    return n;
}

static int64_t estimated(const struct fixture *fixture)
{
    struct json_doc doc;
    struct neutral_request req;
    struct loss loss;
    assert_int_equal(json_parse(&doc, fixture->arena, fixture_read(fixture->arena, fixture->path), NULL), 0);
    neutral_request_init(&req, fixture->dialect, &doc);
    loss_init(&loss, fixture->arena, &doc, LOSS_LENIENT);
    if (!dialect_spoke(fixture->dialect)->decode_request(&req, fixture->arena, &loss)) {
        return -1;
    }
    return estimate_request(&req, fixture->dialect);
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
static bool check_request(const struct fixture *fixture)
{
    int64_t truth = counted(fixture);
    int64_t estimate = truth > 0 ? estimated(fixture) : -1;
    const char *exception = exception_of(slice_from_cstr(fixture->name));
    if (estimate < 0) { // it is never translated
        return false;
    }
    if (is_near(estimate, truth) != !exception) {
        fail_msg("%s: %lld tokens, estimated as %lld%s%s", fixture->name, (long long)truth, (long long)estimate,
                 exception ? ", but listed as an exception: " : "", exception ? exception : "");
    }
    return !exception;
}

static void all_recorded_requests(void **state)
{
    assert_true(fixture_each(FIXTURES "EXPECTED.json", SLICE(".request.json"), check_request) >= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_recorded_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
