// SPDX-License-Identifier: MIT
// Any bytes as a .env file. What was understood, written in the quoted form and read again, is the same.
#include <assert.h>

#include "config/dotenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void append_quoted(struct buf *out, struct slice value)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '"' || c == '\\') {
            buf_append_char(out, '\\');
        }
        buf_append(out, c == '\r' ? SLICE("\\r") : slice_of(&value.ptr[i], 1));
    }
    buf_append(out, SLICE("\"\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct buf errors = BUF_EMPTY;
    struct buf text = BUF_EMPTY;
    struct issues issues = {.errors = &errors, .warnings = &errors};
    struct dotenv first;
    struct dotenv second;
    arena_init(&arena, 4096);
    dotenv_parse(&first, &arena, slice_of((const char *)data, len), "fuzz", &issues);
    for (size_t i = 0; i < first.n_entries; i++) {
        buf_append(&text, first.entries[i].key);
        buf_append_char(&text, '=');
        append_quoted(&text, first.entries[i].value);
    }
    issues.n_errors = 0;
    dotenv_parse(&second, &arena, buf_slice(&text), "again", &issues);
    assert(issues.n_errors == 0);
    assert(second.n_entries == first.n_entries);
    for (size_t i = 0; i < first.n_entries; i++) {
        assert(slice_eq(first.entries[i].key, second.entries[i].key));
        assert(slice_eq(first.entries[i].value, second.entries[i].value));
    }
    buf_deinit(&text);
    buf_deinit(&errors);
    arena_deinit(&arena);
    return 0;
}
