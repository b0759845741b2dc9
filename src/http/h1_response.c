// SPDX-License-Identifier: MIT
// Heads of responses.
#include "http/h1_fields.h"
#include "http/h1_head.h"

// version SP 3DIGIT [ SP reason ]: the second space is missing from some servers that have no reason to give.
static enum h1_result parse_status_line(struct h1_response *resp, struct slice line)
{
    struct slice rest = line;
    enum h1_result r = h1_parse_version(slice_split(&rest, ' '), &resp->minor_version);
    if (r != H1_OK) {
        return r;
    }
    struct slice status = slice_split(&rest, ' ');
    uint64_t value = 0;
    if (status.len != 3 || !slice_to_u64(status, &value) || value < 100) {
        return H1_BAD_SYNTAX;
    }
    resp->status = (uint16_t)value;
    resp->reason = rest;
    return H1_OK;
}

enum h1_result h1_parse_response(struct h1_response *resp, const char *head, size_t head_len,
                                 const struct h1_limits *limits)
{
    struct slice rest = slice_of(head, head_len);
    struct slice line;
    if (!h1_take_line(&rest, &line)) {
        return H1_BAD_SYNTAX;
    }
    enum h1_result r = parse_status_line(resp, line);
    if (r != H1_OK) {
        return r;
    }
    struct h1_fields fields = {.fields = resp->fields};
    r = h1_parse_fields(&fields, rest, resp->minor_version, limits);
    if (r != H1_OK) {
        return r;
    }
    resp->keep_alive = h1_fields_keep_alive(&fields, resp->minor_version);
    resp->is_chunked = fields.is_chunked;
    resp->content_length = fields.content_length;
    resp->n_fields = fields.n_fields;
    return H1_OK;
}

bool h1_response_has_body(enum http_method request_method, uint16_t status)
{
    return request_method != HTTP_HEAD && status >= 200 && status != 204 && status != 304;
}
