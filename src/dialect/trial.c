// SPDX-License-Identifier: MIT
#include "dialect/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FAILURES_SHOWN = 10 };

void trial_each(uint64_t n_rounds, trial_fn check)
{
    size_t n_failed = 0;
    for (uint64_t seed = 1; seed <= n_rounds && n_failed < FAILURES_SHOWN; seed++) {
        struct arena arena;
        arena_init(&arena, 64 * 1024);
        struct trial trial = {
            .seed = seed, .chance = {seed * 0x9e3779b97f4a7c15ULL}, .arena = &arena, .n_failed = &n_failed};
        check(&trial);
        arena_deinit(&arena);
    }
    assert_int_equal(n_failed, 0);
}
