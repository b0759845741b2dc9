// SPDX-License-Identifier: MIT
// Host names to addresses, off the loop (getaddrinfo on libuv's threads), remembered for a while. Questions for the
// same name at the same time share one look-up.
#pragma once

#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/loop.h"

enum { RESOLVER_ADDRESSES_MAX = 8 };

struct resolver;
struct resolver_query;

struct resolver_result {
    int r; // 0, or the libuv code of the failure (UV_EAI_NONAME, …)
    size_t n_addresses;
    struct address addresses[RESOLVER_ADDRESSES_MAX]; // the families alternate, as RFC 8305 §4 wants; ports are 0
};

typedef void (*resolver_fn)(void *arg, const struct resolver_result *result);

struct resolver *resolver_new(struct loop *loop, uint32_t ttl_ms);
void resolver_close(struct resolver *resolver); // no query may be running
void resolver_free(struct resolver *resolver);  // after the loop has run out

// The answer at once for a literal address or a remembered name.
bool resolver_find(struct resolver *resolver, struct slice host, struct resolver_result *result_r);
// Asks. 0: `fn` comes later, once, unless cancelled; negative: it never comes (a name that cannot be one).
MUST_USE int resolver_start(struct resolver *resolver, struct slice host, resolver_fn fn, void *arg,
                            struct resolver_query **query_r);
void resolver_cancel(struct resolver_query *query);
// Forgets a name whose addresses do not work.
void resolver_forget(struct resolver *resolver, struct slice host);
