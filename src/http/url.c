// SPDX-License-Identifier: MIT
#include "http/url.h"

#include <arpa/inet.h>

enum { HOST_MAX = 253 }; // of a DNS name as text

const char *url_error_text(int error)
{
    switch (error) {
    case URL_E_SCHEME: return "it must begin with http:// or https://";
    case URL_E_HOST: return "the host is missing or malformed";
    case URL_E_PORT: return "the port must be a number from 1 to 65535";
    case URL_E_CHAR: return "it has a character that must be percent-encoded, or a broken % sequence";
    case URL_E_FRAGMENT: return "a fragment (#) has no place here";
    default: return "malformed URL";
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte that the sequence at `i` stands for; -1 when it is broken.
static int decode_sequence(struct slice text, size_t i)
{
    if (text.len - i < 3) {
        return -1;
    }
    int high = hex_value(text.ptr[i + 1]);
    int low = hex_value(text.ptr[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int check_chars(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '#') {
            return URL_E_FRAGMENT;
        }
        if (c <= ' ' || c > '~' || c == '\\' || (c == '%' && decode_sequence(text, i) < 0)) {
            return URL_E_CHAR;
        }
    }
    return 0;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_all_of(struct slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alnum(text.ptr[i]) && !strchr(others, text.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_ipv6(struct slice text)
{
    char literal[INET6_ADDRSTRLEN] = {0};
    struct in6_addr address;
    if (text.len >= sizeof(literal)) {
        return false;
    }
    memcpy(literal, text.ptr, text.len);
    return inet_pton(AF_INET6, literal, &address) == 1;
}

// Takes the host from the front of *authority; what is left is empty or begins with the colon of the port.
static int take_host(struct slice *authority, struct slice *host_r)
{
    struct slice host = *authority;
    if (slice_starts_with(host, SLICE("["))) {
        size_t close = slice_find_char(host, ']');
        if (close == SLICE_NOT_FOUND || !is_ipv6(slice_of(host.ptr + 1, close - 1))) {
            return URL_E_HOST;
        }
        *host_r = slice_of(host.ptr + 1, close - 1);
        *authority = slice_after(host, close + 1);
        return authority->len > 0 && authority->ptr[0] != ':' ? URL_E_HOST : 0;
    }
    size_t colon = slice_find_char(host, ':');
    host.len = colon == SLICE_NOT_FOUND ? host.len : colon;
    if (host.len == 0 || host.len > HOST_MAX || !is_all_of(host, "-._~")) {
        return URL_E_HOST;
    }
    *host_r = host;
    *authority = slice_after(*authority, host.len);
    return 0;
}

static int parse_port(struct url *url, struct slice colon_port)
{
    if (colon_port.len == 0) {
        url->port = url->is_tls ? 443 : 80;
        return 0;
    }
    uint64_t port = 0;
    if (!slice_to_u64(slice_after(colon_port, 1), &port) || port == 0 || port > UINT16_MAX) {
        return URL_E_PORT;
    }
    url->port = (uint16_t)port;
    url->has_port = true;
    return 0;
}

// [ userinfo "@" ] host [ ":" port ]
static int parse_authority(struct url *url, struct slice authority)
{
    size_t at = slice_find_char(authority, '@');
    if (at != SLICE_NOT_FOUND) {
        url->userinfo = slice_of(authority.ptr, at);
        authority = slice_after(authority, at + 1);
        if (!is_all_of(url->userinfo, "-._~!$&'()*+,;=:%")) {
            return URL_E_HOST;
        }
    }
    int r = take_host(&authority, &url->host);
    return r ? r : parse_port(url, authority);
}

static void split_query(struct url *url, struct slice text)
{
    url->path = slice_split(&text, '?');
    url->query = text;
    if (url->path.len == 0) {
        url->path = SLICE("/");
    }
}

int url_parse(struct url *url, struct slice text)
{
    struct url parsed = {.is_tls = slice_starts_with_nocase(text, SLICE("https://"))};
    if (!parsed.is_tls && !slice_starts_with_nocase(text, SLICE("http://"))) {
        return URL_E_SCHEME;
    }
    int r = check_chars(text);
    if (r) {
        return r;
    }
    parsed.scheme = parsed.is_tls ? SLICE("https") : SLICE("http");
    struct slice rest = slice_after(text, parsed.scheme.len + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') {
        end++;
    }
    r = parse_authority(&parsed, slice_of(rest.ptr, end));
    if (r) {
        return r;
    }
    split_query(&parsed, slice_after(rest, end));
    *url = parsed;
    return 0;
}

int url_parse_target(struct url *url, struct slice target)
{
    bool is_asterisk = slice_eq(target, SLICE("*"));
    if (!is_asterisk && !slice_starts_with(target, SLICE("/"))) {
        return url_parse(url, target);
    }
    int r = check_chars(target);
    if (r) {
        return r;
    }
    *url = (struct url){0};
    split_query(url, target);
    return 0;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

void url_encode(struct buf *out, struct slice text, const char *also_plain)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (is_unreserved((char)c) || (c && strchr(also_plain, c))) {
            buf_append_char(out, (char)c);
        } else {
            char encoded[3] = {'%', hex[c >> 4], hex[c & 15]};
            buf_append(out, slice_of(encoded, sizeof(encoded)));
        }
    }
}

bool url_decode(struct arena *arena, struct slice text, struct slice *decoded_r)
{
    char *out = arena_text(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            c = decode_sequence(text, i);
            i += 2;
        }
        if (c <= 0) {
            return false;
        }
        out[len++] = (char)c;
    }
    *decoded_r = slice_of(out, len);
    return true;
}

static bool decodes_to(struct slice text, struct slice plain)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++, n++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            c = decode_sequence(text, i);
            i += 2;
        }
        if (n == plain.len || c != (unsigned char)plain.ptr[n]) {
            return false;
        }
    }
    return n == plain.len;
}

bool url_query_is(struct slice pair, struct slice name)
{
    return decodes_to(slice_split(&pair, '='), name);
}

bool url_query_get(struct arena *arena, struct slice query, struct slice name, struct slice *value_r)
{
    while (query.len > 0) {
        struct slice value = slice_split(&query, '&');
        struct slice key = slice_split(&value, '=');
        if (decodes_to(key, name)) {
            return url_decode(arena, value, value_r);
        }
    }
    return false;
}
