// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit/loopback.h"
#include "net/stream.h"

// One end is a stream, the other a plain socket.
struct peer {
    struct stream stream;
    struct loop loop;
    struct loopback_client other;
    struct buf received;
    int end_r;
    unsigned n_ends;
    unsigned n_drains;
    bool is_closed;
};

static struct peer *peer_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct peer, stream);
}

static void on_data(struct stream *stream, char *bytes, size_t len)
{
    buf_append(&peer_of(stream)->received, slice_of(bytes, len));
}

static void on_end(struct stream *stream, int r)
{
    peer_of(stream)->end_r = r;
    peer_of(stream)->n_ends++;
}

static void on_drain(struct stream *stream)
{
    peer_of(stream)->n_drains++;
}

static void on_closed(struct stream *stream)
{
    peer_of(stream)->is_closed = true;
}

static const struct stream_events events = {on_data, on_end, on_drain, on_closed, NULL};

static int set_up(void **state)
{
    static struct peer peer;
    int fds[2];
    peer = (struct peer){0};
    loop_init(&peer.loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer.other.fd = fds[1];
    stream_open_take(&peer.stream, &peer.loop, fds[0], NULL, &events);
    *state = &peer;
    return 0;
}

static int tear_down(void **state)
{
    struct peer *peer = *state;
    stream_close(&peer->stream);
    loop_deinit(&peer->loop);
    assert_true(peer->is_closed);
    loopback_close(&peer->other);
    buf_deinit(&peer->received);
    return 0;
}

static bool has_end(void *arg)
{
    return ((struct peer *)arg)->n_ends > 0;
}

static bool has_drained(void *arg)
{
    return ((struct peer *)arg)->n_drains > 0;
}

static bool has_received(void *arg)
{
    return ((struct peer *)arg)->received.len > 0;
}

static void data_and_the_peers_end_arrive(void **state)
{
    struct peer *peer = *state;
    loopback_send(&peer->other, &peer->loop, SLICE("hello"));
    assert_true(loopback_until(&peer->loop, has_received, peer));
    assert_true(slice_eq(buf_slice(&peer->received), SLICE("hello")));
    close(peer->other.fd);
    peer->other.fd = -1;
    assert_true(loopback_until(&peer->loop, has_end, peer));
    assert_int_equal(peer->end_r, 0);
}

static void a_full_kernel_holds_back_and_drains(void **state)
{
    struct peer *peer = *state;
    static char megabyte[1024 * 1024];
    struct iovec iov = {megabyte, sizeof(megabyte)};
    memset(megabyte, 'x', sizeof(megabyte));
    assert_int_equal(stream_write(&peer->stream, &iov, 1), STREAM_PENDING);
    assert_true(stream_pending(&peer->stream) > 0);
    assert_int_equal(peer->n_drains, 0);
    assert_true(loopback_receive_bytes(&peer->other, &peer->loop, sizeof(megabyte)));
    assert_true(loopback_until(&peer->loop, has_drained, peer));
    assert_int_equal(stream_pending(&peer->stream), 0);
}

static void send_takes_what_fits_and_keeps_nothing(void **state)
{
    struct peer *peer = *state;
    static char megabyte[1024 * 1024];
    struct iovec iov = {megabyte, sizeof(megabyte)};
    ssize_t n = stream_send(&peer->stream, &iov, 1);
    assert_true(n > 0 && n < (ssize_t)sizeof(megabyte));
    assert_int_equal(stream_pending(&peer->stream), 0);
    assert_int_equal(peer->n_drains, 0);
    assert_true(loopback_receive_bytes(&peer->other, &peer->loop, (size_t)n));
    assert_true(loopback_until(&peer->loop, has_drained, peer));
}

static void writing_to_a_dead_peer_ends_with_an_error_later(void **state)
{
    struct peer *peer = *state;
    close(peer->other.fd);
    peer->other.fd = -1;
    struct iovec iov = {(void *)"x", 1};
    stream_pause(&peer->stream); // so that the end is not seen by reading
    assert_true(stream_write(&peer->stream, &iov, 1) < 0);
    assert_int_equal(peer->n_ends, 0);
    assert_true(loopback_until(&peer->loop, has_end, peer));
    assert_true(peer->end_r < 0);
    assert_int_equal(peer->n_ends, 1);
}

static void what_came_before_a_failed_write_is_delivered(void **state)
{
    struct peer *peer = *state;
    static char last_words[150000];
    struct iovec iov = {(void *)"x", 1};
    assert_int_equal(send(peer->other.fd, last_words, sizeof(last_words), MSG_DONTWAIT), sizeof(last_words));
    close(peer->other.fd);
    peer->other.fd = -1;
    assert_true(stream_write(&peer->stream, &iov, 1) < 0);
    assert_true(loopback_until(&peer->loop, has_end, peer));
    assert_int_equal(peer->received.len, sizeof(last_words));
    assert_true(peer->end_r < 0);
    assert_int_equal(peer->n_ends, 1);
}

static void paused_means_unread(void **state)
{
    struct peer *peer = *state;
    stream_pause(&peer->stream);
    loopback_send(&peer->other, &peer->loop, SLICE("later"));
    for (int i = 0; i < 20; i++) {
        uv_run(&peer->loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(peer->received.len, 0);
    stream_resume(&peer->stream);
    assert_true(loopback_until(&peer->loop, has_received, peer));
}

static void read_into_fills_the_given_memory(void **state)
{
    struct peer *peer = *state;
    char into[3];
    stream_read_into(&peer->stream, into, sizeof(into));
    loopback_send(&peer->other, &peer->loop, SLICE("abcdef"));
    while (peer->received.len < 6) {
        uv_run(&peer->loop.uv, UV_RUN_ONCE);
    }
    assert_memory_equal(into, "abc", 3);
    assert_true(slice_eq(buf_slice(&peer->received), SLICE("abcdef")));
}

static void a_kick_comes_as_a_drain(void **state)
{
    struct peer *peer = *state;
    stream_kick(&peer->stream);
    assert_int_equal(peer->n_drains, 0);
    assert_true(loopback_until(&peer->loop, has_drained, peer));
    assert_int_equal(peer->n_drains, 1);
}

static void shutdown_follows_what_is_held_back(void **state)
{
    struct peer *peer = *state;
    static char megabyte[1024 * 1024];
    struct iovec iov = {megabyte, sizeof(megabyte)};
    assert_int_equal(stream_write(&peer->stream, &iov, 1), STREAM_PENDING);
    stream_shutdown(&peer->stream);
    assert_true(loopback_receive_end(&peer->other, &peer->loop));
    assert_int_equal(peer->other.received.len, sizeof(megabyte));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_and_the_peers_end_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_kernel_holds_back_and_drains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(send_takes_what_fits_and_keeps_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writing_to_a_dead_peer_ends_with_an_error_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_before_a_failed_write_is_delivered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paused_means_unread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_into_fills_the_given_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_kick_comes_as_a_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shutdown_follows_what_is_held_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
