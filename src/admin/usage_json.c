// SPDX-License-Identifier: MIT
#include "admin/usage_json.h"

#include <string.h>

#include "usage/local_hour.h"

double usage_json_success_rate(const struct usage_counts *counts)
{
    uint64_t n = counts->success + counts->failed;
    return n ? (double)counts->success / (double)n : -1;
}

double usage_json_attempt_success_rate(const struct usage_counts *counts)
{
    uint64_t n = counts->attempts;
    return n ? (double)(n - counts->failed_attempts) / (double)n : -1;
}

static void member(struct json_writer *w, struct slice name, uint64_t value)
{
    json_member_int(w, name, value <= INT64_MAX ? (int64_t)value : INT64_MAX);
}

static void write_rate(struct json_writer *w, struct slice name, double rate)
{
    json_key(w, name);
    if (rate < 0) {
        json_write_null(w);
    } else {
        json_write_double(w, rate);
    }
}

static void write_tokens(struct json_writer *w, const struct usage_counts *counts)
{
    json_key(w, SLICE("tokens"));
    json_begin_object(w);
    member(w, SLICE("input"), counts->input);
    member(w, SLICE("output"), counts->output);
    member(w, SLICE("thinking"), counts->reasoning);
    member(w, SLICE("cache_creation"), counts->cache_write);
    member(w, SLICE("cache_read"), counts->cache_read);
    member(w, SLICE("total"), counts->input + counts->output);
    json_end_object(w);
}

void usage_json_write_counts(struct json_writer *w, const struct usage_counts *counts)
{
    member(w, SLICE("requests"), counts->requests);
    member(w, SLICE("success"), counts->success);
    member(w, SLICE("failed"), counts->failed);
    member(w, SLICE("aborted"), counts->aborted);
    write_rate(w, SLICE("success_rate"), usage_json_success_rate(counts));
    member(w, SLICE("partial"), counts->partial);
    write_tokens(w, counts);
    member(w, SLICE("attempts"), counts->attempts);
    member(w, SLICE("failed_attempts"), counts->failed_attempts);
    write_rate(w, SLICE("attempt_success_rate"), usage_json_attempt_success_rate(counts));
}

static void write_ms(struct json_writer *w, struct slice name, int64_t ms)
{
    json_key(w, name);
    if (ms < 0) {
        json_write_null(w);
    } else {
        json_write_int(w, ms);
    }
}

static void write_times(struct json_writer *w, struct slice name, const struct latency_histogram *times)
{
    json_key(w, name);
    json_begin_object(w);
    write_ms(w, SLICE("p50"), latency_percentile(times, 0.5));
    write_ms(w, SLICE("p95"), latency_percentile(times, 0.95));
    write_ms(w, SLICE("p99"), latency_percentile(times, 0.99));
    write_ms(w, SLICE("mean"), times->n ? (int64_t)((times->sum_ms + times->n / 2) / times->n) : -1);
    json_end_object(w);
}

void usage_json_write(struct json_writer *w, const struct usage_cell *cell)
{
    static const struct usage_cell nothing = {.hour = 0};
    cell = cell ? cell : &nothing;
    usage_json_write_counts(w, &cell->counts);
    write_times(w, SLICE("duration_ms"), &cell->duration);
    write_times(w, SLICE("ttft_ms"), &cell->first_token);
}

void usage_json_write_total(struct json_writer *w, const struct usage_cells *cells)
{
    struct usage_cells *total = usage_cells_new(0, 1);
    usage_cells_add_all(total, cells);
    json_begin_object(w);
    usage_json_write(w, usage_cells_n(total) ? usage_cells_at(total, 0) : NULL);
    json_end_object(w);
    usage_cells_free(total);
}

void usage_json_member_date(struct json_writer *w, struct slice name, int64_t wall_s)
{
    char date[LOCAL_DATE_SIZE];
    local_date(wall_s, date);
    json_member_string(w, name, slice_from_cstr(date));
}
