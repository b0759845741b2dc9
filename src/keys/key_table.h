// SPDX-License-Identifier: MIT
// The keys, in memory that all processes share: one writer (the keeper) for what a key is, atomics for what happens to
// it. Nothing here locks, and a reader can be stopped anywhere without harm to others.
//
// A key lives in a slot. `identity` tells its stays apart: it changes when the slot is given to another key, so a
// number of a slot with its identity names one key for ever. A slot is given away only while no lease is out: who holds
// one may write the slot's atomics and hits no other key, not even when its key was removed meanwhile.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "keys/key_settings.h"
#include "shm/region.h"

enum {
    KEY_SLOTS_MAX = 1000000,
    KEY_GROUPS_MAX = 1024, // `default` included, which is number 0
    KEY_ID_MAX = 40,
    KEY_GROUP_ID_MAX = 64,
    KEY_SECRET_MAX = 512,
    KEY_SECRET_NEAR = 128, // longer ones live apart, where memory is taken for them only
    KEY_ERROR_MAX = 95,
    KEY_MODEL_COOLDOWNS = 4,
    KEY_WINDOW_BUCKETS = 12,
    KEY_CHANGES = 65536,   // that are remembered for readers; who is further behind looks at everything again
    KEY_HOLDERS_MAX = 256, // processes whose leases can be taken back when they die
};

enum key_status { KEY_ACTIVE, KEY_DISABLED, KEY_BANNED };
enum key_test_result { KEY_UNTESTED, KEY_TEST_SUCCESS, KEY_TEST_FAILED };
enum key_provider { KEY_FACTORY, KEY_ANTHROPIC, KEY_OPENAI, KEY_GOOGLE, KEY_GLM };

// Why a key may not be used before `until_ms` for one model.
struct key_model_cooldown {
    _Atomic uint32_t model; // key_model_tag(); 0: this place is free
    _Atomic uint32_t n;     // how often in a row: the wait doubles with it
    _Atomic int64_t until_ms;
};

// Times are milliseconds since 1970; 0: never. What a key is (from `provider` to `proxy`, and the texts) is written by
// the keeper between two changes of `version` (odd meanwhile). The numbers of it may be read singly; the texts, and
// what must fit together, through key_read() and key_last_error() only.
struct key_slot {
    _Atomic uint32_t identity; // 0: no key is here
    _Atomic uint32_t version;
    _Atomic uint32_t inflight; // leases that are out
    _Atomic uint8_t status;    // enum key_status; of a slot without a key it may be none of them
    _Atomic uint8_t test_result;
    _Atomic uint8_t provider;
    _Atomic uint8_t id_len;
    _Atomic uint16_t group; // index; 0, or one of which there is no group: default
    _Atomic uint16_t secret_len;
    _Atomic float weight;          // > 0
    _Atomic uint32_t max_inflight; // 0: that of the settings
    _Atomic bool is_awaited;       // it was full: the next lease to come back is told to readers
    _Atomic uint64_t proxy;        // key_proxy_tag() of its own egress; 0: none

    _Atomic int64_t cooldown_until_ms;
    _Atomic uint32_t cooldown_n; // cooldowns in a row
    _Atomic uint32_t errors_in_row;
    _Atomic uint64_t pass;   // round-robin: its turn comes when this is the least
    _Atomic uint64_t ticket; // when it was last picked, in picks: ties go to the least
    _Atomic uint64_t usage_count;
    _Atomic uint64_t total_requests;
    _Atomic uint64_t success_requests;
    _Atomic uint64_t error_count;
    _Atomic uint64_t input_tokens;
    _Atomic uint64_t output_tokens;
    _Atomic int64_t last_used_ms;

    _Atomic int64_t allowance;       // of the provider's balance, tokens; -1: unknown
    _Atomic int64_t used;            // of it, when it was fetched
    _Atomic uint64_t tokens_at_sync; // input_tokens + output_tokens then
    _Atomic int64_t synced_ms;

    _Atomic uint32_t day;   // of day_tokens, since 1970 (UTC)
    _Atomic uint32_t month; // of month_tokens, year * 12 + month
    _Atomic uint64_t day_tokens;
    _Atomic uint64_t month_tokens;
    _Atomic uint64_t window[KEY_WINDOW_BUCKETS]; // which part of time since 1970 << 32 | tokens in it, which saturate

    struct key_model_cooldown cooldowns[KEY_MODEL_COOLDOWNS];

    _Atomic int64_t last_test_ms;
    _Atomic int64_t banned_ms;
    _Atomic int64_t last_error_ms;
    _Atomic uint32_t error_version;     // odd while the text is written
    uint32_t _unused;                   // the texts are copied in words
    char last_error[KEY_ERROR_MAX + 1]; // why it is banned, too; NUL behind it
    char id[KEY_ID_MAX];
    char secret[KEY_SECRET_NEAR];
};

struct key_group {
    _Atomic uint64_t pass; // round-robin: the turn that the group has come to
};

struct key_table_shared; // the layout of the region, in key_table_internal.h

// Slots, the last one first out.
struct key_slot_list {
    uint32_t *_slots; // owned
    size_t _n;
    size_t _cap;
};

struct key_table {
    struct shm_region region;        // owned
    struct key_table_shared *shared; // in it
    struct key_slot *slots;          // in it

    struct key_slot_list _free;     // the keeper's: without a key, without a lease
    struct key_slot_list _draining; // the keeper's: without a key; leases may be out
    size_t _next_look;              // at one of _draining
    _Atomic uint32_t *_held;        // in the region: leases of this process, by slot; NULL: nobody keeps count
};

// ---- the table as a whole

// Makes a region and an empty table in it; the caller is its keeper. 0 or a negative errno code.
MUST_USE int key_table_create(struct key_table *table);
// The table in an inherited region. 0 or a negative errno code (-EPROTO: a region of another version); `fd` is closed
// with the table, or at once when this fails.
MUST_USE int key_table_attach_take(struct key_table *table, int fd);
void key_table_close(struct key_table *table);

// Makes who has attached the keeper, in place of one that died, at whatever point: a key that was half written is
// removed (the document still has it), free slots are found again. Others may use the table meanwhile; O(slots). Of
// one killed within the few nanoseconds between a status and its count, a key may stay counted as usable until all are
// counted again.
void key_table_take_over(struct key_table *table);
// Takes back all leases and counts again. For a keeper that is alone: nobody else may use the table now.
void key_table_forget_all_leases(struct key_table *table);

// Leases that this process takes from here on are counted for `holder` (< KEY_HOLDERS_MAX), a number that no other
// living process has; call it before the first one. Takes back those of an earlier process of that number.
void key_table_hold_as(struct key_table *table, uint32_t holder);
// Takes back the leases of a process that is dead. Else its keys would seem in use for ever: they would keep their
// slots when removed, and less room under max_inflight. (A lease is missed if the process was killed just between
// counting it on the key and counting it for itself: some nanoseconds.)
void key_table_forget_leases(struct key_table *table, uint32_t holder);

// Slots from here on have never had a key.
uint32_t key_table_end(const struct key_table *table);
// Takes the next change after *at: true and the slot that changed. False: there is none now; with *is_lost, some are
// forgotten and everything may have changed: *at is then behind all that was lost. *is_lost is always set. Begin with
// key_changes_now().
bool key_changes_next(const struct key_table *table, uint64_t *at, uint32_t *slot_r, bool *is_lost);
uint64_t key_changes_now(const struct key_table *table);
// Tells all readers that a slot should be looked at again: it may be better than they remember.
void key_changed(struct key_table *table, uint32_t slot);

// A number from 1 on, each once over all processes.
uint64_t key_table_ticket(struct key_table *table);
// Random bytes by which processes of one gateway know each other.
enum { KEY_TOKEN_SIZE = 32 };
struct slice key_table_token(const struct key_table *table);

// How many keys are neither disabled nor banned; of all groups. O(1); exact but for changes that are being made just
// now, when it is never too low.
uint32_t key_table_n_usable(const struct key_table *table);

// ---- settings and groups

// A consistent copy. The version changes whenever settings or groups do: read it before what it is remembered for.
void key_table_settings(const struct key_table *table, struct key_settings *settings_r);
uint32_t key_table_settings_version(const struct key_table *table);
// Indexes of groups are below this; not every one below it has a group.
uint32_t key_table_n_groups(const struct key_table *table);
// Group 0 is `default`, with the greatest priority number. False: there is none of that index; keys that name it belong
// to `default`. The id (NULL: not wanted) is borrowed from the table until groups or settings are set again: for the
// keeper only.
bool key_table_group(const struct key_table *table, uint32_t index, struct slice *id_r, int32_t *priority_r);
struct key_group *key_table_group_turn(struct key_table *table, uint32_t index);
// The index of a group; 0 when there is none of that id. For the keeper.
uint16_t key_table_find_group(const struct key_table *table, struct slice id);

// The keeper's: groups are given in full and in any order, index 0 is added. At most KEY_GROUPS_MAX - 1 (asserted). A
// group keeps its index and its turn as long as it is given; a new one gets a free index: ask key_table_find_group().
// The index of a group that is no longer given counts as `default`, and may go to another group in the next call: until
// then its keys must be changed to group 0.
struct key_group_info {
    struct slice id;
    int32_t priority;
};
void key_table_set_settings(struct key_table *table, const struct key_settings *settings);
void key_table_set_groups(struct key_table *table, const struct key_group_info *groups, size_t n);

// ---- one key, for the keeper

// What a key is. Slices are borrowed.
struct key_info {
    struct slice id;
    struct slice secret;
    uint8_t provider;
    uint16_t group;
    float weight;
    uint32_t max_inflight;
    uint64_t proxy;
};

// Takes a free slot and puts a key in it; counters are zero, status active, balance unknown. -ENOSPC when the table is
// full, else the slot. `adjust` (may be NULL) sets atomics, the status too, before any reader sees the key.
MUST_USE int64_t key_table_add(struct key_table *table, const struct key_info *info,
                               void (*adjust)(void *arg, struct key_slot *slot), void *arg);
void key_table_change(struct key_table *table, uint32_t slot, const struct key_info *info);
// Its secret is wiped at once; the slot is free when the last lease is back. What is counted for it meanwhile is lost.
void key_table_remove(struct key_table *table, uint32_t slot);
// Keeps key_table_n_usable() right, and tells readers; whoever changes a status comes here, with a lease of the key or
// as the keeper. False: it was not `from`.
bool key_table_set_status(struct key_table *table, uint32_t slot, enum key_status from, enum key_status to);

// ---- one key, for everybody

// A consistent copy of what a key is; slices in the arena. False: no key is there (any more), or its writer died
// halfway.
bool key_read(const struct key_table *table, uint32_t slot, struct arena *arena, struct key_info *info_r);

// A key that a request holds.
struct key_lease {
    uint32_t slot;
    uint32_t identity; // 0: no lease
};

// Counts a request in flight on the key and copies what it is. False: it is not there any more. Each lease goes back
// exactly once, which clears it.
MUST_USE bool key_lease_take(struct key_table *table, uint32_t slot, uint32_t identity, struct arena *arena,
                             struct key_lease *lease_r, struct key_info *info_r);
void key_lease_return(struct key_table *table, struct key_lease *lease);

static inline struct key_slot *key_of(const struct key_table *table, uint32_t slot)
{
    return &table->slots[slot];
}

// The text of the last error; a copy. Empty when there is none, or it is being written.
struct slice key_last_error(const struct key_slot *slot, struct arena *arena);
// Of two at once one text stays. Cut between two characters where it is too long, and at a NUL.
void key_set_last_error(struct key_slot *slot, struct slice text, int64_t now_ms);

// Tokens of a finished request, in all places that count them. Sums saturate. A clock that steps back a little goes on
// with the later day, month or part of the window; one that was far ahead is corrected. A change of window_hours begins
// a new window.
void key_count_tokens(struct key_slot *slot, const struct key_settings *settings, uint64_t input, uint64_t output,
                      int64_t now_ms);
// Of the sliding window, of today and of this month.
uint64_t key_window_tokens(const struct key_slot *slot, const struct key_settings *settings, int64_t now_ms);
uint64_t key_day_tokens(const struct key_slot *slot, int64_t now_ms);
uint64_t key_month_tokens(const struct key_slot *slot, int64_t now_ms);
// Allowance less what was used, and less what was metered here since it was fetched; -1: unknown. Not below 0.
int64_t key_remaining(const struct key_slot *slot);

// Numbers that stand for names; never 0.
uint32_t key_model_tag(struct slice model);
uint64_t key_proxy_tag(struct slice proxy);
enum key_provider key_provider_of(struct slice secret); // by its prefix
struct slice key_provider_name(enum key_provider provider);
