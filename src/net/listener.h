// SPDX-License-Identifier: MIT
// Listening sockets.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"

// Binds and listens on `host`:`port` (port 0: a free one). "::" takes both families. Returns the socket, or a negative
// libuv code: UV_EADDRINUSE, UV_EACCES, UV_EADDRNOTAVAIL, UV_EINVAL for a host that is no address, …
MUST_USE int listener_open(const char *host, uint16_t port);
uint16_t listener_port(int fd);
