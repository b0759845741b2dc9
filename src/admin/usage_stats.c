// SPDX-License-Identifier: MIT
// What was used, by time, model and key. Days and hours are those of the operator's time zone.
//
// Happy path: the query is read → the history is asked → its sums are told. Failure modes: see usage_question.h. Ends
// when: it is answered, or the client leaves.
#include "admin/body.h"
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "admin/usage_json.h"
#include "admin/usage_order.h"
#include "admin/usage_question.h"
#include "base/clock.h"
#include "usage/local_hour.h"

enum {
    DAYS_DEFAULT = 7,
    DAYS_MAX = 365,
    DAYS_OF_FULL = 30,
    HOURS_OF_DAY = 24,
    HOUR_S = 3600,
    KEYS_DEFAULT = 100,
    KEYS_MAX = 1000,
    KEYS_OF_FULL = 100,
};

#define CHOICE_MEMBERS                                                                                                 \
    {"model", SHAPE_TEXT, .help = "Only what was used of this configured model; \"other\": of none of them."},         \
    {                                                                                                                  \
        "key", SHAPE_TEXT, .help = "Only what was used of the key with this id."                                       \
    }
#define DAYS_MEMBER                                                                                                    \
    {                                                                                                                  \
        "days", SHAPE_INTEGER, .min = 1, .max = DAYS_MAX, .help = "How many days, today among them; 7 if not said."    \
    }

static const struct shape_member choice_members[] = {CHOICE_MEMBERS, {.name = NULL}};
static const struct shape_member days_members[] = {DAYS_MEMBER, CHOICE_MEMBERS, {.name = NULL}};
static const struct shape_member ranking_members[] = {
    DAYS_MEMBER,
    {"model", SHAPE_TEXT, .help = "Only what was used of this configured model."},
    {"sort", SHAPE_TEXT,
     .values = "attempt_success_rate success_rate requests failed attempts failed_attempts tokens duration ttft",
     .help = "What the keys are in the order of; attempt_success_rate if not said."},
    {"order", SHAPE_TEXT, .values = "asc desc", .help = "desc if not said."},
    {"limit", SHAPE_INTEGER, .min = 1, .max = KEYS_MAX, .help = "How many keys; 100 if not said."},
    {.name = NULL},
};
static const struct shape_member reset_members[] = {
    {"confirm", SHAPE_TEXT, .pattern = "^RESET_ALL_STATS$", .help = "Must be RESET_ALL_STATS."},
    {.name = NULL},
};
const struct shape usage_stats_choice_query = {.members = choice_members};
const struct shape usage_stats_days_query = {.members = days_members};
const struct shape usage_stats_ranking_query = {.members = ranking_members};
const struct shape usage_stats_reset_body = {.members = reset_members};

// ---- what all of them have ------------------------------------------------------------------------------------------

struct stats {
    struct usage_questions questions;
    int64_t today; // when it began
    int64_t from;  // the first of the days that were asked for
    uint32_t n_days;
    struct usage_order order;
    uint32_t limit;
};

static struct stats *stats_of(struct usage_questions *questions)
{
    return CONTAINER_OF(questions, struct stats, questions);
}

static struct stats *stats_new(struct admin_exchange *x, struct query_reader *query,
                               void (*on_answered)(struct usage_questions *questions))
{
    struct stats *stats = arena_zalloc(admin_arena(x), sizeof(*stats));
    stats->today = local_day_start(clock_wall_ms() / 1000);
    stats->questions.on_answered = on_answered;
    usage_questions_read(query, &stats->questions);
    return stats;
}

// The last `n` days, today among them.
static void choose_days(struct stats *stats, uint32_t n)
{
    stats->n_days = n;
    stats->from = local_day_add(stats->today, -(int)(n - 1));
}

static void read_days(struct query_reader *query, struct stats *stats)
{
    choose_days(stats, query_integer(query, SLICE("days"), DAYS_DEFAULT));
}

static void begin(struct reply *reply)
{
    reply_begin(reply);
    json_begin_object(&reply->w);
}

static void end(struct stats *stats, struct reply *reply)
{
    json_end_object(&reply->w);
    reply_send_history(stats->questions.x, reply, stats->questions.problem);
}

static void write_span(struct json_writer *w, const struct stats *stats)
{
    usage_json_member_date(w, SLICE("from"), stats->from);
    usage_json_member_date(w, SLICE("to"), stats->today);
}

static void write_total(struct json_writer *w, struct slice name, const struct usage_question *question)
{
    json_key(w, name);
    usage_json_write_total(w, question->cells);
}

static struct usage_ranking by_time(struct stats *stats, const struct usage_question *question)
{
    static const struct usage_order order = {.measure = USAGE_OF_TIME};
    return usage_order_first(admin_arena(stats->questions.x), question->cells, &order, SIZE_MAX / 2);
}

// The next of cells in the order of time, if it is of this hour or day.
static const struct usage_cell *take(const struct usage_ranking *cells, size_t *at, int64_t begins, int64_t ends)
{
    while (*at < cells->n && cells->cells[*at]->hour < begins) {
        ++*at;
    }
    return *at < cells->n && cells->cells[*at]->hour < ends ? cells->cells[(*at)++] : NULL;
}

// ---- parts ----------------------------------------------------------------------------------------------------------

// One for each day, of those without traffic, too.
static void write_by_day(struct json_writer *w, struct stats *stats, const struct usage_question *question)
{
    struct usage_ranking cells = by_time(stats, question);
    size_t at = 0;
    json_key(w, SLICE("by_day"));
    json_begin_array(w);
    for (uint32_t i = 0; i < stats->n_days; i++) {
        int64_t day = local_day_add(stats->from, (int)i);
        json_begin_object(w);
        usage_json_member_date(w, SLICE("date"), day);
        usage_json_write(w, take(&cells, &at, day, local_day_add(day, 1)));
        json_end_object(w);
    }
    json_end_array(w);
}

// One for each hour that this day has.
static void write_by_hour(struct json_writer *w, struct stats *stats, const struct usage_question *question)
{
    struct usage_ranking cells = by_time(stats, question);
    int64_t tomorrow = local_day_add(stats->today, 1);
    size_t at = 0;
    json_key(w, SLICE("by_hour"));
    json_begin_array(w);
    for (int64_t hour = stats->today, next; hour < tomorrow; hour = next) {
        next = local_hour_start(hour + HOUR_S);
        next = next > hour ? next : hour + HOUR_S; // clocks may be set back by half an hour
        json_begin_object(w);
        json_member_int(w, SLICE("hour"), local_hour_of_day(hour));
        reply_member_time(w, SLICE("time"), hour * 1000);
        usage_json_write(w, take(&cells, &at, hour, next));
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_by_model(struct json_writer *w, struct stats *stats, const struct usage_question *question)
{
    static const struct usage_order order = {.measure = USAGE_OF_REQUESTS, .is_descending = true};
    struct usage_ranking models =
        usage_order_first(admin_arena(stats->questions.x), question->cells, &order, SIZE_MAX / 2);
    json_key(w, SLICE("by_model"));
    json_begin_array(w);
    for (size_t i = 0; i < models.n; i++) {
        json_begin_object(w);
        json_member_string(w, SLICE("model"), models.cells[i]->model);
        usage_json_write(w, models.cells[i]);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_key(struct admin_exchange *x, struct json_writer *w, struct slice id)
{
    const struct key_record *record = key_store_find(admin_store(x), id);
    char masked[KEY_FACTS_MASK_SIZE];
    json_member_string(w, SLICE("id"), id);
    json_member_bool(w, SLICE("deleted"), !record && !slice_eq(id, SLICE("other")));
    if (record) {
        enum key_status status = key_facts_status(x->admin->options.table, record);
        json_member_string(w, SLICE("key"), key_facts_mask(record->secret, masked));
        json_member_string(w, SLICE("notes"), record->notes);
        json_member_string(w, SLICE("poolGroup"), key_facts_group(admin_store(x), record));
        json_member_string(w, SLICE("status"), key_facts_status_name(status));
    }
}

static void write_by_key(struct json_writer *w, struct stats *stats, const struct usage_ranking *keys)
{
    json_key(w, SLICE("by_key"));
    json_begin_array(w);
    for (size_t i = 0; i < keys->n; i++) {
        json_begin_object(w);
        write_key(stats->questions.x, w, keys->cells[i]->key);
        usage_json_write(w, keys->cells[i]);
        json_end_object(w);
    }
    json_end_array(w);
}

// ---- totals ---------------------------------------------------------------------------------------------------------

enum { TOTAL, TODAY, LAST_7, LAST_30, N_TOTALS };

static void ask_totals(struct stats *stats)
{
    usage_questions_add(&stats->questions, 0, 0);
    usage_questions_add(&stats->questions, stats->today, 0);
    usage_questions_add(&stats->questions, local_day_add(stats->today, -6), 0);
    usage_questions_add(&stats->questions, local_day_add(stats->today, -29), 0);
}

static void write_totals(struct json_writer *w, const struct stats *stats)
{
    usage_json_member_date(w, SLICE("date"), stats->today);
    write_total(w, SLICE("total"), &stats->questions.each[TOTAL]);
    write_total(w, SLICE("today"), &stats->questions.each[TODAY]);
    write_total(w, SLICE("last_7_days"), &stats->questions.each[LAST_7]);
    write_total(w, SLICE("last_30_days"), &stats->questions.each[LAST_30]);
}

static void answer_summary(struct usage_questions *questions)
{
    struct stats *stats = stats_of(questions);
    struct reply reply;
    begin(&reply);
    write_totals(&reply.w, stats);
    end(stats, &reply);
}

void usage_stats_summary(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct stats *stats = stats_new(x, &query, answer_summary);
    ask_totals(stats);
    usage_questions_ask(x, &stats->questions);
}

enum { FULL_DAYS = N_TOTALS, FULL_MODELS, FULL_KEYS };

static void answer_full(struct usage_questions *questions)
{
    static const struct usage_order order = {
        .measure = USAGE_OF_REQUESTS, .is_descending = true, .skips_keyless = true};
    struct stats *stats = stats_of(questions);
    struct usage_ranking keys =
        usage_order_first(admin_arena(questions->x), questions->each[FULL_KEYS].cells, &order, KEYS_OF_FULL);
    struct reply reply;
    begin(&reply);
    write_totals(&reply.w, stats);
    write_by_day(&reply.w, stats, &questions->each[FULL_DAYS]);
    write_by_model(&reply.w, stats, &questions->each[FULL_MODELS]);
    write_by_key(&reply.w, stats, &keys);
    json_member_int(&reply.w, SLICE("total_keys"), (int64_t)keys.n_all);
    end(stats, &reply);
}

// Days, models and keys are those of the last 30 days.
void usage_stats_full(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct stats *stats = stats_new(x, &query, answer_full);
    choose_days(stats, DAYS_OF_FULL);
    ask_totals(stats);
    usage_questions_add(&stats->questions, stats->from, USAGE_BY_DAY);
    usage_questions_add(&stats->questions, stats->from, USAGE_BY_MODEL);
    usage_questions_add(&stats->questions, stats->from, USAGE_BY_KEY);
    usage_questions_ask(x, &stats->questions);
}

// ---- by time --------------------------------------------------------------------------------------------------------

static void answer_today(struct usage_questions *questions)
{
    struct stats *stats = stats_of(questions);
    struct reply reply;
    begin(&reply);
    usage_json_member_date(&reply.w, SLICE("date"), stats->today);
    write_total(&reply.w, SLICE("total"), &questions->each[0]);
    write_by_hour(&reply.w, stats, &questions->each[0]);
    write_by_model(&reply.w, stats, &questions->each[1]);
    end(stats, &reply);
}

void usage_stats_today(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct stats *stats = stats_new(x, &query, answer_today);
    usage_questions_add(&stats->questions, stats->today, USAGE_BY_HOUR);
    usage_questions_add(&stats->questions, stats->today, USAGE_BY_MODEL);
    usage_questions_ask(x, &stats->questions);
}

static void answer_trend(struct usage_questions *questions)
{
    struct stats *stats = stats_of(questions);
    struct reply reply;
    begin(&reply);
    write_span(&reply.w, stats);
    write_total(&reply.w, SLICE("total"), &questions->each[0]);
    write_by_day(&reply.w, stats, &questions->each[0]);
    end(stats, &reply);
}

void usage_stats_trend(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct stats *stats = stats_new(x, &query, answer_trend);
    read_days(&query, stats);
    usage_questions_add(&stats->questions, stats->from, USAGE_BY_DAY);
    usage_questions_ask(x, &stats->questions);
}

// Always 24 of them: an hour that comes twice, when clocks are set back, is one here, and one that does not come is
// empty.
static void write_hours_of_day(struct json_writer *w, const struct usage_ranking *cells, size_t *at, int64_t day)
{
    struct usage_counts hours[HOURS_OF_DAY] = {{.requests = 0}};
    int64_t ends = local_day_add(day, 1);
    for (const struct usage_cell *cell; (cell = take(cells, at, day, ends)) != NULL;) {
        usage_counts_add(&hours[local_hour_of_day(cell->hour)], &cell->counts);
    }
    json_key(w, SLICE("by_hour"));
    json_begin_array(w);
    for (int hour = 0; hour < HOURS_OF_DAY; hour++) {
        json_begin_object(w);
        json_member_int(w, SLICE("hour"), hour);
        usage_json_write_counts(w, &hours[hour]);
        json_end_object(w);
    }
    json_end_array(w);
}

static void answer_hourly(struct usage_questions *questions)
{
    struct stats *stats = stats_of(questions);
    struct usage_ranking cells = by_time(stats, &questions->each[0]);
    size_t at = 0;
    struct reply reply;
    begin(&reply);
    write_span(&reply.w, stats);
    write_total(&reply.w, SLICE("total"), &questions->each[0]);
    json_key(&reply.w, SLICE("by_day"));
    json_begin_array(&reply.w);
    for (uint32_t i = 0; i < stats->n_days; i++) {
        int64_t day = local_day_add(stats->from, (int)i);
        json_begin_object(&reply.w);
        usage_json_member_date(&reply.w, SLICE("date"), day);
        write_hours_of_day(&reply.w, &cells, &at, day);
        json_end_object(&reply.w);
    }
    json_end_array(&reply.w);
    end(stats, &reply);
}

void usage_stats_hourly(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct stats *stats = stats_new(x, &query, answer_hourly);
    read_days(&query, stats);
    usage_questions_add(&stats->questions, stats->from, USAGE_BY_HOUR);
    usage_questions_ask(x, &stats->questions);
}

// ---- keys -----------------------------------------------------------------------------------------------------------

static const struct {
    struct slice name;
    enum usage_measure measure;
} measures[] = {
    {SLICE_INIT("attempt_success_rate"), USAGE_OF_ATTEMPT_SUCCESS_RATE},
    {SLICE_INIT("success_rate"), USAGE_OF_SUCCESS_RATE},
    {SLICE_INIT("requests"), USAGE_OF_REQUESTS},
    {SLICE_INIT("failed"), USAGE_OF_FAILED},
    {SLICE_INIT("attempts"), USAGE_OF_ATTEMPTS},
    {SLICE_INIT("failed_attempts"), USAGE_OF_FAILED_ATTEMPTS},
    {SLICE_INIT("tokens"), USAGE_OF_TOKENS},
    {SLICE_INIT("duration"), USAGE_OF_DURATION},
    {SLICE_INIT("ttft"), USAGE_OF_TTFT},
};
enum { N_MEASURES = sizeof(measures) / sizeof(*measures) };

static enum usage_measure read_sort(struct query_reader *query)
{
    struct slice name = query_text(query, SLICE("sort"));
    for (size_t i = 0; i < N_MEASURES; i++) {
        if (slice_eq(name, measures[i].name)) {
            return measures[i].measure;
        }
    }
    return USAGE_OF_ATTEMPT_SUCCESS_RATE;
}

static struct usage_order read_order(struct query_reader *query)
{
    struct slice order = query_text(query, SLICE("order"));
    return (struct usage_order){
        .measure = read_sort(query), .is_descending = !slice_eq(order, SLICE("asc")), .skips_keyless = true};
}

static void write_keyless(struct json_writer *w, const struct usage_cells *cells)
{
    json_key(w, SLICE("without_key"));
    json_begin_object(w);
    const struct usage_cell *keyless = NULL;
    for (size_t i = 0; i < usage_cells_n(cells) && !keyless; i++) {
        keyless = usage_cells_at(cells, i)->key.len == 0 ? usage_cells_at(cells, i) : NULL;
    }
    usage_json_write(w, keyless);
    json_end_object(w);
}

static void answer_keys(struct usage_questions *questions)
{
    struct stats *stats = stats_of(questions);
    const struct usage_cells *cells = questions->each[0].cells;
    struct usage_ranking keys = usage_order_first(admin_arena(questions->x), cells, &stats->order, stats->limit);
    struct reply reply;
    begin(&reply);
    write_span(&reply.w, stats);
    json_member_int(&reply.w, SLICE("total_keys"), (int64_t)keys.n_all);
    write_by_key(&reply.w, stats, &keys);
    write_keyless(&reply.w, cells);
    end(stats, &reply);
}

void usage_stats_keys(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct stats *stats = stats_new(x, &query, answer_keys);
    stats->questions.key = SLICE_EMPTY; // it is a ranking of all
    read_days(&query, stats);
    stats->order = read_order(&query);
    stats->limit = query_integer(&query, SLICE("limit"), KEYS_DEFAULT);
    usage_questions_add(&stats->questions, stats->from, USAGE_BY_KEY);
    usage_questions_ask(x, &stats->questions);
}

// ---- forgetting -----------------------------------------------------------------------------------------------------

static void on_reset(void *arg, int r, uint64_t n)
{
    struct admin_exchange *x = change_end(arg, r);
    struct reply reply;
    if (!x) {
        return;
    }
    if (r != 0) {
        reply_failf(x, 503, "Nothing was removed: %.*s.", SLICE_ARG(history_problem(x->admin->options.history)));
        return;
    }
    begin(&reply);
    json_member_int(&reply.w, SLICE("removed"), (int64_t)n);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE("All usage statistics are removed. Requests and the audit trail are still there."));
}

void usage_stats_reset(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    if (!slice_eq(body_text(&body, SLICE("confirm")), SLICE("RESET_ALL_STATS"))) {
        body_problem(&body, "Send {\"confirm\":\"RESET_ALL_STATS\"}: all usage statistics will be removed, and nothing "
                            "brings them back.");
    }
    if (body_is_good(x, &body)) {
        history_reset(x->admin->options.history, on_reset, change_begin(x, SLICE("removed all usage statistics")));
    }
}
