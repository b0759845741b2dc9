// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/eligibility.h"

#define NOW INT64_C(1800000000000)
#define SOON (NOW + KEY_FULL_MS)

enum { MODEL = 7, OTHER_MODEL = 8 };

// What a key is like, and what follows from it.
struct row {
    const char *name;
    uint32_t identity;
    uint8_t status;
    uint8_t test_result;
    int64_t cooldown_ms;       // until
    int64_t model_cooldown_ms; // of MODEL, until
    uint32_t inflight;
    uint32_t own_limit;
    uint32_t limit; // of the settings
    uint32_t model; // that is asked for
    enum key_obstacle obstacle;
    int64_t until_ms;
};

static const struct row rows[] = {
    {"nobody", 0, KEY_ACTIVE, 0, 0, 0, 0, 0, 0, 0, KEY_GONE, 0},
    {"nobody, cooling", 0, KEY_ACTIVE, 0, NOW + 5, 0, 0, 0, 0, 0, KEY_GONE, 0},
    {"no status", 1, 255, 0, 0, 0, 0, 0, 0, 0, KEY_IS_BANNED, 0},
    {"disabled", 1, KEY_DISABLED, 0, 0, 0, 0, 0, 0, 0, KEY_IS_DISABLED, 0},
    {"banned", 1, KEY_BANNED, KEY_TEST_FAILED, NOW + 5, 0, 0, 0, 0, 0, KEY_IS_BANNED, 0},
    {"failed its test", 1, KEY_ACTIVE, KEY_TEST_FAILED, 0, 0, 0, 0, 0, 0, KEY_HAS_FAILED_ITS_TEST, 0},
    {"passed its test", 1, KEY_ACTIVE, KEY_TEST_SUCCESS, 0, 0, 0, 0, 0, 0, KEY_ELIGIBLE, 0},
    {"untested", 1, KEY_ACTIVE, KEY_UNTESTED, 0, 0, 0, 0, 0, MODEL, KEY_ELIGIBLE, 0},
    {"cooling", 1, KEY_ACTIVE, 0, NOW + 1, 0, 0, 0, 0, 0, KEY_IS_COOLING, NOW + 1},
    {"has cooled", 1, KEY_ACTIVE, 0, NOW, 0, 0, 0, 0, 0, KEY_ELIGIBLE, 0},
    {"full", 1, KEY_ACTIVE, 0, 0, 0, 3, 0, 3, 0, KEY_IS_FULL, SOON},
    {"not full", 1, KEY_ACTIVE, 0, 0, 0, 2, 0, 3, 0, KEY_ELIGIBLE, 0},
    {"full by its own limit", 1, KEY_ACTIVE, 0, 0, 0, 2, 1, 3, 0, KEY_IS_FULL, SOON},
    {"not full by its own limit", 1, KEY_ACTIVE, 0, 0, 0, 4, 5, 3, 0, KEY_ELIGIBLE, 0},
    {"no limit", 1, KEY_ACTIVE, 0, 0, 0, 4000, 0, 0, 0, KEY_ELIGIBLE, 0},
    {"cooling for the model", 1, KEY_ACTIVE, 0, 0, NOW + 9, 0, 0, 0, MODEL, KEY_IS_COOLING_FOR_MODEL, NOW + 9},
    {"has cooled for the model", 1, KEY_ACTIVE, 0, 0, NOW, 0, 0, 0, MODEL, KEY_ELIGIBLE, 0},
    {"cooling for another", 1, KEY_ACTIVE, 0, 0, NOW + 9, 0, 0, 0, OTHER_MODEL, KEY_ELIGIBLE, 0},
    {"cooling for a model, none asked", 1, KEY_ACTIVE, 0, 0, NOW + 9, 0, 0, 0, 0, KEY_ELIGIBLE, 0},
    {"both, the model longer", 1, KEY_ACTIVE, 0, NOW + 5, NOW + 9, 0, 0, 0, MODEL, KEY_IS_COOLING, NOW + 9},
    {"both, the model shorter", 1, KEY_ACTIVE, 0, NOW + 9, NOW + 5, 0, 0, 0, MODEL, KEY_IS_COOLING, NOW + 9},
    {"full and cooling for it", 1, KEY_ACTIVE, 0, 0, SOON + 1, 1, 1, 0, MODEL, KEY_IS_FULL, SOON + 1},
};

static void says_what_is_in_the_way(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *row = &rows[i];
        struct key_slot slot = {
            .identity = row->identity,
            .status = row->status,
            .test_result = row->test_result,
            .cooldown_until_ms = row->cooldown_ms,
            .inflight = row->inflight,
            .max_inflight = row->own_limit,
            // Not the first place: those before it may be free or another's.
            .cooldowns = {{.model = 1, .until_ms = NOW + 99},
                          {0},
                          {.model = MODEL, .until_ms = row->model_cooldown_ms}},
        };
        struct key_settings settings = {.max_inflight = row->limit};
        int64_t until_ms = -1;
        enum key_obstacle obstacle = key_obstacle_of(&slot, &settings, row->model, NOW, &until_ms);
        if (obstacle != row->obstacle || until_ms != row->until_ms) {
            fail_msg("%s: %s, until %ld", row->name, key_obstacle_name(obstacle), (long)until_ms);
        }
    }
}

static void every_obstacle_has_a_name_of_its_own(void **state)
{
    for (int i = KEY_ELIGIBLE; i <= KEY_WAS_TRIED; i++) {
        assert_true(*key_obstacle_name((enum key_obstacle)i));
        for (int j = KEY_ELIGIBLE; j < i; j++) {
            assert_string_not_equal(key_obstacle_name((enum key_obstacle)i), key_obstacle_name((enum key_obstacle)j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_in_the_way),
        cmocka_unit_test(every_obstacle_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
