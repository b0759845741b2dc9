// SPDX-License-Identifier: MIT
// The parts of the key store. For the files of this folder only.
//
// What an operator wrote is kept in versions: a change makes a new version of a key, of all groups or of the settings,
// and a note in the log of changes. Once the document with it is durable, the note is carried out on the table
// (publish); when it cannot be written, all notes are taken back, the last one first (undo).
#pragma once

#include <uv.h>

#include "base/map.h"
#include "net/timer.h"
#include "store/durable_file.h"
#include "store/key_store.h"
#include "store/pool_document.h"
#include "store/text_index.h"

#define KEY_STORE_FILE "key_pool.json"
#define KEY_STORE_LOG "keys" // area of the log

enum {
    STORE_TICK_MS = 1000,       // counters are written, and edits by hand looked for, this often at most
    STORE_FULL_LOOK_TICKS = 10, // counters are compared this often even if nothing tells of a change
    STORE_BUSY_SHARE = 20,      // writing takes one part of so many at most
    STORE_RETRY_FIRST_MS = 1000,
    STORE_RETRY_LAST_MS = 60 * 1000,
    STORE_EDIT_GRACE_MS = 2000, // a broken file that is younger may still be in the making
    STORE_EDIT_AGAIN_MS = 500,
    STORE_SLICE_KEYS = 1000, // that are turned into text without a look at other events
};

// ---- versions

// What is seldom there. Shared by the versions of a key.
struct key_extra {
    uint32_t n_refs;
    struct slice rest;          // unknown members
    struct slice last_error;    // these as they were read, while the table says `cut`, which is as much as fits there
    struct slice banned_reason; // of them
    struct slice cut;
    char text[];
};

enum { NO_STATUS_WISH = -1 };

// A version of a key. Its own texts are behind it.
struct stored_key {
    struct key_record record;
    struct key_extra *extra; // ref, or NULL
    uint32_t rank;           // keys stand in the document in this order
    int8_t status_wish;      // of the operator, not yet in the table; or NO_STATUS_WISH
    uint8_t written_status;  // as the document has it
    uint8_t built_status;    // as the text has it that is being written
    bool is_listed;          // in key_pool.keys
    bool is_removed;         // though it may still be listed
    char text[];
};

// A version of the groups.
struct pool_groups {
    struct arena arena;
    struct key_group_record *records; // arena
    struct slice *rests;              // arena: unknown members of each
    size_t n;
    struct map by_id; // → record
};

// A version of the settings.
struct pool_rules {
    struct key_settings settings; // in force: the defaults, and what the document says
    struct slice config;          // owned: as the document has it
};

// What the document says besides.
struct pool_tail {
    struct arena arena;
    int64_t last_rotation_index;
    struct slice stats_rest;
    struct slice rejected_keys;
    struct slice rejected_groups;
    struct slice rest;
};

struct key_pool {
    struct stored_key **keys; // owned; by rank
    size_t n_listed;
    size_t cap;
    size_t n_removed; // of those that are listed
    bool is_unsorted;
    uint32_t next_rank;
    struct text_index by_id;     // record.id of the current versions
    struct text_index by_secret; // record.secret
    struct pool_groups *groups;  // owned
    struct pool_rules *rules;    // owned
    struct pool_tail tail;
};

enum change_kind { CHANGE_KEY, CHANGE_GROUPS, CHANGE_RULES };

// The version before belongs to the log, the one after to the pool, or to the next note about the same.
struct change {
    enum change_kind kind;
    uint64_t sequence;
    union {
        struct {
            struct stored_key *before; // NULL: it is new
            struct stored_key *after;  // NULL: it is removed
        } key;
        struct {
            struct pool_groups *before;
            struct pool_groups *after;
        } groups;
        struct {
            struct pool_rules *before;
            struct pool_rules *after;
        } rules;
    };
};

struct change_log {
    struct change *changes; // owned
    size_t n;
    size_t cap;
};

// ---- writing

enum writer_state {
    WRITER_IDLE,
    WRITER_BUILDING, // the text, in slices
    WRITER_WORKING,  // a work item writes, or only looks at the file
    WRITER_CLOSED,
};

// What a work item found.
enum file_finding {
    FILE_IS_OURS,
    FILE_IS_GONE,
    FILE_IS_EDITED, // and parses
    FILE_IS_BROKEN, // does not parse, and was left alone
};

// What the loop and the work item hand to each other; the loop leaves it alone while the item runs.
struct file_work {
    const char *folder; // borrowed
    bool is_write;
    bool is_last; // no time for grace
    struct slice text;
    struct durable_stamp known; // of what we read or wrote last; a write that replaces the document changes it

    int r; // 0 or a negative errno code
    enum file_finding finding;
    struct durable_stamp stamp; // of the file, before it is written
    struct arena arena;
    struct pool_document document; // FILE_IS_EDITED
    struct slice explained;        // empty: nothing to tell
    uint64_t duration_ns;
};

// The document as text, while it is built and written.
struct key_text {
    struct buf bytes;
    size_t len_hint;      // of the text before
    size_t at;            // the next key
    uint64_t fingerprint; // of the counters in it
    uint64_t build_ns;    // that it took
    int64_t newest_use_ms;
    int64_t rotation_index;
    bool has_inflight; // some key was in use
};

struct key_writer {
    enum writer_state state;
    uv_idle_t idle; // builds the next slice
    uv_work_t work;
    struct timer tick;
    struct timer again; // sooner than the tick
    struct timer ready; // runs commits that had nothing to wait for
    struct file_work item;

    struct key_text text;
    uint64_t sequence; // of the last change in it

    uint64_t durable_sequence;    // of the last change that is
    uint64_t durable_fingerprint; // of the counters that are
    uint64_t ticket;              // of the table, and its last change, when it was looked at
    uint64_t changes;
    bool was_inflight; // in the last text
    bool is_stale;     // the file must be written, whatever the counters say
    bool is_on_hold;   // somebody seems to be editing the file just now
    bool is_closing;
    bool is_last; // the last text is being written, or was
    unsigned n_ticks;
    uint64_t next_ns; // no counters before
    uint64_t retry_ms;
    int failure; // negative errno code of the last write; 0: it went well
    struct durable_stamp broken;
    struct key_store_numbers numbers;
};

struct key_store {
    struct loop *loop;       // borrowed
    struct key_table *table; // borrowed
    char *folder;            // owned
    struct key_settings defaults;
    uint32_t notes_max;
    struct arena names_arena; // texts that many keys share
    struct map names;         // text → struct shared_name
    struct key_pool pool;
    struct change_log log;
    uint64_t sequence;   // of the last change
    struct list waiting; // commits, by sequence
    struct list ready;   // commits that had nothing to wait for
    struct key_writer writer;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

// ---- key_pool.c: versions, and what is current

struct slice key_store_share(struct key_store *store, struct slice text); // one copy for all keys that have it

// A version with these texts and numbers; rank, slot and what is behind them are the caller's. Shared texts must be
// shared already. `extra` gets a reference.
struct stored_key *stored_key_new(const struct key_record *record, struct key_extra *extra);
void stored_key_free(struct stored_key *key);                                      // takes NULL
struct key_extra *key_extra_new(const struct document_key *key, struct slice cut); // NULL: nothing is special
void key_extra_unref(struct key_extra *extra);                                     // takes NULL

struct pool_groups *pool_groups_new(void);
void pool_groups_add(struct pool_groups *groups, const struct key_group_record *record, struct slice rest); // copies
void pool_groups_free(struct pool_groups *groups);                                           // takes NULL
struct pool_rules *pool_rules_new(struct slice config, const struct key_settings *settings); // copies
void pool_rules_free(struct pool_rules *rules);                                              // takes NULL
// What the text of a `config` says, into *settings; a line in `problems` for each member that is wrong.
void pool_rules_merge(struct key_settings *settings, struct slice config, struct buf *problems);

void key_pool_init(struct key_pool *pool);
void key_pool_deinit(struct key_pool *pool); // and all current versions
// Each keeps list and indexes in step; what goes out of the pool is the caller's.
void key_pool_insert(struct key_pool *pool, struct stored_key *key); // by its rank
void key_pool_append(struct key_pool *pool, struct stored_key *key); // gives it a rank
void key_pool_replace(struct key_pool *pool, struct stored_key *before, struct stored_key *after);
void key_pool_remove(struct key_pool *pool, struct stored_key *key);
void key_pool_compact(struct key_pool *pool); // then the list has the current versions, in order, and no others
struct stored_key *key_pool_find(const struct key_pool *pool, struct slice id);
struct stored_key *key_pool_find_secret(const struct key_pool *pool, struct slice secret);

// ---- key_log.c: notes of changes

void key_log_add(struct key_store *store, const struct change *change); // gives it the next sequence
void key_log_publish(struct key_store *store, uint64_t sequence);       // carries out all up to this one
void key_log_undo(struct key_store *store);                             // takes all back
void key_log_deinit(struct key_store *store);

// ---- key_publish.c: what the table is told

void key_publish_change(struct key_store *store, const struct change *change);
void key_publish_groups(struct key_table *table, const struct pool_groups *groups);
// Which group each current version is in, by the index that its name has now.
void key_publish_membership(struct key_store *store);
// Puts a key into the table and notes its slot; `state` (may be NULL) is what was counted for it. False: there is no
// room.
bool key_publish_new(struct key_store *store, struct stored_key *key, struct document_key *state);
// Both versions have the slot.
void key_publish_version(struct key_store *store, const struct stored_key *before, struct stored_key *after);
void key_publish_status(struct key_table *table, uint32_t slot, enum key_status status);
// The same for KEY_BANNED, with the time and the reason that an entry says.
void key_publish_ban(struct key_table *table, uint32_t slot, const struct document_key *ban);
// What an operator's status does to a key as the document has it.
void key_wish_apply(struct document_key *key, enum key_status status);
// Between a slot and an entry.
void key_state_restore(void *document_key, struct key_slot *slot); // for key_table_add()
void key_state_save(const struct key_slot *slot, struct arena *arena, struct document_key *key);

// ---- pool_load.c: from the document

// Takes the entries into the pool and the table, which are empty.
void pool_load(struct key_store *store, const struct pool_document *document);
// Replaces the pool by what the document says, but keeps what was counted for keys that stay. No change is pending.
void pool_load_edited(struct key_store *store, const struct pool_document *document);
struct slice key_new_id(const struct key_pool *pool, char out[KEY_ID_MAX]); // "key_<ms>_<9 base36>"
const char *key_secret_problem(struct slice secret);                        // NULL: it is one

// ---- key_text.c: the document as text

void key_text_begin(struct key_store *store);
bool key_text_add(struct key_store *store, size_t n_keys); // the next ones; true: the text is whole
static inline bool key_text_has_begun(const struct key_text *text)
{
    return text->bytes.len > 0;
}
void key_text_drop(struct key_text *text);
// A number that tells whether what is counted for the keys has moved.
uint64_t key_text_fingerprint(const struct key_store *store);

// ---- key_writer.c

void key_writer_init(struct key_store *store);
void key_writer_deinit(struct key_store *store);
void key_writer_poke(struct key_store *store);       // a commit waits
void key_writer_call_later(struct key_store *store); // a commit is ready
void key_writer_close(struct key_store *store);
// What the table says now is what the document says.
void key_writer_take_stock(struct key_store *store);
// Before anything changes: a text that is being built is finished, so that it is of one moment.
void key_writer_settle(struct key_store *store);

// ---- key_file_work.c: off the loop

void file_work_run(struct file_work *item);
