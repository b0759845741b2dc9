// SPDX-License-Identifier: MIT
// The metering tap on anything. First byte: the dialect, and whether an answer in one JSON value or events follow. An
// answer has to give the same in pieces as whole; of events, each line is one: a name, a tab, data.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LIMIT = 512 };

static void check_figures(const struct usage_tap *tap)
{
    struct usage usage = usage_tap_usage(tap);
    assert(usage.input >= -1 && usage.output >= -1 && usage.reasoning >= -1);
    assert(usage.cache_read >= -1 && usage.cache_write >= -1);
}

static void assert_same(const struct usage_tap *a, const struct usage_tap *b)
{
    struct usage usage_a = usage_tap_usage(a);
    struct usage usage_b = usage_tap_usage(b);
    assert(memcmp(&usage_a, &usage_b, sizeof(usage_a)) == 0);
    assert(usage_tap_is_complete(a) == usage_tap_is_complete(b));
    assert(usage_tap_has_content(a) == usage_tap_has_content(b));
    assert(usage_tap_has_error(a) == usage_tap_has_error(b));
}

// Pieces of 1 to 8 bytes, drawn from the text's own bytes.
static void fuzz_json(enum dialect dialect, struct slice text)
{
    struct usage_tap *whole = usage_tap_new(dialect, LIMIT);
    struct usage_tap *pieces = usage_tap_new(dialect, LIMIT);
    usage_tap_json(whole, text);
    for (size_t at = 0; at < text.len;) {
        size_t step = 1 + ((unsigned char)text.ptr[at] * 31u + at) % 8;
        step = step < text.len - at ? step : text.len - at;
        usage_tap_json(pieces, slice_of(text.ptr + at, step));
        at += step;
    }
    assert_same(whole, pieces);
    struct usage_tap *at_once = usage_tap_new(dialect, LIMIT);
    usage_tap_answer(at_once, text);
    check_figures(at_once);
    usage_tap_free(at_once);
    check_figures(whole);
    usage_tap_free(whole);
    usage_tap_free(pieces);
}

static void fuzz_events(enum dialect dialect, struct slice text)
{
    struct usage_tap *tap = usage_tap_new(dialect, LIMIT);
    while (text.len) {
        struct slice data = slice_split(&text, '\n');
        struct slice name = slice_find_char(data, '\t') == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_split(&data, '\t');
        bool was_complete = usage_tap_is_complete(tap);
        bool had_content = usage_tap_has_content(tap);
        bool had_error = usage_tap_has_error(tap);
        usage_tap_event(tap, name, data);
        assert(usage_tap_is_complete(tap) >= was_complete);
        assert(usage_tap_has_content(tap) >= had_content);
        assert(usage_tap_has_error(tap) >= had_error);
        check_figures(tap);
    }
    usage_tap_free(tap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    enum dialect dialect = (enum dialect)(data[0] % N_DIALECTS);
    struct slice text = slice_of((const char *)data + 1, len - 1);
    if (data[0] & 4) {
        fuzz_events(dialect, text);
    } else {
        fuzz_json(dialect, text);
    }
    return 0;
}
