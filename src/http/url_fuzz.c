// SPDX-License-Identifier: MIT
// A URL that is accepted is accepted again when put together from its parts, with the same parts; decoding undoes
// encoding.
#include <assert.h>

#include "base/buf.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void append_url(struct buf *out, const struct url *url)
{
    bool is_ipv6 = slice_find_char(url->host, ':') != SLICE_NOT_FOUND;
    buf_append(out, url->scheme);
    buf_append(out, SLICE("://"));
    buf_append(out, url->userinfo);
    buf_append(out, url->userinfo.len > 0 ? SLICE("@") : SLICE(""));
    buf_append(out, is_ipv6 ? SLICE("[") : SLICE(""));
    buf_append(out, url->host);
    buf_append(out, is_ipv6 ? SLICE("]:") : SLICE(":"));
    buf_append_u64(out, url->port);
    buf_append(out, url->path);
    buf_append(out, url->query.ptr ? SLICE("?") : SLICE(""));
    buf_append(out, url->query);
}

static void check_url(struct slice text)
{
    struct url url;
    if (url_parse(&url, text) != 0) {
        return;
    }
    struct buf joined = BUF_EMPTY;
    struct url again;
    append_url(&joined, &url);
    int r = url_parse(&again, buf_slice(&joined));
    assert(r == 0 && again.has_port && again.port == url.port && again.is_tls == url.is_tls);
    assert(slice_eq(again.userinfo, url.userinfo) && slice_eq(again.host, url.host));
    assert(slice_eq(again.path, url.path) && slice_eq(again.query, url.query));
    assert(!again.query.ptr == !url.query.ptr);
    buf_deinit(&joined);
}

static void check_target(struct arena *arena, struct slice target)
{
    struct url url;
    struct slice value;
    if (url_parse_target(&url, target) == 0) {
        assert(slice_starts_with(url.path, SLICE("/")) || slice_eq(target, SLICE("*")) || url.path.ptr[0] == '*');
        if (url_query_get(arena, url.query, SLICE("key"), &value)) {
            assert(slice_find_char(value, '\0') == SLICE_NOT_FOUND);
        }
    }
}

static void check_decoding(struct arena *arena, struct slice text)
{
    static const char digits[] = "0123456789abcDEF";
    struct slice decoded = SLICE_EMPTY;
    if (url_decode(arena, text, &decoded)) {
        assert(decoded.len <= text.len && slice_find_char(decoded, '\0') == SLICE_NOT_FOUND);
    }
    struct buf encoded = BUF_EMPTY;
    for (size_t i = 0; i < text.len; i++) {
        buf_append_char(&encoded, '%');
        buf_append_char(&encoded, digits[(unsigned char)text.ptr[i] >> 4]);
        buf_append_char(&encoded, digits[text.ptr[i] & 15]);
    }
    bool has_nul = slice_find_char(text, '\0') != SLICE_NOT_FOUND;
    bool is_good = url_decode(arena, buf_slice(&encoded), &decoded);
    assert(is_good == !has_nul && (has_nul || slice_eq(decoded, text)));
    buf_deinit(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_of((const char *)data, len);
    struct arena arena;
    arena_init(&arena, 256);
    check_url(text);
    check_target(&arena, text);
    check_decoding(&arena, text);
    arena_deinit(&arena);
    return 0;
}
