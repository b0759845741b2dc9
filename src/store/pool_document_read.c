// SPDX-License-Identifier: MIT
// Reading is in two steps, so that a pool of a million keys needs no tape of all its members: a tape of the document
// that ends at the entries, then one for each entry.
#include <stddef.h>

#include "base/iso8601.h"
#include "store/pool_document.h"

const struct document_key document_key_default = {.weight = 1, .allowance = -1};

// ---- values

static uint64_t read_count(const struct json_doc *doc, const struct json_node *node)
{
    uint64_t plain;
    int64_t value;
    if (json_is(node, JSON_NUMBER) && slice_to_u64(json_raw(doc, node), &plain)) {
        return plain < INT64_MAX ? plain : 0; // nearly always
    }
    return json_int64(doc, node, &value) && value > 0 ? (uint64_t)value : 0;
}

static uint32_t read_small(const struct json_doc *doc, const struct json_node *node)
{
    uint64_t value = read_count(doc, node);
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static struct slice read_text(const struct json_doc *doc, const struct json_node *node, struct arena *arena)
{
    if (json_is(node, JSON_STRING)) {
        return json_string(doc, node, arena);
    }
    return json_is(node, JSON_NUMBER) ? json_raw(doc, node) : SLICE_EMPTY;
}

// A text or milliseconds; 0 when it is neither, or a number that could not be written as a text.
static int64_t read_time(const struct json_doc *doc, const struct json_node *node, struct arena *arena)
{
    const double end = 253402300800000; // of the year 9999
    int64_t ms;
    double number;
    if (json_is(node, JSON_STRING)) {
        return iso8601_read(json_string(doc, node, arena), &ms) ? ms : 0;
    }
    return json_double(doc, node, &number) && number > 0 && number < end ? (int64_t)number : 0;
}

static enum key_status read_status(const struct json_doc *doc, const struct json_node *node)
{
    if (json_string_is(doc, node, SLICE("active")) || json_is(node, JSON_NULL)) {
        return KEY_ACTIVE;
    }
    return json_string_is(doc, node, SLICE("banned")) ? KEY_BANNED : KEY_DISABLED;
}

static enum key_test_result read_test_result(const struct json_doc *doc, const struct json_node *node)
{
    if (json_string_is(doc, node, SLICE("success"))) {
        return KEY_TEST_SUCCESS;
    }
    return json_string_is(doc, node, SLICE("failed")) ? KEY_TEST_FAILED : KEY_UNTESTED;
}

static double read_weight(const struct json_doc *doc, const struct json_node *node)
{
    double weight;
    return json_double(doc, node, &weight) && weight > 0 ? weight : 1;
}

// ---- values that have parts

static void read_tokens(const struct json_doc *doc, const struct json_node *node, struct document_key *key)
{
    key->input_tokens = read_count(doc, json_get(doc, node, SLICE("input")));
    key->output_tokens = read_count(doc, json_get(doc, node, SLICE("output")));
}

static uint32_t digits_of(struct slice text, size_t at, size_t n)
{
    uint64_t value = 0;
    return text.len >= at + n && slice_to_u64(slice_of(text.ptr + at, n), &value) ? (uint32_t)value : 0;
}

// Days and months as "2026-01-02" and "2026-01".
static void read_quota(const struct json_doc *doc, const struct json_node *node, struct arena *arena,
                       struct document_key *key)
{
    const int64_t day_ms = 24LL * 3600 * 1000;
    int64_t day;
    if (iso8601_read(json_string(doc, json_get(doc, node, SLICE("day")), arena), &day) && day >= 0) {
        key->day = (uint32_t)(day / day_ms);
        key->day_tokens = read_count(doc, json_get(doc, node, SLICE("day_tokens")));
    }
    struct slice month = json_string(doc, json_get(doc, node, SLICE("month")), arena);
    uint32_t year = digits_of(month, 0, 4);
    uint32_t month_of_year = digits_of(month, 5, 2);
    if (year && month.ptr[4] == '-' && month_of_year >= 1 && month_of_year <= 12) {
        key->month = year * 12 + month_of_year - 1;
        key->month_tokens = read_count(doc, json_get(doc, node, SLICE("month_tokens")));
    }
}

static void read_balance(const struct json_doc *doc, const struct json_node *node, struct arena *arena,
                         struct document_key *key)
{
    int64_t allowance;
    if (json_int64(doc, json_get(doc, node, SLICE("allowance")), &allowance) && allowance >= 0) {
        key->allowance = allowance;
        key->used = (int64_t)read_count(doc, json_get(doc, node, SLICE("used")));
        key->tokens_at_sync = read_count(doc, json_get(doc, node, SLICE("tokens_at_sync")));
        key->synced_ms = read_time(doc, json_get(doc, node, SLICE("synced_at")), arena);
    }
}

static void read_cooldowns(const struct json_doc *doc, const struct json_node *node, struct arena *arena,
                           struct document_key *key)
{
    size_t n = 0;
    const struct json_node *element = NULL;
    while (n < KEY_MODEL_COOLDOWNS && json_next_element(doc, node, &element)) {
        struct document_cooldown cooldown = {
            .model = read_small(doc, json_get(doc, element, SLICE("model"))),
            .n = read_small(doc, json_get(doc, element, SLICE("n"))),
            .until_ms = read_time(doc, json_get(doc, element, SLICE("until")), arena),
        };
        if (cooldown.model) {
            key->cooldowns[n++] = cooldown;
        }
    }
}

// Pairs of a period and its tokens.
static void read_window(const struct json_doc *doc, const struct json_node *node, struct document_key *key)
{
    size_t n = 0;
    const struct json_node *element = NULL;
    while (n < KEY_WINDOW_BUCKETS && json_next_element(doc, node, &element)) {
        const struct json_node *number = NULL;
        uint32_t values[2] = {0, 0};
        for (size_t i = 0; i < 2 && json_next_element(doc, element, &number); i++) {
            values[i] = read_small(doc, number);
        }
        if (values[0]) {
            key->window[n++] = (struct document_bucket){.period = values[0], .tokens = values[1]};
        }
    }
}

// ---- an entry

enum member_type {
    MEMBER_IGNORED, // written for other readers, and worked out anew
    MEMBER_TEXT,
    MEMBER_TIME,
    MEMBER_COUNT,
    MEMBER_SMALL,
    MEMBER_WEIGHT,
    MEMBER_STATUS,
    MEMBER_TEST_RESULT,
    MEMBER_TOKENS,
    MEMBER_QUOTA,
    MEMBER_BALANCE,
    MEMBER_COOLDOWNS,
    MEMBER_WINDOW,
};

struct member {
    struct slice name;
    enum member_type type;
    size_t field;
};

#define FIELD(name) offsetof(struct document_key, name)

// In the order in which they are written, which makes finding one quick.
static const struct member members[] = {
    {SLICE_INIT("id"), MEMBER_TEXT, FIELD(id)},
    {SLICE_INIT("key"), MEMBER_TEXT, FIELD(secret)},
    {SLICE_INIT("status"), MEMBER_STATUS, 0},
    {SLICE_INIT("provider"), MEMBER_TEXT, FIELD(provider)},
    {SLICE_INIT("poolGroup"), MEMBER_TEXT, FIELD(group)},
    {SLICE_INIT("created_at"), MEMBER_TIME, FIELD(created_ms)},
    {SLICE_INIT("last_used_at"), MEMBER_TIME, FIELD(last_used_ms)},
    {SLICE_INIT("usage_count"), MEMBER_COUNT, FIELD(usage_count)},
    {SLICE_INIT("total_requests"), MEMBER_COUNT, FIELD(total_requests)},
    {SLICE_INIT("success_requests"), MEMBER_COUNT, FIELD(success_requests)},
    {SLICE_INIT("error_count"), MEMBER_COUNT, FIELD(error_count)},
    {SLICE_INIT("success_rate"), MEMBER_IGNORED, 0},
    {SLICE_INIT("weight_score"), MEMBER_IGNORED, 0},
    {SLICE_INIT("last_error"), MEMBER_TEXT, FIELD(last_error)},
    {SLICE_INIT("last_test_at"), MEMBER_TIME, FIELD(last_test_ms)},
    {SLICE_INIT("last_test_result"), MEMBER_TEST_RESULT, 0},
    {SLICE_INIT("banned_at"), MEMBER_TIME, FIELD(banned_ms)},
    {SLICE_INIT("banned_reason"), MEMBER_TEXT, FIELD(banned_reason)},
    {SLICE_INIT("notes"), MEMBER_TEXT, FIELD(notes)},
    {SLICE_INIT("weight"), MEMBER_WEIGHT, 0},
    {SLICE_INIT("proxy"), MEMBER_TEXT, FIELD(proxy)},
    {SLICE_INIT("maxInflight"), MEMBER_SMALL, FIELD(max_inflight)},
    {SLICE_INIT("cooldown_until"), MEMBER_TIME, FIELD(cooldown_until_ms)},
    {SLICE_INIT("cooldown_count"), MEMBER_SMALL, FIELD(cooldown_n)},
    {SLICE_INIT("model_cooldowns"), MEMBER_COOLDOWNS, 0},
    {SLICE_INIT("errors_in_row"), MEMBER_SMALL, FIELD(errors_in_row)},
    {SLICE_INIT("last_error_at"), MEMBER_TIME, FIELD(last_error_ms)},
    {SLICE_INIT("tokens"), MEMBER_TOKENS, 0},
    {SLICE_INIT("quota"), MEMBER_QUOTA, 0},
    {SLICE_INIT("window"), MEMBER_WINDOW, 0},
    {SLICE_INIT("balance"), MEMBER_BALANCE, 0},
};
enum { N_MEMBERS = sizeof(members) / sizeof(*members) };

// Searches from *next on, round about.
static const struct member *find_member(struct slice name, size_t *next)
{
    for (size_t i = 0; i < N_MEMBERS; i++) {
        size_t at = (*next + i) % N_MEMBERS;
        if (slice_eq(members[at].name, name)) {
            *next = at + 1;
            return &members[at];
        }
    }
    return NULL;
}

static void read_member(const struct json_doc *doc, const struct json_node *node, const struct member *member,
                        struct arena *arena, struct document_key *key)
{
    void *field = (char *)key + member->field;
    switch (member->type) {
    case MEMBER_IGNORED: break;
    case MEMBER_TEXT: *(struct slice *)field = read_text(doc, node, arena); break;
    case MEMBER_TIME: *(int64_t *)field = read_time(doc, node, arena); break;
    case MEMBER_COUNT: *(uint64_t *)field = read_count(doc, node); break;
    case MEMBER_SMALL: *(uint32_t *)field = read_small(doc, node); break;
    case MEMBER_WEIGHT: key->weight = read_weight(doc, node); break;
    case MEMBER_STATUS: key->status = read_status(doc, node); break;
    case MEMBER_TEST_RESULT: key->test_result = read_test_result(doc, node); break;
    case MEMBER_TOKENS: read_tokens(doc, node, key); break;
    case MEMBER_QUOTA: read_quota(doc, node, arena, key); break;
    case MEMBER_BALANCE: read_balance(doc, node, arena, key); break;
    case MEMBER_COOLDOWNS: read_cooldowns(doc, node, arena, key); break;
    case MEMBER_WINDOW: read_window(doc, node, key); break;
    }
}

// Members that are not known, one after the other as they stood.
struct rest {
    struct buf text;
};

static void keep_member(struct rest *rest, const struct json_doc *doc, const struct json_node *name,
                        const struct json_node *value)
{
    if (rest->text.len) {
        buf_append_char(&rest->text, ',');
    }
    buf_append(&rest->text, json_raw(doc, name));
    buf_append_char(&rest->text, ':');
    buf_append(&rest->text, json_raw(doc, value));
}

static struct slice take_rest(struct rest *rest, struct arena *arena)
{
    struct slice text = rest->text.len ? arena_dup(arena, buf_slice(&rest->text)) : SLICE_EMPTY;
    buf_deinit(&rest->text);
    return text;
}

// Takes the next entry of an array, on a tape of its own. False: there is none.
static bool next_entry(const struct pool_document *document, const struct json_node *array, const struct json_node **at,
                       struct arena *arena, struct json_doc *entry_r, struct slice *raw_r)
{
    if (!json_next_element(&document->_doc, array, at)) {
        return false;
    }
    *raw_r = json_raw(&document->_doc, *at);
    if (json_parse(entry_r, arena, *raw_r, NULL) != 0) {
        int r = json_parse(entry_r, arena, SLICE("null"), NULL);
        (void)r; // it is valid
    }
    return true;
}

size_t pool_document_entries_max(const struct pool_document *document)
{
    return document->_doc.n_nodes;
}

bool pool_document_next_key(const struct pool_document *document, const struct json_node **at, struct arena *arena,
                            struct document_key *key_r, struct slice *raw_r)
{
    struct json_doc doc;
    if (!next_entry(document, document->_keys, at, arena, &doc, raw_r)) {
        return false;
    }
    *key_r = document_key_default;
    struct rest rest = {BUF_EMPTY};
    size_t next = 0;
    bool has_total = false;
    bool has_success = false;
    const struct json_node *name;
    const struct json_node *value = NULL;
    while (json_next_member(&doc, json_root(&doc), &name, &value)) {
        const struct member *member = find_member(json_string(&doc, name, arena), &next);
        if (member) {
            read_member(&doc, value, member, arena, key_r);
            has_total |= member->field == FIELD(total_requests);
            has_success |= member->field == FIELD(success_requests);
        } else {
            keep_member(&rest, &doc, name, value);
        }
    }
    if (!has_total) {
        key_r->total_requests = key_r->usage_count; // all that older programs counted
    }
    if (!has_success && key_r->total_requests > key_r->error_count) {
        // Else it would seem to have failed always.
        key_r->success_requests = key_r->total_requests - key_r->error_count;
    }
    key_r->rest = take_rest(&rest, arena);
    return true;
}

static int32_t read_priority(const struct json_doc *doc, const struct json_node *node)
{
    int64_t value;
    if (!json_int64(doc, node, &value)) {
        return DOCUMENT_NO_PRIORITY;
    }
    return value < INT32_MIN ? INT32_MIN : value > DOCUMENT_NO_PRIORITY ? DOCUMENT_NO_PRIORITY : (int32_t)value;
}

bool pool_document_next_group(const struct pool_document *document, const struct json_node **at, struct arena *arena,
                              struct document_group *group_r, struct slice *raw_r)
{
    struct json_doc doc;
    if (!next_entry(document, document->_groups, at, arena, &doc, raw_r)) {
        return false;
    }
    const struct json_node *root = json_root(&doc);
    *group_r = (struct document_group){
        .id = read_text(&doc, json_get(&doc, root, SLICE("id")), arena),
        .name = read_text(&doc, json_get(&doc, root, SLICE("name")), arena),
        .description = read_text(&doc, json_get(&doc, root, SLICE("description")), arena),
        .priority = read_priority(&doc, json_get(&doc, root, SLICE("priority"))),
    };
    struct rest rest = {BUF_EMPTY};
    const struct json_node *name;
    const struct json_node *value = NULL;
    while (json_next_member(&doc, root, &name, &value)) {
        if (!json_string_is(&doc, name, SLICE("id")) && !json_string_is(&doc, name, SLICE("name")) &&
            !json_string_is(&doc, name, SLICE("description")) && !json_string_is(&doc, name, SLICE("priority"))) {
            keep_member(&rest, &doc, name, value);
        }
    }
    group_r->rest = take_rest(&rest, arena);
    return true;
}

// ---- the document

static bool is_array_or_absent(const struct json_node *node)
{
    return !node || node->type == JSON_ARRAY || node->type == JSON_NULL;
}

// What stands between the brackets.
static struct slice elements_of(const struct json_doc *doc, const struct json_node *array)
{
    const struct json_node *last = NULL;
    const struct json_node *element = NULL;
    while (json_next_element(doc, array, &element)) {
        last = element;
    }
    return last ? slice_of(doc->text.ptr + array[1].start, last->end - array[1].start) : SLICE_EMPTY;
}

static void read_stats(struct pool_document *document, const struct json_node *stats, struct arena *arena)
{
    const struct json_doc *doc = &document->_doc;
    struct rest rest = {BUF_EMPTY};
    const struct json_node *name;
    const struct json_node *value = NULL;
    while (json_next_member(doc, stats, &name, &value)) {
        if (!json_string_is(doc, name, SLICE("last_rotation_index"))) {
            keep_member(&rest, doc, name, value);
        } else if (!json_int64(doc, value, &document->last_rotation_index)) {
            document->last_rotation_index = 0;
        }
    }
    document->stats_rest = take_rest(&rest, arena);
}

static void read_top_member(struct pool_document *document, const struct json_node *name, const struct json_node *value,
                            struct arena *arena, struct rest *rest)
{
    const struct json_doc *doc = &document->_doc;
    if (json_string_is(doc, name, SLICE("keys"))) {
        document->_keys = value;
    } else if (json_string_is(doc, name, SLICE("poolGroups"))) {
        document->_groups = value;
    } else if (json_string_is(doc, name, SLICE("config"))) {
        document->config = json_is(value, JSON_NULL) ? SLICE_EMPTY : json_raw(doc, value);
    } else if (json_string_is(doc, name, SLICE("stats"))) {
        read_stats(document, value, arena);
    } else if (json_string_is(doc, name, SLICE("rejected_keys")) && json_is(value, JSON_ARRAY)) {
        document->rejected_keys = elements_of(doc, value);
    } else if (json_string_is(doc, name, SLICE("rejected_groups")) && json_is(value, JSON_ARRAY)) {
        document->rejected_groups = elements_of(doc, value);
    } else {
        keep_member(rest, doc, name, value);
    }
}

static struct slice explain(const struct json_doc *doc, struct arena *arena)
{
    size_t line;
    size_t column;
    json_position(doc->text, doc->error_offset, &line, &column);
    return arena_printf(arena, "line %zu, column %zu: %s", line, column, doc->error);
}

int pool_document_parse(struct pool_document *document, struct arena *arena, struct slice text, struct slice *problem_r)
{
    enum { RECORDED_DEPTH = 2 }; // down to the entries, not into them
    const struct json_options options = {.record_depth = RECORDED_DEPTH};
    *document = (struct pool_document){0};
    if (slice_starts_with(text, SLICE("\xEF\xBB\xBF"))) {
        text = slice_after(text, 3);
    }
    struct json_doc *doc = &document->_doc;
    int r = json_parse(doc, arena, text, &options);
    if (r != 0) {
        *problem_r = explain(doc, arena);
        return r;
    }
    const struct json_node *root = json_root(doc);
    struct rest rest = {BUF_EMPTY};
    const struct json_node *name;
    const struct json_node *value = NULL;
    while (json_next_member(doc, root, &name, &value)) {
        read_top_member(document, name, value, arena, &rest);
    }
    document->rest = take_rest(&rest, arena);
    if (!json_is(root, JSON_OBJECT) || !is_array_or_absent(document->_keys) || !is_array_or_absent(document->_groups)) {
        *problem_r = SLICE("it is JSON, but no pool of keys: an object with the arrays keys and poolGroups");
        return POOL_DOCUMENT_E_SHAPE;
    }
    return 0;
}
