// SPDX-License-Identifier: MIT
// A request head gives the same however it is split, and what was accepted is accepted again when written anew.
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

static void check_request(const struct h1_request *req, const char *head, size_t head_len)
{
    assert(req->n_fields <= limits.fields_max && req->minor_version <= 1);
    assert(req->content_length >= H1_NO_LENGTH && !(req->is_chunked && req->content_length != H1_NO_LENGTH));
    assert(lies_inside(req->method_text, head, head_len) && lies_inside(req->target, head, head_len));
    for (size_t i = 0; i < req->n_fields; i++) {
        const struct h1_field *field = &req->fields[i];
        assert(field->name.len > 0 && field->id == header_name_of(field->name));
        assert(lies_inside(field->name, head, head_len) && lies_inside(field->value, head, head_len));
    }
}

static void append_request(struct buf *out, const struct h1_request *req)
{
    buf_append(out, req->method_text);
    buf_append_char(out, ' ');
    buf_append(out, req->target);
    buf_append(out, req->minor_version ? SLICE(" HTTP/1.1\r\n") : SLICE(" HTTP/1.0\r\n"));
    for (size_t i = 0; i < req->n_fields; i++) {
        buf_append(out, req->fields[i].name);
        buf_append_char(out, ':');
        buf_append(out, req->fields[i].value);
        buf_append(out, SLICE("\r\n"));
    }
    buf_append(out, SLICE("\r\n"));
}

static void check_written_anew(const struct h1_request *req)
{
    struct buf head = BUF_EMPTY;
    append_request(&head, req);
    struct h1_field fields[20];
    struct h1_request again = {.fields = fields};
    enum h1_result r = h1_parse_request(&again, head.ptr, head.len, &limits);
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
    enum h1_result scanned = h1_scan(&scan, bytes, len, &limits, &head_len);
    assert(scan_split(bytes, len, &split_len) == scanned && split_len == head_len);

    struct h1_field fields[20];
    struct h1_request req = {.fields = fields};
    enum h1_result r = h1_parse_request(&req, bytes, scanned == H1_OK ? head_len : len, &limits);
    if (r == H1_OK) {
        // What the parser takes, the scanner must take as well, unless it is over a limit that only the scanner knows.
        assert(scanned == H1_OK || scanned == H1_START_LINE_LONG || scanned == H1_HEAD_LARGE);
        check_request(&req, bytes, len);
        check_written_anew(&req);
    }
    return 0;
}
