// SPDX-License-Identifier: MIT
// The resolver is played by the test (its functions are defined here, so that the linker takes these), which makes
// names of any addresses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "kit/loopback.h"
#include "kit/tls_peer.h"
#include "net/dial.h"

struct resolver {
    const char *const *addresses; // of every name, up to NULL
    int r;
    bool is_known; // remembered: found at once
    unsigned n_forgotten;
    // a question under way
    struct timer timer;
    resolver_fn fn;
    void *arg;
    bool is_asked;
};

struct fixture {
    struct loop loop;
    struct resolver resolver;
    struct tls_context *context;
    struct tls_peer peer;
    struct dial *dial;
    int listener;
    uint16_t port;
    struct loopback_client other; // what the dial has connected to
    int fd;                       // what it came to
    struct tls_session *session;
    bool has_connected;
    bool has_failed;
    enum dial_failure failure;
    char detail[256];
};

// ---- the resolver ---------------------------------------------------------------------------------------------------

static void fill(const struct resolver *resolver, struct resolver_result *result)
{
    *result = (struct resolver_result){.r = resolver->r};
    for (size_t i = 0; resolver->r == 0 && resolver->addresses[i]; i++) {
        assert_true(address_from_literal(&result->addresses[i], slice_from_cstr(resolver->addresses[i]), 0));
        result->n_addresses++;
    }
}

bool resolver_find(struct resolver *resolver, struct slice host, struct resolver_result *result_r)
{
    (void)host;
    if (resolver->is_known) {
        fill(resolver, result_r);
    }
    return resolver->is_known;
}

static void on_answer(struct timer *timer)
{
    struct resolver *resolver = CONTAINER_OF(timer, struct resolver, timer);
    struct resolver_result result;
    fill(resolver, &result);
    resolver->is_asked = false;
    resolver->fn(resolver->arg, &result);
}

static struct fixture *fixture_of(struct resolver *resolver)
{
    return CONTAINER_OF(resolver, struct fixture, resolver);
}

int resolver_start(struct resolver *resolver, struct slice host, resolver_fn fn, void *arg,
                   struct resolver_query **query_r)
{
    (void)host;
    if (resolver->r == UV_EINVAL) {
        return UV_EINVAL;
    }
    resolver->fn = fn;
    resolver->arg = arg;
    resolver->is_asked = true;
    timer_start(&fixture_of(resolver)->loop.timers, &resolver->timer, 4, on_answer);
    *query_r = (struct resolver_query *)resolver;
    return 0;
}

void resolver_cancel(struct resolver_query *query)
{
    struct resolver *resolver = (struct resolver *)query;
    assert_true(resolver->is_asked);
    resolver->is_asked = false;
    timer_cancel(&resolver->timer);
}

void resolver_forget(struct resolver *resolver, struct slice host)
{
    (void)host;
    resolver->n_forgotten++;
}

// ---- the fixture ----------------------------------------------------------------------------------------------------

static void on_connected_take(void *arg, int fd, struct tls_session *tls)
{
    struct fixture *f = arg;
    assert_false(f->has_connected || f->has_failed);
    f->has_connected = true;
    f->dial = NULL;
    f->fd = fd;
    f->session = tls;
}

static void on_failed(void *arg, enum dial_failure failure, const char *detail)
{
    struct fixture *f = arg;
    assert_false(f->has_connected || f->has_failed);
    f->has_failed = true;
    f->dial = NULL;
    f->failure = failure;
    snprintf(f->detail, sizeof(f->detail), "%s", detail);
}

static const struct dial_events events = {on_connected_take, on_failed};
static const char *const v4_only[] = {"127.0.0.1", NULL};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.fd = -1, .other = {.fd = -1}, .resolver = {.addresses = v4_only}};
    loop_init(&f.loop);
    timer_init(&f.resolver.timer);
    f.listener = loopback_listen(&f.port);
    tls_peer_init(&f.peer, "DNS:upstream.test");
    tls_peer_trust(&f.peer);
    f.context = tls_context_new();
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->dial) {
        dial_cancel(f->dial);
    }
    loop_deinit(&f->loop); // finds a handle that was left open
    tls_session_free(f->session, false);
    if (f->fd >= 0) {
        close(f->fd);
    }
    loopback_close(&f->other);
    if (f->listener >= 0) {
        close(f->listener);
    }
    tls_context_free(f->context);
    tls_peer_deinit(&f->peer);
    return 0;
}

static void dial_to(struct fixture *f, struct dial_target target)
{
    target.host = target.host.len ? target.host : SLICE("upstream.test");
    target.port = target.port ? target.port : f->port;
    f->has_connected = f->has_failed = false;
    f->dial = dial_start(&f->loop, &f->resolver, f->context, &target, &events, f);
    assert_false(f->has_connected || f->has_failed); // never from inside
}

static bool is_over(void *arg)
{
    struct fixture *f = arg;
    return f->has_connected || f->has_failed;
}

static void expect_connection(struct fixture *f)
{
    assert_true(loopback_until(&f->loop, is_over, f));
    assert_string_equal(f->detail, "");
    assert_true(f->has_connected);
}

static void expect_failure(struct fixture *f, enum dial_failure failure, const char *detail)
{
    assert_true(loopback_until(&f->loop, is_over, f));
    assert_true(f->has_failed);
    assert_int_equal(f->failure, failure);
    assert_non_null(strstr(f->detail, detail));
    assert_null(strstr(f->detail, "key-one"));
}

static bool has_other(void *arg)
{
    struct fixture *f = arg;
    if (f->other.fd < 0) {
        f->other.fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    return f->other.fd >= 0;
}

static void accept_other(struct fixture *f)
{
    assert_true(loopback_until(&f->loop, has_other, f));
}

// ---- resolve and connect --------------------------------------------------------------------------------------------

static void a_name_is_resolved_and_connected(void **state)
{
    struct fixture *f = *state;
    for (int is_known = 0; is_known < 2; is_known++) {
        f->resolver.is_known = is_known;
        dial_to(f, (struct dial_target){0});
        expect_connection(f);
        assert_null(f->session);
        close(f->fd);
        f->fd = -1;
    }
}

static void names_without_an_address_fail(void **state)
{
    static const int failures[] = {UV_EAI_NONAME, UV_EAI_AGAIN, UV_EINVAL};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
        f->resolver.r = failures[i];
        dial_to(f, (struct dial_target){0});
        expect_failure(f, DIAL_FAIL_RESOLVE, "cannot resolve upstream.test: ");
    }
}

// Only 127.0.0.1 listens. The dead ones in front refuse, or have no route, or never answer.
static void dead_addresses_in_front_cost_little(void **state)
{
    static const char *const refused[] = {"::1", "127.0.0.1", NULL};
    static const char *const several[] = {"::1", "127.0.0.2", "::1", "127.0.0.3", "127.0.0.1", NULL};
    static const char *const silent[] = {"192.0.2.1", "127.0.0.1", NULL};
    static const char *const *const lists[] = {refused, several, silent};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        f->resolver.addresses = lists[i];
        f->resolver.is_known = i % 2;
        uint64_t before = clock_monotonic_ns();
        dial_to(f, (struct dial_target){.timeout_ms = 4000});
        expect_connection(f);
        assert_true(clock_monotonic_ns() - before < UINT64_C(2000000000));
        close(f->fd);
        f->fd = -1;
    }
}

static void where_every_address_is_dead_it_fails_and_the_name_is_forgotten(void **state)
{
    static const char *const all[] = {"::1", "127.0.0.1", "127.0.0.2", NULL};
    struct fixture *f = *state;
    close(f->listener);
    f->listener = -1;
    f->resolver.addresses = all;
    for (int is_known = 0; is_known < 2; is_known++) {
        f->resolver.is_known = is_known;
        f->resolver.n_forgotten = 0;
        dial_to(f, (struct dial_target){0});
        expect_failure(f, DIAL_FAIL_CONNECT, "cannot connect to upstream.test port ");
        assert_int_equal(f->resolver.n_forgotten, 1);
    }
}

static void cancelling_is_possible_in_every_phase(void **state)
{
    static const char *const silent[] = {"192.0.2.1", "192.0.2.2", NULL};
    struct fixture *f = *state;
    dial_to(f, (struct dial_target){0});
    dial_cancel(f->dial); // resolving
    assert_false(f->resolver.is_asked);
    f->resolver.is_known = true;
    f->resolver.addresses = silent;
    dial_to(f, (struct dial_target){0});
    dial_cancel(f->dial); // connecting
    f->resolver.addresses = v4_only;
    dial_to(f, (struct dial_target){.is_tls = true});
    accept_other(f);
    dial_cancel(f->dial); // shaking hands
    f->dial = NULL;
    assert_true(loopback_receive_end(&f->other, &f->loop));
    assert_false(is_over(f));
}

// ---- a proxy --------------------------------------------------------------------------------------------------------

static void dial_proxy(struct fixture *f, bool is_tls)
{
    dial_to(f, (struct dial_target){.host = SLICE("upstream.test"),
                                    .port = 444,
                                    .is_tls = is_tls,
                                    .proxy_host = SLICE("proxy.test"),
                                    .proxy_port = f->port,
                                    .proxy_authorization = SLICE("Basic key-one"),
                                    .timeout_ms = 4000});
    accept_other(f);
    assert_true(loopback_receive_text(&f->other, &f->loop, SLICE("\r\n\r\n")));
}

static void a_proxy_opens_a_tunnel(void **state)
{
    struct fixture *f = *state;
    char early[5];
    dial_proxy(f, false);
    assert_true(slice_eq(buf_slice(&f->other.received),
                         SLICE("CONNECT upstream.test:444 HTTP/1.1\r\nHost: upstream.test:444\r\n"
                               "Proxy-Authorization: Basic key-one\r\n\r\n")));
    // What comes behind the head belongs to the tunnel.
    loopback_send(&f->other, &f->loop, SLICE("HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\nearly"));
    expect_connection(f);
    assert_int_equal(recv(f->fd, early, sizeof(early), 0), 5);
    assert_memory_equal(early, "early", 5);
}

static void an_address_of_version_6_is_in_brackets(void **state)
{
    struct fixture *f = *state;
    dial_to(f, (struct dial_target){.host = SLICE("::1"), .port = 1, .proxy_host = SLICE("p"), .proxy_port = f->port});
    accept_other(f);
    assert_true(loopback_receive_text(&f->other, &f->loop, SLICE("CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n")));
}

static void answers_of_a_proxy_split_at_every_byte_are_the_same(void **state)
{
    static const struct slice answer = SLICE_INIT("HTTP/1.0 200\r\nA: b\r\n\r\n");
    struct fixture *f = *state;
    for (size_t at = 1; at < answer.len; at++) {
        dial_proxy(f, false);
        loopback_send(&f->other, &f->loop, slice_of(answer.ptr, at));
        assert_false(is_over(f));
        loopback_send(&f->other, &f->loop, slice_after(answer, at));
        expect_connection(f);
        close(f->fd);
        f->fd = -1;
        loopback_close(&f->other);
    }
}

static void a_proxy_that_refuses_or_talks_nonsense_fails(void **state)
{
    static char endless[9000];
    static const struct {
        const char *answer;
        const char *detail;
    } rows[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy refused the tunnel with status 407"},
        {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", "status 502"},
        {"SSH-2.0-x\r\n\r\n", "the proxy's answer is not HTTP"},
        {"\r\n\r\n", "the proxy's answer is not HTTP"},
        {endless, "the proxy's answer has no end"},
        {"", "the proxy closed the connection"},
        {"HTTP/1.1 200 OK\r\n", "the proxy closed the connection"},
    };
    struct fixture *f = *state;
    memset(endless, 'x', sizeof(endless) - 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        dial_proxy(f, false);
        loopback_send(&f->other, &f->loop, slice_from_cstr(rows[i].answer));
        loopback_close(&f->other);
        expect_failure(f, DIAL_FAIL_PROXY, rows[i].detail);
    }
}

// ---- TLS ------------------------------------------------------------------------------------------------------------

static bool peer_is_done(void *arg)
{
    struct fixture *f = arg;
    return tls_peer_step(&f->peer) || f->has_failed;
}

static void shake_hands(struct fixture *f)
{
    tls_peer_begin(&f->peer, f->other.fd);
    assert_true(loopback_until(&f->loop, peer_is_done, f));
}

static void tls_comes_last(void **state)
{
    struct fixture *f = *state;
    for (int with_proxy = 0; with_proxy < 2; with_proxy++) {
        if (with_proxy) {
            dial_proxy(f, true);
            loopback_send(&f->other, &f->loop, SLICE("HTTP/1.1 200 OK\r\n\r\n"));
        } else {
            dial_to(f, (struct dial_target){.is_tls = true});
            accept_other(f);
        }
        shake_hands(f);
        expect_connection(f);
        assert_non_null(f->session);
        assert_string_equal(SSL_get_servername(f->peer.ssl, TLSEXT_NAMETYPE_host_name), "upstream.test");
        tls_session_free(f->session, false);
        f->session = NULL;
        close(f->fd);
        f->fd = -1;
        loopback_close(&f->other);
    }
}

static void a_certificate_for_another_host_fails(void **state)
{
    struct fixture *f = *state;
    dial_to(f, (struct dial_target){.host = SLICE("other.test"), .is_tls = true});
    accept_other(f);
    shake_hands(f);
    expect_failure(f, DIAL_FAIL_TLS, "TLS with other.test: certificate refused: ");
}

static void a_peer_that_leaves_the_handshake_fails(void **state)
{
    struct fixture *f = *state;
    dial_to(f, (struct dial_target){.is_tls = true});
    accept_other(f);
    loopback_close(&f->other);
    expect_failure(f, DIAL_FAIL_TLS, "TLS with upstream.test: ");
}

// ---- time-outs ------------------------------------------------------------------------------------------------------

static void one_time_out_is_for_everything(void **state)
{
    struct fixture *f = *state;
    dial_to(f, (struct dial_target){.is_tls = true, .timeout_ms = 40});
    expect_failure(f, DIAL_FAIL_TIMEOUT, "no connection to upstream.test within 40 ms");
    dial_to(f, (struct dial_target){.proxy_host = SLICE("proxy.test"), .proxy_port = f->port, .timeout_ms = 40});
    expect_failure(f, DIAL_FAIL_TIMEOUT, "no connection to proxy.test within 40 ms");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_resolved_and_connected),
        TEST(names_without_an_address_fail),
        TEST(dead_addresses_in_front_cost_little),
        TEST(where_every_address_is_dead_it_fails_and_the_name_is_forgotten),
        TEST(cancelling_is_possible_in_every_phase),
        TEST(a_proxy_opens_a_tunnel),
        TEST(an_address_of_version_6_is_in_brackets),
        TEST(answers_of_a_proxy_split_at_every_byte_are_the_same),
        TEST(a_proxy_that_refuses_or_talks_nonsense_fails),
        TEST(tls_comes_last),
        TEST(a_certificate_for_another_host_fails),
        TEST(a_peer_that_leaves_the_handshake_fails),
        TEST(one_time_out_is_for_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
