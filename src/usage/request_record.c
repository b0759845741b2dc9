// SPDX-License-Identifier: MIT
// A record is a head of numbers, then its texts, then for each entry of the trail a head and texts. Heads are copied as
// they are in memory: they have no gaps, and every machine that this runs on has the low byte first.
#include "usage/request_record.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "json/json_writer.h"
#include "json/utf8.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are the same everywhere");

enum { VERSION = 1 };

enum text { ID, PATH, MODEL, COUNTED_MODEL, UPSTREAM_MODEL, ENDPOINT, KEY, CLIENT, TRACE_ID, ROUTE, DIALECT, FAULT };
enum { N_TEXTS = FAULT + 1 };

static const uint8_t text_max[N_TEXTS] = {
    [ID] = REQUEST_ID_MAX,
    [PATH] = REQUEST_PATH_MAX,
    [MODEL] = REQUEST_MODEL_MAX,
    [COUNTED_MODEL] = REQUEST_MODEL_MAX,
    [UPSTREAM_MODEL] = REQUEST_MODEL_MAX,
    [ENDPOINT] = REQUEST_ENDPOINT_MAX,
    [KEY] = REQUEST_KEY_MAX,
    [CLIENT] = REQUEST_CLIENT_MAX,
    [TRACE_ID] = REQUEST_TRACE_MAX,
    [ROUTE] = REQUEST_NAME_MAX,
    [DIALECT] = REQUEST_NAME_MAX,
    [FAULT] = REQUEST_NAME_MAX,
};

struct head {
    uint8_t version;
    uint8_t end;
    uint8_t is_partial;
    uint8_t n_steps;
    uint8_t text_len[N_TEXTS];
    int64_t time_ms;
    int64_t ttft_ms;
    uint64_t duration_ms;
    struct usage usage;
    uint32_t status;
    uint32_t n_attempts;
    uint32_t n_dropped; // of the trail, between the first and the second half of its steps
    uint32_t reserved;  // 0
};
static_assert(sizeof(struct head) == 16 + 3 * 8 + 5 * 8 + 4 * 4, "no gaps");

// Names of an entry that are those of the request, as they mostly are, are not written again.
enum step_text { STEP_ENDPOINT, STEP_MODEL, STEP_KEY, STEP_OUTCOME, STEP_REASON };
enum { N_STEP_TEXTS = STEP_REASON + 1, AS_IN_REQUEST = 0xFF };

// Outcomes and reasons have a NUL behind them, so that they can be told as they are in a record.
enum { STEP_NAME_MAX = REQUEST_NAME_MAX + 1 };

struct step_head {
    uint32_t began_ms;
    uint32_t took_ms;
    uint32_t status;
    uint8_t text_len[N_STEP_TEXTS]; // of an outcome or reason 0: there is none
    uint8_t reserved[3];            // 0
};
static_assert(sizeof(struct step_head) == 20, "no gaps");

static_assert(sizeof(struct head) + REQUEST_ID_MAX + REQUEST_PATH_MAX + 3 * REQUEST_MODEL_MAX + REQUEST_ENDPOINT_MAX +
                      REQUEST_KEY_MAX + REQUEST_CLIENT_MAX + REQUEST_TRACE_MAX + 3 * REQUEST_NAME_MAX +
                      REQUEST_TRAIL_MAX * (sizeof(struct step_head) + REQUEST_ENDPOINT_MAX + REQUEST_MODEL_MAX +
                                           REQUEST_KEY_MAX + 2 * STEP_NAME_MAX) <=
                  REQUEST_RECORD_MAX,
              "the longest record fits");

// ---- writing --------------------------------------------------------------------------------------------------------

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

struct slice request_text_cut(struct slice text, size_t max)
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

// Most texts are short, and calling memcpy() for each of them would cost more than all else here. The last piece may
// overlap the one before it.
static inline void copy_text(char *out, const char *from, size_t len)
{
    if (len >= 16) {
        for (size_t i = 0; i + 16 < len; i += 16) {
            memcpy(out + i, from + i, 16);
        }
        memcpy(out + len - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(out, from, 8);
        memcpy(out + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(out, from, 4);
        memcpy(out + len - 4, from + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++) {
            out[i] = from[i];
        }
    }
}

static char *put_long_text(char *out, struct slice text, size_t max, uint8_t *len_r)
{
    struct slice kept = request_text_cut(text, max);
    copy_text(out, kept.ptr, kept.len);
    *len_r = (uint8_t)kept.len;
    return out + kept.len;
}

// Where it ends.
static inline char *put_text(char *out, struct slice text, size_t max, uint8_t *len_r)
{
    if (text.len > max) {
        return put_long_text(out, text, max, len_r);
    }
    copy_text(out, text.ptr, text.len);
    *len_r = (uint8_t)text.len;
    return out + text.len;
}

static char *put_name(char *out, const char *name, uint8_t *len_r)
{
    if (!name) {
        *len_r = 0;
        return out;
    }
    out = put_text(out, slice_from_cstr(name), REQUEST_NAME_MAX, len_r);
    *out++ = 0;
    ++*len_r;
    return out;
}

// Names mostly are the very same bytes; to compare others would cost more than to write them.
static char *put_own(char *out, struct slice text, struct slice of_request, size_t max, uint8_t *len_r)
{
    if (text.ptr == of_request.ptr && text.len == of_request.len) {
        *len_r = AS_IN_REQUEST;
        return out;
    }
    return put_text(out, text, max, len_r);
}

static char *put_step(char *out, const struct trail_entry *entry, const struct request_facts *facts)
{
    struct step_head head = {.began_ms = entry->began_ms, .took_ms = entry->took_ms, .status = entry->status};
    uint8_t *len = head.text_len;
    char *at = out + sizeof(head);
    at = put_own(at, entry->endpoint, facts->endpoint, REQUEST_ENDPOINT_MAX, &len[STEP_ENDPOINT]);
    at = put_own(at, entry->model, facts->upstream_model, REQUEST_MODEL_MAX, &len[STEP_MODEL]);
    at = put_own(at, entry->key, facts->key, REQUEST_KEY_MAX, &len[STEP_KEY]);
    at = put_name(at, entry->outcome, &len[STEP_OUTCOME]);
    at = put_name(at, entry->reason, &len[STEP_REASON]);
    memcpy(out, &head, sizeof(head));
    return at;
}

uint32_t request_trail_n(const struct trail *trail)
{
    return trail->n < REQUEST_TRAIL_MAX ? trail->n : REQUEST_TRAIL_MAX;
}

const struct trail_entry *request_trail_at(const struct trail *trail, uint32_t i)
{
    uint32_t n = request_trail_n(trail);
    return &trail->entries[i < n / 2 ? i : trail->n - n + i];
}

static char *put_trail(char *out, const struct request_facts *facts, struct head *head)
{
    const struct trail *trail = &facts->trail;
    uint32_t n = request_trail_n(trail);
    for (uint32_t i = 0; i < n; i++) {
        out = put_step(out, request_trail_at(trail, i), facts);
    }
    head->n_steps = (uint8_t)n;
    head->n_dropped = trail->n_dropped + (trail->n - n);
    return out;
}

size_t request_record_encode(const struct request_facts *facts, char *out)
{
    struct head head = {
        .version = VERSION,
        .end = (uint8_t)facts->end,
        .is_partial = facts->is_partial,
        .time_ms = facts->time_ms,
        .ttft_ms = facts->ttft_ms,
        .duration_ms = facts->duration_ms,
        .usage = facts->usage,
        .status = facts->status,
        .n_attempts = facts->n_attempts,
    };
    uint8_t *len = head.text_len;
    char *at = out + sizeof(head);
    at = put_text(at, facts->id, REQUEST_ID_MAX, &len[ID]);
    at = put_text(at, facts->path, REQUEST_PATH_MAX, &len[PATH]);
    at = put_text(at, facts->model, REQUEST_MODEL_MAX, &len[MODEL]);
    at = put_text(at, facts->counted_model, REQUEST_MODEL_MAX, &len[COUNTED_MODEL]);
    at = put_text(at, facts->upstream_model, REQUEST_MODEL_MAX, &len[UPSTREAM_MODEL]);
    at = put_text(at, facts->endpoint, REQUEST_ENDPOINT_MAX, &len[ENDPOINT]);
    at = put_text(at, facts->key, REQUEST_KEY_MAX, &len[KEY]);
    at = put_text(at, facts->client, REQUEST_CLIENT_MAX, &len[CLIENT]);
    at = put_text(at, facts->trace_id, REQUEST_TRACE_MAX, &len[TRACE_ID]);
    at = put_text(at, facts->route, REQUEST_NAME_MAX, &len[ROUTE]);
    at = put_text(at, facts->dialect, REQUEST_NAME_MAX, &len[DIALECT]);
    at = put_text(at, facts->fault, REQUEST_NAME_MAX, &len[FAULT]);
    at = put_trail(at, facts, &head);
    memcpy(out, &head, sizeof(head));
    return (size_t)(at - out);
}

// ---- reading --------------------------------------------------------------------------------------------------------

static bool take(struct slice *bytes, void *to, size_t len)
{
    if (bytes->len < len) {
        return false;
    }
    memcpy(to, bytes->ptr, len);
    *bytes = slice_after(*bytes, len);
    return true;
}

static bool take_text(struct slice *bytes, size_t len, size_t max, struct slice *text_r)
{
    if (len > max || len > bytes->len) {
        return false;
    }
    *text_r = len ? slice_of(bytes->ptr, len) : SLICE_EMPTY;
    *bytes = slice_after(*bytes, len);
    return true;
}

static bool take_name(struct slice *bytes, size_t len, const char **name_r)
{
    struct slice text;
    if (!take_text(bytes, len, STEP_NAME_MAX, &text) || (text.len && text.ptr[text.len - 1] != 0)) {
        return false;
    }
    *name_r = text.ptr;
    return true;
}

static bool take_own(struct slice *bytes, size_t len, size_t max, struct slice of_request, struct slice *text_r)
{
    if (len == AS_IN_REQUEST) {
        *text_r = of_request;
        return true;
    }
    return take_text(bytes, len, max, text_r);
}

static bool take_step(struct slice *bytes, const struct request_facts *facts, struct trail_entry *entry)
{
    static const uint8_t zeros[sizeof(((struct step_head *)NULL)->reserved)];
    struct step_head head;
    if (!take(bytes, &head, sizeof(head)) || memcmp(head.reserved, zeros, sizeof(zeros)) != 0) {
        return false;
    }
    const uint8_t *len = head.text_len;
    entry->began_ms = head.began_ms;
    entry->took_ms = head.took_ms;
    entry->status = head.status;
    return take_own(bytes, len[STEP_ENDPOINT], REQUEST_ENDPOINT_MAX, facts->endpoint, &entry->endpoint) &&
           take_own(bytes, len[STEP_MODEL], REQUEST_MODEL_MAX, facts->upstream_model, &entry->model) &&
           take_own(bytes, len[STEP_KEY], REQUEST_KEY_MAX, facts->key, &entry->key) &&
           take_name(bytes, len[STEP_OUTCOME], &entry->outcome) && take_name(bytes, len[STEP_REASON], &entry->reason);
}

static bool take_trail(struct slice *bytes, const struct head *head, struct arena *arena, struct request_facts *facts)
{
    struct trail *trail = &facts->trail;
    *trail = (struct trail){.n = head->n_steps, .cap = head->n_steps, .n_dropped = head->n_dropped};
    if (head->n_steps == 0) {
        return true;
    }
    trail->entries = arena_alloc(arena, head->n_steps * sizeof(*trail->entries));
    for (uint32_t i = 0; i < trail->n; i++) {
        if (!take_step(bytes, facts, &trail->entries[i])) {
            return false;
        }
    }
    return true;
}

static bool is_possible(const struct head *head)
{
    const struct usage *usage = &head->usage;
    return head->version == VERSION && head->end <= REQUEST_ABORTED && head->is_partial <= 1 && head->reserved == 0 &&
           head->n_steps <= REQUEST_TRAIL_MAX && head->ttft_ms >= -1 && usage->input >= -1 && usage->output >= -1 &&
           usage->reasoning >= -1 && usage->cache_read >= -1 && usage->cache_write >= -1;
}

static bool take_texts(struct slice *bytes, const struct head *head, struct request_facts *facts)
{
    struct slice *const texts[N_TEXTS] = {
        [ID] = &facts->id,
        [PATH] = &facts->path,
        [MODEL] = &facts->model,
        [COUNTED_MODEL] = &facts->counted_model,
        [UPSTREAM_MODEL] = &facts->upstream_model,
        [ENDPOINT] = &facts->endpoint,
        [KEY] = &facts->key,
        [CLIENT] = &facts->client,
        [TRACE_ID] = &facts->trace_id,
        [ROUTE] = &facts->route,
        [DIALECT] = &facts->dialect,
        [FAULT] = &facts->fault,
    };
    size_t all = 0;
    bool fits = true;
    for (size_t i = 0; i < N_TEXTS; i++) {
        fits = fits && head->text_len[i] <= text_max[i];
        all += head->text_len[i];
    }
    if (!fits || all > bytes->len) {
        return false;
    }
    const char *at = bytes->ptr;
    for (size_t i = 0; i < N_TEXTS; i++) {
        *texts[i] = slice_of(at, head->text_len[i]);
        at += head->text_len[i];
    }
    *bytes = slice_after(*bytes, all);
    return true;
}

bool request_record_decode(struct slice bytes, struct arena *arena, struct request_facts *facts_r)
{
    struct head head;
    if (!take(&bytes, &head, sizeof(head)) || !is_possible(&head)) {
        return false;
    }
    struct request_facts facts = {
        .time_ms = head.time_ms,
        .ttft_ms = head.ttft_ms,
        .duration_ms = head.duration_ms,
        .usage = head.usage,
        .end = (enum request_end)head.end,
        .is_partial = head.is_partial,
        .status = head.status,
        .n_attempts = head.n_attempts,
    };
    if (!take_texts(&bytes, &head, &facts) || !take_trail(&bytes, &head, arena, &facts) || bytes.len > 0) {
        return false;
    }
    *facts_r = facts;
    return true;
}

// ---- as JSON --------------------------------------------------------------------------------------------------------

static void member_text(struct json_writer *w, struct slice name, struct slice text)
{
    json_key(w, name);
    if (text.len) {
        json_write_string(w, text);
    } else {
        json_write_null(w);
    }
}

// Of what most requests do not have.
static void member_optional(struct json_writer *w, struct slice name, struct slice text)
{
    if (text.len) {
        json_member_string(w, name, text);
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

static void write_request(struct json_writer *w, const struct request_facts *facts)
{
    char time[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(time, facts->time_ms);
    json_member_string(w, SLICE("id"), facts->id);
    json_member_string(w, SLICE("time"), slice_of(time, CLOCK_ISO8601_SIZE - 1));
    member_text(w, SLICE("route"), facts->route);
    member_text(w, SLICE("path"), facts->path);
    member_text(w, SLICE("dialect"), facts->dialect);
    member_text(w, SLICE("model"), facts->model);
    member_optional(w, SLICE("counted_model"), facts->counted_model);
    member_text(w, SLICE("upstream_model"), facts->upstream_model);
    member_text(w, SLICE("endpoint"), facts->endpoint);
    member_text(w, SLICE("key"), facts->key);
    member_text(w, SLICE("client"), facts->client);
    member_optional(w, SLICE("trace_id"), facts->trace_id);
}

static void write_tokens(struct json_writer *w, const struct request_facts *facts)
{
    json_key(w, SLICE("tokens"));
    json_begin_object(w);
    member_known(w, SLICE("input"), facts->usage.input);
    member_known(w, SLICE("output"), facts->usage.output);
    member_known(w, SLICE("reasoning"), facts->usage.reasoning);
    member_known(w, SLICE("cache_read"), facts->usage.cache_read);
    member_known(w, SLICE("cache_write"), facts->usage.cache_write);
    json_member_bool(w, SLICE("is_partial"), facts->is_partial);
    json_end_object(w);
}

static void write_outcome(struct json_writer *w, const struct request_facts *facts)
{
    uint64_t duration_ms = facts->duration_ms < INT64_MAX ? facts->duration_ms : INT64_MAX;
    json_key(w, SLICE("status"));
    if (facts->status) {
        json_write_int(w, facts->status);
    } else {
        json_write_null(w);
    }
    member_text(w, SLICE("fault"), facts->fault);
    json_member_int(w, SLICE("attempts"), facts->n_attempts);
    member_known(w, SLICE("ttft_ms"), facts->ttft_ms);
    json_member_int(w, SLICE("duration_ms"), (int64_t)duration_ms);
    write_tokens(w, facts);
}

static void write_trail(struct json_writer *w, const struct trail *trail)
{
    struct buf text = BUF_EMPTY;
    trail_write_json(trail, &text);
    json_key(w, SLICE("trail"));
    json_write_raw(w, buf_slice(&text));
    buf_deinit(&text);
}

void request_record_write_json(const struct request_facts *facts, bool with_trail, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    write_request(&w, facts);
    write_outcome(&w, facts);
    if (with_trail) {
        write_trail(&w, &facts->trail);
    }
    json_end_object(&w);
}

// ---- filters --------------------------------------------------------------------------------------------------------

static bool is_of_model(const struct request_facts *facts, struct slice model)
{
    return slice_eq(facts->model, model) || slice_eq(facts->counted_model, model) ||
           slice_eq(facts->upstream_model, model);
}

// Also one that was only tried: what became of a key is asked more often than what it served.
static bool is_of_key(const struct request_facts *facts, struct slice key)
{
    bool is_found = slice_eq(facts->key, key);
    for (uint32_t i = 0; i < facts->trail.n && !is_found; i++) {
        is_found = slice_eq(facts->trail.entries[i].key, key);
    }
    return is_found;
}

bool request_filter_takes(const struct request_filter *filter, const struct request_facts *facts)
{
    bool is_status =
        filter->status_max == 0 || (facts->status >= filter->status_min && facts->status <= filter->status_max);
    return is_status && (filter->before_ms == 0 || facts->time_ms < filter->before_ms) &&
           (filter->model.len == 0 || is_of_model(facts, request_text_cut(filter->model, REQUEST_MODEL_MAX))) &&
           (filter->key.len == 0 || is_of_key(facts, request_text_cut(filter->key, REQUEST_KEY_MAX)));
}
