// SPDX-License-Identifier: MIT
// The layout of the shared region. For the files of this folder only.
#pragma once

#include "keys/key_table.h"

enum {
    KEY_TABLE_LAYOUT = 1, // raised with every change of what is below
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

struct key_table_shared {
    uint32_t layout;
    uint32_t slot_size;
    char token[KEY_TOKEN_SIZE];

    _Atomic uint32_t end;      // slots from here on were never used
    _Atomic uint32_t n_usable; // neither disabled nor banned
    _Atomic uint32_t next_identity;
    _Atomic uint64_t ticket;
    _Atomic uint64_t generation;

    _Atomic uint32_t settings_version; // odd while settings or groups are written
    struct key_settings settings;
    uint32_t n_groups;
    struct key_group groups[KEY_GROUPS_MAX];

    _Atomic uint64_t n_changes;            // since the start; entry i is at i % KEY_CHANGES
    _Atomic uint64_t changes[KEY_CHANGES]; // number of the change << 32 | slot: a reader sees whether it was overtaken

    struct affinity_entry affinity[AFFINITY_SETS * AFFINITY_WAYS];
    char far_secrets[KEY_SLOTS_MAX][KEY_SECRET_MAX]; // touched for long secrets only
    struct key_slot slots[KEY_SLOTS_MAX];
};
