// SPDX-License-Identifier: MIT
// The layout of the shared region. For the files of this folder only.
#pragma once

#include <assert.h>
#include <stdalign.h>

#include "keys/key_table.h"

enum {
    KEY_TABLE_LAYOUT = 2, // raised with every change of what is below
    AFFINITY_WAYS = 8,    // entries of a set, of which the one not used for longest makes room
    AFFINITY_SETS = 16384,
};

// An entry of the affinity table. Two writers at once may mix two entries up; `check` then does not fit, and the entry
// counts as empty.
struct affinity_entry {
    _Atomic uint64_t tag; // 0: free
    _Atomic uint64_t key; // slot << 32 | identity
    _Atomic uint32_t used_s;
    _Atomic uint32_t check;
};

struct key_group_entry {
    char id[KEY_GROUP_ID_MAX];
    uint32_t id_len; // 0: there is no group of this index
    int32_t priority;
};

struct key_rules {
    struct key_settings settings;
    uint64_t n_groups; // indexes in use are below
    struct key_group_entry groups[KEY_GROUPS_MAX];
};

struct key_table_shared {
    uint32_t layout;
    uint32_t slot_size;
    char token[KEY_TOKEN_SIZE];

    _Atomic uint32_t end;      // slots from here on were never used
    _Atomic uint32_t n_usable; // neither disabled nor banned
    _Atomic uint32_t next_identity;
    _Atomic uint64_t n_changes; // since the start; entry i is at i % KEY_CHANGES

    // Written with every pick: apart from what is only read with it.
    alignas(64) _Atomic uint64_t ticket;

    // Those in force are rules[rules_version % 2]; the other ones are written before the version changes.
    alignas(64) _Atomic uint32_t rules_version;
    struct key_rules rules[2];
    struct key_group turns[KEY_GROUPS_MAX];

    _Atomic uint64_t changes[KEY_CHANGES]; // its number + 1 << 32 | slot: a reader sees whether it was overtaken

    struct affinity_entry affinity[AFFINITY_SETS * AFFINITY_WAYS];
    _Atomic bool is_held[KEY_HOLDERS_MAX]; // the row of this holder was ever used
    // Touched by processes that count for a holder, and for long secrets only.
    _Atomic uint32_t held[KEY_HOLDERS_MAX][KEY_SLOTS_MAX];
    alignas(64) char far_secrets[KEY_SLOTS_MAX][KEY_SECRET_MAX];
    alignas(64) struct key_slot slots[KEY_SLOTS_MAX];
};

static_assert(sizeof(struct key_slot) == 640, "ten cache lines");

// `status` where no key is.
enum { KEY_NO_STATUS = 255 };

// ---- the texts and numbers of a slot (key_slot.c)

// Between these two, readers get no copy.
void key_slot_begin(struct key_slot *slot);
void key_slot_end(struct key_slot *slot);
void key_slot_write(struct key_table *table, uint32_t slot, const struct key_info *info);
void key_slot_wipe(struct key_table *table, uint32_t slot);
// All that is counted is zero again.
void key_slot_reset(struct key_slot *slot);

struct key_copy {
    uint32_t identity;
    uint8_t provider;
    uint8_t id_len;
    uint16_t group;
    uint16_t secret_len;
    uint32_t max_inflight;
    float weight;
    uint64_t proxy;
    char id[KEY_ID_MAX];
    char secret[KEY_SECRET_MAX];
};
// False: no key is there, or its writer died.
bool key_slot_copy(const struct key_table *table, uint32_t slot, struct key_copy *copy_r);
struct key_info key_copy_info(const struct key_copy *copy, struct arena *arena); // in the arena

// ---- the text of the last error (key_error.c)

// Empties it, also when its writer seems dead.
void key_error_clear(struct key_slot *slot);

// ---- settings and groups as they are in an empty table (key_rules.c)
void key_rules_init(struct key_table_shared *shared);
