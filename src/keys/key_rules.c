// SPDX-License-Identifier: MIT
// Settings and groups, which change together and seldom. There are two of them: the keeper writes the one that is not
// in force, then changes the version, which says which one is. So there is always one to read, even when the keeper
// dies halfway; a reader tries again only when, meanwhile, a change was made and the next one begun.
#include "base/map.h"
#include "keys/key_table_internal.h"
#include "shm/shared_words.h"

static_assert(sizeof(struct key_settings) % 8 == 0, "copied in words");
static_assert(sizeof(struct key_group_entry) % 8 == 0, "copied in words");

static uint32_t rules_begin(const struct key_table *table, const struct key_rules **rules_r)
{
    uint32_t version = atomic_load_explicit(&table->shared->rules_version, memory_order_acquire);
    *rules_r = &table->shared->rules[version % 2];
    return version;
}

// The words read before are of this version. They were read with acquire, so this load is after them.
static bool rules_are_whole(const struct key_table *table, uint32_t version)
{
    return atomic_load_explicit(&table->shared->rules_version, memory_order_relaxed) == version;
}

static void publish(struct key_table_shared *shared, const struct key_rules *rules)
{
    uint32_t version = atomic_load_explicit(&shared->rules_version, memory_order_relaxed) + 1;
    shared_words_write(&shared->rules[version % 2], rules,
                       offsetof(struct key_rules, groups) + rules->n_groups * sizeof(*rules->groups));
    atomic_store_explicit(&shared->rules_version, version, memory_order_release);
}

// A copy to change; for the keeper, besides whom nobody writes. To be freed.
static struct key_rules *rules_copy(const struct key_table *table)
{
    const struct key_rules *rules;
    struct key_rules *copy = mem_zalloc(sizeof(*copy));
    rules_begin(table, &rules);
    memcpy(copy, rules, sizeof(*copy));
    return copy;
}

static void set_entry(struct key_group_entry *entry, struct slice id, int32_t priority)
{
    assert(id.len > 0 && id.len <= KEY_GROUP_ID_MAX);
    *entry = (struct key_group_entry){.id_len = (uint32_t)id.len, .priority = priority};
    memcpy(entry->id, id.ptr, id.len);
}

static struct slice id_of(const struct key_group_entry *entry)
{
    return slice_of(entry->id, entry->id_len);
}

void key_rules_init(struct key_table_shared *shared)
{
    struct key_rules *rules = mem_zalloc(sizeof(*rules));
    rules->settings = key_settings_default;
    rules->n_groups = 1;
    set_entry(&rules->groups[0], SLICE("default"), INT32_MAX);
    publish(shared, rules);
    mem_free(rules);
}

void key_table_settings(const struct key_table *table, struct key_settings *settings_r)
{
    const struct key_rules *rules;
    uint32_t version;
    do {
        version = rules_begin(table, &rules);
        shared_words_read(settings_r, &rules->settings, sizeof(*settings_r));
    } while (!rules_are_whole(table, version));
}

uint32_t key_table_settings_version(const struct key_table *table)
{
    return atomic_load_explicit(&table->shared->rules_version, memory_order_acquire);
}

uint32_t key_table_n_groups(const struct key_table *table)
{
    const struct key_rules *rules;
    uint32_t version;
    uint64_t n;
    do {
        version = rules_begin(table, &rules);
        shared_words_read(&n, &rules->n_groups, sizeof(n));
    } while (!rules_are_whole(table, version));
    return (uint32_t)n;
}

bool key_table_group(const struct key_table *table, uint32_t index, struct slice *id_r, int32_t *priority_r)
{
    const struct key_rules *rules;
    struct key_group_entry entry;
    uint32_t version;
    uint64_t n;
    do {
        version = rules_begin(table, &rules);
        shared_words_read(&n, &rules->n_groups, sizeof(n));
        entry.id_len = 0;
        if (index < n && index < KEY_GROUPS_MAX) {
            shared_words_read(&entry, &rules->groups[index], sizeof(entry));
        }
    } while (!rules_are_whole(table, version));
    if (entry.id_len == 0) {
        return false;
    }
    if (id_r) {
        *id_r = slice_of(rules->groups[index].id, entry.id_len);
    }
    *priority_r = entry.priority;
    return true;
}

struct key_group *key_table_group_turn(struct key_table *table, uint32_t index)
{
    assert(index < KEY_GROUPS_MAX);
    return &table->shared->turns[index];
}

uint16_t key_table_find_group(const struct key_table *table, struct slice id)
{
    const struct key_rules *rules;
    rules_begin(table, &rules);
    for (size_t i = 1; i < rules->n_groups; i++) {
        if (slice_eq(id_of(&rules->groups[i]), id)) {
            return (uint16_t)i;
        }
    }
    return 0;
}

void key_table_set_settings(struct key_table *table, const struct key_settings *settings)
{
    struct key_rules *rules = rules_copy(table);
    rules->settings = *settings;
    publish(table->shared, rules);
    mem_free(rules);
}

// An index that is free now and was free before; else one that is free now. There is one: less are given than there
// are.
static size_t free_index(const struct key_rules *old, const struct key_rules *rules)
{
    size_t given_up = 0;
    for (size_t i = 1; i < KEY_GROUPS_MAX; i++) {
        if (rules->groups[i].id_len == 0 && (i >= old->n_groups || old->groups[i].id_len == 0)) {
            return i;
        }
        given_up = given_up == 0 && rules->groups[i].id_len == 0 ? i : given_up;
    }
    assert(given_up);
    return given_up;
}

static void place_groups(struct key_table *table, const struct key_rules *old, struct key_rules *rules,
                         const struct key_group_info *groups, size_t n)
{
    struct map indexes; // of groups that there were: id → entry
    map_init(&indexes);
    for (size_t i = 1; i < old->n_groups; i++) {
        if (old->groups[i].id_len) {
            map_set(&indexes, id_of(&old->groups[i]), (void *)&old->groups[i]);
        }
    }
    for (size_t i = 0; i < n; i++) { // those that stay
        const struct key_group_entry *entry = map_find(&indexes, groups[i].id);
        if (entry) {
            set_entry(&rules->groups[entry - old->groups], groups[i].id, groups[i].priority);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!map_find(&indexes, groups[i].id)) {
            size_t index = free_index(old, rules);
            set_entry(&rules->groups[index], groups[i].id, groups[i].priority);
            atomic_store_explicit(&table->shared->turns[index].pass, 0, memory_order_relaxed);
        }
    }
    map_deinit(&indexes);
}

void key_table_set_groups(struct key_table *table, const struct key_group_info *groups, size_t n)
{
    assert(n < KEY_GROUPS_MAX);
    struct key_rules *old = rules_copy(table);
    struct key_rules *rules = mem_zalloc(sizeof(*rules));
    rules->settings = old->settings;
    rules->groups[0] = old->groups[0];
    place_groups(table, old, rules, groups, n);
    for (size_t i = 0; i < KEY_GROUPS_MAX; i++) {
        rules->n_groups = rules->groups[i].id_len ? i + 1 : rules->n_groups;
    }
    publish(table->shared, rules);
    mem_free(old);
    mem_free(rules);
}
