// SPDX-License-Identifier: MIT
// A response head gives the same however it is split, and what was accepted is accepted again when written anew.
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/h1_head.h"

static const struct h1_limits limits = {.start_line_max = 256, .head_max = 2048, .fields_max = 20};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

// Scans prefixes of growing length, by steps that input bytes choose, each in memory of exactly its size.
static enum h1_result scan_split(const char *bytes, size_t len, size_t *head_len_r)
{
    struct h1_scan scan = {0};
    enum h1_result r = H1_NEED_MORE;
    for (size_t at = 0; at < len && r == H1_NEED_MORE;) {
        size_t step = 1 + (unsigned char)bytes[(at * 7 + 3) % len] % 64;
        at = step < len - at ? at + step : len;
        char *copy = malloc(at);
        memcpy(copy, bytes, at);
        r = h1_scan(&scan, copy, at, &limits, head_len_r);
        free(copy);
    }
    return r;
}

static bool lies_inside(struct slice s, const char *head, size_t head_len)
{
    return s.len == 0 || (s.ptr >= head && s.ptr + s.len <= head + head_len);
}

static void check_response(const struct h1_response *resp, const char *head, size_t head_len)
{
    assert(resp->n_fields <= limits.fields_max && resp->minor_version <= 1);
    assert(resp->content_length >= H1_NO_LENGTH && !(resp->is_chunked && resp->content_length != H1_NO_LENGTH));
    assert(resp->status >= 100 && resp->status <= 999 && lies_inside(resp->reason, head, head_len));
    for (size_t i = 0; i < resp->n_fields; i++) {
        const struct h1_field *field = &resp->fields[i];
        assert(field->name.len > 0 && field->id == header_name_of(field->name));
        assert(lies_inside(field->name, head, head_len) && lies_inside(field->value, head, head_len));
    }
}

static void append_response(struct buf *out, const struct h1_response *resp)
{
    buf_append(out, resp->minor_version ? SLICE("HTTP/1.1 ") : SLICE("HTTP/1.0 "));
    buf_append_u64(out, resp->status);
    buf_append_char(out, ' ');
    buf_append(out, resp->reason);
    buf_append(out, SLICE("\r\n"));
    for (size_t i = 0; i < resp->n_fields; i++) {
        buf_append(out, resp->fields[i].name);
        buf_append_char(out, ':');
        buf_append(out, resp->fields[i].value);
        buf_append(out, SLICE("\r\n"));
    }
    buf_append(out, SLICE("\r\n"));
}

static void check_written_anew(const struct h1_response *resp)
{
    struct buf head = BUF_EMPTY;
    append_response(&head, resp);
    struct h1_field fields[20];
    struct h1_response again = {.fields = fields};
    enum h1_result r = h1_parse_response(&again, head.ptr, head.len, &limits);
    assert(r == H1_OK);
    assert(again.status == resp->status && slice_eq(again.reason, resp->reason));
    assert(again.keep_alive == resp->keep_alive && again.is_chunked == resp->is_chunked);
    assert(again.content_length == resp->content_length && again.n_fields == resp->n_fields);
    for (size_t i = 0; i < resp->n_fields; i++) {
        assert(slice_eq(fields[i].name, resp->fields[i].name) && slice_eq(fields[i].value, resp->fields[i].value));
    }
    buf_deinit(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *bytes = (const char *)data;
    struct h1_scan scan = {0};
    size_t head_len = 0;
    size_t split_len = 0;
    enum h1_result scanned = h1_scan(&scan, bytes, len, &limits, &head_len);
    assert(scan_split(bytes, len, &split_len) == scanned && split_len == head_len);

    struct h1_field fields[20];
    struct h1_response resp = {.fields = fields};
    enum h1_result r = h1_parse_response(&resp, bytes, scanned == H1_OK ? head_len : len, &limits);
    if (r == H1_OK) {
        // What the parser takes, the scanner must take as well, unless it is over a limit that only the scanner knows.
        assert(scanned == H1_OK || scanned == H1_START_LINE_LONG || scanned == H1_HEAD_LARGE);
        check_response(&resp, bytes, len);
        check_written_anew(&resp);
    }
    return 0;
}
