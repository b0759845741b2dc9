// SPDX-License-Identifier: MIT
#include "dialect/arena_fixture.h"

#include "base/arena.h"
#include "base/mem.h"

int arena_fixture_set_up(void **state)
{
    struct arena *arena = mem_alloc(sizeof(*arena));
    arena_init(arena, 4096);
    *state = arena;
    return 0;
}

int arena_fixture_tear_down(void **state)
{
    arena_deinit(*state);
    mem_free(*state);
    return 0;
}
