// SPDX-License-Identifier: MIT
#include "admin/usage_lists.h"

#include "admin/key_facts.h"
#include "admin/reply.h"
#include "admin/usage_json.h"
#include "usage/local_hour.h"

enum { HOURS_OF_DAY = 24, HOUR_S = 3600 };

// ---- by time --------------------------------------------------------------------------------------------------------

static struct usage_ranking by_time(struct admin_exchange *x, const struct usage_cells *cells)
{
    static const struct usage_order order = {.measure = USAGE_OF_TIME};
    return usage_order_first(admin_arena(x), cells, &order, SIZE_MAX / 2);
}

// The next of cells in the order of time, if it is of this hour or day.
static const struct usage_cell *take(const struct usage_ranking *cells, size_t *at, int64_t begins, int64_t ends)
{
    while (*at < cells->n && cells->cells[*at]->hour < begins) {
        ++*at;
    }
    return *at < cells->n && cells->cells[*at]->hour < ends ? cells->cells[(*at)++] : NULL;
}

void usage_lists_write_days(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums,
                            int64_t from, uint32_t n_days)
{
    struct usage_ranking cells = by_time(x, sums);
    size_t at = 0;
    json_key(w, SLICE("by_day"));
    json_begin_array(w);
    for (uint32_t i = 0; i < n_days; i++) {
        int64_t day = local_day_add(from, (int)i);
        json_begin_object(w);
        usage_json_member_date(w, SLICE("date"), day);
        usage_json_write(w, take(&cells, &at, day, local_day_add(day, 1)));
        json_end_object(w);
    }
    json_end_array(w);
}

void usage_lists_write_hours(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums,
                             int64_t day)
{
    struct usage_ranking cells = by_time(x, sums);
    int64_t tomorrow = local_day_add(day, 1);
    size_t at = 0;
    json_key(w, SLICE("by_hour"));
    json_begin_array(w);
    for (int64_t hour = day, next; hour < tomorrow; hour = next) {
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

void usage_lists_write_heat_map(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums,
                                int64_t from, uint32_t n_days)
{
    struct usage_ranking cells = by_time(x, sums);
    size_t at = 0;
    json_key(w, SLICE("by_day"));
    json_begin_array(w);
    for (uint32_t i = 0; i < n_days; i++) {
        int64_t day = local_day_add(from, (int)i);
        json_begin_object(w);
        usage_json_member_date(w, SLICE("date"), day);
        write_hours_of_day(w, &cells, &at, day);
        json_end_object(w);
    }
    json_end_array(w);
}

// ---- by name --------------------------------------------------------------------------------------------------------

void usage_lists_write_models(struct admin_exchange *x, struct json_writer *w, const struct usage_cells *sums)
{
    static const struct usage_order order = {.measure = USAGE_OF_REQUESTS, .is_descending = true};
    struct usage_ranking models = usage_order_first(admin_arena(x), sums, &order, SIZE_MAX / 2);
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

void usage_lists_write_keys(struct admin_exchange *x, struct json_writer *w, const struct usage_ranking *keys)
{
    json_key(w, SLICE("by_key"));
    json_begin_array(w);
    for (size_t i = 0; i < keys->n; i++) {
        json_begin_object(w);
        write_key(x, w, keys->cells[i]->key);
        usage_json_write(w, keys->cells[i]);
        json_end_object(w);
    }
    json_end_array(w);
}

void usage_lists_write_keyless(struct json_writer *w, const struct usage_cells *cells)
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
