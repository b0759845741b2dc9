// SPDX-License-Identifier: MIT
// A response head gives the same however it is split, and what was accepted is accepted again when written anew.
#include <assert.h>

#include "kit/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_response(const struct h1_response *resp, struct slice head)
{
    assert(resp->minor_version <= 1);
    assert(resp->content_length >= H1_NO_LENGTH && !(resp->is_chunked && resp->content_length != H1_NO_LENGTH));
    assert(resp->status >= 100 && resp->status <= 999 && head_holds(head, resp->reason));
    head_check_fields(head, resp->fields, resp->n_fields);
}

static void append_response(struct buf *out, const struct h1_response *resp)
{
    buf_append(out, resp->minor_version ? SLICE("HTTP/1.1 ") : SLICE("HTTP/1.0 "));
    buf_append_u64(out, resp->status);
    buf_append_char(out, ' ');
    buf_append(out, resp->reason);
    buf_append(out, SLICE("\r\n"));
    head_append_fields(out, resp->fields, resp->n_fields);
}

static void check_written_anew(const struct h1_response *resp)
{
    struct buf head = BUF_EMPTY;
    append_response(&head, resp);
    struct h1_field fields[20];
    struct h1_response again = {.fields = fields};
    enum h1_result r = h1_parse_response(&again, head.ptr, head.len, &head_limits);
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
    enum h1_result scanned = h1_scan(&scan, bytes, len, &head_limits, &head_len);
    assert(head_scan_split(bytes, len, &split_len) == scanned && split_len == head_len);

    struct h1_field fields[20];
    struct h1_response resp = {.fields = fields};
    enum h1_result r = h1_parse_response(&resp, bytes, scanned == H1_OK ? head_len : len, &head_limits);
    if (r == H1_OK) {
        // What the parser takes, the scanner must take as well, unless it is over a limit that only the scanner knows.
        assert(scanned == H1_OK || scanned == H1_START_LINE_LONG || scanned == H1_HEAD_LARGE);
        check_response(&resp, slice_of(bytes, len));
        check_written_anew(&resp);
    }
    return 0;
}
