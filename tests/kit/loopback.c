// SPDX-License-Identifier: MIT
#include "kit/loopback.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/listener.h"

static void turn(struct loop *loop)
{
    if (uv_run(&loop->uv, UV_RUN_NOWAIT) == 0) {
        return;
    }
    usleep(200);
}

bool loopback_until(struct loop *loop, bool (*holds)(void *arg), void *arg)
{
    uint64_t limit = clock_monotonic_ns() + (uint64_t)LOOPBACK_LIMIT_MS * 1000000;
    while (!holds(arg)) {
        if (clock_monotonic_ns() > limit) {
            return false;
        }
        turn(loop);
    }
    return true;
}

int loopback_listen(uint16_t *port_r)
{
    int fd = listener_open("127.0.0.1", 0);
    assert(fd >= 0);
    *port_r = listener_port(fd);
    return fd;
}

void loopback_connect(struct loopback_client *client, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *client = (struct loopback_client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    int r = connect(client->fd, (struct sockaddr *)&address, sizeof(address));
    assert(r == 0);
    (void)r;
}

static void receive_some(struct loopback_client *client)
{
    char bytes[65536];
    ssize_t n;
    while ((n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        buf_append(&client->received, slice_of(bytes, (size_t)n));
    }
    client->was_reset |= n < 0 && errno != EAGAIN;
    client->has_ended |= n == 0 || client->was_reset;
}

void loopback_send(struct loopback_client *client, struct loop *loop, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = send(client->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            bytes = slice_after(bytes, (size_t)n);
        } else if (errno != EAGAIN) {
            return; // the server has closed: what it answered tells
        }
        turn(loop);
    }
}

struct text_wait {
    struct loopback_client *client;
    struct slice text;
};

static bool text_has_come(void *arg)
{
    const struct text_wait *wait = arg;
    receive_some(wait->client);
    return slice_find(buf_slice(&wait->client->received), wait->text) != SLICE_NOT_FOUND || wait->client->has_ended;
}

bool loopback_receive_text(struct loopback_client *client, struct loop *loop, struct slice text)
{
    struct text_wait wait = {client, text};
    loopback_until(loop, text_has_come, &wait);
    return slice_find(buf_slice(&client->received), text) != SLICE_NOT_FOUND;
}

struct bytes_wait {
    struct loopback_client *client;
    size_t n;
};

static bool bytes_have_come(void *arg)
{
    const struct bytes_wait *wait = arg;
    receive_some(wait->client);
    return wait->client->received.len >= wait->n || wait->client->has_ended;
}

bool loopback_receive_bytes(struct loopback_client *client, struct loop *loop, size_t n)
{
    struct bytes_wait wait = {client, n};
    loopback_until(loop, bytes_have_come, &wait);
    return client->received.len >= n;
}

static bool has_ended(void *arg)
{
    receive_some(arg);
    return ((struct loopback_client *)arg)->has_ended;
}

bool loopback_receive_end(struct loopback_client *client, struct loop *loop)
{
    return loopback_until(loop, has_ended, client);
}

void loopback_close(struct loopback_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
    buf_deinit(&client->received);
}
