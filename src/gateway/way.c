// SPDX-License-Identifier: MIT
// How to get to an endpoint: the key's own proxy, the endpoint's, or all proxies in turn; and whether it is worth
// trying, as far as requests before this one have found out.
#include "base/clock.h"
#include "gateway/gateway_internal.h"
#include "gateway/lease.h"

enum { ADDRESS_REST_MS = 1000 }; // where nobody says for how long

enum { PROBES_ENDPOINT = 1, PROBES_MODEL = 2, PROBES_PROXY = 4 };

static bool is_up(const struct way *way, int64_t now_ms)
{
    int64_t until_ms;
    return !way->proxy_breaker || breaker_look(way->proxy_breaker, now_ms, &until_ms) != BREAKER_WAIT;
}

// In turn; those whose proxy is down are passed over, unless all are.
static const struct way *next_in_turn(struct upstream *upstream, int64_t now_ms)
{
    for (size_t i = 0; i < upstream->n_ways; i++) {
        const struct way *way = &upstream->ways[upstream->next_way];
        upstream->next_way = (upstream->next_way + 1) % upstream->n_ways;
        if (is_up(way, now_ms)) {
            return way;
        }
    }
    return &upstream->ways[upstream->next_way];
}

const struct way *way_choose(struct exchange *x)
{
    int64_t now_ms = clock_wall_ms();
    int64_t until_ms;
    const struct way *own = lease_way(x);
    const struct way *way = own                        ? own
                            : x->upstream->n_ways == 1 ? x->upstream->ways
                                                       : next_in_turn(x->upstream, now_ms);
    if (way->proxy_breaker && breaker_ask(way->proxy_breaker, now_ms, &until_ms) == BREAKER_PROBE) {
        x->probes |= PROBES_PROXY;
    }
    return way;
}

bool way_has_other(const struct exchange *x)
{
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < x->upstream->n_ways; i++) {
        const struct way *way = &x->upstream->ways[i];
        if (way != x->way && is_up(way, now_ms)) {
            return true;
        }
    }
    return false;
}

// ---- breakers -------------------------------------------------------------------------------------------------------

// The endpoint's first; a probe of it that cannot be made because the model rests is left to others.
bool way_is_open(struct exchange *x, int64_t *open_ms_r)
{
    int64_t now_ms = clock_wall_ms();
    int64_t until_ms = 0;
    enum breaker_answer endpoint = breaker_ask(x->upstream->endpoint_breaker, now_ms, &until_ms);
    enum breaker_answer model = BREAKER_WAIT;
    if (endpoint != BREAKER_WAIT) {
        model = breaker_ask(x->upstream->breaker, now_ms, &until_ms);
        x->probes = (endpoint == BREAKER_PROBE ? PROBES_ENDPOINT : 0) | (model == BREAKER_PROBE ? PROBES_MODEL : 0);
        if (model == BREAKER_WAIT) {
            way_is_left(x);
        }
    }
    *open_ms_r = until_ms > now_ms ? until_ms - now_ms : 1;
    return model != BREAKER_WAIT;
}

void way_is_good(struct exchange *x)
{
    x->probes = 0;
    breaker_success(x->upstream->endpoint_breaker);
    breaker_success(x->upstream->breaker);
    if (x->way && x->way->proxy_breaker) {
        breaker_success(x->way->proxy_breaker);
    }
}

// What is between us and the endpoint.
static struct breaker *access_breaker(struct exchange *x)
{
    bool is_proxy = x->way && x->way->proxy_breaker;
    x->probes &= is_proxy ? ~PROBES_PROXY : ~PROBES_ENDPOINT; // it hears of this
    return is_proxy ? x->way->proxy_breaker : x->upstream->endpoint_breaker;
}

// An address that is not welcome is that of the proxy, where there is one. One request may be refused for what is in
// it; only a limit, or several refusals, are about all of them.
static void rest_address(struct exchange *x, int64_t asked_ms, int64_t now_ms)
{
    struct breaker *breaker = access_breaker(x);
    if (x->upstream_status == 429) {
        breaker_rest(breaker, now_ms, now_ms + (asked_ms > 0 ? asked_ms : ADDRESS_REST_MS));
    } else {
        breaker_failure(breaker, now_ms);
    }
}

static void blame_model(struct exchange *x, int64_t now_ms)
{
    x->probes &= ~PROBES_MODEL;
    breaker_failure(x->upstream->breaker, now_ms);
    if (x->upstream_status) {
        x->probes &= ~PROBES_ENDPOINT;
        breaker_success(x->upstream->endpoint_breaker); // it was reached
    }
}

void way_is_bad(struct exchange *x, enum blame blame, int64_t asked_ms)
{
    int64_t now_ms = clock_wall_ms();
    switch (blame) {
    case BLAME_NETWORK: breaker_failure(access_breaker(x), now_ms); break;
    case BLAME_ENDPOINT:
    case BLAME_PROVIDER: blame_model(x, now_ms); break;
    case BLAME_ADDRESS: rest_address(x, asked_ms, now_ms); break;
    case BLAME_NOBODY: break;
    case BLAME_CLIENT:
    case BLAME_KEY_CREDIT:
    case BLAME_KEY_REFUSED:
    case BLAME_KEY_MODEL: way_is_good(x); break; // it has answered
    }
    way_is_left(x); // of the others nothing was learnt
}

void way_is_left(struct exchange *x)
{
    unsigned probes = x->probes;
    x->probes = 0;
    if (probes & PROBES_ENDPOINT) {
        breaker_abandon(x->upstream->endpoint_breaker);
    }
    if (probes & PROBES_MODEL) {
        breaker_abandon(x->upstream->breaker);
    }
    if (probes & PROBES_PROXY) {
        breaker_abandon(x->way->proxy_breaker);
    }
}
