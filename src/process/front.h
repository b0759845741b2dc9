// SPDX-License-Identifier: MIT
// Two handlers behind one server: the path decides who gets an exchange, and who got its head gets all the rest.
#pragma once

#include "http/server_conn.h"

// Everything is borrowed, and lives as long as the server has connections.
struct front {
    const struct http_server_handler *main; // gets what the side does not serve, and what has no path
    void *main_arg;
    const struct http_server_handler *side;
    void *side_arg;
    bool (*side_serves)(struct slice path); // of the path as it was sent; the same answer every time
};

// With a struct front as its argument. Both handlers must have all events, on_head and on_reject included.
extern const struct http_server_handler front_handler;
