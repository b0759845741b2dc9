// SPDX-License-Identifier: MIT
#include "gateway/recent.h"

#include <assert.h>

#include "base/clock.h"
#include "json/json_writer.h"
#include "json/utf8.h"

// Texts are told by their place among the texts of the record: there is their length, one byte, and the text behind it.
// At 0 is the empty one.

struct recent_step {
    const char *outcome; // static
    const char *reason;  // static; NULL: none
    uint32_t began_ms;
    uint32_t took_ms;
    uint16_t status;
    uint16_t endpoint;
    uint16_t model;
    uint16_t key;
};

enum { TEXTS_MAX = 440 };

struct recent_record {
    struct usage usage;
    int64_t time_ms;
    const char *route;   // static
    const char *dialect; // static
    const char *fault;   // static; NULL: none
    uint32_t duration_ms;
    int32_t ttft_ms; // -1: none
    uint32_t n_attempts;
    uint32_t n_dropped; // of the trail, between the first and the second half of `steps`
    uint16_t status;
    uint16_t texts_len;
    bool is_partial;
    uint8_t n_steps;
    uint16_t id;
    uint16_t path;
    uint16_t model;
    uint16_t upstream_model;
    uint16_t endpoint;
    uint16_t key;
    uint16_t client;
    char texts[TEXTS_MAX];
    struct recent_step steps[RECENT_TRAIL_MAX];
};

// The facts always fit; what is left is for names in the trail.
static_assert(1 + 7 + RECENT_ID_MAX + RECENT_PATH_MAX + 2 * RECENT_MODEL_MAX + RECENT_ENDPOINT_MAX + RECENT_KEY_MAX +
                      RECENT_CLIENT_MAX <=
                  TEXTS_MAX,
              "a record has room for all texts of its request");
static_assert(sizeof(struct recent_record) <= 1104, "a thousand requests take about a megabyte");

struct recent {
    size_t n; // in use
    size_t cap;
    size_t newest; // when there is one
    struct recent_record records[];
};

struct recent *recent_new(size_t n)
{
    assert(n > 0);
    struct recent *recent = mem_zalloc(sizeof(*recent) + n * sizeof(recent->records[0]));
    recent->cap = n;
    return recent;
}

void recent_free(struct recent *recent)
{
    mem_free(recent);
}

// ---- texts ----------------------------------------------------------------------------------------------------------

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

// At most `max` bytes, without a part of a character at the end.
static struct slice cut(struct slice text, size_t max)
{
    if (text.len <= max) {
        return text;
    }
    size_t len = max;
    while (len > 0 && max - len < UTF8_MAX && is_inside_character(text.ptr[len])) {
        len--;
    }
    return slice_of(text.ptr, len);
}

static struct slice text_at(const struct recent_record *record, uint16_t place)
{
    return slice_of(record->texts + place + 1, (unsigned char)record->texts[place]);
}

// 0 where there is no room.
static uint16_t put(struct recent_record *record, struct slice text, size_t max)
{
    size_t room = TEXTS_MAX - record->texts_len;
    struct slice kept = cut(cut(text, max), room ? room - 1 : 0);
    uint16_t place = record->texts_len;
    if (kept.len == 0) {
        return 0;
    }
    record->texts[place] = (char)kept.len;
    memcpy(record->texts + place + 1, kept.ptr, kept.len);
    record->texts_len = (uint16_t)(place + 1 + kept.len);
    return place;
}

// The same for names that come again and again, as in a trail: each is there once.
static uint16_t put_once(struct recent_record *record, struct slice text, size_t max)
{
    struct slice kept = cut(text, max);
    for (size_t at = 0; at < record->texts_len; at += 1 + (unsigned char)record->texts[at]) {
        if (slice_eq(text_at(record, (uint16_t)at), kept)) {
            return (uint16_t)at;
        }
    }
    return put(record, kept, max);
}

// ---- adding ---------------------------------------------------------------------------------------------------------

static uint32_t to_u32(uint64_t value)
{
    return value < INT32_MAX ? (uint32_t)value : INT32_MAX;
}

static void put_texts(struct recent_record *record, const struct recent_facts *facts)
{
    record->texts[0] = 0;
    record->texts_len = 1;
    record->id = put(record, facts->id, RECENT_ID_MAX);
    record->path = put(record, facts->path, RECENT_PATH_MAX);
    record->model = put(record, facts->model, RECENT_MODEL_MAX);
    record->upstream_model = put(record, facts->upstream_model, RECENT_MODEL_MAX);
    record->endpoint = put(record, facts->endpoint, RECENT_ENDPOINT_MAX);
    record->key = put(record, facts->key, RECENT_KEY_MAX);
    record->client = put(record, facts->client, RECENT_CLIENT_MAX);
}

static struct recent_step step_of(struct recent_record *record, const struct trail_entry *entry)
{
    return (struct recent_step){
        .outcome = entry->outcome,
        .reason = entry->reason,
        .began_ms = entry->began_ms,
        .took_ms = entry->took_ms,
        .status = (uint16_t)entry->status,
        .endpoint = put_once(record, entry->endpoint, RECENT_ENDPOINT_MAX),
        .model = put_once(record, entry->model, RECENT_MODEL_MAX),
        .key = put_once(record, entry->key, RECENT_KEY_MAX),
    };
}

static void put_trail(struct recent_record *record, const struct trail *trail)
{
    uint32_t n = trail->n < RECENT_TRAIL_MAX ? trail->n : RECENT_TRAIL_MAX;
    uint32_t n_first = n / 2;
    for (uint32_t i = 0; i < n; i++) {
        record->steps[i] = step_of(record, &trail->entries[i < n_first ? i : trail->n - n + i]);
    }
    record->n_steps = (uint8_t)n;
    record->n_dropped = trail->n_dropped + (trail->n - n);
}

void recent_add(struct recent *recent, const struct recent_facts *facts)
{
    recent->newest = recent->n && recent->newest + 1 < recent->cap ? recent->newest + 1 : 0;
    recent->n += recent->n < recent->cap;
    struct recent_record *record = &recent->records[recent->newest];
    record->usage = facts->usage;
    record->time_ms = facts->time_ms;
    record->route = facts->route;
    record->dialect = facts->dialect;
    record->fault = facts->fault;
    record->duration_ms = to_u32(facts->duration_ms);
    record->ttft_ms = facts->ttft_ms < 0 ? -1 : (int32_t)to_u32((uint64_t)facts->ttft_ms);
    record->n_attempts = facts->n_attempts;
    record->status = (uint16_t)facts->status;
    record->is_partial = facts->is_partial;
    record->n_steps = 0;
    record->n_dropped = 0;
    put_texts(record, facts);
    if (facts->trail) {
        put_trail(record, facts->trail);
    }
}

// ---- one record as JSON ---------------------------------------------------------------------------------------------

static void member_text(struct json_writer *w, struct slice name, struct slice text)
{
    json_key(w, name);
    if (text.len) {
        json_write_string(w, text);
    } else {
        json_write_null(w);
    }
}

static void member_known(struct json_writer *w, struct slice name, int64_t value)
{
    json_key(w, name);
    if (value >= 0) {
        json_write_int(w, value);
    } else {
        json_write_null(w);
    }
}

static void write_request(struct json_writer *w, const struct recent_record *record)
{
    char time[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(time, record->time_ms);
    json_member_string(w, SLICE("id"), text_at(record, record->id));
    json_member_string(w, SLICE("time"), slice_of(time, CLOCK_ISO8601_SIZE - 1));
    member_text(w, SLICE("route"), slice_from_cstr(record->route));
    member_text(w, SLICE("path"), text_at(record, record->path));
    member_text(w, SLICE("dialect"), slice_from_cstr(record->dialect));
    member_text(w, SLICE("model"), text_at(record, record->model));
    member_text(w, SLICE("upstream_model"), text_at(record, record->upstream_model));
    member_text(w, SLICE("endpoint"), text_at(record, record->endpoint));
    member_text(w, SLICE("key"), text_at(record, record->key));
    member_text(w, SLICE("client"), text_at(record, record->client));
}

static void write_tokens(struct json_writer *w, const struct recent_record *record)
{
    json_key(w, SLICE("tokens"));
    json_begin_object(w);
    member_known(w, SLICE("input"), record->usage.input);
    member_known(w, SLICE("output"), record->usage.output);
    member_known(w, SLICE("reasoning"), record->usage.reasoning);
    member_known(w, SLICE("cache_read"), record->usage.cache_read);
    member_known(w, SLICE("cache_write"), record->usage.cache_write);
    json_member_bool(w, SLICE("is_partial"), record->is_partial);
    json_end_object(w);
}

static void write_outcome(struct json_writer *w, const struct recent_record *record)
{
    json_key(w, SLICE("status"));
    if (record->status) {
        json_write_int(w, record->status);
    } else {
        json_write_null(w);
    }
    member_text(w, SLICE("fault"), slice_from_cstr(record->fault));
    json_member_int(w, SLICE("attempts"), record->n_attempts);
    member_known(w, SLICE("ttft_ms"), record->ttft_ms);
    json_member_int(w, SLICE("duration_ms"), record->duration_ms);
    write_tokens(w, record);
}

static void write_trail(struct json_writer *w, const struct recent_record *record)
{
    struct trail_entry entries[RECENT_TRAIL_MAX];
    struct trail trail = {.entries = entries, .n = record->n_steps, .n_dropped = record->n_dropped};
    struct buf text = BUF_EMPTY;
    for (uint32_t i = 0; i < record->n_steps; i++) {
        const struct recent_step *step = &record->steps[i];
        entries[i] = (struct trail_entry){
            .endpoint = text_at(record, step->endpoint),
            .model = text_at(record, step->model),
            .key = text_at(record, step->key),
            .outcome = step->outcome,
            .reason = step->reason,
            .status = step->status,
            .began_ms = step->began_ms,
            .took_ms = step->took_ms,
        };
    }
    trail_write_json(&trail, &text);
    json_key(w, SLICE("trail"));
    json_write_raw(w, buf_slice(&text));
    buf_deinit(&text);
}

// ---- asking ---------------------------------------------------------------------------------------------------------

// `age` 0 is the newest one.
static const struct recent_record *record_of(const struct recent *recent, size_t age)
{
    size_t i = recent->newest >= age ? recent->newest - age : recent->newest + recent->cap - age;
    return &recent->records[i];
}

bool recent_write_json(const struct recent *recent, struct slice id, struct buf *out)
{
    struct json_writer w;
    struct slice wanted = cut(id, RECENT_ID_MAX);
    for (size_t age = 0; age < recent->n; age++) {
        const struct recent_record *record = record_of(recent, age);
        if (slice_eq(text_at(record, record->id), wanted)) {
            json_writer_init(&w, out);
            json_begin_object(&w);
            write_request(&w, record);
            write_outcome(&w, record);
            write_trail(&w, record);
            json_end_object(&w);
            return true;
        }
    }
    return false;
}

static bool is_of_model(const struct recent_record *record, struct slice model)
{
    return slice_eq(text_at(record, record->model), model) || slice_eq(text_at(record, record->upstream_model), model);
}

// Also one that was only tried: what became of a key is asked more often than what it served.
static bool is_of_key(const struct recent_record *record, struct slice key)
{
    bool is_found = slice_eq(text_at(record, record->key), key);
    for (size_t i = 0; i < record->n_steps && !is_found; i++) {
        is_found = slice_eq(text_at(record, record->steps[i].key), key);
    }
    return is_found;
}

static bool is_wanted(const struct recent_record *record, const struct recent_filter *filter)
{
    bool is_status =
        filter->status_max == 0 || (record->status >= filter->status_min && record->status <= filter->status_max);
    bool is_model = filter->model.len == 0 || is_of_model(record, cut(filter->model, RECENT_MODEL_MAX));
    bool is_key = filter->key.len == 0 || is_of_key(record, cut(filter->key, RECENT_KEY_MAX));
    return is_model && is_status && is_key && (filter->before_ms == 0 || record->time_ms < filter->before_ms);
}

void recent_write_list(const struct recent *recent, const struct recent_filter *filter, struct buf *out)
{
    struct json_writer w;
    size_t n = 0;
    json_writer_init(&w, out);
    json_begin_array(&w);
    for (size_t age = 0; age < recent->n && n < filter->limit; age++) {
        const struct recent_record *record = record_of(recent, age);
        if (is_wanted(record, filter)) {
            json_begin_object(&w);
            write_request(&w, record);
            write_outcome(&w, record);
            json_end_object(&w);
            n++;
        }
    }
    json_end_array(&w);
}
