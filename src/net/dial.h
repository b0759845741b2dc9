// SPDX-License-Identifier: MIT
// Makes one connection to an upstream: resolve → connect (addresses in turn, RFC 8305) → tunnel through a CONNECT proxy
// → TLS handshake.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/tls.h"

struct dial;

// Slices are borrowed until the dial has ended.
struct dial_target {
    struct slice host;
    uint16_t port;
    bool is_tls;
    struct slice proxy_host; // empty: no proxy
    uint16_t proxy_port;
    struct slice proxy_authorization; // value of Proxy-Authorization; empty: none
    uint32_t timeout_ms;              // for everything together; 0: none
};

enum dial_failure {
    DIAL_FAIL_RESOLVE,
    DIAL_FAIL_CONNECT,
    DIAL_FAIL_TIMEOUT,
    DIAL_FAIL_PROXY,
    DIAL_FAIL_TLS,
};

struct dial_events {
    // The socket and the session (NULL in the clear) are the callee's.
    void (*on_connected_take)(void *arg, int fd, struct tls_session *tls);
    // `detail` is good during the call and has no secrets.
    void (*on_failed)(void *arg, enum dial_failure failure, const char *detail);
};

// One of the events comes, later, once, unless cancelled.
struct dial *dial_start(struct loop *loop, struct resolver *resolver, struct tls_context *tls,
                        const struct dial_target *target, const struct dial_events *events, void *arg);
void dial_cancel(struct dial *dial);
