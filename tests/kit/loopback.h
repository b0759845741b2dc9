// SPDX-License-Identifier: MIT
// For tests of connections: a plain client socket beside the loop under test, in one thread. Every wait has a limit.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "net/loop.h"

enum { LOOPBACK_LIMIT_MS = 5000 };

// Turns the loop until the condition holds; false when it did not within LOOPBACK_LIMIT_MS.
bool loopback_until(struct loop *loop, bool (*holds)(void *arg), void *arg);

// A listening socket on a free port of 127.0.0.1.
int loopback_listen(uint16_t *port_r);

struct loopback_client {
    int fd;
    struct buf received;
    bool has_ended; // the server has closed its side
    bool was_reset;
};

void loopback_connect(struct loopback_client *client, uint16_t port);
// Sends all of it, turning the loop while the kernel has no room.
void loopback_send(struct loopback_client *client, struct loop *loop, struct slice bytes);
// Turns the loop until `text` has come, the connection has ended, or the limit is over. True if it has come.
bool loopback_receive_text(struct loopback_client *client, struct loop *loop, struct slice text);
// The same until at least `n` bytes have come.
bool loopback_receive_bytes(struct loopback_client *client, struct loop *loop, size_t n);
// The same until the server has closed.
bool loopback_receive_end(struct loopback_client *client, struct loop *loop);
void loopback_close(struct loopback_client *client);
