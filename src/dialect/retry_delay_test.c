// SPDX-License-Identifier: MIT
#include "dialect/retry_delay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"", -1},
        {"s", -1},
        {"13", -1},
        {".5s", -1},
        {"-1s", -1},
        {"+1s", -1},
        {"1m", -1},
        {"1ms", -1},
        {"1 s", -1},
        {"1.2.3s", -1},
        {"1.-5s", -1},
        {"99999999999999999999999s", -1},
        {"0s", 0},
        {"13s", 13000},
        {"0.5s", 500},
        {"34.074824224s", 34075},
        {"34.074000000s", 34074},
        {"1.s", 1000},
        {"0.000000001s", 1},
        {"86399.9999s", RETRY_DELAY_MAX_MS},
        {"86400s", RETRY_DELAY_MAX_MS},
        {"18446744073709551615s", RETRY_DELAY_MAX_MS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t ms = retry_delay_ms(slice_from_cstr(cases[i].text));
        if (ms != cases[i].ms) {
            fail_msg("%lld, not %lld, is read from \"%s\"", (long long)ms, (long long)cases[i].ms, cases[i].text);
        }
    }
}

#define INFO(delay) "{\"@type\": \"type.googleapis.com/google.rpc.RetryInfo\", \"retryDelay\": " delay "}"
#define ERROR_WITH(details) "{\"error\": {\"code\": 429, \"status\": \"RESOURCE_EXHAUSTED\", \"details\": " details "}}"

static void bodies(void **state)
{
    static const struct {
        const char *body;
        int64_t ms;
    } cases[] = {
        {"", -1},
        {"<html>", -1},
        {"{\"error\": {\"message\": \"slow down\"}}", -1},
        {ERROR_WITH("[]"), -1},
        {ERROR_WITH("\"retryDelay\""), -1},
        {ERROR_WITH("[\"retryDelay\", 1, null, " INFO("5") ", " INFO("null") "]"), -1},
        {ERROR_WITH("[" INFO("\"soon\"") "]"), -1},
        {ERROR_WITH("[{\"@type\": \"type.googleapis.com/google.rpc.Help\"}, " INFO("\"13s\"") "]"), 13000},
        {ERROR_WITH("[" INFO("\"1s\"") ", " INFO("\"0.5s\"") "]"), 1000},
        {"[" ERROR_WITH("[" INFO("\"39s\"") "]") "]", 39000},
        {"\n[\n" ERROR_WITH("[" INFO("\"39s\"") "]") ",\n" ERROR_WITH("[" INFO("\"50s\"") "]") "\n]\n", 39000},
        {"[]", -1},
        {"[[" ERROR_WITH("[" INFO("\"39s\"") "]") "]]", -1},
        // Elsewhere it is a word that somebody wrote.
        {"{\"error\": {\"retryDelay\": \"13s\"}}", -1},
        {"{\"details\": [" INFO("\"13s\"") "]}", -1},
        {"{\"error\": {\"message\": \"\\\"details\\\": [{\\\"retryDelay\\\": \\\"13s\\\"}]\"}}", -1},
        {"{\"error\": \"retryDelay\"}", -1},
        {"\"retryDelay\"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t ms = retry_delay_in_body(slice_from_cstr(cases[i].body));
        if (ms != cases[i].ms) {
            fail_msg("%lld, not %lld, is read from %s", (long long)ms, (long long)cases[i].ms, cases[i].body);
        }
    }
}

static void a_cut_body_says_nothing(void **state)
{
    struct slice body = SLICE(ERROR_WITH("[" INFO("\"13s\"") "]"));
    (void)state;
    assert_int_equal(retry_delay_in_body(body), 13000);
    for (size_t len = 0; len < body.len; len++) {
        assert_int_equal(retry_delay_in_body(slice_of(body.ptr, len)), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(bodies),
        cmocka_unit_test(a_cut_body_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
