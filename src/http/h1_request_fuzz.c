// SPDX-License-Identifier: MIT
// A request head gives the same however it is split, and what was accepted is accepted again when written anew.
#include <assert.h>

#include "kit/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_request(const struct h1_request *req, struct slice head)
{
    assert(req->minor_version <= 1);
    assert(req->content_length >= H1_NO_LENGTH && !(req->is_chunked && req->content_length != H1_NO_LENGTH));
    assert(head_holds(head, req->method_text) && head_holds(head, req->target));
    head_check_fields(head, req->fields, req->n_fields);
}

static void append_request(struct buf *out, const struct h1_request *req)
{
    buf_append(out, req->method_text);
    buf_append_char(out, ' ');
    buf_append(out, req->target);
    buf_append(out, req->minor_version ? SLICE(" HTTP/1.1\r\n") : SLICE(" HTTP/1.0\r\n"));
    head_append_fields(out, req->fields, req->n_fields);
}

static void check_written_anew(const struct h1_request *req)
{
    struct buf head = BUF_EMPTY;
    append_request(&head, req);
    struct h1_field fields[20];
    struct h1_request again = {.fields = fields};
    enum h1_result r = h1_parse_request(&again, head.ptr, head.len, &head_limits);
    assert(r == H1_OK);
    assert(again.method == req->method && slice_eq(again.target, req->target));
    assert(again.keep_alive == req->keep_alive && again.is_chunked == req->is_chunked);
    assert(again.expects_continue == req->expects_continue && again.content_length == req->content_length);
    assert(again.n_fields == req->n_fields);
    for (size_t i = 0; i < req->n_fields; i++) {
        assert(slice_eq(fields[i].name, req->fields[i].name) && slice_eq(fields[i].value, req->fields[i].value));
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
    struct h1_request req = {.fields = fields};
    enum h1_result r = h1_parse_request(&req, bytes, scanned == H1_OK ? head_len : len, &head_limits);
    if (r == H1_OK) {
        // What the parser takes, the scanner must take as well, unless it is over a limit that only the scanner knows.
        assert(scanned == H1_OK || scanned == H1_START_LINE_LONG || scanned == H1_HEAD_LARGE);
        check_request(&req, slice_of(bytes, len));
        check_written_anew(&req);
    }
    return 0;
}
