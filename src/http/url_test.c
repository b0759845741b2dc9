// SPDX-License-Identifier: MIT
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *text;
    int error;
} bad_urls[] = {
    {"", URL_E_SCHEME},
    {"a.example", URL_E_SCHEME},
    {"//a.example", URL_E_SCHEME},
    {"http:/a.example", URL_E_SCHEME},
    {"http:a.example", URL_E_SCHEME},
    {"ftp://a.example", URL_E_SCHEME},
    {"httpx://a.example", URL_E_SCHEME},
    {" http://a.example", URL_E_SCHEME},
    {"http://", URL_E_HOST},
    {"http:///path", URL_E_HOST},
    {"http://?q", URL_E_HOST},
    {"http://:80/", URL_E_HOST},
    {"http://user@", URL_E_HOST},
    {"http://user@:80", URL_E_HOST},
    {"http://a@b@c/", URL_E_HOST},
    {"http://us[er@a/", URL_E_HOST},
    {"http://a,b/", URL_E_HOST},
    {"http://a%41/", URL_E_HOST},
    {"http://::1/", URL_E_HOST},
    {"http://[::1", URL_E_HOST},
    {"http://[]/", URL_E_HOST},
    {"http://[::1]x/", URL_E_HOST},
    {"http://[::g]/", URL_E_HOST},
    {"http://[1.2.3.4]/", URL_E_HOST},
    {"http://[fe80::1%25eth0]/", URL_E_HOST},
    {"http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/", URL_E_HOST},
    {"http://[[::1]]/", URL_E_HOST},
    {"http://a]/", URL_E_HOST},
    {"http://a:/", URL_E_PORT},
    {"http://a:0/", URL_E_PORT},
    {"http://a:65536/", URL_E_PORT},
    {"http://a:18446744073709551696/", URL_E_PORT},
    {"http://a:+80/", URL_E_PORT},
    {"http://a:8x/", URL_E_PORT},
    {"http://a:80:80/", URL_E_PORT},
    {"http://[::1]:x/", URL_E_PORT},
    {"http://a/b c", URL_E_CHAR},
    {"http://a/\t", URL_E_CHAR},
    {"http://a/\r\n", URL_E_CHAR},
    {"http://a/\x7f", URL_E_CHAR},
    {"http://b\xc3\xbc"
     "cher.example/",
     URL_E_CHAR},
    {"http://a\\@b/", URL_E_CHAR},
    {"http://a/%", URL_E_CHAR},
    {"http://a/%4", URL_E_CHAR},
    {"http://a/%4g", URL_E_CHAR},
    {"http://a/%g4", URL_E_CHAR},
    {"http://u%@a/", URL_E_CHAR},
    {"http://a/#b", URL_E_FRAGMENT},
    {"http://a#b", URL_E_FRAGMENT},
    {"http://a/?b#", URL_E_FRAGMENT},
};

static void rejects(void **state)
{
    for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
        struct url url = {.port = 7};
        int r = url_parse(&url, slice_from_cstr(bad_urls[i].text));
        if (r != bad_urls[i].error) {
            fail_msg("%s: %d", bad_urls[i].text, r);
        }
        assert_int_equal(url.port, 7); // untouched on failure
        assert_string_not_equal(url_error_text(r), "malformed URL");
    }
    struct url url;
    assert_int_equal(url_parse(&url, SLICE("http://a/\0b")), URL_E_CHAR);
    assert_int_equal(url_parse(&url, SLICE("http://a\0b/")), URL_E_CHAR);
    assert_int_equal(url_parse(&url, slice_of("http://a/%41", 11)), URL_E_CHAR); // what follows is not looked at
    char long_host[7 + 254];
    memset(long_host, 'a', sizeof(long_host));
    memcpy(long_host, "http://", 7);
    assert_int_equal(url_parse(&url, slice_of(long_host, sizeof(long_host))), URL_E_HOST);
    assert_int_equal(url_parse(&url, slice_of(long_host, sizeof(long_host) - 1)), 0);
}

static const struct {
    const char *text;
    const char *scheme;
    const char *userinfo;
    const char *host;
    uint16_t port;
    bool has_port;
    const char *path;
    const char *query; // NULL: none
} good_urls[] = {
    {"http://a.example", "http", "", "a.example", 80, false, "/", NULL},
    {"https://a.example", "https", "", "a.example", 443, false, "/", NULL},
    {"HTTPS://A.example/", "https", "", "A.example", 443, false, "/", NULL},
    {"http://a:8080", "http", "", "a", 8080, true, "/", NULL},
    {"http://a:65535/b", "http", "", "a", 65535, true, "/b", NULL},
    {"https://a:443?b", "https", "", "a", 443, true, "/", "b"},
    {"http://a?", "http", "", "a", 80, false, "/", ""},
    {"http://a/b/c?d=e?f/g", "http", "", "a", 80, false, "/b/c", "d=e?f/g"},
    {"http://a/@:b", "http", "", "a", 80, false, "/@:b", NULL},
    {"http://a/?u@b", "http", "", "a", 80, false, "/", "u@b"},
    {"http://user:p%40ss@proxy_1:3128", "http", "user:p%40ss", "proxy_1", 3128, true, "/", NULL},
    {"http://@a/", "http", "", "a", 80, false, "/", NULL},
    {"http://127.0.0.1:1", "http", "", "127.0.0.1", 1, true, "/", NULL},
    {"http://[::1]", "http", "", "::1", 80, false, "/", NULL},
    {"http://u@[::ffff:1.2.3.4]:81/a", "http", "u", "::ffff:1.2.3.4", 81, true, "/a", NULL},
    {"http://a/%00%fF", "http", "", "a", 80, false, "/%00%fF", NULL},
    {"http://a/v1beta/models/m:generate|`\"<>^{}", "http", "", "a", 80, false, "/v1beta/models/m:generate|`\"<>^{}",
     NULL},
};

static void assert_text(struct slice text, const char *expected)
{
    if (!slice_eq(text, slice_from_cstr(expected))) {
        fail_msg("%.*s is not %s", SLICE_ARG(text), expected);
    }
}

static void accepts(void **state)
{
    for (size_t i = 0; i < sizeof(good_urls) / sizeof(good_urls[0]); i++) {
        struct url url;
        int r = url_parse(&url, slice_from_cstr(good_urls[i].text));
        if (r != 0) {
            fail_msg("%s: %s", good_urls[i].text, url_error_text(r));
        }
        assert_text(url.scheme, good_urls[i].scheme);
        assert_text(url.userinfo, good_urls[i].userinfo);
        assert_text(url.host, good_urls[i].host);
        assert_int_equal(url.port, good_urls[i].port);
        assert_int_equal(url.has_port, good_urls[i].has_port);
        assert_int_equal(url.is_tls, url.scheme.len == 5);
        assert_text(url.path, good_urls[i].path);
        assert_int_equal(url.query.ptr != NULL, good_urls[i].query != NULL);
        assert_text(url.query, good_urls[i].query);
    }
}

static const struct {
    const char *target;
    int error;
    const char *host;
    const char *path;
    const char *query;
} targets[] = {
    {"", URL_E_SCHEME, NULL, NULL, NULL},
    {"a", URL_E_SCHEME, NULL, NULL, NULL},
    {"a.example:443", URL_E_SCHEME, NULL, NULL, NULL},
    {"?a", URL_E_SCHEME, NULL, NULL, NULL},
    {"**", URL_E_SCHEME, NULL, NULL, NULL},
    {"http:///a", URL_E_HOST, NULL, NULL, NULL},
    {"/%zz", URL_E_CHAR, NULL, NULL, NULL},
    {"/a\\b", URL_E_CHAR, NULL, NULL, NULL},
    {"/a#b", URL_E_FRAGMENT, NULL, NULL, NULL},
    {"*", 0, "", "*", NULL},
    {"/", 0, "", "/", NULL},
    {"//a/b", 0, "", "//a/b", NULL},
    {"/a?", 0, "", "/a", ""},
    {"/a?b=c&d", 0, "", "/a", "b=c&d"},
    {"http://a.example?b", 0, "a.example", "/", "b"},
    {"https://a.example:1/b", 0, "a.example", "/b", NULL},
};

static void parses_targets(void **state)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct url url;
        assert_int_equal(url_parse_target(&url, slice_from_cstr(targets[i].target)), targets[i].error);
        if (targets[i].error == 0) {
            assert_text(url.host, targets[i].host);
            assert_text(url.path, targets[i].path);
            assert_int_equal(url.query.ptr != NULL, targets[i].query != NULL);
            assert_text(url.query, targets[i].query);
        }
    }
}

static const struct {
    struct slice text;
    bool is_good;
    struct slice decoded;
} encoded[] = {
    {SLICE_INIT("%"), false, SLICE_INIT("")},
    {SLICE_INIT("a%2"), false, SLICE_INIT("")},
    {SLICE_INIT("%2x"), false, SLICE_INIT("")},
    {SLICE_INIT("%-1"), false, SLICE_INIT("")},
    {SLICE_INIT("a%00"), false, SLICE_INIT("")},
    {SLICE_INIT("a\0b"), false, SLICE_INIT("")},
    {SLICE_INIT(""), true, SLICE_INIT("")},
    {SLICE_INIT("a+b"), true, SLICE_INIT("a+b")},
    {SLICE_INIT("%61%2F%2f%25%ff"), true, SLICE_INIT("a//%\xff")},
    {SLICE_INIT("%2561"), true, SLICE_INIT("%61")},
};

static void decodes(void **state)
{
    struct arena arena;
    arena_init(&arena, 64);
    for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
        struct slice decoded = SLICE_EMPTY;
        assert_int_equal(url_decode(&arena, encoded[i].text, &decoded), encoded[i].is_good);
        assert_true(slice_eq(decoded, encoded[i].decoded));
    }
    arena_deinit(&arena);
}

static void encodes(void **state)
{
    struct buf out = BUF_EMPTY;
    url_encode(&out, SLICE("aZ09-._~/@ +%\0\xff"), "");
    assert_true(slice_eq(buf_slice(&out), SLICE("aZ09-._~%2F%40%20%2B%25%00%FF")));
    buf_clear(&out);
    url_encode(&out, SLICE("models/a@b:c"), "/@");
    assert_true(slice_eq(buf_slice(&out), SLICE("models/a@b%3Ac")));
    buf_deinit(&out);
}

static const struct {
    const char *query;
    const char *value; // NULL: absent
} queries[] = {
    {"", NULL},
    {"&&", NULL},
    {"keys=a", NULL},
    {"ke=a", NULL},
    {"=key", NULL},
    {"a=key&b", NULL},
    {"KEY=a", NULL},
    {"key=%zz", NULL},
    {"key=%00", NULL},
    {"k%zzey=a", NULL},
    {"key", ""},
    {"key=", ""},
    {"key=a", "a"},
    {"a=b&key=c", "c"},
    {"key=a&key=b", "a"},
    {"&key=a=b&", "a=b"},
    {"key=a%26b+c", "a&b+c"},
    {"k%65y=a", "a"},
    {"%6b%65%79%00=b&key=a", "a"},
};

static void finds_query_parameters(void **state)
{
    struct arena arena;
    arena_init(&arena, 64);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct slice value = SLICE_EMPTY;
        bool found = url_query_get(&arena, slice_from_cstr(queries[i].query), SLICE("key"), &value);
        assert_int_equal(found, queries[i].value != NULL);
        assert_text(value, queries[i].value);
    }
    struct slice value;
    assert_false(url_query_get(&arena, SLICE_EMPTY, SLICE("key"), &value));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects), cmocka_unit_test(accepts), cmocka_unit_test(parses_targets),
        cmocka_unit_test(decodes), cmocka_unit_test(encodes), cmocka_unit_test(finds_query_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
