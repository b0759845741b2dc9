// SPDX-License-Identifier: MIT
// All fields are atomics that many processes write. Where two of them meet in one cooldown, the longer one stays or one
// of the two is lost; what has to be exact (who bans, how many errors in a row) is one atomic step.
#include "keys/consequences.h"

#include "keys/key_reason.h"

enum { REASON_ARENA = 1024 };

// One attempt, on its way through this file.
struct judgement {
    struct key_table *table;              // borrowed
    const struct key_settings *settings;  // borrowed
    const struct verdict *verdict;        // borrowed
    const struct attempt_evidence *facts; // borrowed
    struct key_lease key;
    struct key_slot *slot;
    uint32_t model;
    int64_t now_ms;
    double jitter;
};

static bool is_there(const struct key_table *table, struct key_lease key)
{
    return key.identity != 0 && atomic_load(&key_of(table, key.slot)->identity) == key.identity;
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

// ---- cooldowns

// Where one is kept: that of the key as a whole, or one of the places for models.
struct cooldown {
    _Atomic uint32_t *n;
    _Atomic int64_t *until_ms;
};

static struct cooldown of_key(struct key_slot *slot)
{
    return (struct cooldown){&slot->cooldown_n, &slot->cooldown_until_ms};
}

static struct cooldown of_place(struct key_model_cooldown *place)
{
    return (struct cooldown){&place->n, &place->until_ms};
}

static struct key_model_cooldown *find_place(struct key_slot *slot, uint32_t model)
{
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        if (atomic_load(&slot->cooldowns[i].model) == model) {
            return &slot->cooldowns[i];
        }
    }
    return NULL;
}

// The place that is free or, where none is, that of the cooldown which ends first: least is lost with it.
static struct key_model_cooldown *find_room(struct key_slot *slot)
{
    struct key_model_cooldown *room = &slot->cooldowns[0];
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        struct key_model_cooldown *place = &slot->cooldowns[i];
        if (atomic_load(&place->model) == 0) {
            return place;
        }
        if (atomic_load(&place->until_ms) < atomic_load(&room->until_ms)) {
            room = place;
        }
    }
    return room;
}

static struct key_model_cooldown *take_place(struct key_slot *slot, uint32_t model)
{
    for (;;) {
        struct key_model_cooldown *place = find_place(slot, model);
        if (place) {
            return place;
        }
        place = find_room(slot);
        uint32_t old = atomic_load(&place->model);
        if (old != model && atomic_compare_exchange_strong(&place->model, &old, model)) {
            atomic_store(&place->n, 0);
            atomic_store(&place->until_ms, 0);
            return place;
        }
    }
}

static struct cooldown take_cooldown(struct key_slot *slot, uint32_t model)
{
    return model ? of_place(take_place(slot, model)) : of_key(slot);
}

// Never shortens one. Returns the end that is in force.
static int64_t extend(struct cooldown cooldown, int64_t until_ms)
{
    int64_t old = atomic_load(cooldown.until_ms);
    while (old < until_ms && !atomic_compare_exchange_weak(cooldown.until_ms, &old, until_ms)) {
    }
    return old < until_ms ? until_ms : old;
}

static int64_t clamp_asked(int64_t wait_ms)
{
    return wait_ms < COOLDOWN_ASKED_MAX_MS ? wait_ms : COOLDOWN_ASKED_MAX_MS;
}

// Requests that were under way when a cooldown began come back with the same answer; they do not make it the next one.
static int64_t next_wait(struct cooldown cooldown, int64_t now_ms, double jitter)
{
    bool is_under_way = atomic_load(cooldown.until_ms) > now_ms;
    uint32_t n = is_under_way ? atomic_load(cooldown.n) : atomic_fetch_add(cooldown.n, 1) + 1;
    int64_t wait_ms = COOLDOWN_FIRST_MS;
    for (uint32_t i = 1; i < n && wait_ms < COOLDOWN_LAST_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < COOLDOWN_LAST_MS ? wait_ms : COOLDOWN_LAST_MS;
    return is_under_way ? 0 : wait_ms - (int64_t)((double)wait_ms * jitter / 4);
}

static int64_t cool_model(const struct judgement *j)
{
    struct cooldown cooldown = take_cooldown(j->slot, j->model);
    int64_t wait_ms;
    if (j->verdict->cooldown_ms >= 0) {
        wait_ms = j->verdict->cooldown_ms;
    } else if (j->facts->retry_after_ms > 0) {
        wait_ms = clamp_asked(j->facts->retry_after_ms);
    } else if (j->verdict->is_lasting) {
        wait_ms = COOLDOWN_ASKED_MAX_MS;
    } else {
        wait_ms = next_wait(cooldown, j->now_ms, j->jitter);
    }
    return extend(cooldown, j->now_ms + wait_ms);
}

static int64_t cool_key(const struct judgement *j, int64_t wait_ms)
{
    wait_ms = j->verdict->cooldown_ms >= 0 ? j->verdict->cooldown_ms : wait_ms;
    return extend(of_key(j->slot), j->now_ms + wait_ms);
}

// Most often there is nothing to end, and nothing is written.
static bool end_cooldown(struct cooldown cooldown, int64_t now_ms)
{
    if (atomic_load(cooldown.n) != 0) {
        atomic_store(cooldown.n, 0);
    }
    return atomic_load(cooldown.until_ms) != 0 && atomic_exchange(cooldown.until_ms, 0) > now_ms;
}

static bool end_place(struct key_model_cooldown *place, int64_t now_ms)
{
    bool was_cooling = end_cooldown(of_place(place), now_ms);
    atomic_store(&place->model, 0);
    return was_cooling;
}

bool key_clear_cooldown(struct key_table *table, uint32_t slot_number, uint32_t model, int64_t now_ms)
{
    struct key_slot *slot = key_of(table, slot_number);
    bool was_cooling = model == 0 && end_cooldown(of_key(slot), now_ms);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        uint32_t tag = atomic_load(&slot->cooldowns[i].model);
        if (tag != 0 && (model == 0 || tag == model)) {
            was_cooling = end_place(&slot->cooldowns[i], now_ms) || was_cooling;
        }
    }
    if (was_cooling) {
        key_changed(table, slot_number);
    }
    return was_cooling;
}

// ---- the last error, and bans

static void note_error(const struct judgement *j)
{
    char reason[KEY_REASON_MAX];
    struct key_info info = {.secret = SLICE_EMPTY};
    struct arena arena;
    arena_init(&arena, REASON_ARENA);
    if (key_read(j->table, j->key.slot, &arena, &info)) {
        size_t len = key_reason(reason, j->facts, info.secret);
        key_set_last_error(j->slot, slice_of(reason, len), j->now_ms);
    }
    arena_deinit(&arena);
}

// An index of which there is no group means `default`.
static uint32_t tier_of(const struct key_table *table, const struct key_slot *slot)
{
    int32_t priority;
    uint32_t group = atomic_load(&slot->group);
    return key_table_group(table, group, NULL, &priority) ? group : 0;
}

// Full ones count: they are in use just now because they are good.
static bool is_good(const struct key_slot *slot, int64_t now_ms)
{
    return atomic_load(&slot->identity) != 0 && atomic_load(&slot->status) == KEY_ACTIVE &&
           atomic_load(&slot->test_result) != KEY_TEST_FAILED && atomic_load(&slot->cooldown_until_ms) <= now_ms;
}

// Walks over the keys, in the rare case that one is to be banned on suspicion; mostly one of the first is another.
static bool is_last_of_tier(const struct judgement *j)
{
    uint32_t tier = tier_of(j->table, j->slot);
    uint32_t end = key_table_end(j->table);
    for (uint32_t i = 0; i < end; i++) {
        const struct key_slot *slot = key_of(j->table, i);
        if (i != j->key.slot && is_good(slot, j->now_ms) &&
            (!j->settings->has_tiers || tier_of(j->table, slot) == tier)) {
            return false;
        }
    }
    return true;
}

static bool ban(const struct judgement *j)
{
    if (!key_table_set_status(j->table, j->key.slot, KEY_ACTIVE, KEY_BANNED)) {
        return false;
    }
    atomic_store(&j->slot->banned_ms, j->now_ms);
    note_error(j);
    key_changed(j->table, j->key.slot); // who saw the status alone looks again
    return true;
}

// Two keys, each the other's company, may be banned at once: so it looks again, and at least one of them comes back.
static bool ban_on_suspicion(const struct judgement *j)
{
    if (is_last_of_tier(j) || !ban(j)) {
        return false;
    }
    if (!is_last_of_tier(j)) {
        return true;
    }
    if (key_table_set_status(j->table, j->key.slot, KEY_BANNED, KEY_ACTIVE)) {
        atomic_store(&j->slot->banned_ms, 0);
    }
    return false;
}

// ---- what an attempt was

static struct key_consequence on_success(const struct judgement *j)
{
    struct key_slot *slot = j->slot;
    count(&slot->total_requests);
    count(&slot->success_requests);
    if (atomic_load(&slot->errors_in_row) != 0) {
        atomic_store(&slot->errors_in_row, 0);
    }
    bool was_cooling = end_cooldown(of_key(slot), j->now_ms);
    struct key_model_cooldown *place = j->model ? find_place(slot, j->model) : NULL;
    if (place) {
        was_cooling = end_place(place, j->now_ms) || was_cooling;
    }
    if (was_cooling) {
        key_changed(j->table, j->key.slot);
    }
    return (struct key_consequence){0};
}

// `bans_at_once`: this kind of error is proof enough.
static struct key_consequence on_error(const struct judgement *j, bool bans_at_once, int64_t wait_ms)
{
    const struct key_settings *settings = j->settings;
    count(&j->slot->total_requests);
    count(&j->slot->error_count);
    uint32_t n = atomic_fetch_add(&j->slot->errors_in_row, 1) + 1;
    bool is_suspect = settings->ban_threshold && n >= settings->ban_threshold;
    if (settings->bans && (bans_at_once ? ban(j) : is_suspect && ban_on_suspicion(j))) {
        return (struct key_consequence){.is_banned = true};
    }
    if (atomic_load(&j->slot->status) != KEY_BANNED) {
        note_error(j); // never over the reason of a ban
    }
    return (struct key_consequence){.cooldown_until_ms = cool_key(j, wait_ms)};
}

static struct key_consequence on_limit(const struct judgement *j)
{
    count(&j->slot->total_requests);
    count(&j->slot->error_count);
    if (atomic_load(&j->slot->status) != KEY_BANNED) {
        note_error(j);
    }
    return (struct key_consequence){.cooldown_until_ms = cool_model(j)};
}

static int64_t credit_wait(const struct attempt_evidence *facts)
{
    return facts->retry_after_ms > 0 ? clamp_asked(facts->retry_after_ms) : COOLDOWN_REFUSED_MS;
}

struct key_consequence key_apply(struct key_table *table, const struct key_settings *settings, struct key_lease key,
                                 const struct verdict *verdict, const struct attempt_evidence *evidence, uint32_t model,
                                 int64_t now_ms, double jitter)
{
    struct judgement j = {table, settings, verdict, evidence, key, key_of(table, key.slot), model, now_ms, jitter};
    if (is_there(table, key)) {
        switch (verdict->blame) {
        case BLAME_NOBODY:
            if (evidence->event == ATTEMPT_COMPLETE) {
                return on_success(&j);
            }
            break;
        case BLAME_KEY_CREDIT: return on_error(&j, settings->bans_402, credit_wait(evidence));
        case BLAME_KEY_REFUSED: return on_error(&j, settings->bans_401, COOLDOWN_REFUSED_MS);
        case BLAME_KEY_MODEL: return on_limit(&j);
        case BLAME_CLIENT:
        case BLAME_ADDRESS:
        case BLAME_PROVIDER:
        case BLAME_ENDPOINT:
        case BLAME_NETWORK: break;
        }
    }
    return (struct key_consequence){0};
}

void key_apply_usage(struct key_table *table, const struct key_settings *settings, struct key_lease key, uint64_t input,
                     uint64_t output, int64_t now_ms)
{
    if (is_there(table, key)) {
        key_count_tokens(key_of(table, key.slot), settings, input, output, now_ms);
    }
}

void key_pardon(struct key_table *table, struct key_lease key, uint32_t model, int64_t window_ms, int64_t now_ms)
{
    struct key_slot *slot = key_of(table, key.slot);
    if (!is_there(table, key)) {
        return;
    }
    atomic_store(&slot->errors_in_row, 0);
    if (now_ms - atomic_load(&slot->banned_ms) <= window_ms &&
        key_table_set_status(table, key.slot, KEY_BANNED, KEY_ACTIVE)) {
        atomic_store(&slot->banned_ms, 0);
    }
    end_cooldown(of_key(slot), now_ms);
    struct key_model_cooldown *place = model ? find_place(slot, model) : NULL;
    if (place) {
        end_place(place, now_ms);
    }
    key_changed(table, key.slot);
}

// ---- tests

static bool reactivate(struct key_table *table, struct key_lease key, int64_t now_ms)
{
    struct key_slot *slot = key_of(table, key.slot);
    if (!key_table_set_status(table, key.slot, KEY_BANNED, KEY_ACTIVE)) {
        return false;
    }
    atomic_store(&slot->errors_in_row, 0);
    atomic_store(&slot->banned_ms, 0);
    key_clear_cooldown(table, key.slot, 0, now_ms);
    return true;
}

bool key_apply_test(struct key_table *table, struct key_lease key, const struct verdict *verdict,
                    const struct attempt_evidence *evidence, bool may_reactivate, int64_t now_ms)
{
    struct key_slot *slot = key_of(table, key.slot);
    if (!is_there(table, key)) {
        return false;
    }
    atomic_store(&slot->last_test_ms, now_ms);
    if (verdict->blame == BLAME_KEY_CREDIT || verdict->blame == BLAME_KEY_REFUSED) {
        atomic_store(&slot->test_result, KEY_TEST_FAILED);
    }
    if (evidence->event != ATTEMPT_COMPLETE) {
        return false;
    }
    bool had_failed = atomic_exchange(&slot->test_result, KEY_TEST_SUCCESS) == KEY_TEST_FAILED;
    bool is_back = may_reactivate && reactivate(table, key, now_ms);
    if (had_failed && !is_back) {
        key_changed(table, key.slot);
    }
    return is_back;
}
