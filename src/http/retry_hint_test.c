// SPDX-License-Identifier: MIT
#include "http/retry_hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t now_ms = INT64_C(1767323045678); // 2026-01-02T03:04:05.678Z
enum { FIELDS_MAX = 8, DAY_MS = RETRY_HINT_MAX_MS };

// "name: value" on each line.
static int64_t hint_of(const char *head)
{
    struct h1_field fields[FIELDS_MAX];
    size_t n = 0;
    for (struct slice rest = slice_from_cstr(head); rest.len > 0 && n < FIELDS_MAX; n++) {
        struct slice value = slice_split(&rest, '\n');
        struct slice name = slice_split(&value, ':');
        fields[n] = (struct h1_field){.name = name, .value = slice_trim(value), .id = header_name_of(name)};
    }
    return retry_hint_ms(fields, n, now_ms);
}

struct hint_case {
    const char *head;
    int64_t ms;
};

static void check(const struct hint_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t ms = hint_of(cases[i].head);
        if (ms != cases[i].ms) {
            fail_msg("%lld, not %lld, is read from\n%s", (long long)ms, (long long)cases[i].ms, cases[i].head);
        }
    }
}
#define CHECK(cases) check(cases, sizeof(cases) / sizeof(*(cases)))

static void nothing_is_said(void **state)
{
    static const struct hint_case cases[] = {
        {"", -1},
        {"content-type: text/plain", -1},
        {"retry-after:", -1},
        {"retry-after: soon", -1},
        {"retry-after: 1e3", -1},
        {"retry-after: 0x10", -1},
        {"retry-after: +1", -1},
        {"retry-after: 1,5", -1},
        {"retry-after: 1s", -1},
        {"retry-after: .5", -1},
        {"retry-after: -", -1},
        {"retry-after: 1 2", -1},
        {"retry-after: 2026-01-02T03:05:05Z", -1},
        {"retry-after-ms: 20ms", -1},
        {"x-retry-after: 5", -1},
        // Not used up, or not known to be.
        {"x-ratelimit-reset-tokens: 1s", -1},
        {"x-ratelimit-remaining-tokens: 1\nx-ratelimit-reset-tokens: 1s", -1},
        {"x-ratelimit-remaining-tokens: none\nx-ratelimit-reset-tokens: 1s", -1},
        {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-tokens: 1s", -1},
        {"x-ratelimit-remaining-tokens-day: 0\nx-ratelimit-reset-tokens: 1s", -1},
        {"x-ratelimit-remaining: 0\nx-ratelimit-reset-tokens: 1s", -1},
        {"x-ratelimit-remaining: 0\nratelimit-reset: 1", -1},
        {"anthropic-ratelimit-tokens-remaining: 5\nanthropic-ratelimit-tokens-reset: 2026-01-02T03:05:05Z", -1},
        {"anthropic-ratelimit-unified-status: allowed\nanthropic-ratelimit-unified-reset: 1767330000", -1},
        // Used up, but nothing that can be read.
        {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1x", -1},
        {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1m5", -1},
        {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: ms", -1},
        {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens:", -1},
        {"x-ratelimit-remaining-tokens: 0\nx-ratelimit-resets-tokens: 5", -1},
        {"other-remaining: 0\nother-reset: 5", -1},
    };
    (void)state;
    CHECK(cases);
    assert_int_equal(retry_hint_ms(NULL, 0, now_ms), -1);
}

static void retry_after(void **state)
{
    static const struct hint_case cases[] = {
        {"Retry-After: 0", 0},
        {"Retry-After: 2", 2000},
        {"RETRY-AFTER: 0.25", 250},
        {"retry-after: 0.0001", 1},
        {"retry-after: 1.0000", 1000},
        {"retry-after: 3.", 3000},
        {"retry-after: -5", 0},
        {"retry-after: 86400", DAY_MS},
        {"retry-after: 86401", DAY_MS},
        {"retry-after: 99999999999999999999999999999999999999.9", DAY_MS},
        {"retry-after: Fri, 02 Jan 2026 03:04:06 GMT", 322},
        {"retry-after: Friday, 02-Jan-26 03:05:05 GMT", 59322},
        {"retry-after: Fri Jan  2 03:04:05 2026", 0},
        {"retry-after: Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"retry-after: Fri, 31 Dec 9999 23:59:59 GMT", DAY_MS},
        // Milliseconds go before; what cannot be read does not.
        {"retry-after: 2\nRetry-After-Ms: 1500", 1500},
        {"retry-after-ms: 0.1", 1},
        {"retry-after-ms: -1", 0},
        {"retry-after-ms: 86400001", DAY_MS},
        {"retry-after-ms: soon\nretry-after: 2", 2000},
        {"retry-after-ms: 0\nretry-after: 2", 0},
        {"x-ratelimit-remaining: 0\nx-ratelimit-reset: 9\nretry-after: 2", 2000},
        {"x-ratelimit-remaining: 0\nx-ratelimit-reset: 9\nretry-after: soon", 9000},
    };
    (void)state;
    CHECK(cases);
}

#define RESET(value) "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: " value

static void forms_of_a_reset(void **state)
{
    static const struct hint_case cases[] = {
        {RESET("1s"), 1000},
        {RESET("6m0s"), 360000},
        {RESET("20ms"), 20},
        {RESET("2m59.56s"), 179560},
        {RESET("1h2m3s"), 3723000},
        {RESET("1d"), DAY_MS},
        {RESET("0.5ms"), 1},
        {RESET("1500us"), 2},
        {RESET("1500\xc2\xb5s"), 2},
        {RESET("1500\xce\xbcs"), 2},
        {RESET("1ns"), 1},
        {RESET("0s"), 0},
        {RESET("90000000ms"), DAY_MS},
        {RESET("23h59m59s999ms1us"), DAY_MS},
        {RESET("999999999999999999999999d999999999999999999h"), DAY_MS},
        {RESET("999999999999999999999999999999ns"), DAY_MS},
        {RESET("11.382"), 11382},
        {RESET("0"), 0},
        {RESET("-3"), 0},
        {RESET("999999999"), DAY_MS},
        {RESET("1767323050"), 4322},
        {RESET("1767323050.5"), 4822},
        {RESET("1767323050000"), 4322},
        {RESET("1000000000"), 0},
        {RESET("99999999999"), DAY_MS},
        {RESET("100000000000"), 0}, // milliseconds in 1973
        {RESET("99999999999999999999999999999"), DAY_MS},
        {RESET("2026-01-02T03:05:05Z"), 59322},
        {RESET("2026-01-02T04:05:05+01:00"), 59322},
        {RESET("2025-01-02T03:05:05Z"), 0},
        {RESET("Fri, 02 Jan 2026 03:05:05 GMT"), 59322},
    };
    (void)state;
    CHECK(cases);
}

static void last_reset_of_what_is_used_up(void **state)
{
    static const struct hint_case cases[] = {
        {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 1s\n"
         "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 5s",
         5000},
        {"x-ratelimit-reset-tokens: 5s\nx-ratelimit-reset-requests: 1s\n"
         "x-ratelimit-remaining-requests: 0\nx-ratelimit-remaining-tokens: 7",
         1000},
        {"x-ratelimit-remaining-tokens: -12\nx-ratelimit-reset-tokens: 5s", 5000},
        {"X-RateLimit-Remaining-Tokens-Day: 0\nx-ratelimit-reset-TOKENS-DAY: 5.5", 5500},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767323050", 4322},
        {"RateLimit-Reset: 3\nRateLimit-Remaining: 0", 3000},
        {"anthropic-ratelimit-requests-remaining: 3\nanthropic-ratelimit-requests-reset: 2026-01-02T03:09:05Z\n"
         "anthropic-ratelimit-input-tokens-remaining: 0\n"
         "anthropic-ratelimit-input-tokens-reset: 2026-01-02T03:05:05Z",
         59322},
        {"anthropic-ratelimit-unified-status: rejected\nanthropic-ratelimit-unified-reset: 1767323050\n"
         "anthropic-ratelimit-unified-7d-status: allowed\nanthropic-ratelimit-unified-7d-reset: 1767423050",
         4322},
        {"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: soon\n"
         "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 5s",
         5000},
    };
    (void)state;
    CHECK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(forms_of_a_reset),
        cmocka_unit_test(last_reset_of_what_is_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
