// SPDX-License-Identifier: MIT
#include "keys/pool_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void pool_init(struct pool *pool, enum key_algorithm_id algorithm)
{
    *pool = (struct pool){.settings = key_settings_default, .now_ms = POOL_NOON_MS};
    pool->settings.algorithm = algorithm;
    pool->settings.has_affinity = false;
    pool->settings.has_tiers = false;
    assert_int_equal(key_table_create(&pool->table), 0);
    pool_apply(pool);
    pool->selector = key_selector_new(&pool->table);
    key_selector_seed(pool->selector, POOL_SEED);
    arena_init(&pool->arena, 4096);
}

void pool_deinit(struct pool *pool)
{
    key_selector_free(pool->selector);
    key_table_close(&pool->table);
    arena_deinit(&pool->arena);
}

void pool_apply(struct pool *pool)
{
    key_table_set_settings(&pool->table, &pool->settings);
}

uint32_t pool_add(struct pool *pool, uint16_t group, float weight)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct key_info info = {
        .id = arena_printf(&arena, "key_%u", pool->n_added),
        .secret = arena_printf(&arena, "secret-of-key-%u", pool->n_added),
        .group = group,
        .weight = weight,
    };
    pool->n_added++;
    int64_t slot = key_table_add(&pool->table, &info, NULL, NULL);
    assert_true(slot >= 0);
    arena_deinit(&arena);
    return (uint32_t)slot;
}

void pool_fill(struct pool *pool, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(pool_add(pool, 0, 1), i);
    }
}

struct key_lease pool_key(const struct pool *pool, uint32_t slot)
{
    return (struct key_lease){slot, atomic_load(&key_of(&pool->table, slot)->identity)};
}

void pool_cool(struct pool *pool, uint32_t slot, uint32_t model, int64_t until_ms)
{
    struct key_slot *key = key_of(&pool->table, slot);
    if (!model) {
        atomic_store(&key->cooldown_until_ms, until_ms);
        return;
    }
    for (int i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        uint32_t other = atomic_load(&key->cooldowns[i].model);
        if (other == 0 || other == model) {
            atomic_store(&key->cooldowns[i].until_ms, until_ms);
            atomic_store(&key->cooldowns[i].model, model);
            return;
        }
    }
    fail_msg("no place is left for a cooldown");
}

uint32_t pool_pick_with(struct pool *pool, struct key_selector *selector, const struct key_wish *wish)
{
    struct key_choice choice;
    enum key_pick pick = key_selector_pick(selector, wish, &pool->arena, &choice);
    uint32_t slot = UINT32_MAX;
    if (pick == KEY_PICKED) {
        slot = choice.lease.slot;
        key_lease_return(&pool->table, &choice.lease);
    }
    arena_reset(&pool->arena);
    return slot;
}

uint32_t pool_pick(struct pool *pool)
{
    struct key_wish wish = {.now_ms = pool->now_ms};
    return pool_pick_with(pool, pool->selector, &wish);
}
