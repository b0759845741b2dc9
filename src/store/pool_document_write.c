// SPDX-License-Identifier: MIT
// A large pool is written once a second, so an entry is put together by hand: names and punctuation are pieces of text.
#include "base/clock.h"
#include "store/pool_document.h"
#include "json/json_writer.h"

static inline void put(struct buf *out, struct slice text)
{
    buf_append(out, text);
}

static void put_quoted(struct buf *out, struct slice text)
{
    buf_append_char(out, '"');
    json_escape(out, text);
    buf_append_char(out, '"');
}

// `name` is what stands before the value, here and below: `,"name":`.
static void put_string(struct buf *out, struct slice name, struct slice text)
{
    put(out, name);
    put_quoted(out, text);
}

static void put_string_or_null(struct buf *out, struct slice name, struct slice text)
{
    put(out, name);
    if (text.len) {
        put_quoted(out, text);
    } else {
        put(out, SLICE("null"));
    }
}

static void put_count(struct buf *out, struct slice name, uint64_t value)
{
    put(out, name);
    buf_append_u64(out, value < INT64_MAX ? value : INT64_MAX);
}

// A time, or null for never.
static void put_time(struct buf *out, struct slice name, int64_t ms)
{
    put(out, name);
    if (ms) {
        char *at = buf_reserve(out, CLOCK_ISO8601_SIZE + 1);
        *at = '"';
        clock_format_iso8601(at + 1, ms);
        at[CLOCK_ISO8601_SIZE] = '"';
        out->len += CLOCK_ISO8601_SIZE + 1;
    } else {
        put(out, SLICE("null"));
    }
}

// A number that is not negative, with up to four decimals: much quicker than the shortest text of a double.
static void put_decimal(struct buf *out, struct slice name, double value)
{
    const double biggest = 1e12;
    uint64_t parts = value > 0 ? (uint64_t)((value < biggest ? value : biggest) * 10000 + 0.5) : 0;
    put_count(out, name, parts / 10000);
    uint64_t decimals = parts % 10000;
    if (decimals) {
        buf_append_char(out, '.');
        for (uint64_t unit = 1000; decimals; unit /= 10) {
            buf_append_char(out, (char)('0' + decimals / unit));
            decimals %= unit;
        }
    }
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
static void put_guide_members(struct buf *out, const struct document_key *key)
{
    double n_requests = (double)key->total_requests;
    put_string(out, SLICE("\"id\":"), key->id);
    put_string(out, SLICE(",\"key\":"), key->secret);
    put_string(out, SLICE(",\"status\":"), statuses[key->status]);
    put_string(out, SLICE(",\"provider\":"), key->provider);
    put_string(out, SLICE(",\"poolGroup\":"), key->group);
    put_time(out, SLICE(",\"created_at\":"), key->created_ms);
    put_time(out, SLICE(",\"last_used_at\":"), key->last_used_ms);
    put_count(out, SLICE(",\"usage_count\":"), key->usage_count);
    put_count(out, SLICE(",\"total_requests\":"), key->total_requests);
    put_count(out, SLICE(",\"success_requests\":"), key->success_requests);
    put_count(out, SLICE(",\"error_count\":"), key->error_count);
    put_decimal(out, SLICE(",\"success_rate\":"), n_requests > 0 ? (double)key->success_requests / n_requests : 0);
    put_decimal(out, SLICE(",\"weight_score\":"), key->weight_score);
    put_string_or_null(out, SLICE(",\"last_error\":"), key->last_error);
    put_time(out, SLICE(",\"last_test_at\":"), key->last_test_ms);
    put_string(out, SLICE(",\"last_test_result\":"), test_results[key->test_result]);
    put_time(out, SLICE(",\"banned_at\":"), key->banned_ms);
    put_string_or_null(out, SLICE(",\"banned_reason\":"), key->banned_reason);
    put_string(out, SLICE(",\"notes\":"), key->notes);
}

static void put_weight(struct buf *out, double weight)
{
    struct json_writer w;
    put(out, SLICE(",\"weight\":"));
    json_writer_init(&w, out);
    json_write_double(&w, weight);
}

static void put_cooldowns(struct buf *out, const struct document_key *key)
{
    struct slice before = SLICE(",\"model_cooldowns\":[{\"model\":");
    const struct slice first = before;
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        const struct document_cooldown *cooldown = &key->cooldowns[i];
        if (cooldown->model) {
            put_count(out, before, cooldown->model);
            put_time(out, SLICE(",\"until\":"), cooldown->until_ms);
            put_count(out, SLICE(",\"n\":"), cooldown->n);
            before = SLICE("},{\"model\":");
        }
    }
    put(out, before.ptr == first.ptr ? SLICE_EMPTY : SLICE("}]"));
}

static void put_window(struct buf *out, const struct document_key *key)
{
    struct slice before = SLICE(",\"window\":[[");
    const struct slice first = before;
    for (size_t i = 0; i < KEY_WINDOW_BUCKETS; i++) {
        if (key->window[i].period && key->window[i].tokens) {
            put_count(out, before, key->window[i].period);
            put_count(out, SLICE(","), key->window[i].tokens);
            before = SLICE("],[");
        }
    }
    put(out, before.ptr == first.ptr ? SLICE_EMPTY : SLICE("]]"));
}

static void put_quota(struct buf *out, const struct document_key *key)
{
    const int64_t day_ms = 24LL * 3600 * 1000;
    char day[CLOCK_ISO8601_SIZE];
    char month[] = "0000-00";
    clock_format_iso8601(day, key->day * day_ms);
    uint32_t year = key->month / 12 % 10000;
    for (int i = 3; i >= 0; i--, year /= 10) {
        month[i] = (char)('0' + year % 10);
    }
    month[5] = (char)('0' + (key->month % 12 + 1) / 10);
    month[6] = (char)('0' + (key->month % 12 + 1) % 10);
    put_string(out, SLICE(",\"quota\":{\"day\":"), slice_of(day, 10));
    put_count(out, SLICE(",\"day_tokens\":"), key->day_tokens);
    put_string(out, SLICE(",\"month\":"), slice_of(month, 7));
    put_count(out, SLICE(",\"month_tokens\":"), key->month_tokens);
    buf_append_char(out, '}');
}

static void put_balance(struct buf *out, const struct document_key *key)
{
    put_count(out, SLICE(",\"balance\":{\"allowance\":"), (uint64_t)key->allowance);
    put_count(out, SLICE(",\"used\":"), key->used > 0 ? (uint64_t)key->used : 0);
    put_count(out, SLICE(",\"tokens_at_sync\":"), key->tokens_at_sync);
    put_time(out, SLICE(",\"synced_at\":"), key->synced_ms);
    buf_append_char(out, '}');
}

static void put_usage_members(struct buf *out, const struct document_key *key)
{
    if (key->input_tokens || key->output_tokens) {
        put_count(out, SLICE(",\"tokens\":{\"input\":"), key->input_tokens);
        put_count(out, SLICE(",\"output\":"), key->output_tokens);
        buf_append_char(out, '}');
    }
    if (key->day_tokens || key->month_tokens) {
        put_quota(out, key);
    }
    put_window(out, key);
    if (key->allowance >= 0) {
        put_balance(out, key);
    }
}

// Ours: only those that say something.
static void put_own_members(struct buf *out, const struct document_key *key)
{
    if (key->weight < 1 || key->weight > 1) {
        put_weight(out, key->weight);
    }
    if (key->proxy.len) {
        put_string(out, SLICE(",\"proxy\":"), key->proxy);
    }
    if (key->max_inflight) {
        put_count(out, SLICE(",\"maxInflight\":"), key->max_inflight);
    }
    if (key->cooldown_until_ms) {
        put_time(out, SLICE(",\"cooldown_until\":"), key->cooldown_until_ms);
    }
    if (key->cooldown_n) {
        put_count(out, SLICE(",\"cooldown_count\":"), key->cooldown_n);
    }
    put_cooldowns(out, key);
    if (key->errors_in_row) {
        put_count(out, SLICE(",\"errors_in_row\":"), key->errors_in_row);
    }
    if (key->last_error_ms) {
        put_time(out, SLICE(",\"last_error_at\":"), key->last_error_ms);
    }
    put_usage_members(out, key);
}

void pool_document_begin(struct buf *out)
{
    buf_append(out, SLICE("{\"keys\":["));
}

void pool_document_add(struct buf *out, const struct document_key *key, bool is_first)
{
    put(out, is_first ? SLICE("\n{") : SLICE(",\n{"));
    put_guide_members(out, key);
    put_own_members(out, key);
    append_rest(out, key->rest);
    buf_append_char(out, '}');
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
