// SPDX-License-Identifier: MIT
// Requests for tests: some of every kind, drawn from a seed.
#pragma once

#include "base/arena.h"
#include "usage/request_record.h"
#include "usage/usage_cells.h"

uint64_t request_fixture_random(uint64_t *seed);
// One whose texts, numbers and trail are drawn from `seed`, some of them longer than what is kept. Texts and trail live
// in the arena.
struct request_facts request_fixture_draw(uint64_t *seed, struct arena *arena);
// Fails the test unless all cells are the same, in whatever order.
void request_fixture_assert_same_cells(const struct usage_cells *a, const struct usage_cells *b);
