// SPDX-License-Identifier: MIT
// Proxies and clients give up on a stream that says nothing for long, whoever is silent: the upstream, or we, who hold
// an answer back or try again. Before the upstream's head a heartbeat needs a head of ours; that gives up the chance of
// another status, not that of another attempt.
#include "gateway/conversion.h"
#include "gateway/gateway_internal.h"

// Nothing of an answer has left yet, so anything may; unless it is one that cannot follow the head of a stream.
static bool beats_before_answer(struct exchange *x)
{
    bool is_no_stream = x->upstream_status && !x->held && !x->conversion && !x->is_sse;
    if (x->gate.is_open || is_no_stream || !x->wants_stream || route_counts_tokens(x->route.kind)) {
        return false;
    }
    if (!server_head_is_sent(x->ex)) {
        exchange_start_stream(x);
    }
    return true;
}

static void on_silence(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, heartbeat);
    if (!x->is_paused && (beats_before_answer(x) || (x->gate.is_open && relay_may_put_in(x)))) {
        server_write(x->ex, dialect_heartbeat(x->route.dialect), false);
    }
    heartbeat_watch(x);
}

void heartbeat_watch(struct exchange *x)
{
    uint32_t ms = exchange_config(x)->stream_keepalive_ms;
    if (ms && (x->is_sse || x->wants_stream) && dialect_heartbeat(x->route.dialect).len) {
        timer_start(&x->gateway->loop->timers, &x->heartbeat, ms, on_silence);
    }
}
