// SPDX-License-Identifier: MIT
// key_pool.json as text: what it says, and how it is written. Pure: no I/O and no clock; whether an entry makes sense
// is its reader's business.
//
// {"keys": [{…}, …], "poolGroups": [{…}, …], "config": {…}, "stats": {…}} and whatever else stands there: members that
// are not known survive at every level as the text they are, behind those that are known.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "keys/key_table.h"
#include "json/json_reader.h"

struct document_cooldown {
    uint32_t model; // key_model_tag()
    uint32_t n;
    int64_t until_ms;
};

struct document_bucket {
    uint32_t period;
    uint32_t tokens;
};

// An entry of `keys`. Times are milliseconds since 1970; 0: never. Slices that are missing are empty.
struct document_key {
    struct slice id;
    struct slice secret;
    struct slice provider;
    struct slice group;
    struct slice notes;
    struct slice proxy;
    struct slice last_error;
    struct slice banned_reason;
    struct slice rest; // unknown members: `"name":value,…`
    double weight;
    uint32_t max_inflight;
    enum key_status status; // one that is not known is KEY_DISABLED
    enum key_test_result test_result;
    int64_t created_ms;
    int64_t last_used_ms;
    int64_t last_test_ms;
    int64_t last_error_ms;
    int64_t banned_ms;
    uint64_t usage_count;
    uint64_t total_requests;
    uint64_t success_requests;
    uint64_t error_count;
    uint64_t input_tokens;
    uint64_t output_tokens;
    double weight_score; // only written

    uint32_t errors_in_row;
    uint32_t cooldown_n;
    int64_t cooldown_until_ms;
    struct document_cooldown cooldowns[KEY_MODEL_COOLDOWNS]; // model 0: free
    uint32_t day;                                            // since 1970
    uint32_t month;                                          // year * 12 + month - 1
    uint64_t day_tokens;
    uint64_t month_tokens;
    struct document_bucket window[KEY_WINDOW_BUCKETS]; // period 0: free
    int64_t allowance;                                 // -1: there is no balance
    int64_t used;
    uint64_t tokens_at_sync;
    int64_t synced_ms;
};
extern const struct document_key document_key_default;

// An entry of `poolGroups`. One without a priority comes behind those that have one.
enum { DOCUMENT_NO_PRIORITY = INT32_MAX - 1 };
struct document_group {
    struct slice id;
    struct slice name;
    struct slice description;
    int32_t priority;
    struct slice rest;
};

// ---- reading

struct pool_document {
    struct slice config;         // the text of the value; empty: none
    int64_t last_rotation_index; // of stats
    struct slice stats_rest;
    struct slice rejected_keys; // elements, separated by commas
    struct slice rejected_groups;
    struct slice rest;
    struct json_doc _doc;
    const struct json_node *_keys;
    const struct json_node *_groups;
};

enum { POOL_DOCUMENT_E_SHAPE = 16 }; // JSON, but `keys` is no array or the like

// The text is borrowed, and lives as long as what is read out of it. 0, JSON_E_… or POOL_DOCUMENT_E_SHAPE; then
// *problem_r (arena) says in a few words what is wrong and where.
MUST_USE int pool_document_parse(struct pool_document *document, struct arena *arena, struct slice text,
                                 struct slice *problem_r);

// Walk over the entries: begin with *at = NULL; false at the end. *raw_r is the text of the entry. What is no object
// comes as an empty entry. Slices are of the document or in the arena.
bool pool_document_next_key(const struct pool_document *document, const struct json_node **at, struct arena *arena,
                            struct document_key *key_r, struct slice *raw_r);
bool pool_document_next_group(const struct pool_document *document, const struct json_node **at, struct arena *arena,
                              struct document_group *group_r, struct slice *raw_r);

// There are not more of them: what to make room for.
size_t pool_document_entries_max(const struct pool_document *document);

// ---- writing

// What stands behind the keys. All of it is borrowed.
struct document_tail {
    const struct document_group *groups;
    size_t n_groups;
    struct slice config; // the text of a value; empty: {}
    int64_t last_rotation_index;
    struct slice stats_rest;
    struct slice rejected_keys;
    struct slice rejected_groups;
    struct slice rest;
};

// In this order: begin, the keys, end. An entry has a line of its own.
void pool_document_begin(struct buf *out);
void pool_document_add(struct buf *out, const struct document_key *key, bool is_first);
void pool_document_end(struct buf *out, const struct document_tail *tail);

// Appends an entry to a list of them, with a comma where one is needed.
void pool_document_join(struct buf *out, struct slice raw);
