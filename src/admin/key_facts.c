// SPDX-License-Identifier: MIT
#include "admin/key_facts.h"

#include "keys/algorithm.h"

struct slice key_facts_status_name(enum key_status status)
{
    switch (status) {
    case KEY_ACTIVE: return SLICE("active");
    case KEY_DISABLED: return SLICE("disabled");
    case KEY_BANNED: return SLICE("banned");
    }
    return SLICE("unknown");
}

const struct key_slot *key_facts_slot(const struct key_table *table, const struct key_record *record)
{
    static const struct key_slot unused = {.allowance = -1};
    return record->slot == KEY_NO_SLOT ? &unused : key_of(table, record->slot);
}

enum key_status key_facts_status(const struct key_table *table, const struct key_record *record)
{
    unsigned status = key_facts_slot(table, record)->status;
    return status <= KEY_BANNED ? (enum key_status)status : KEY_DISABLED;
}

struct slice key_facts_group(const struct key_store *store, const struct key_record *record)
{
    return key_store_find_group(store, record->group) ? record->group : SLICE("default");
}

struct slice key_facts_mask(struct slice secret, char out[KEY_FACTS_MASK_SIZE])
{
    static const struct slice dots = SLICE_INIT("\xE2\x80\xA6");
    size_t n_first = secret.len / 3 < 7 ? secret.len / 3 : 7;
    size_t n_last = secret.len / 6 < 4 ? secret.len / 6 : 4;
    memcpy(out, secret.ptr, n_first);
    memcpy(out + n_first, dots.ptr, dots.len);
    memcpy(out + n_first + dots.len, secret.ptr + secret.len - n_last, n_last);
    return slice_of(out, n_first + dots.len + n_last);
}

double key_facts_success_rate(const struct key_slot *slot)
{
    return slot->total_requests ? key_success_rate(slot) : -1;
}

double key_facts_weight_score(const struct key_slot *slot, const struct key_settings *settings, int64_t now_ms)
{
    struct key_scoring scoring = {.settings = settings, .now_ms = now_ms};
    return key_algorithm_of(KEY_WEIGHTED_SCORE)->score(slot, &scoring);
}

int64_t key_facts_cooling_until(const struct key_slot *slot, int64_t now_ms)
{
    int64_t until = slot->cooldown_until_ms;
    return until > now_ms ? until : 0;
}
