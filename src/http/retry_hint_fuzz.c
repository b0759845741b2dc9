// SPDX-License-Identifier: MIT
// Fields of any kind, one a line ("name: value"), 64 at most: a wait is within its bounds; the case of names and fields
// of other names make no difference; every value is also read as each kind of hint.
#include <assert.h>

#include "base/arena.h"
#include "http/retry_hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LINES_MAX = 64 };
static const int64_t now_ms = INT64_C(1767323045678);

static int64_t checked_hint(const struct h1_field *fields, size_t n)
{
    int64_t ms = retry_hint_ms(fields, n, now_ms);
    assert(ms >= -1 && ms <= RETRY_HINT_MAX_MS);
    return ms;
}

static struct h1_field field_of(struct slice name, struct slice value)
{
    return (struct h1_field){.name = name, .value = value, .id = header_name_of(name)};
}

static struct slice in_upper_case(struct arena *arena, struct slice name)
{
    char *upper = arena_text(arena, name.len);
    for (size_t i = 0; i < name.len; i++) {
        upper[i] = (char)(name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? name.ptr[i] - 0x20 : name.ptr[i]);
    }
    return slice_of(upper, name.len);
}

static void check_value(struct slice value)
{
    struct h1_field after_ms = field_of(SLICE("retry-after-ms"), value);
    struct h1_field after = field_of(SLICE("Retry-After"), value);
    struct h1_field reset[2] = {field_of(SLICE("x-ratelimit-reset"), value),
                                field_of(SLICE("X-RateLimit-Remaining"), SLICE("0"))};
    int64_t from_after = checked_hint(&after, 1);
    checked_hint(&after_ms, 1);
    int64_t from_reset = checked_hint(reset, 2);
    assert(from_after < 0 || from_reset >= 0); // what retry-after can be, a reset can be
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice rest = slice_of((const char *)data, len);
    struct h1_field fields[LINES_MAX + 1];
    size_t n = 0;
    struct arena arena;
    arena_init(&arena, 256);
    while (rest.ptr && n < LINES_MAX) {
        struct slice value = slice_split(&rest, '\n');
        struct slice name = slice_split(&value, ':');
        fields[n++] = field_of(name, slice_trim(value));
        check_value(slice_trim(value));
    }
    int64_t ms = checked_hint(fields, n);
    fields[n] = field_of(SLICE("date"), SLICE("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert(checked_hint(fields, n + 1) == ms);
    for (size_t i = 0; i < n; i++) {
        fields[i] = field_of(in_upper_case(&arena, fields[i].name), fields[i].value);
    }
    assert(checked_hint(fields, n) == ms);
    arena_deinit(&arena);
    return 0;
}
