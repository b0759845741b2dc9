// SPDX-License-Identifier: MIT
// A key as the API tells it: what the document has of it, with what the table has counted.
#pragma once

#include "admin/admin_internal.h"
#include "json/json_writer.h"

struct slice key_status_name(enum key_status status); // "active", …
enum key_status key_status_of(const struct key_table *table, const struct key_record *record);
// The group that it belongs to in effect: `default` where the document names none that exists.
struct slice key_group_of(const struct key_store *store, const struct key_record *record);
// The counters of a key; NULL before its first commit.
const struct key_slot *key_slot_of(const struct key_table *table, const struct key_record *record);

// "fk-abcd…wxyz"; of a short secret less, never more than half.
enum { KEY_MASK_SIZE = 16 };
struct slice key_mask(struct slice secret, char out[KEY_MASK_SIZE]);

// A fraction from 0 to 1; negative: it was never used.
double key_known_success_rate(const struct key_slot *slot);
double key_weight_score(const struct key_slot *slot, const struct key_settings *settings, int64_t now_ms);
// The later of now and the end of the cooldown; 0: it does not cool down.
int64_t key_cooling_until(const struct key_slot *slot, int64_t now_ms);

struct key_view {
    int64_t now_ms;
    bool shows_secret;
    bool shows_balance;
};
// Writes one object. Takes from the arena of the exchange.
void key_write(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
               const struct key_view *view);

// The balance of a key as its provider told it; null where nothing is known.
void key_write_balance(struct json_writer *w, const struct balance *balance);
