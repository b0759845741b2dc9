// SPDX-License-Identifier: MIT
#include "kit/heads.h"

#include <assert.h>
#include <stdlib.h>

const struct h1_limits head_limits = {.start_line_max = 256, .head_max = 2048, .fields_max = 20};

enum h1_result head_scan_split(const char *bytes, size_t len, size_t *head_len_r)
{
    struct h1_scan scan = {0};
    enum h1_result r = H1_NEED_MORE;
    for (size_t at = 0; at < len && r == H1_NEED_MORE;) {
        size_t step = 1 + (unsigned char)bytes[(at * 7 + 3) % len] % 64;
        at = step < len - at ? at + step : len;
        char *copy = malloc(at);
        memcpy(copy, bytes, at);
        r = h1_scan(&scan, copy, at, &head_limits, head_len_r);
        free(copy);
    }
    return r;
}

bool head_holds(struct slice head, struct slice s)
{
    return s.len == 0 || (s.ptr >= head.ptr && s.ptr + s.len <= head.ptr + head.len);
}

void head_check_fields(struct slice head, const struct h1_field *fields, size_t n_fields)
{
    assert(n_fields <= head_limits.fields_max);
    for (size_t i = 0; i < n_fields; i++) {
        assert(fields[i].name.len > 0 && fields[i].id == header_name_of(fields[i].name));
        assert(head_holds(head, fields[i].name) && head_holds(head, fields[i].value));
    }
}

void head_append_fields(struct buf *out, const struct h1_field *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        buf_append(out, fields[i].name);
        buf_append_char(out, ':');
        buf_append(out, fields[i].value);
        buf_append(out, SLICE("\r\n"));
    }
    buf_append(out, SLICE("\r\n"));
}
