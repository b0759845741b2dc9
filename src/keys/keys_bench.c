// SPDX-License-Identifier: MIT
// What picking a key costs, while another thread counts tokens and successes on keys at random as fast as it can.
// Prints one line per algorithm and number of keys, "ALGORITHM N_KEYS: N ns/pick", the median of many batches; a pick
// is with its lease, the secret and the return. A second line, "ALGORITHM N_KEYS cooling: …", is for a model for which
// half of the keys cool down.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "keys/algorithm.h"
#include "keys/dice.h"
#include "keys/selector.h"

#define NOW_MS INT64_C(1800014400000)

enum { PICKS_OF_A_BATCH = 2000, N_BATCHES = 51, N_TRIES = 5000, MODEL = 7 };

struct scene {
    struct key_table table;
    struct key_settings settings;
    struct key_selector *selector;
    struct arena arena;
    uint32_t n_keys;
    _Atomic bool is_over;
    _Atomic uint64_t n_updates;
};

static void lived_in(void *arg, struct key_slot *slot)
{
    struct dice *dice = arg;
    uint32_t n = dice_below(dice, 1000);
    atomic_store(&slot->usage_count, n);
    atomic_store(&slot->total_requests, n);
    atomic_store(&slot->success_requests, n - dice_below(dice, n / 10 + 1));
    atomic_store(&slot->input_tokens, n * 1000);
    atomic_store(&slot->output_tokens, n * 100);
    atomic_store(&slot->last_used_ms, NOW_MS - dice_below(dice, 86400000));
    atomic_store(&slot->allowance, n % 3 ? 20000000 : -1);
    atomic_store(&slot->used, n * 1000);
}

static void add_keys(struct scene *scene)
{
    struct dice dice = {1};
    for (uint32_t i = 0; i < scene->n_keys; i++) {
        char id[32];
        char secret[64];
        int id_len = snprintf(id, sizeof(id), "key_%u", i);
        int secret_len = snprintf(secret, sizeof(secret), "a-secret-of-usual-length-of-key-%08u", i);
        struct key_info info = {
            .id = slice_of(id, (size_t)id_len), .secret = slice_of(secret, (size_t)secret_len), .weight = 1};
        int64_t slot = key_table_add(&scene->table, &info, lived_in, &dice);
        if (slot < 0) {
            fprintf(stderr, "no room for %u keys\n", scene->n_keys);
            exit(1);
        }
    }
}

static void cool_half(struct scene *scene)
{
    for (uint32_t i = 0; i < scene->n_keys; i += 2) {
        struct key_model_cooldown *cooldown = &key_of(&scene->table, i)->cooldowns[0];
        atomic_store(&cooldown->until_ms, NOW_MS + 3600000);
        atomic_store(&cooldown->model, MODEL);
    }
}

static void *count_on_keys(void *arg)
{
    struct scene *scene = arg;
    struct dice dice = {2};
    while (!atomic_load_explicit(&scene->is_over, memory_order_relaxed)) {
        struct key_slot *slot = key_of(&scene->table, dice_below(&dice, scene->n_keys));
        atomic_fetch_add_explicit(&slot->total_requests, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&slot->success_requests, 1, memory_order_relaxed);
        key_count_tokens(slot, &scene->settings, dice_below(&dice, 4000), dice_below(&dice, 1000), NOW_MS);
        atomic_fetch_add_explicit(&scene->n_updates, 1, memory_order_relaxed);
    }
    return NULL;
}

static void pick(struct scene *scene, uint32_t model)
{
    struct key_wish wish = {.model = model, .now_ms = NOW_MS};
    struct key_choice choice;
    if (key_selector_pick(scene->selector, &wish, &scene->arena, &choice) != KEY_PICKED) {
        fprintf(stderr, "no key was picked\n");
        exit(1);
    }
    key_count_tokens(key_of(&scene->table, choice.lease.slot), &scene->settings, 1000, 100, NOW_MS);
    key_lease_return(&scene->table, &choice.lease);
    arena_reset(&scene->arena);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

// Of this thread: what else runs on the machine does not count.
static uint64_t cpu_time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t time_batch(struct scene *scene, uint32_t model)
{
    uint64_t from = cpu_time_ns();
    for (int i = 0; i < PICKS_OF_A_BATCH; i++) {
        pick(scene, model);
    }
    return cpu_time_ns() - from;
}

// Nanoseconds of a pick.
static uint64_t time_picks(struct scene *scene, uint32_t model)
{
    static uint64_t times[N_BATCHES];
    for (uint32_t i = 0; i < 2 * scene->n_keys && i < 20000; i++) {
        pick(scene, model); // what is remembered has to become true first
    }
    int n = 0;
    for (int i = 0; n < N_BATCHES && i < N_TRIES; i++) {
        uint64_t n_updates = atomic_load(&scene->n_updates);
        uint64_t took = time_batch(scene, model);
        if (atomic_load(&scene->n_updates) != n_updates) { // else the other thread had no processor meanwhile
            times[n++] = took / PICKS_OF_A_BATCH;
        }
        key_selector_tick(scene->selector, NOW_MS);
    }
    if (n < N_BATCHES) {
        fprintf(stderr, "the other thread has no processor to run on\n");
        exit(1);
    }
    qsort(times, N_BATCHES, sizeof(*times), compare);
    return times[N_BATCHES / 2];
}

static void measure(enum key_algorithm_id id, uint32_t n_keys)
{
    struct scene scene = {.settings = key_settings_default, .n_keys = n_keys};
    scene.settings.algorithm = id;
    if (key_table_create(&scene.table) != 0) {
        fprintf(stderr, "no memory to share\n");
        exit(1);
    }
    key_table_set_settings(&scene.table, &scene.settings);
    add_keys(&scene);
    scene.selector = key_selector_new(&scene.table);
    arena_init(&scene.arena, 4096);
    pthread_t thread;
    if (pthread_create(&thread, NULL, count_on_keys, &scene) != 0) {
        fprintf(stderr, "no thread\n");
        exit(1);
    }
    struct slice name = key_algorithm_of(id)->name;
    printf("%.*s %u: %lu ns/pick\n", SLICE_ARG(name), n_keys, (unsigned long)time_picks(&scene, 0));
    cool_half(&scene);
    printf("%.*s %u cooling: %lu ns/pick\n", SLICE_ARG(name), n_keys, (unsigned long)time_picks(&scene, MODEL));
    atomic_store(&scene.is_over, true);
    pthread_join(thread, NULL);
    key_selector_free(scene.selector);
    arena_deinit(&scene.arena);
    key_table_close(&scene.table);
}

int main(void)
{
    static const uint32_t sizes[] = {100, 10000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        for (int id = 0; id < KEY_ALGORITHM_COUNT; id++) {
            measure((enum key_algorithm_id)id, sizes[i]);
        }
    }
    return 0;
}
