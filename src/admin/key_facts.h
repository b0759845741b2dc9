// SPDX-License-Identifier: MIT
// What can be said of a key: from the document and from what the table has counted.
#pragma once

#include "admin/admin_internal.h"

struct slice key_facts_status_name(enum key_status status); // "active", …
enum key_status key_facts_status(const struct key_table *table, const struct key_record *record);
// The group that it belongs to in effect: `default` where the document names none that exists.
struct slice key_facts_group(const struct key_store *store, const struct key_record *record);
// The counters of a key; those of an unused one before its first commit.
const struct key_slot *key_facts_slot(const struct key_table *table, const struct key_record *record);

// "fk-abcd…wxyz"; of a short secret less, never more than half.
enum { KEY_FACTS_MASK_SIZE = 16 };
struct slice key_facts_mask(struct slice secret, char out[KEY_FACTS_MASK_SIZE]);

// A fraction from 0 to 1; negative: it was never used.
double key_facts_success_rate(const struct key_slot *slot);
double key_facts_weight_score(const struct key_slot *slot, const struct key_settings *settings, int64_t now_ms);
// When its cooldown ends; 0: it does not cool down.
int64_t key_facts_cooling_until(const struct key_slot *slot, int64_t now_ms);
