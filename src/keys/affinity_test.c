// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "keys/affinity.h"
#include "keys/key_table_internal.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

static const int64_t NOW = 1000000000000;

static struct key_table table;

static int set_up(void **state)
{
    return key_table_create(&table);
}

static int tear_down(void **state)
{
    key_table_close(&table);
    return 0;
}

static uint64_t tag_of(enum affinity_kind kind, size_t i)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "conversation-%zu", i);
    return affinity_tag(kind, slice_of(text, (size_t)len));
}

static struct key_lease key(uint32_t slot)
{
    return (struct key_lease){.slot = slot, .identity = slot * 7 + 1};
}

static bool is_found(enum affinity_kind kind, uint64_t tag, int64_t now_ms, struct key_lease expected)
{
    struct key_lease lease = {0, 0};
    if (!affinity_find(&table, kind, tag, now_ms, &lease)) {
        return false;
    }
    assert_int_equal(lease.slot, expected.slot);
    assert_int_equal(lease.identity, expected.identity);
    return true;
}

static struct affinity_entry *entry_of(uint64_t tag)
{
    for (size_t i = 0; i < (size_t)AFFINITY_SETS * AFFINITY_WAYS; i++) {
        if (atomic_load(&table.shared->affinity[i].tag) == tag) {
            return &table.shared->affinity[i];
        }
    }
    return NULL;
}

static void what_is_put_is_found(void **state)
{
    static const enum affinity_kind KINDS[] = {AFFINITY_CONVERSATION, AFFINITY_RESPONSE_ID, AFFINITY_OPAQUE};
    for (size_t k = 0; k < N_OF(KINDS); k++) {
        uint64_t tag = tag_of(KINDS[k], 1);
        assert_true(tag != 0);
        assert_false(is_found(KINDS[k], tag, NOW, key(1)));
        affinity_put(&table, tag, key(1), NOW);
        assert_true(is_found(KINDS[k], tag, NOW, key(1)));
        affinity_put(&table, tag, key(2), NOW);
        assert_true(is_found(KINDS[k], tag, NOW, key(2)));
        assert_false(is_found(KINDS[k], tag_of(KINDS[k], 2), NOW, key(1)));
    }
}

static void an_empty_text_has_a_tag(void **state)
{
    assert_true(affinity_tag(AFFINITY_CONVERSATION, SLICE_EMPTY) != 0);
    assert_true(affinity_tag(AFFINITY_CONVERSATION, SLICE_EMPTY) != affinity_tag(AFFINITY_OPAQUE, SLICE_EMPTY));
}

static void conversations_are_forgotten_an_hour_after_their_last_use(void **state)
{
    uint64_t tag = tag_of(AFFINITY_CONVERSATION, 1);
    int64_t now_ms = NOW;
    affinity_put(&table, tag, key(1), now_ms);
    for (int i = 0; i < 10; i++) {
        now_ms += AFFINITY_TTL_MS - 1000;
        assert_true(is_found(AFFINITY_CONVERSATION, tag, now_ms, key(1)));
    }
    assert_false(is_found(AFFINITY_CONVERSATION, tag, now_ms + AFFINITY_TTL_MS + 1000, key(1)));
}

static void owners_are_known_for_thirty_days(void **state)
{
    uint64_t tag = tag_of(AFFINITY_RESPONSE_ID, 1);
    affinity_put(&table, tag, key(1), NOW);
    int64_t now_ms = NOW + AFFINITY_OWNER_TTL_MS;
    assert_true(is_found(AFFINITY_RESPONSE_ID, tag, now_ms, key(1)));
    assert_false(is_found(AFFINITY_RESPONSE_ID, tag, now_ms + AFFINITY_OWNER_TTL_MS + 1000, key(1)));
}

static void a_clock_that_is_set_back_forgets_nothing(void **state)
{
    uint64_t tag = tag_of(AFFINITY_CONVERSATION, 1);
    affinity_put(&table, tag, key(1), NOW);
    assert_true(is_found(AFFINITY_CONVERSATION, tag, NOW - 7 * AFFINITY_OWNER_TTL_MS, key(1)));
    assert_true(is_found(AFFINITY_CONVERSATION, tag, -1, key(1)));
    assert_true(is_found(AFFINITY_CONVERSATION, tag, NOW, key(1)));
}

static void an_entry_that_was_mixed_up_is_empty(void **state)
{
    uint64_t tag = tag_of(AFFINITY_CONVERSATION, 1);
    for (int bit = 0; bit < 64; bit++) {
        affinity_put(&table, tag, key(1), NOW);
        struct affinity_entry *entry = entry_of(tag);
        assert_non_null(entry);
        atomic_fetch_xor(&entry->key, UINT64_C(1) << bit);
        assert_false(is_found(AFFINITY_CONVERSATION, tag, NOW, key(1)));
    }
    affinity_put(&table, tag, key(1), NOW);
    assert_true(is_found(AFFINITY_CONVERSATION, tag, NOW, key(1)));
}

// Tags that all belong into the set of the first one.
static size_t find_companions(enum affinity_kind kind, uint64_t *tags, size_t n)
{
    size_t n_found = 0;
    tags[0] = tag_of(kind, 0);
    affinity_put(&table, tags[0], key(0), NOW);
    size_t set = (size_t)(entry_of(tags[0]) - table.shared->affinity) / AFFINITY_WAYS;
    for (size_t i = 0; n_found < n; i++) {
        uint64_t tag = tag_of(kind, i);
        affinity_put(&table, tag, key(0), NOW);
        for (size_t way = 0; way < AFFINITY_WAYS; way++) {
            struct affinity_entry *entry = &table.shared->affinity[set * AFFINITY_WAYS + way];
            if (atomic_load(&entry->tag) == tag) {
                tags[n_found++] = tag;
                break;
            }
        }
    }
    for (size_t way = 0; way < AFFINITY_WAYS; way++) {
        atomic_store(&table.shared->affinity[set * AFFINITY_WAYS + way].tag, 0);
    }
    return set;
}

static void what_was_not_used_for_longest_makes_room(void **state)
{
    uint64_t tags[AFFINITY_WAYS + 1];
    find_companions(AFFINITY_CONVERSATION, tags, N_OF(tags));
    for (size_t i = 0; i < AFFINITY_WAYS; i++) {
        affinity_put(&table, tags[i], key((uint32_t)i), NOW + (int64_t)i * 1000);
    }
    // The oldest is used once more, so the next one is the oldest.
    assert_true(is_found(AFFINITY_CONVERSATION, tags[0], NOW + 20000, key(0)));
    affinity_put(&table, tags[AFFINITY_WAYS], key(AFFINITY_WAYS), NOW + 21000);
    for (size_t i = 0; i < N_OF(tags); i++) {
        assert_int_equal(is_found(AFFINITY_CONVERSATION, tags[i], NOW + 22000, key((uint32_t)i)), i != 1);
    }
}

static void what_has_expired_makes_room_before_what_is_older(void **state)
{
    uint64_t owners[AFFINITY_WAYS];
    size_t set = find_companions(AFFINITY_RESPONSE_ID, owners, N_OF(owners));
    uint64_t conversation = 0;
    for (size_t i = 0; conversation == 0; i++) {
        uint64_t tag = tag_of(AFFINITY_CONVERSATION, i);
        affinity_put(&table, tag, key(0), NOW);
        if ((size_t)(entry_of(tag) - table.shared->affinity) / AFFINITY_WAYS == set) {
            conversation = tag;
        }
    }
    for (size_t way = 0; way < AFFINITY_WAYS; way++) {
        atomic_store(&table.shared->affinity[set * AFFINITY_WAYS + way].tag, 0);
    }
    for (size_t i = 0; i < AFFINITY_WAYS - 1; i++) {
        affinity_put(&table, owners[i], key((uint32_t)i), NOW - 5 * AFFINITY_TTL_MS);
    }
    affinity_put(&table, conversation, key(1), NOW);
    affinity_put(&table, owners[AFFINITY_WAYS - 1], key(AFFINITY_WAYS - 1), NOW + 2 * AFFINITY_TTL_MS);
    for (size_t i = 0; i < AFFINITY_WAYS; i++) {
        assert_true(is_found(AFFINITY_RESPONSE_ID, owners[i], NOW + 2 * AFFINITY_TTL_MS, key((uint32_t)i)));
    }
}

// As many as fit: with even sets nearly all stay.
static void sets_are_filled_evenly(void **state)
{
    enum { N = AFFINITY_SETS * AFFINITY_WAYS / 2 };
    size_t n_found = 0;
    for (size_t i = 0; i < N; i++) {
        affinity_put(&table, tag_of(AFFINITY_CONVERSATION, i), key((uint32_t)i), NOW);
    }
    for (size_t i = 0; i < N; i++) {
        n_found += is_found(AFFINITY_CONVERSATION, tag_of(AFFINITY_CONVERSATION, i), NOW, key((uint32_t)i));
    }
    // Four on average in a set of eight: a chance distribution loses 1.0 % of them.
    assert_true(n_found > (size_t)N * 985 / 1000);
}

// ---- many at once

enum { N_THREADS = 4, N_STEPS = 200000, N_TAGS = 64 };

// A tag is put with keys of its own only, so one that is found with another's key was mixed up.
static uint32_t slot_for(size_t tag_number, size_t thread)
{
    return (uint32_t)(tag_number * N_THREADS + thread);
}

struct worker {
    size_t number;
    const uint64_t *tags;
    size_t n_found;
    bool has_seen_wrong;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    uint64_t dice = worker->number + 1;
    for (size_t i = 0; i < N_STEPS; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t at = (dice >> 33) % N_TAGS;
        struct key_lease lease;
        if (dice >> 63) {
            affinity_put(&table, worker->tags[at], key(slot_for(at, worker->number)), NOW + (int64_t)i);
        } else if (affinity_find(&table, AFFINITY_CONVERSATION, worker->tags[at], NOW + (int64_t)i, &lease)) {
            worker->n_found++;
            bool is_right = lease.slot / N_THREADS == at && lease.identity == key(lease.slot).identity;
            worker->has_seen_wrong = worker->has_seen_wrong || !is_right;
        }
    }
    return NULL;
}

static void threads_never_see_a_key_of_another_tag(void **state)
{
    uint64_t tags[N_TAGS];
    pthread_t threads[N_THREADS];
    struct worker workers[N_THREADS];
    find_companions(AFFINITY_CONVERSATION, tags, N_TAGS);
    for (size_t i = 0; i < N_THREADS; i++) {
        workers[i] = (struct worker){.number = i, .tags = tags};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    size_t n_found = 0;
    for (size_t i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(workers[i].has_seen_wrong);
        n_found += workers[i].n_found;
    }
    assert_true(n_found > 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_is_found),
        TEST(an_empty_text_has_a_tag),
        TEST(conversations_are_forgotten_an_hour_after_their_last_use),
        TEST(owners_are_known_for_thirty_days),
        TEST(a_clock_that_is_set_back_forgets_nothing),
        TEST(an_entry_that_was_mixed_up_is_empty),
        TEST(what_was_not_used_for_longest_makes_room),
        TEST(what_has_expired_makes_room_before_what_is_older),
        TEST(sets_are_filled_evenly),
        TEST(threads_never_see_a_key_of_another_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
