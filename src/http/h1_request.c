// SPDX-License-Identifier: MIT
// Heads of requests.
#include "http/h1_char.h"
#include "http/h1_fields.h"
#include "http/h1_head.h"

static const struct slice methods[HTTP_METHOD_OTHER] = {
    [HTTP_GET] = SLICE_INIT("GET"),         [HTTP_HEAD] = SLICE_INIT("HEAD"),   [HTTP_POST] = SLICE_INIT("POST"),
    [HTTP_PUT] = SLICE_INIT("PUT"),         [HTTP_PATCH] = SLICE_INIT("PATCH"), [HTTP_DELETE] = SLICE_INIT("DELETE"),
    [HTTP_OPTIONS] = SLICE_INIT("OPTIONS"),
};

static enum http_method method_of(struct slice text)
{
    enum http_method method = HTTP_GET;
    while (method < HTTP_METHOD_OTHER && !slice_eq(methods[method], text)) {
        method++;
    }
    return method;
}

const char *http_method_text(enum http_method method)
{
    return method < HTTP_METHOD_OTHER ? methods[method].ptr : NULL;
}

static bool is_token(struct slice text)
{
    return text.len > 0 && h1_find_token_end(text.ptr, text.ptr + text.len) == text.ptr + text.len;
}

// Printable ASCII without the space: everything else has to be percent-encoded (RFC 3986 §2).
static bool is_target(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~') {
            return false;
        }
    }
    return text.len > 0;
}

// method SP target SP version
static enum h1_result parse_request_line(struct h1_request *req, struct slice line)
{
    struct slice rest = line;
    req->method_text = slice_split(&rest, ' ');
    req->target = slice_split(&rest, ' ');
    if (!is_token(req->method_text) || !is_target(req->target)) {
        return H1_BAD_SYNTAX;
    }
    req->method = method_of(req->method_text);
    return h1_parse_version(rest, &req->minor_version);
}

// One in HTTP/1.1, at most one in HTTP/1.0. Judged by its characters only: whether the host exists is not ours to say,
// but no two servers shall read two hosts from it.
static bool has_proper_host(const struct h1_fields *fields, unsigned minor_version)
{
    for (size_t i = 0; i < fields->host.len; i++) {
        if (!h1_is_host_char(fields->host.ptr[i])) {
            return false;
        }
    }
    return fields->n_hosts == 1 || (fields->n_hosts == 0 && minor_version == 0);
}

enum h1_result h1_parse_request(struct h1_request *req, const char *head, size_t head_len,
                                const struct h1_limits *limits)
{
    struct slice rest = slice_of(head, head_len);
    struct slice line;
    if (!h1_take_line(&rest, &line)) {
        return H1_BAD_SYNTAX;
    }
    enum h1_result r = parse_request_line(req, line);
    if (r != H1_OK) {
        return r;
    }
    struct h1_fields fields = {.fields = req->fields};
    r = h1_parse_fields(&fields, rest, req->minor_version, limits);
    if (r != H1_OK) {
        return r;
    }
    if (!has_proper_host(&fields, req->minor_version)) {
        return H1_BAD_SYNTAX;
    }
    req->keep_alive = h1_fields_keep_alive(&fields, req->minor_version);
    req->is_chunked = fields.is_chunked;
    req->expects_continue = fields.expects_continue && req->minor_version > 0;
    req->content_length = fields.content_length;
    req->n_fields = fields.n_fields;
    return H1_OK;
}
