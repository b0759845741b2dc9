// SPDX-License-Identifier: MIT
// The key pool as a document: data/key_pool.json, its keys, groups and settings. It owns what an operator wrote; what
// happens to keys (counters, bans, cooldowns) is in the key table and comes back into the document when it is written.
//
// Happy path of a change: key_store_add() and the like check it and make it in the document → key_store_commit() → the
// document is durable → the table has it → the callback. Several changes before one commit are one change.
// Failure modes: what is wrong with a change is said at once, and nothing has changed; when the document cannot be
// written, all changes since the last good write are taken back and their commits fail. Not thread-safe: it lives on
// the loop, only writing happens off it.
//
// Counters go into the document about once a second, without a commit; less often when writing would take more than
// one part in twenty of the time. An operator may edit the file meanwhile: an edit that parses is in force within two
// seconds, and keeps what was counted for keys that stay (told by their id, else their secret); one that does not parse
// is left alone, and renamed before the next write. Entries that make no sense, or have the id or secret of another,
// are not used but kept, in the members rejected_keys and rejected_groups of the document.
//
// What the document says of settings wins over the environment, and it says only what was set: see
// key_settings_json.h.
#pragma once

#include "base/buf.h"
#include "base/histogram.h"
#include "base/list.h"
#include "keys/key_table.h"
#include "net/loop.h"

struct key_store;

enum { KEY_NOTES_MAX_DEFAULT = 1000, KEY_BATCH_MAX = 100000 };

// What a change may be refused for; each has a sentence.
enum key_store_refusal {
    KEY_STORE_OK,
    KEY_STORE_EXISTS,        // this secret, or this group, is there already
    KEY_STORE_EMPTY,         // no secret
    KEY_STORE_TOO_LONG,      // secret over KEY_SECRET_MAX bytes
    KEY_STORE_BAD_CHARACTER, // a control character or a space in a secret, or no UTF-8
    KEY_STORE_NO_SUCH_KEY,
    KEY_STORE_NO_SUCH_GROUP,
    KEY_STORE_BAD_GROUP_ID,  // not [a-z0-9][a-z0-9_-]{0,63}
    KEY_STORE_DEFAULT_GROUP, // `default` can be neither made nor removed
    KEY_STORE_NOTES_TOO_LONG,
    KEY_STORE_BAD_WEIGHT, // not above zero, or not a number
    KEY_STORE_FULL,
};
const char *key_store_refusal_text(enum key_store_refusal refusal);

struct key_store_options {
    const char *folder;
    struct key_settings settings; // where the document says nothing
    uint32_t notes_max;           // characters
};

// Reads the document into the empty `table` (borrowed); blocks. A missing one is an empty pool. NULL: it cannot be
// used, and `errors` says why in one line. What was recovered is said in the log.
struct key_store *key_store_open(struct loop *loop, struct key_table *table, const struct key_store_options *options,
                                 struct buf *errors);
// Settings that apply where the document says nothing, after a reload of the configuration.
void key_store_set_defaults(struct key_store *store, const struct key_settings *settings, uint32_t notes_max);
// Writes what is not yet written, then calls back. Nothing may be changed afterwards.
void key_store_close(struct key_store *store, void (*on_closed)(void *arg), void *arg);
void key_store_free(struct key_store *store); // after on_closed, and after loop_deinit()

// ---- looking

// A key as the document has it. Slices live until the key is changed or removed.
struct key_record {
    struct slice id;
    struct slice secret;
    struct slice notes;
    struct slice group; // as written, also when there is no such group
    struct slice provider;
    struct slice proxy;
    int64_t created_ms;
    double weight;
    uint32_t max_inflight;
    uint32_t slot; // of the table; KEY_NO_SLOT before the first commit
};
#define KEY_NO_SLOT UINT32_MAX

struct key_group_record {
    struct slice id;
    struct slice name;
    struct slice description;
    int32_t priority;
};

const struct key_record *key_store_find(const struct key_store *store, struct slice id);
const struct key_record *key_store_find_secret(const struct key_store *store, struct slice secret);
// In the order of the document: index 0 … n-1. Who removes many keys gathers their ids first: an index that is asked
// for between two removals costs O(n).
size_t key_store_n_keys(const struct key_store *store);
const struct key_record *key_store_key(const struct key_store *store, size_t index);
size_t key_store_n_groups(const struct key_store *store); // without `default`
const struct key_group_record *key_store_group(const struct key_store *store, size_t index);
const struct key_group_record *key_store_find_group(const struct key_store *store, struct slice id);
const struct key_settings *key_store_settings(const struct key_store *store);

// ---- changing

// Members whose ptr is NULL are not given.
struct key_draft {
    struct slice secret;
    struct slice notes;
    struct slice group;
    struct slice provider; // else by the prefix of the secret
    struct slice proxy;
    double weight;        // 0: not given
    int64_t max_inflight; // -1: not given
};

enum key_store_refusal key_store_add(struct key_store *store, const struct key_draft *draft,
                                     const struct key_record **record_r);
enum key_store_refusal key_store_change(struct key_store *store, struct slice id, const struct key_draft *draft);
enum key_store_refusal key_store_remove(struct key_store *store, struct slice id);
// By an operator: also ends a ban with all that led to it.
enum key_store_refusal key_store_set_status(struct key_store *store, struct slice id, enum key_status status);

enum key_store_refusal key_store_add_group(struct key_store *store, const struct key_group_record *group);
// The one with this id; texts whose ptr is NULL stay as they are.
enum key_store_refusal key_store_change_group(struct key_store *store, const struct key_group_record *group);
// Its keys go to `default`; how many were there in *n_keys_r.
enum key_store_refusal key_store_remove_group(struct key_store *store, struct slice id, size_t *n_keys_r);

void key_store_set_settings(struct key_store *store, const struct key_settings *settings);
void key_store_reset_settings(struct key_store *store); // back to the defaults

// Embedded in the caller's object, which must live until `fn` has run; or key_store_forget().
struct key_store_commit {
    struct list _link;
    void (*fn)(struct key_store_commit *commit, int r);
    uint64_t _sequence;
};
// Calls back, never from inside, when every change up to now is durable and in the table: 0. Negative errno code: it
// could not be written, and the changes are undone; -EAGAIN: because the file was edited by hand at the same time, and
// the edit is in force now.
void key_store_commit(struct key_store *store, struct key_store_commit *commit,
                      void (*fn)(struct key_store_commit *commit, int r));
void key_store_forget(struct key_store_commit *commit);

// ---- for metrics

// Since the store was opened. What only looked at the file, and found it as it was, is no write.
struct key_store_numbers {
    struct histogram writes; // that are durable: of the document, with its copy
    uint64_t n_failed;
};
const struct key_store_numbers *key_store_numbers(const struct key_store *store);
