// SPDX-License-Identifier: MIT
// The state of the pool and of the gateway in a few numbers.
#include "admin/key_facts.h"
#include "admin/reply.h"
#include "base/clock.h"
#include "keys/algorithm.h"

struct totals {
    size_t n;
    size_t n_by_status[KEY_BANNED + 1];
    size_t n_cooling;
    size_t n_untested;
    uint64_t last_ticket;
    int64_t last_index; // of the key that was picked last, or 0
};

static struct totals count(struct admin_exchange *x, int64_t now_ms)
{
    struct totals totals = {.n = key_store_n_keys(admin_store(x))};
    for (size_t i = 0; i < totals.n; i++) {
        const struct key_record *record = key_store_key(admin_store(x), i);
        const struct key_slot *slot = key_facts_slot(x->admin->options.table, record);
        enum key_status status = key_facts_status(x->admin->options.table, record);
        totals.n_by_status[status]++;
        totals.n_cooling += status == KEY_ACTIVE && key_facts_cooling_until(slot, now_ms) > 0;
        totals.n_untested += slot->test_result == KEY_UNTESTED;
        if (slot->ticket > totals.last_ticket) {
            totals.last_ticket = slot->ticket;
            totals.last_index = (int64_t)i;
        }
    }
    return totals;
}

static void write_keys(struct admin_exchange *x, struct json_writer *w, const struct totals *totals)
{
    enum key_algorithm_id algorithm = (enum key_algorithm_id)key_store_settings(admin_store(x))->algorithm;
    json_member_int(w, SLICE("total"), (int64_t)totals->n);
    json_member_int(w, SLICE("active"), (int64_t)totals->n_by_status[KEY_ACTIVE]);
    json_member_int(w, SLICE("disabled"), (int64_t)totals->n_by_status[KEY_DISABLED]);
    json_member_int(w, SLICE("banned"), (int64_t)totals->n_by_status[KEY_BANNED]);
    json_member_int(w, SLICE("cooling"), (int64_t)totals->n_cooling);
    json_member_int(w, SLICE("untested"), (int64_t)totals->n_untested);
    json_member_string(w, SLICE("algorithm"), key_algorithm_of(algorithm)->name);
    json_member_int(w, SLICE("last_rotation_index"), totals->last_index);
}

static void write_process(struct admin_exchange *x, struct json_writer *w, int64_t now_ms)
{
    const struct admin_options *options = &x->admin->options;
    json_member_bool(w, SLICE("weak_admin_key"), x->admin->config->has_weak_admin_key);
    json_member_string(w, SLICE("mode"), slice_from_cstr(options->mode));
    json_member_int(w, SLICE("workers"), options->n_workers);
    json_key(w, SLICE("redis"));
    json_begin_object(w);
    json_member_bool(w, SLICE("enabled"), false);
    json_member_bool(w, SLICE("connected"), false);
    json_end_object(w);
    json_member_int(w, SLICE("uptime_s"),
                    now_ms > options->started_wall_ms ? (now_ms - options->started_wall_ms) / 1000 : 0);
    json_member_string(w, SLICE("version"), slice_from_cstr(DROID2API_VERSION));
}

void admin_stats_show(struct admin_exchange *x)
{
    int64_t now_ms = clock_wall_ms();
    struct totals totals = count(x, now_ms);
    struct reply reply;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    write_keys(x, &reply.w, &totals);
    write_process(x, &reply.w, now_ms);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}
