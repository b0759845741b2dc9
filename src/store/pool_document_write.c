// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "store/pool_document.h"
#include "json/json_writer.h"

// A time, or null for never.
static void write_time(struct json_writer *w, struct slice name, int64_t ms)
{
    char text[CLOCK_ISO8601_SIZE];
    json_key(w, name);
    if (ms) {
        clock_format_iso8601(text, ms);
        json_write_string(w, slice_of(text, CLOCK_ISO8601_SIZE - 1));
    } else {
        json_write_null(w);
    }
}

static void write_text(struct json_writer *w, struct slice name, struct slice text)
{
    json_key(w, name);
    if (text.len) {
        json_write_string(w, text);
    } else {
        json_write_null(w);
    }
}

static void write_count(struct json_writer *w, struct slice name, uint64_t value)
{
    json_member_int(w, name, value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

// A number that is not negative, with up to four decimals: much quicker than the shortest text of a double.
static void write_decimal(struct json_writer *w, struct slice name, double value)
{
    const double biggest = 1e12;
    uint64_t parts = value > 0 ? (uint64_t)((value < biggest ? value : biggest) * 10000 + 0.5) : 0;
    char text[32];
    size_t len = format_u64(text, parts / 10000);
    uint64_t decimals = parts % 10000;
    if (decimals) {
        text[len++] = '.';
        for (uint64_t unit = 1000; decimals; unit /= 10) {
            text[len++] = (char)('0' + decimals / unit);
            decimals %= unit;
        }
    }
    json_key(w, name);
    json_write_raw(w, slice_of(text, len));
}

static void append_rest(struct buf *out, struct slice rest)
{
    if (rest.len) {
        buf_append_char(out, ',');
        buf_append(out, rest);
    }
}

// ---- an entry

static const struct slice statuses[] = {
    [KEY_ACTIVE] = SLICE_INIT("active"),
    [KEY_DISABLED] = SLICE_INIT("disabled"),
    [KEY_BANNED] = SLICE_INIT("banned"),
};

static const struct slice test_results[] = {
    [KEY_UNTESTED] = SLICE_INIT("untested"),
    [KEY_TEST_SUCCESS] = SLICE_INIT("success"),
    [KEY_TEST_FAILED] = SLICE_INIT("failed"),
};

// The names of the guide, all of them.
static void write_guide_members(struct json_writer *w, const struct document_key *key)
{
    double n_requests = (double)key->total_requests;
    json_member_string(w, SLICE("id"), key->id);
    json_member_string(w, SLICE("key"), key->secret);
    json_member_string(w, SLICE("status"), statuses[key->status]);
    json_member_string(w, SLICE("provider"), key->provider);
    json_member_string(w, SLICE("poolGroup"), key->group);
    write_time(w, SLICE("created_at"), key->created_ms);
    write_time(w, SLICE("last_used_at"), key->last_used_ms);
    write_count(w, SLICE("usage_count"), key->usage_count);
    write_count(w, SLICE("total_requests"), key->total_requests);
    write_count(w, SLICE("success_requests"), key->success_requests);
    write_count(w, SLICE("error_count"), key->error_count);
    write_decimal(w, SLICE("success_rate"), n_requests > 0 ? (double)key->success_requests / n_requests : 0);
    write_decimal(w, SLICE("weight_score"), key->weight_score);
    write_text(w, SLICE("last_error"), key->last_error);
    write_time(w, SLICE("last_test_at"), key->last_test_ms);
    json_member_string(w, SLICE("last_test_result"), test_results[key->test_result]);
    write_time(w, SLICE("banned_at"), key->banned_ms);
    write_text(w, SLICE("banned_reason"), key->banned_reason);
    json_member_string(w, SLICE("notes"), key->notes);
}

static void write_cooldowns(struct json_writer *w, const struct document_key *key)
{
    bool has_any = false;
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        const struct document_cooldown *cooldown = &key->cooldowns[i];
        if (!cooldown->model) {
            continue;
        }
        if (!has_any) {
            json_key(w, SLICE("model_cooldowns"));
            json_begin_array(w);
            has_any = true;
        }
        json_begin_object(w);
        json_member_int(w, SLICE("model"), cooldown->model);
        write_time(w, SLICE("until"), cooldown->until_ms);
        json_member_int(w, SLICE("n"), cooldown->n);
        json_end_object(w);
    }
    if (has_any) {
        json_end_array(w);
    }
}

static void write_window(struct json_writer *w, const struct document_key *key)
{
    bool has_any = false;
    for (size_t i = 0; i < KEY_WINDOW_BUCKETS; i++) {
        if (!key->window[i].period || !key->window[i].tokens) {
            continue;
        }
        if (!has_any) {
            json_key(w, SLICE("window"));
            json_begin_array(w);
            has_any = true;
        }
        json_begin_array(w);
        json_write_int(w, key->window[i].period);
        json_write_int(w, key->window[i].tokens);
        json_end_array(w);
    }
    if (has_any) {
        json_end_array(w);
    }
}

static void write_quota(struct json_writer *w, const struct document_key *key)
{
    const int64_t day_ms = 24LL * 3600 * 1000;
    char day[CLOCK_ISO8601_SIZE];
    char month[] = "0000-00";
    if (!key->day_tokens && !key->month_tokens) {
        return;
    }
    clock_format_iso8601(day, key->day * day_ms);
    uint32_t year = key->month / 12 % 10000;
    for (int i = 3; i >= 0; i--, year /= 10) {
        month[i] = (char)('0' + year % 10);
    }
    month[5] = (char)('0' + (key->month % 12 + 1) / 10);
    month[6] = (char)('0' + (key->month % 12 + 1) % 10);
    json_key(w, SLICE("quota"));
    json_begin_object(w);
    json_member_string(w, SLICE("day"), slice_of(day, 10));
    write_count(w, SLICE("day_tokens"), key->day_tokens);
    json_member_string(w, SLICE("month"), slice_of(month, 7));
    write_count(w, SLICE("month_tokens"), key->month_tokens);
    json_end_object(w);
}

static void write_tokens(struct json_writer *w, const struct document_key *key)
{
    if (key->input_tokens || key->output_tokens) {
        json_key(w, SLICE("tokens"));
        json_begin_object(w);
        write_count(w, SLICE("input"), key->input_tokens);
        write_count(w, SLICE("output"), key->output_tokens);
        json_end_object(w);
    }
}

static void write_balance(struct json_writer *w, const struct document_key *key)
{
    if (key->allowance >= 0) {
        json_key(w, SLICE("balance"));
        json_begin_object(w);
        json_member_int(w, SLICE("allowance"), key->allowance);
        json_member_int(w, SLICE("used"), key->used);
        write_count(w, SLICE("tokens_at_sync"), key->tokens_at_sync);
        write_time(w, SLICE("synced_at"), key->synced_ms);
        json_end_object(w);
    }
}

// Ours: only those that say something.
static void write_own_members(struct json_writer *w, const struct document_key *key)
{
    if (key->weight != 1) {
        json_key(w, SLICE("weight"));
        json_write_double(w, key->weight);
    }
    if (key->proxy.len) {
        json_member_string(w, SLICE("proxy"), key->proxy);
    }
    if (key->max_inflight) {
        json_member_int(w, SLICE("maxInflight"), key->max_inflight);
    }
    if (key->cooldown_until_ms) {
        write_time(w, SLICE("cooldown_until"), key->cooldown_until_ms);
    }
    if (key->cooldown_n) {
        json_member_int(w, SLICE("cooldown_count"), key->cooldown_n);
    }
    write_cooldowns(w, key);
    if (key->errors_in_row) {
        json_member_int(w, SLICE("errors_in_row"), key->errors_in_row);
    }
    if (key->last_error_ms) {
        write_time(w, SLICE("last_error_at"), key->last_error_ms);
    }
    write_tokens(w, key);
    write_quota(w, key);
    write_window(w, key);
    write_balance(w, key);
}

void pool_document_begin(struct buf *out)
{
    buf_append(out, SLICE("{\"keys\":["));
}

void pool_document_add(struct buf *out, const struct document_key *key, bool is_first)
{
    struct json_writer w;
    buf_append(out, is_first ? SLICE("\n") : SLICE(",\n"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    write_guide_members(&w, key);
    write_own_members(&w, key);
    append_rest(out, key->rest);
    json_end_object(&w);
}

// ---- what stands behind

static void append_group(struct buf *out, const struct document_group *group, bool is_first)
{
    struct json_writer w;
    buf_append(out, is_first ? SLICE("\n") : SLICE(",\n"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("id"), group->id);
    json_member_string(&w, SLICE("name"), group->name);
    if (group->priority != DOCUMENT_NO_PRIORITY) {
        json_member_int(&w, SLICE("priority"), group->priority);
    }
    if (group->description.len) {
        json_member_string(&w, SLICE("description"), group->description);
    }
    append_rest(out, group->rest);
    json_end_object(&w);
}

static void append_rejected(struct buf *out, struct slice name, struct slice elements)
{
    if (elements.len) {
        buf_append(out, SLICE(",\n\""));
        buf_append(out, name);
        buf_append(out, SLICE("\":[\n"));
        buf_append(out, elements);
        buf_append(out, SLICE("\n]"));
    }
}

void pool_document_end(struct buf *out, const struct document_tail *tail)
{
    buf_append(out, SLICE("\n],\n\"poolGroups\":["));
    for (size_t i = 0; i < tail->n_groups; i++) {
        append_group(out, &tail->groups[i], i == 0);
    }
    buf_append(out, tail->n_groups ? SLICE("\n],\n\"config\":") : SLICE("],\n\"config\":"));
    buf_append(out, tail->config.len ? tail->config : SLICE("{}"));
    buf_printf(out, ",\n\"stats\":{\"last_rotation_index\":%lld", (long long)tail->last_rotation_index);
    append_rest(out, tail->stats_rest);
    buf_append_char(out, '}');
    append_rejected(out, SLICE("rejected_keys"), tail->rejected_keys);
    append_rejected(out, SLICE("rejected_groups"), tail->rejected_groups);
    append_rest(out, tail->rest);
    buf_append(out, SLICE("}\n"));
}

void pool_document_join(struct buf *out, struct slice raw)
{
    if (out->len) {
        buf_append(out, SLICE(",\n"));
    }
    buf_append(out, raw);
}
