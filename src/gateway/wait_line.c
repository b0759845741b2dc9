// SPDX-License-Identifier: MIT
#include "gateway/wait_line.h"

#include "base/clock.h"
#include "gateway/failover.h"
#include "gateway/lease.h"

// Of one tick: requests for which there is still none. They may want different models, so the line goes on behind them,
// but not for ever.
enum { REFUSALS_MAX = 16 };

void wait_line_init(struct wait_line *line)
{
    list_init(&line->waiters);
    line->n = 0;
}

bool wait_line_may_join(const struct exchange *x)
{
    const struct config *config = exchange_config(x);
    bool has_time = x->wait.until_ms == 0 || clock_wall_ms() < x->wait.until_ms;
    return config->pool_wait_ms && x->gateway->line.n < config->pool_queue_max && has_time;
}

void wait_line_join(struct exchange *x)
{
    struct wait_place *place = &x->wait;
    if (place->until_ms == 0) {
        place->until_ms = clock_wall_ms() + exchange_config(x)->pool_wait_ms;
    }
    place->began_ns = clock_monotonic_ns();
    place->is_in_line = true;
    list_append(&x->gateway->line.waiters, &place->link);
    x->gateway->line.n++;
}

void wait_line_leave(struct exchange *x)
{
    if (x->wait.is_in_line) {
        x->wait.is_in_line = false;
        list_remove(&x->wait.link);
        x->gateway->line.n--;
    }
}

// False: there is still none.
static bool serve(struct exchange *x, int64_t now_ms)
{
    int64_t until_ms;
    bool has_key = lease_try(x, &until_ms);
    if (!has_key && now_ms < x->wait.until_ms && until_ms) {
        return false;
    }
    wait_line_leave(x);
    failover_note(x, "waited", "cooling", x->wait.began_ns);
    if (has_key) {
        failover_attempt(x);
    } else {
        x->wait.until_ms = now_ms; // no more of it
        failover_without_key(x, until_ms);
    }
    return true;
}

void wait_line_tick(struct gateway *gateway)
{
    struct list waiting;
    size_t n_refused = 0;
    int64_t now_ms = clock_wall_ms();
    if (gateway->line.n == 0) {
        return;
    }
    // Whoever is served may end others, or join anew; so the line is taken apart and put together again.
    list_move_all(&gateway->line.waiters, &waiting);
    while (!list_is_empty(&waiting)) {
        struct list *link = waiting.next;
        struct exchange *x = CONTAINER_OF(link, struct exchange, wait.link);
        list_remove(link);
        list_append(&gateway->line.waiters, link);
        bool is_over = now_ms >= x->wait.until_ms;
        if ((n_refused < REFUSALS_MAX || is_over) && !serve(x, now_ms)) {
            n_refused++;
        }
    }
}
