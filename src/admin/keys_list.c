// SPDX-License-Identifier: MIT
// A page of the keys: filtered, sorted, cut. The keys are looked at once.
#include <stdlib.h>

#include "admin/key_facts.h"
#include "admin/key_filter.h"
#include "admin/key_json.h"
#include "admin/reply.h"
#include "base/clock.h"
#include "base/random.h"

enum { LIMIT_DEFAULT = 10, LIMIT_MAX = 1000 };

// ---- order ----------------------------------------------------------------------------------------------------------

// What a key is sorted by: a number or a text. Keys that are equal stay in the order of the document.
struct sort_key {
    double number;
    struct slice text;
    size_t index;
};

struct sorting {
    struct admin *admin;
    int64_t now_ms;
};

struct sort_field {
    struct slice name;
    void (*set)(struct sort_key *key, const struct key_record *record, const struct key_slot *slot,
                const struct sorting *s);
};

#define BY_NUMBER(function, value)                                                                                     \
    static void function(struct sort_key *key, const struct key_record *record, const struct key_slot *slot,           \
                         const struct sorting *s)                                                                      \
    {                                                                                                                  \
        (void)record, (void)slot, (void)s;                                                                             \
        key->number = (double)(value);                                                                                 \
    }
#define BY_TEXT(function, value)                                                                                       \
    static void function(struct sort_key *key, const struct key_record *record, const struct key_slot *slot,           \
                         const struct sorting *s)                                                                      \
    {                                                                                                                  \
        (void)slot, (void)s;                                                                                           \
        key->text = (value);                                                                                           \
    }

BY_TEXT(by_id, record->id)
BY_TEXT(by_notes, record->notes)
BY_TEXT(by_provider, record->provider)
BY_TEXT(by_group, record->group)
BY_TEXT(by_secret, record->secret)
BY_NUMBER(by_status, slot->status)
BY_NUMBER(by_created, record->created_ms)
BY_NUMBER(by_last_used, slot->last_used_ms)
BY_NUMBER(by_last_test, slot->last_test_ms)
BY_NUMBER(by_usage, slot->usage_count)
BY_NUMBER(by_requests, slot->total_requests)
BY_NUMBER(by_successes, slot->success_requests)
BY_NUMBER(by_errors, slot->error_count)
BY_NUMBER(by_success_rate, key_facts_success_rate(slot))
BY_NUMBER(by_score, key_facts_weight_score(slot, key_store_settings(s->admin->options.store), s->now_ms))
BY_NUMBER(by_inflight, slot->inflight)
BY_NUMBER(by_tokens, slot->input_tokens + slot->output_tokens)
BY_NUMBER(by_remaining, key_remaining(slot))
BY_NUMBER(by_weight, record->weight)
BY_NUMBER(by_cooldown, key_facts_cooling_until(slot, s->now_ms))

#define SORT_FIELDS(row)                                                                                               \
    row("id", by_id) row("key", by_secret) row("notes", by_notes) row("provider", by_provider)                         \
        row("poolGroup", by_group) row("status", by_status) row("created_at", by_created)                              \
            row("last_used_at", by_last_used) row("last_test_at", by_last_test) row("usage_count", by_usage)           \
                row("total_requests", by_requests) row("success_requests", by_successes) row("error_count", by_errors) \
                    row("success_rate", by_success_rate) row("weight_score", by_score) row("inflight", by_inflight)    \
                        row("tokens", by_tokens) row("remaining", by_remaining) row("weight", by_weight)               \
                            row("cooldown_until", by_cooldown)
#define SORT_NAME(name, function) " " name
#define SORT_FIELD(name, function) {SLICE_INIT(name), function},

static const struct sort_field sort_fields[] = {SORT_FIELDS(SORT_FIELD)};
enum { N_SORT_FIELDS = sizeof(sort_fields) / sizeof(*sort_fields) };

static const struct sort_field *read_sort(struct query_reader *query)
{
    struct slice name = query_text(query, SLICE("sort"));
    for (size_t i = 0; i < N_SORT_FIELDS; i++) {
        if (slice_eq(name, sort_fields[i].name)) {
            return &sort_fields[i];
        }
    }
    return NULL;
}

static int compare_text(struct slice a, struct slice b)
{
    int c = a.len && b.len ? memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
    const struct sort_key *left = a;
    const struct sort_key *right = b;
    int c = (left->number > right->number) - (left->number < right->number);
    c = c ? c : compare_text(left->text, right->text);
    return c ? c : (left->index > right->index) - (left->index < right->index);
}

// Keys are put in order only as far as the page goes: of a hundred thousand texts that is most of the time.

static void swap(struct sort_key *a, struct sort_key *b)
{
    struct sort_key kept = *a;
    *a = *b;
    *b = kept;
}

// Everything in front of place `at` comes before everything from there on; at most n.
static void divide_at(struct sort_key *keys, size_t n, size_t at)
{
    size_t low = 0;
    size_t high = n; // what is outside of low … high is where it belongs
    while (high - low > 1 && at > low && at < high) {
        size_t border = low;
        swap(&keys[low + (size_t)(random_unit() * (double)(high - low))], &keys[high - 1]);
        for (size_t i = low; i < high - 1; i++) {
            if (compare(&keys[i], &keys[high - 1]) < 0) {
                swap(&keys[i], &keys[border++]);
            }
        }
        swap(&keys[border], &keys[high - 1]);
        if (at <= border) {
            high = border;
        } else {
            low = border + 1;
        }
    }
}

// Places `first` up to `last` (at most n) get what belongs there.
static void sort_part(struct sort_key *keys, size_t n, size_t first, size_t last)
{
    divide_at(keys, n, first);
    divide_at(keys + first, n - first, last - first);
    qsort(keys + first, last - first, sizeof(*keys), compare);
}

// ---- choice ---------------------------------------------------------------------------------------------------------

struct request {
    struct key_filter filter;
    struct slice text; // that id, notes or masked key must have; in small letters; empty: any
    const struct sort_field *sort;
    bool is_descending;
    uint32_t page;
    uint32_t limit;
    struct key_view view;
};

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

// `needle` is in small letters, and not empty.
static bool begins_with(struct slice text, struct slice needle)
{
    size_t n = 0;
    while (n < needle.len && lower(text.ptr[n]) == needle.ptr[n]) {
        n++;
    }
    return n == needle.len;
}

static bool has_text(struct slice text, struct slice needle)
{
    char small = needle.ptr[0];
    char capital = upper(small);
    for (size_t at = 0; at + needle.len <= text.len; at++) {
        bool may_begin = text.ptr[at] == small || text.ptr[at] == capital; // seldom: most of the time is spent here
        if (may_begin && begins_with(slice_after(text, at), needle)) {
            return true;
        }
    }
    return false;
}

static bool is_found(struct slice text, const struct key_record *record)
{
    char masked[KEY_FACTS_MASK_SIZE];
    return text.len == 0 || has_text(record->id, text) || has_text(record->notes, text) ||
           has_text(key_facts_mask(record->secret, masked), text);
}

static struct slice read_text(struct query_reader *query)
{
    struct slice text = query_text(query, SLICE("q"));
    char *copy = arena_cstr(query->arena, text);
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = lower(copy[i]);
    }
    return slice_of(copy, text.len);
}

static const struct shape_member members[] = {
    {"page", SHAPE_INTEGER, .min = 1, .max = UINT32_MAX, .help = "From 1, the default"},
    {"limit", SHAPE_INTEGER, .min = 1, .max = LIMIT_MAX, .help = "Keys on a page; 10 if it is not given"},
    {KEY_FILTER_STATUS},
    {KEY_FILTER_GROUP},
    {KEY_FILTER_PROVIDER},
    {"q", SHAPE_TEXT, .help = "A part of the id, the notes or the masked key"},
    {"sort", SHAPE_TEXT, .values = SORT_FIELDS(SORT_NAME), .help = "Else they are in the order of the pool"},
    {"order", SHAPE_TEXT, .values = "asc desc"},
    {"includeTokenUsage", SHAPE_BOOL, .help = "With what is known of their balances"},
    {.name = NULL},
};
const struct shape keys_list_query = {.members = members};

static struct request read_request(struct query_reader *query)
{
    struct request request = {.filter = key_filter_read(query), .text = read_text(query)};
    request.sort = read_sort(query);
    request.is_descending = slice_eq(query_text(query, SLICE("order")), SLICE("desc"));
    request.page = query_integer(query, SLICE("page"), 1);
    request.limit = query_integer(query, SLICE("limit"), LIMIT_DEFAULT);
    request.view = (struct key_view){.now_ms = clock_wall_ms()};
    request.view.shows_balance = query_bool(query, SLICE("includeTokenUsage"));
    return request;
}

// Those that fit, in the order of the document; how many.
static size_t choose(struct admin *admin, const struct request *request, struct sort_key *chosen)
{
    const struct sorting sorting = {admin, request->view.now_ms};
    size_t n_keys = key_store_n_keys(admin->options.store);
    size_t n = 0;
    for (size_t i = 0; i < n_keys; i++) {
        const struct key_record *record = key_store_key(admin->options.store, i);
        if (!key_filter_takes(&request->filter, admin, record) || !is_found(request->text, record)) {
            continue;
        }
        chosen[n] = (struct sort_key){.index = i};
        if (request->sort) {
            request->sort->set(&chosen[n], record, key_facts_slot(admin->options.table, record), &sorting);
        }
        n++;
    }
    return n;
}

// ---- the answer -----------------------------------------------------------------------------------------------------

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void write_page(struct admin_exchange *x, struct json_writer *w, const struct request *request,
                       struct sort_key *chosen, size_t n)
{
    size_t first = least((size_t)(request->page - 1) * request->limit, n);
    size_t last = least(first + request->limit, n);
    if (request->sort) {
        bool is_down = request->is_descending;
        sort_part(chosen, n, is_down ? n - last : first, is_down ? n - first : last);
    }
    json_key(w, SLICE("keys"));
    json_begin_array(w);
    for (size_t i = first; i < last; i++) {
        size_t at = request->is_descending ? n - 1 - i : i;
        key_json_write(x, w, key_store_key(admin_store(x), chosen[at].index), &request->view);
    }
    json_end_array(w);
}

static void write_pagination(struct json_writer *w, const struct request *request, size_t n)
{
    json_key(w, SLICE("pagination"));
    json_begin_object(w);
    json_member_int(w, SLICE("page"), request->page);
    json_member_int(w, SLICE("limit"), request->limit);
    json_member_int(w, SLICE("total"), (int64_t)n);
    json_member_int(w, SLICE("total_pages"), (int64_t)((n + request->limit - 1) / request->limit));
    json_end_object(w);
}

void keys_list(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct request request = read_request(&query);
    struct reply reply;
    struct sort_key *chosen = mem_alloc((key_store_n_keys(admin_store(x)) + 1) * sizeof(*chosen));
    size_t n = choose(x->admin, &request, chosen);
    reply_begin(&reply);
    json_begin_object(&reply.w);
    write_page(x, &reply.w, &request, chosen, n);
    write_pagination(&reply.w, &request, n);
    json_end_object(&reply.w);
    mem_free(chosen);
    reply_send(x, &reply, SLICE_EMPTY);
}
