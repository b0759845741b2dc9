// SPDX-License-Identifier: MIT
#include "dialect/retry_delay.h"

#include "base/arena.h"
#include "json/json_reader.h"

// Digits behind the point; what is finer than a millisecond is rounded up. False: there is something else among them.
static bool read_fraction(struct slice digits, int64_t *ms_r)
{
    int64_t ms = 0;
    bool has_rest = false;
    int64_t unit = 100;
    for (size_t i = 0; i < digits.len; i++, unit /= 10) {
        unsigned digit = (unsigned char)digits.ptr[i] - (unsigned)'0';
        if (digit > 9) {
            return false;
        }
        ms += (int64_t)digit * unit;
        has_rest = has_rest || (unit == 0 && digit > 0);
    }
    *ms_r = ms + has_rest;
    return true;
}

int64_t retry_delay_ms(struct slice text)
{
    uint64_t seconds;
    int64_t fraction_ms;
    if (!slice_ends_with(text, SLICE("s"))) {
        return -1;
    }
    struct slice fraction = slice_of(text.ptr, text.len - 1);
    struct slice whole = slice_split(&fraction, '.');
    if (!slice_to_u64(whole, &seconds) || !read_fraction(fraction, &fraction_ms)) {
        return -1;
    }
    int64_t ms = seconds < RETRY_DELAY_MAX_MS / 1000 ? (int64_t)seconds * 1000 + fraction_ms : RETRY_DELAY_MAX_MS;
    return ms < RETRY_DELAY_MAX_MS ? ms : RETRY_DELAY_MAX_MS;
}

static int64_t longest_in(const struct json_doc *doc, const struct json_node *details, struct arena *arena)
{
    int64_t longest = -1;
    const struct json_node *detail = NULL;
    while (json_is(details, JSON_ARRAY) && json_next_element(doc, details, &detail)) {
        int64_t ms = retry_delay_ms(json_string(doc, json_get(doc, detail, SLICE("retryDelay")), arena));
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

int64_t retry_delay_in_body(struct slice body)
{
    struct json_doc doc;
    struct arena arena;
    int64_t ms = -1;
    // Most errors are somebody else's: they need not be parsed for this.
    if (slice_find(body, SLICE("retryDelay")) == SLICE_NOT_FOUND) {
        return -1;
    }
    arena_init(&arena, 4096);
    if (json_parse(&doc, &arena, body, NULL) == 0) {
        const struct json_node *object = json_root(&doc);
        const struct json_node *first = NULL;
        if (json_is(object, JSON_ARRAY) && json_next_element(&doc, object, &first)) {
            object = first;
        }
        const struct json_node *error = json_get(&doc, object, SLICE("error"));
        ms = longest_in(&doc, json_get(&doc, error, SLICE("details")), &arena);
    }
    arena_deinit(&arena);
    return ms;
}
