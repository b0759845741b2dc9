// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "kit/loopback.h"
#include "kit/tls_peer.h"
#include "net/stream.h"
#include "net/tls.h"

// One end is a stream under TLS, the other an OpenSSL server on the same socket pair.
struct fixture {
    struct stream stream;
    struct loop loop;
    struct tls_context *context;
    struct tls_session *session;
    struct tls_peer peer;
    int fd;
    int peer_fd;
    struct buf received;
    size_t pause_at; // pauses itself when so much has come
    int end_r;
    unsigned n_ends;
    unsigned n_drains;
    bool is_open;
};

static struct fixture *fixture_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct fixture, stream);
}

static void on_data(struct stream *stream, char *bytes, size_t len)
{
    struct fixture *f = fixture_of(stream);
    buf_append(&f->received, slice_of(bytes, len));
    if (f->pause_at && f->received.len >= f->pause_at) {
        f->pause_at = 0;
        stream_pause(stream);
    }
}

static void on_end(struct stream *stream, int r)
{
    fixture_of(stream)->end_r = r;
    fixture_of(stream)->n_ends++;
}

static void on_drain(struct stream *stream)
{
    fixture_of(stream)->n_drains++;
}

static void on_closed(struct stream *stream)
{
    (void)stream;
}

static const struct stream_events events = {on_data, on_end, on_drain, on_closed, NULL};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.fd = -1, .peer_fd = -1};
    loop_init(&f.loop);
    tls_peer_init(&f.peer, "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1");
    tls_peer_trust(&f.peer);
    f.context = tls_context_new();
    *state = &f;
    return 0;
}

static void disconnect(struct fixture *f)
{
    if (f->is_open) {
        stream_close(&f->stream);
    } else if (f->session) {
        tls_session_free(f->session, false);
        close(f->fd);
    }
    f->session = NULL;
    f->is_open = false;
    if (f->peer_fd >= 0) {
        close(f->peer_fd);
    }
    f->peer_fd = -1;
    uv_run(&f->loop.uv, UV_RUN_NOWAIT); // the stream is embedded
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    disconnect(f);
    loop_deinit(&f->loop);
    tls_context_free(f->context);
    tls_peer_deinit(&f->peer);
    buf_deinit(&f->received);
    return 0;
}

// Both sides in turn. What the handshake came to.
static int shake_hands(struct fixture *f, const char *host)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f->fd = fds[0];
    f->peer_fd = fds[1];
    f->session = tls_session_new(f->context, f->fd, slice_from_cstr(host), 443);
    tls_peer_begin(&f->peer, f->peer_fd);
    bool peer_is_done = false;
    for (int i = 0; i < 100; i++) {
        int r = tls_handshake(f->session);
        peer_is_done = peer_is_done || tls_peer_step(&f->peer);
        if (r < 0 || (r == 0 && peer_is_done)) {
            return r;
        }
    }
    return TLS_WANT_READ;
}

static void connect_stream(struct fixture *f)
{
    assert_int_equal(shake_hands(f, "localhost"), 0);
    stream_open_take(&f->stream, &f->loop, f->fd, f->session, &events);
    f->is_open = true;
}

static bool has_end(void *arg)
{
    return ((struct fixture *)arg)->n_ends > 0;
}

static bool has_drained(void *arg)
{
    return ((struct fixture *)arg)->n_drains > 0;
}

// `pause_at` turns 0 when it has been reached.
static bool is_paused(void *arg)
{
    return ((struct fixture *)arg)->pause_at == 0;
}

struct wait {
    struct fixture *f;
    size_t n;
};

static bool has_bytes(void *arg)
{
    const struct wait *wait = arg;
    return wait->f->received.len >= wait->n;
}

static bool receives(struct fixture *f, size_t n)
{
    struct wait wait = {f, n};
    return loopback_until(&f->loop, has_bytes, &wait);
}

// ---- whom we talk to ------------------------------------------------------------------------------------------------

static void the_certificate_must_be_for_the_host(void **state)
{
    static const struct {
        const char *host;
        bool is_good;
    } rows[] = {
        {"localhost", true},
        {"LOCALHOST", true},
        {"a.example.test", true},
        {"127.0.0.1", true},
        {"::1", true},
        {"localhost.evil", false},
        {"example.test", false},
        {"a.b.example.test", false},
        {"127.0.0.2", false},
        {"::2", false},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int r = shake_hands(f, rows[i].host);
        assert_int_equal(r == 0, rows[i].is_good);
        if (r != 0) {
            assert_non_null(strstr(tls_error_text(f->session), "certificate refused"));
            assert_non_null(strstr(tls_error_text(f->session), "mismatch"));
        }
        disconnect(f);
    }
}

static void a_certificate_of_nobody_we_know_is_refused(void **state)
{
    struct fixture *f = *state;
    struct tls_peer stranger;
    tls_peer_init(&stranger, "DNS:localhost");
    tls_peer_trust(&stranger);
    tls_context_free(f->context);
    f->context = tls_context_new();
    assert_true(shake_hands(f, "localhost") < 0);
    assert_non_null(strstr(tls_error_text(f->session), "certificate refused"));
    tls_peer_deinit(&stranger);
}

static void a_server_that_speaks_no_tls_is_an_error(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    f->fd = fds[0];
    f->peer_fd = fds[1];
    f->session = tls_session_new(f->context, f->fd, SLICE("localhost"), 443);
    assert_int_equal(tls_handshake(f->session), TLS_WANT_READ);
    assert_int_equal(write(f->peer_fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    assert_true(tls_handshake(f->session) < 0);
    assert_true(strlen(tls_error_text(f->session)) > 0);
}

static void http_1_1_is_offered_and_the_host_is_announced(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(shake_hands(f, "localhost"), 0);
    assert_true(f->peer.saw_http_1_1);
    assert_string_equal(SSL_get_servername(f->peer.ssl, TLSEXT_NAMETYPE_host_name), "localhost");
    disconnect(f);
    assert_int_equal(shake_hands(f, "127.0.0.1"), 0);
    assert_null(SSL_get_servername(f->peer.ssl, TLSEXT_NAMETYPE_host_name));
}

static void a_second_connection_resumes_the_session(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = *state;
        SSL_CTX_set_max_proto_version(f->peer.ctx, versions[i]);
        connect_stream(f);
        assert_false(SSL_session_reused(f->peer.ssl));
        tls_peer_send(&f->peer, &f->loop, SLICE("x")); // the ticket comes with it
        assert_true(receives(f, 1));
        disconnect(f);
        connect_stream(f);
        assert_true(SSL_session_reused(f->peer.ssl));
        assert_int_equal(i + 1 < 2 ? tear_down(state) + set_up(state) : 0, 0);
    }
}

// ---- the stream -----------------------------------------------------------------------------------------------------

enum { LARGE = 1024 * 1024 };

static void large_data_passes_both_ways(void **state)
{
    struct fixture *f = *state;
    static char data[LARGE];
    struct buf at_peer = BUF_EMPTY;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)(i * 7 + i / 251);
    }
    connect_stream(f);
    struct iovec iov[] = {{data, 10}, {data + 10, 3}, {data + 13, LARGE - 13}};
    assert_int_equal(stream_write(&f->stream, iov, 3), STREAM_PENDING);
    tls_peer_receive(&f->peer, &f->loop, &at_peer, LARGE);
    assert_true(loopback_until(&f->loop, has_drained, f));
    assert_memory_equal(at_peer.ptr, data, LARGE);
    tls_peer_send(&f->peer, &f->loop, slice_of(data, LARGE));
    assert_true(receives(f, LARGE));
    assert_memory_equal(f->received.ptr, data, LARGE);
    buf_deinit(&at_peer);
}

// As the client sends requests: what the kernel does not take is offered again, cut into other pieces.
static void sending_what_fits_goes_on_where_it_stopped(void **state)
{
    struct fixture *f = *state;
    static char data[LARGE];
    struct buf at_peer = BUF_EMPTY;
    size_t sent = 0;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)(i * 11 + i / 257);
    }
    connect_stream(f);
    for (size_t round = 0; sent < LARGE; round++) {
        struct iovec iov[40];
        size_t n = 0;
        for (size_t at = sent; at < LARGE && n < 40; n++) {
            size_t len = n % 2 ? 100 + n : 900;
            len = len < LARGE - at ? len : LARGE - at;
            iov[n] = (struct iovec){data + at, len};
            at += len;
        }
        ssize_t taken = stream_send(&f->stream, iov, n);
        assert_true(taken >= 0);
        sent += (size_t)taken;
        if (taken == 0) {
            tls_peer_receive(&f->peer, &f->loop, &at_peer, at_peer.len + 1);
        }
    }
    tls_peer_receive(&f->peer, &f->loop, &at_peer, LARGE);
    assert_memory_equal(at_peer.ptr, data, LARGE);
    buf_deinit(&at_peer);
}

// The rest of the record is decrypted already, so that no socket announces it.
static void a_pause_within_a_record_loses_nothing(void **state)
{
    struct fixture *f = *state;
    char into[100];
    connect_stream(f);
    f->pause_at = 100;
    stream_read_into(&f->stream, into, sizeof(into));
    tls_peer_send(&f->peer, &f->loop,
                  SLICE("0123456789012345678901234567890123456789012345678901234567890123456789"
                        "0123456789012345678901234567890123456789012345678901234567890123456789"));
    assert_true(loopback_until(&f->loop, is_paused, f));
    for (int i = 0; i < 20; i++) {
        uv_run(&f->loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(f->received.len, 100);
    stream_resume(&f->stream);
    assert_true(receives(f, 140));
}

static void data_that_came_with_the_handshake_is_delivered(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(shake_hands(f, "localhost"), 0);
    assert_int_equal(SSL_write(f->peer.ssl, "first second", 12), 12);
    char first[6];
    assert_int_equal(tls_read(f->session, first, 6), 6); // the handshake has read too far
    stream_open_take(&f->stream, &f->loop, f->fd, f->session, &events);
    f->is_open = true;
    assert_true(receives(f, 6));
    assert_true(slice_eq(buf_slice(&f->received), SLICE("second")));
}

static void only_a_close_notify_is_an_orderly_end(void **state)
{
    struct fixture *f = *state;
    connect_stream(f);
    SSL_shutdown(f->peer.ssl);
    assert_true(loopback_until(&f->loop, has_end, f));
    assert_int_equal(f->end_r, 0);
    disconnect(f);
    f->n_ends = 0;
    connect_stream(f);
    close(f->peer_fd);
    f->peer_fd = -1;
    assert_true(loopback_until(&f->loop, has_end, f));
    assert_true(f->end_r < 0);
    assert_int_equal(f->n_ends, 1);
}

static void closing_says_so_to_the_peer(void **state)
{
    struct fixture *f = *state;
    char byte;
    connect_stream(f);
    stream_close(&f->stream);
    f->is_open = false;
    f->session = NULL;
    assert_int_equal(SSL_read(f->peer.ssl, &byte, 1), 0);
    assert_int_equal(SSL_get_error(f->peer.ssl, 0), SSL_ERROR_ZERO_RETURN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_certificate_must_be_for_the_host),
        TEST(a_certificate_of_nobody_we_know_is_refused),
        TEST(a_server_that_speaks_no_tls_is_an_error),
        TEST(http_1_1_is_offered_and_the_host_is_announced),
        TEST(a_second_connection_resumes_the_session),
        TEST(large_data_passes_both_ways),
        TEST(sending_what_fits_goes_on_where_it_stopped),
        TEST(a_pause_within_a_record_loses_nothing),
        TEST(data_that_came_with_the_handshake_is_delivered),
        TEST(only_a_close_notify_is_an_orderly_end),
        TEST(closing_says_so_to_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
