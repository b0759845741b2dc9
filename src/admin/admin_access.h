// SPDX-License-Identifier: MIT
// Who may call the admin API: addresses, the admin key, and how often one may guess it.
#pragma once

#include "config/config.h"
#include "http/h1_head.h"

enum {
    ADMIN_FAILURES_MAX = 10,       // of one address, within …
    ADMIN_FAILURES_MS = 60 * 1000, // …, from the first of them on
    ADMIN_ADDRESSES_MAX = 4096,    // that are remembered; of more, those whose failures are oldest are forgotten
};

// Failures by address. An IPv6 address counts with all that share its first 64 bits: those are one customer's.
struct admin_guard;
struct admin_guard *admin_guard_new(void);
void admin_guard_free(struct admin_guard *guard);

enum admin_verdict {
    ADMIN_ALLOWED,
    ADMIN_FORBIDDEN,      // 403: its address is not among ADMIN_ALLOW_IPS
    ADMIN_NOT_CONFIGURED, // 503: there is no ADMIN_ACCESS_KEY
    ADMIN_BLOCKED,        // 429: too many failures; even the right key is not looked at, or guessing would go on
    ADMIN_UNAUTHORIZED,   // 401
};

// `client` is an address as admin_client_address() gives it. *retry_after_ms_r is set with ADMIN_BLOCKED.
enum admin_verdict admin_access_check(struct admin_guard *guard, const struct config *config,
                                      const struct h1_request *req, struct slice client, uint64_t now_ms,
                                      uint64_t *retry_after_ms_r);

// Failures of this address within the minute that began with the first of them.
unsigned admin_access_n_failures(struct admin_guard *guard, struct slice client, uint64_t now_ms);

// The address of who asks: that of the connection or, if it is one of TRUST_PROXY, the last one in X-Forwarded-For that
// is not. Borrowed from what it is given.
struct slice admin_client_address(const struct config *config, const struct h1_request *req, struct slice peer);
