// SPDX-License-Identifier: MIT
// Balances: as they were fetched, added up, fetched anew, forgotten; and tokens by day, as they were metered here.
#include "admin/change.h"
#include "admin/key_filter.h"
#include "admin/key_json.h"
#include "admin/key_walk.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "admin/usage_json.h"
#include "admin/usage_order.h"
#include "admin/usage_question.h"
#include "base/clock.h"
#include "usage/local_hour.h"

enum { TREND_DAYS_DEFAULT = 7, TREND_DAYS_MAX = 365 };
#define DAY_MS (24LL * 3600 * 1000)

static struct balance_sync *balances(struct admin_exchange *x)
{
    return x->admin->options.balances;
}

// ---- totals ---------------------------------------------------------------------------------------------------------

// Of all keys that are in the pool, known or not; *n_known_r: those of which something is known.
static struct balance_summary add_up(struct admin_exchange *x, size_t *n_known_r)
{
    struct balance_summary summary = {0};
    size_t n_keys = key_store_n_keys(admin_store(x));
    for (size_t i = 0; i < n_keys; i++) {
        const struct balance *balance = balance_find(balances(x), key_store_key(admin_store(x), i)->id);
        if (balance) {
            balance_summary_add(&summary, balance);
        }
    }
    *n_known_r = summary.total_keys;
    summary.total_keys = n_keys;
    return summary;
}

static void write_totals(struct admin_exchange *x, struct json_writer *w, const struct balance_summary *summary)
{
    json_begin_object(w);
    json_member_int(w, SLICE("total_limit"), summary->total_limit);
    json_member_int(w, SLICE("total_used"), summary->total_used);
    json_member_int(w, SLICE("total_remaining"), summary->total_remaining);
    json_member_int(w, SLICE("successful_keys"), (int64_t)summary->successful_keys);
    json_member_int(w, SLICE("total_keys"), (int64_t)summary->total_keys);
    reply_member_time(w, SLICE("last_full_sync"), balance_last_full_sync_ms(balances(x)));
    json_end_object(w);
}

void token_usage_summary(struct admin_exchange *x)
{
    size_t n_known;
    struct balance_summary totals = add_up(x, &n_known);
    struct reply reply;
    reply_begin(&reply);
    write_totals(x, &reply.w, &totals);
    reply_send(x, &reply, SLICE_EMPTY);
}

// ---- fetching -------------------------------------------------------------------------------------------------------

struct fetching {
    struct admin_exchange *x; // borrowed
    struct balance_run *run;  // NULL: it has ended
    void (*on_end)(struct admin_exchange *x, const struct balance_result *result);
};

static void forget_run(struct admin_exchange *x)
{
    struct fetching *fetching = x->state;
    if (fetching->run) {
        balance_run_forget(fetching->run);
    }
}

static void on_run_end(void *arg, const struct balance_result *result)
{
    struct fetching *fetching = arg;
    fetching->run = NULL;
    fetching->x->on_end = NULL;
    fetching->on_end(fetching->x, result);
}

// `n_ids` 0: of all keys.
static void fetch(struct admin_exchange *x, const struct slice *ids, size_t n_ids,
                  void (*on_end)(struct admin_exchange *x, const struct balance_result *result))
{
    struct fetching *fetching = arena_zalloc(admin_arena(x), sizeof(*fetching));
    *fetching = (struct fetching){.x = x, .on_end = on_end};
    x->state = fetching;
    x->on_end = forget_run;
    fetching->run = balance_sync_run(balances(x), ids, n_ids, on_run_end, fetching);
}

static void answer_sync(struct admin_exchange *x, const struct balance_result *result)
{
    struct reply reply;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_int(&reply.w, SLICE("total"), (int64_t)result->n_all);
    json_member_int(&reply.w, SLICE("success"), (int64_t)result->n_success);
    json_member_int(&reply.w, SLICE("failed"), (int64_t)result->n_failed);
    json_key(&reply.w, SLICE("failed_keys"));
    json_begin_array(&reply.w);
    for (size_t i = 0; i < result->n_failed; i++) {
        json_write_string(&reply.w, result->failed[i]);
    }
    json_end_array(&reply.w);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

void token_usage_sync(struct admin_exchange *x)
{
    change_audit(x, SLICE("asks for the balances of all keys"), "begun");
    fetch(x, NULL, 0, answer_sync);
}

// ---- looking --------------------------------------------------------------------------------------------------------

static void write_usage(struct key_walk *walk, const struct key_record *record, struct buf *out)
{
    struct json_writer w;
    if (walk->n_written) {
        buf_append_char(out, ',');
    }
    buf_append_char(out, '"');
    json_escape(out, record->id);
    buf_append(out, SLICE("\":"));
    json_writer_init(&w, out);
    key_json_write_balance(&w, balance_find(balances(walk->x), record->id));
}

// Summary and age of what is known; then the keys, which may be many, as they are taken.
static struct slice usage_head(struct admin_exchange *x)
{
    size_t n_known;
    struct balance_summary totals = add_up(x, &n_known);
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_begin_object(&w);
    json_key(&w, SLICE("summary"));
    write_totals(x, &w, &totals);
    json_key(&w, SLICE("cache_info"));
    json_begin_object(&w);
    json_member_int(&w, SLICE("cached_keys"), (int64_t)n_known);
    reply_member_time(&w, SLICE("last_full_sync"), balance_last_full_sync_ms(balances(x)));
    json_end_object(&w);
    json_end_object(&w);
    text.len--; // goes on with the keys
    struct slice head =
        arena_printf(admin_arena(x), "{\"success\":true,\"data\":%.*s,\"keys\":{", SLICE_ARG(buf_slice(&text)));
    buf_deinit(&text);
    return head;
}

static void answer_list(struct admin_exchange *x, const struct balance_result *result)
{
    static const struct key_filter all = {.status = KEY_FILTER_ANY_STATUS};
    struct key_walk *walk = arena_zalloc(admin_arena(x), sizeof(*walk));
    struct buf headers = BUF_EMPTY;
    (void)result;
    walk->ids = key_walk_choose(x, &all, &walk->n_ids);
    walk->write = write_usage;
    walk->head = usage_head(x);
    walk->tail = SLICE("}}}");
    reply_write_headers(&headers, x->request_id, SLICE("application/json"));
    struct slice lines = arena_dup(admin_arena(x), buf_slice(&headers));
    buf_deinit(&headers);
    key_walk_start(x, walk, lines);
}

static const struct shape_member members[] = {
    {"forceRefresh", SHAPE_BOOL, .help = "Ask the provider first"},
    {.name = NULL},
};
const struct shape token_usage_query = {.members = members};

void token_usage_list(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    bool is_forced = query_bool(&query, SLICE("forceRefresh"));
    if (is_forced) {
        fetch(x, NULL, 0, answer_list);
    } else {
        answer_list(x, NULL);
    }
}

static void answer_one(struct admin_exchange *x, const struct balance_result *result)
{
    const struct balance *balance = balance_find(balances(x), x->id);
    struct reply reply;
    (void)result;
    if (!balance) {
        reply_fail(x, 404, SLICE("Nothing is known of this key's balance yet. Ask with forceRefresh=true."));
        return;
    }
    reply_begin(&reply);
    key_json_write_balance(&reply.w, balance);
    reply_send(x, &reply, SLICE_EMPTY);
}

void token_usage_show(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    bool is_forced = query_bool(&query, SLICE("forceRefresh"));
    if (!key_store_find(admin_store(x), x->id)) {
        reply_refuse(x, KEY_STORE_NO_SUCH_KEY);
    } else if (is_forced) {
        fetch(x, &x->id, 1, answer_one);
    } else {
        answer_one(x, NULL);
    }
}

// ---- what was used by day -------------------------------------------------------------------------------------------

struct trend {
    struct usage_questions questions;
    int64_t from; // when the first day begins
    uint32_t n_days;
};

static void answer_trend(struct usage_questions *questions)
{
    struct trend *trend = CONTAINER_OF(questions, struct trend, questions);
    static const struct usage_order order = {.measure = USAGE_OF_TIME};
    struct usage_ranking days =
        usage_order_first(admin_arena(questions->x), questions->each[0].cells, &order, TREND_DAYS_MAX);
    size_t at = 0;
    struct reply reply;
    reply_begin(&reply);
    json_begin_array(&reply.w);
    for (uint32_t i = 0; i < trend->n_days; i++) {
        int64_t day = local_day_add(trend->from, (int)i);
        bool is_there = at < days.n && days.cells[at]->hour == day;
        const struct usage_counts *counts = is_there ? &days.cells[at++]->counts : &(struct usage_counts){0};
        json_begin_object(&reply.w);
        usage_json_member_date(&reply.w, SLICE("date"), day);
        json_member_int(&reply.w, SLICE("tokens"), (int64_t)(counts->input + counts->output));
        json_member_int(&reply.w, SLICE("input"), (int64_t)counts->input);
        json_member_int(&reply.w, SLICE("output"), (int64_t)counts->output);
        json_member_int(&reply.w, SLICE("requests"), (int64_t)counts->requests);
        json_end_object(&reply.w);
    }
    json_end_array(&reply.w);
    reply_send_history(questions->x, &reply, questions->problem);
}

static const struct shape_member trend_members[] = {
    {"days", SHAPE_INTEGER, .min = 1, .max = TREND_DAYS_MAX, .help = "7 if it is not given"},
    {.name = NULL},
};
const struct shape token_usage_trend_query = {.members = trend_members};

// As they were metered here, by the days of the operator's time zone.
void token_usage_trend(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct trend *trend = arena_zalloc(admin_arena(x), sizeof(*trend));
    trend->n_days = query_integer(&query, SLICE("days"), TREND_DAYS_DEFAULT);
    trend->from = local_day_add(local_day_start(clock_wall_ms() / 1000), -(int)(trend->n_days - 1));
    trend->questions.on_answered = answer_trend;
    usage_questions_add(&trend->questions, trend->from, USAGE_BY_DAY);
    usage_questions_ask(x, &trend->questions);
}

// ---- forgetting -----------------------------------------------------------------------------------------------------

static void on_cleanup(void *arg, int r, uint64_t n)
{
    struct admin_exchange *x = change_end(arg, r);
    struct reply reply;
    if (!x) {
        return;
    }
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_int(&reply.w, SLICE("removed"), (int64_t)(*(size_t *)x->state + n));
    json_end_object(&reply.w);
    reply_send_history(x, &reply, r == 0 ? SLICE_EMPTY : history_problem(x->admin->options.history));
}

void token_usage_cleanup(struct admin_exchange *x)
{
    int64_t before_ms = clock_wall_ms() - (int64_t)x->admin->config->retention_days * DAY_MS;
    size_t n_keys = key_store_n_keys(admin_store(x));
    struct slice *ids = mem_alloc((n_keys + 1) * sizeof(*ids));
    for (size_t i = 0; i < n_keys; i++) {
        ids[i] = key_store_key(admin_store(x), i)->id;
    }
    size_t *n_balances = arena_alloc(admin_arena(x), sizeof(*n_balances));
    *n_balances = balance_cleanup(balances(x), before_ms);
    x->state = n_balances;
    struct change *change = change_begin(x, SLICE("removed balances and usage that are old, or of keys that are gone"));
    history_cleanup(x->admin->options.history, before_ms, ids, n_keys, on_cleanup, change);
    mem_free(ids);
}

void token_usage_clear(struct admin_exchange *x)
{
    struct reply reply;
    balance_forget_all(balances(x));
    change_audit(x, SLICE("forgot all balances"), "done");
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE("All balances are forgotten until the next query."));
}
