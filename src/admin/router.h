// SPDX-License-Identifier: MIT
// The table of admin routes.
#pragma once

#include "base/arena.h"
#include "http/h1_head.h"

struct admin_exchange;
struct shape;

struct admin_route {
    enum http_method method;
    const char *pattern; // "/admin/keys/{id}"
    void (*serve)(struct admin_exchange *x);
    const struct shape *body;  // NULL: it takes none
    const struct shape *query; // NULL: it takes none
    const char *action;        // what the audit trail calls it: "keys.add"; NULL: it changes nothing
    const char *summary;       // for the OpenAPI document
    const char *media;         // of an answer that is not in the envelope; NULL: it is
};

struct router_match {
    const struct admin_route *route; // NULL: there is none for this path and method
    struct slice id;                 // the part of the path at {id}, decoded; arena
    struct slice allow; // of a path that exists: its methods, "GET, HEAD"; arena. Empty: there is no such path
};
// All of them, for who tells of them.
const struct admin_route *router_routes(size_t *n_r);

// HEAD finds what GET does.
struct router_match router_find(struct arena *arena, struct slice path, enum http_method method);
